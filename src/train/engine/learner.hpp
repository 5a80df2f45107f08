#pragma once
// What the trainer needs of a network: the float one, or the one that simulates integer arithmetic. The plan is made
// once and shared by all threads; weights are plain float arrays owned by the caller, so that optimizer, averaging and
// checkpoints are loops over one array.

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::train {

using torch::Tensor;

/// A constant of the graph inside the flat array of parameters, or a group of numbers inside that of statistics.
struct Slot {
  graph::TensorId tensor;
  std::size_t offset;
  std::size_t count;
  bool decays;  ///< weight decay applies
};

/// Tensors over the caller's arrays, which they borrow.
struct Bound {
  std::vector<Tensor> parameters;
  std::vector<Tensor> statistics;
  std::span<float> raw_statistics;
};

struct Pass {
  bool training = false;
  bool logits = false;                    ///< leave a final softmax out
  float* shard_statistics = nullptr;      ///< training: what this shard measures, laid out as the statistics
  std::uint64_t seed = 0;                 ///< training: for dropout
  std::vector<Tensor>* values = nullptr;  ///< when set: receives every value, by tensor id
};

class Learner {
 public:
  virtual ~Learner() = default;

  [[nodiscard]] virtual const graph::Graph& graph() const = 0;
  [[nodiscard]] virtual const std::vector<Slot>& parameters() const = 0;
  /// What is measured, not learned.
  [[nodiscard]] virtual const std::vector<Slot>& statistics() const = 0;
  [[nodiscard]] virtual std::vector<float> initial_parameters() const = 0;
  [[nodiscard]] virtual std::vector<float> initial_statistics() const = 0;

  /// @param gradients  null: for inference. Otherwise backward() adds into this array, laid out as the parameters.
  [[nodiscard]] virtual Bound bind(std::span<float> parameters, std::span<float> statistics,
                                   float* gradients) const = 0;
  /// @param x  [N, elements of the input], contiguous   @return [N, outputs]. Thread-safe for different `bound`.
  [[nodiscard]] virtual Tensor forward(const Tensor& x, const Bound& bound, const Pass& pass) const = 0;
  /// Moves the running statistics toward what the shards of a step measured.
  /// @param samples  of each shard   @param momentum  weight of the new   @param progress  part of the training that is
  /// done, in [0, 1]
  virtual void merge_statistics(std::vector<float>& running, std::span<const std::vector<float>> shards,
                                std::span<const std::size_t> samples, double momentum, double progress) const = 0;

  [[nodiscard]] std::size_t input_elements() const { return graph().input().shape.elements(); }
  [[nodiscard]] std::size_t outputs() const { return graph().output().shape.elements(); }
};

}  // namespace mote::train
