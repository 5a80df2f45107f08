#pragma once
// What a user can choose about a training run.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/graph/graph.hpp"

namespace mote::train {

enum class Optimizer : std::uint8_t { sgd, adamw };  ///< sgd has Nesterov momentum
enum class Schedule : std::uint8_t { one_cycle, cosine, step, constant };
enum class Loss : std::uint8_t {
  cross_entropy,
  reconstruction
};                                                          ///< reconstruction: mean squared error to the input itself
enum class ClassWeights : std::uint8_t { none, balanced };  ///< balanced: samples / (classes * samples of the class)

/// Learning from a larger network's outputs (Hinton, Vinyals, Dean 2015). Off while `teacher` is null.
struct Distillation {
  std::shared_ptr<const graph::Graph> teacher;  ///< float, same input and number of outputs
  double temperature = 2.0;
  double weight = 0.7;  ///< of the teacher's term; the labels' term has 1 - weight
};

struct TrainOptions {
  std::int32_t epochs = 20;
  std::int32_t batch_size = 128;
  /// Samples of a batch that are computed together and normalised by their own batch statistics. A batch is cut into
  /// shards by this number alone, never by the number of threads, so results do not depend on the machine's cores.
  std::int32_t shard_size = 64;
  std::uint64_t seed = 1;
  std::int32_t threads = 0;  ///< 0: all cores

  Loss loss = Loss::cross_entropy;
  Optimizer optimizer = Optimizer::sgd;
  double learning_rate = 0.3;
  double momentum = 0.9;  ///< sgd; adamw uses beta 0.9 and 0.999
  double weight_decay =
      1e-4;  ///< not applied to batch norm, biases and depthwise weights. sgd: L2 in the gradient; adamw: decoupled
  double gradient_clip = 0.0;  ///< largest L2 norm of the whole gradient; 0: none

  Schedule schedule = Schedule::one_cycle;
  double warmup_fraction = 0.2;   ///< one_cycle: linear rise from 4 % of the rate over this part of all steps
  double final_fraction = 0.0;    ///< one_cycle, cosine: the rate ends at this part of learning_rate
  double step_factor = 0.1;       ///< step: the rate is multiplied by this ...
  std::int32_t step_epochs = 10;  ///< ... every so many epochs

  double label_smoothing = 0.05;
  double mixup_alpha = 0.0;  ///< Beta(alpha, alpha) mixing of sample pairs (Zhang et al. 2018); 0: none
  ClassWeights class_weights = ClassWeights::none;
  Distillation distillation;

  double ema_decay = 0.0;            ///< per step; > 0: the averaged weights are what is evaluated and returned
  double batch_norm_momentum = 0.1;  ///< weight of the newest batch in the running statistics
  std::int32_t early_stopping = 0;  ///< epochs without a better validation loss after which to stop; 0: never. When on,
                                    ///< the best epoch is returned
  std::chrono::milliseconds checkpoint_interval{30'000};  ///< and after every epoch
};

/// @error invalid_argument  naming the option, its value and the allowed range.
[[nodiscard]] Result<void> validate(const TrainOptions& options);

/// Learning rate of step `step` of `total_steps`.  @param steps_per_epoch  used by Schedule::step.
[[nodiscard]] double learning_rate(const TrainOptions& options, std::int64_t step, std::int64_t total_steps,
                                   std::int64_t steps_per_epoch);

/// Hash of everything that influences the trained weights; threads and checkpoint_interval do not.
[[nodiscard]] Digest fingerprint(const TrainOptions& options);

}  // namespace mote::train
