#pragma once
// Runs a learner over a whole source without gradients: evaluation, prediction, calibration.

#include <functional>

#include "crew.hpp"
#include "learner.hpp"
#include "mote/train/train.hpp"
#include "state.hpp"

namespace mote::train {

/// Checks that there are samples and that they fit the graph's input.
[[nodiscard]] Result<void> check_shape(const BatchSource& source, const graph::Graph& graph, std::string_view what);
/// Checks that samples, labels and outputs fit the graph.  @param what  "training data", for the message
[[nodiscard]] Result<void> check_source(const BatchSource& source, const graph::Graph& graph, Loss loss,
                                        std::string_view what);

/// Loads samples and computes their outputs in blocks, over all threads of the crew.
/// @param indices  which samples   @param visit  visit(block, first, inputs [n,...], outputs [n, outputs], values of
/// the pass), in any order and from several threads
struct Block {
  std::size_t index;  ///< of the block
  std::span<const std::size_t> samples;
  const Tensor& inputs;               ///< [n, elements]
  const Tensor& outputs;              ///< [n, outputs]
  const std::vector<Tensor>& values;  ///< by tensor id, when asked for
};
constexpr std::size_t kBlockSamples = 64;
[[nodiscard]] Result<void> infer(const Learner& learner, const Weights& weights, const BatchSource& source,
                                 std::span<const std::size_t> indices, Crew& crew, bool logits, bool keep_values,
                                 const std::function<Result<void>(const Block&)>& visit);

/// Loss, accuracy and confusion of the whole source.
[[nodiscard]] Result<Evaluation> evaluate_learner(const Learner& learner, const Weights& weights,
                                                  const BatchSource& source, Loss loss, Crew& crew);

/// [0, count).
[[nodiscard]] std::vector<std::size_t> all_indices(std::size_t count);

}  // namespace mote::train
