#pragma once
// Trains any float graph of graph::ops on batches of samples, and evaluates it.
//
// Minibatches are cut into shards, each computed by one thread with its own gradients; gradients are added in shard
// order, so the same seed gives the same weights, bit for bit, for any number of threads of one machine.

#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/progress.hpp"
#include "mote/graph/graph.hpp"
#include "mote/train/batch_source.hpp"
#include "mote/train/options.hpp"

namespace mote::train {

/// One epoch of the learning curves. Accuracies are parts of 1; validation figures are negative when there is no
/// validation set.
struct Epoch {
  double loss =
      0.0;  ///< mean over the epoch's steps, of the loss that is minimised (smoothing, mixup and weights included)
  double accuracy = 0.0;       ///< of augmented training samples, before each step
  double learning_rate = 0.0;  ///< of the last step
  double validation_loss = -1.0;
  double validation_accuracy = -1.0;
  double seconds = 0.0;
};

struct TrainResult {
  graph::Graph
      graph;  ///< the last (or averaged) weights, with batch norm's statistics; never chosen by looking at test data
  std::vector<Epoch> curves;
  bool resumed = false;        ///< continued from a checkpoint
  bool stopped_early = false;  ///< early stopping; `graph` is then the best epoch on the validation set
  std::vector<std::string>
      warnings;  ///< one sentence each: ignored checkpoints, channel counts that waste vector lanes, ...
};

/// Trains `graph` (float, one input, one output; batch norm, dropout and softmax as they stand in the graph).
///
/// @param validation         may be null.
/// @param checkpoint_folder  empty: none. Otherwise the state is saved there after every epoch and every
/// checkpoint_interval, and a state of the
///                           same graph, options and data found there is continued: the result is the same as without
///                           interruption.
/// @error invalid_argument, unsupported  options, graph and data do not fit each other.   @error cancelled  the state
/// is saved first.
/// @error io  a checkpoint cannot be written.   @error  whatever a source reports.
[[nodiscard]] Result<TrainResult> train(const graph::Graph& graph, const BatchSource& training,
                                        const BatchSource* validation, const TrainOptions& options,
                                        const std::filesystem::path& checkpoint_folder, Progress& progress);

/// The float graph's outputs for all samples: [size, outputs], in the order of the source.
/// @param threads  0: all cores.
[[nodiscard]] Result<std::vector<float>> predict(const graph::Graph& graph, const BatchSource& source,
                                                 std::int32_t threads = 0);

struct Evaluation {
  double loss = 0.0;      ///< mean cross entropy, or mean squared error of a reconstruction
  double accuracy = 0.0;  ///< 0 for a reconstruction
  std::size_t classes = 0;
  std::vector<std::uint32_t> confusion;  ///< [true class][predicted class]
};
[[nodiscard]] Result<Evaluation> evaluate(const graph::Graph& graph, const BatchSource& source,
                                          Loss loss = Loss::cross_entropy, std::int32_t threads = 0);

}  // namespace mote::train
