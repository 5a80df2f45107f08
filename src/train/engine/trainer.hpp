#pragma once
// The loop over epochs and steps, for any learner.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "crew.hpp"
#include "learner.hpp"
#include "loader.hpp"
#include "mote/train/train.hpp"
#include "network.hpp"
#include "state.hpp"

namespace mote::train {

struct TrainingRun {
  State state;
  bool resumed = false;
  std::vector<std::string> warnings;
};

class Trainer {
 public:
  /// All references are borrowed for the trainer's life.  @param key  of the checkpoint
  Trainer(const Learner& learner, const BatchSource& training, const BatchSource* validation,
          const TrainOptions& options, std::filesystem::path checkpoint_folder, const Digest& key, Progress& progress);

  /// Trains to the end, from a checkpoint where there is one.
  [[nodiscard]] Result<TrainingRun> run();

 private:
  /// What one shard needs for itself.
  struct Shard {
    std::vector<float> measured;
    Bound bound;
    double loss = 0.0;
    std::size_t correct = 0;
    std::size_t samples = 0;
  };

  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> run_epoch();
  [[nodiscard]] Result<void> run_step();
  [[nodiscard]] Result<void> compute(std::size_t shard);
  [[nodiscard]] Tensor loss_of(const Tensor& outputs, const ShardBatch& batch) const;
  [[nodiscard]] Result<void> finish_epoch();
  void stop_if_stale(const Epoch& epoch);
  [[nodiscard]] Result<void> save_if_due();
  [[nodiscard]] Result<void> save();
  void report();
  [[nodiscard]] std::int64_t total_steps() const;

  const Learner& learner_;
  const BatchSource& training_;
  const BatchSource* validation_;
  const TrainOptions& options_;
  std::filesystem::path folder_;
  Digest key_;
  Progress& progress_;
  Crew crew_;
  Loader loader_;
  std::optional<Network> teacher_;
  Weights teacher_weights_;
  Bound teacher_bound_;
  TrainingRun run_;
  std::vector<std::vector<float>> gradients_;  // by shard
  std::vector<Shard> shards_;
  std::chrono::steady_clock::time_point epoch_start_, last_save_, last_report_;
};

/// Checks options, graph and data against each other, once the graph is known to be trainable.
[[nodiscard]] Result<void> check_run(const graph::Graph& graph, const BatchSource& training,
                                     const BatchSource* validation, const TrainOptions& options);

/// Weight of each class in the loss; their mean over the samples is 1.
[[nodiscard]] std::vector<float> class_weights(const BatchSource& source, std::size_t classes, ClassWeights kind);

}  // namespace mote::train
