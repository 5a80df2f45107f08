#pragma once
// A folded float graph whose forward pass computes the integers of its int8 form. Parameters are the float weights;
// statistics are the ranges.

#include <string>
#include <vector>

#include "integer_functional.hpp"
#include "learner.hpp"
#include "mote/graph/quantization.hpp"
#include "network.hpp"

namespace mote::train {

class QuantizedNetwork final : public Learner {
 public:
  /// @param range_learning  part of the training in which ranges move
  /// @error invalid_argument  a missing range.   @error unsupported  an operator without integer form.
  [[nodiscard]] static Result<QuantizedNetwork> create(const graph::Graph& graph, const graph::Ranges& ranges,
                                                       double range_learning);

  [[nodiscard]] const graph::Graph& graph() const override { return network_.graph(); }
  [[nodiscard]] const std::vector<Slot>& parameters() const override { return network_.parameters(); }
  /// Low and high of each value with a range of its own.
  [[nodiscard]] const std::vector<Slot>& statistics() const override { return ranges_; }
  [[nodiscard]] std::vector<float> initial_parameters() const override { return network_.initial_parameters(); }
  [[nodiscard]] std::vector<float> initial_statistics() const override { return initial_ranges_; }

  [[nodiscard]] Bound bind(std::span<float> parameters, std::span<float> statistics, float* gradients) const override;
  /// @return real logits; with pass.values, the integers minus zero point of every value.
  [[nodiscard]] Tensor forward(const Tensor& x, const Bound& bound, const Pass& pass) const override;
  void merge_statistics(std::vector<float>& running, std::span<const std::vector<float>> shards,
                        std::span<const std::size_t> samples, double momentum, double progress) const override;

  [[nodiscard]] graph::Graph with_parameters(std::span<const float> parameters) const {
    return network_.with_values(parameters, {});
  }
  [[nodiscard]] graph::Ranges ranges_of(std::span<const float> statistics) const;
  /// The value that holds the logits: the output, or what a final softmax reads.
  [[nodiscard]] graph::TensorId logits() const { return logits_; }
  /// The graph with the quantization of every value that these ranges give.
  [[nodiscard]] graph::Graph annotated(std::span<const float> statistics) const;

 private:
  /// One forward pass: what the operators need besides their inputs.
  struct Run {
    graph::Graph graph;  ///< value tensors carry their quantization
    const Bound& bound;
    std::vector<Tensor> values;
    float* observed;  ///< ranges of this shard, or null
  };
  explicit QuantizedNetwork(Network network) : network_(std::move(network)) {}
  [[nodiscard]] Result<void> take_ranges(const graph::Ranges& ranges);
  [[nodiscard]] Tensor run(const graph::Op& op, Run& run) const;
  [[nodiscard]] Tensor weighted(const graph::Op& op, Run& run) const;
  [[nodiscard]] Tensor pooled(const graph::Op& op, Run& run) const;
  [[nodiscard]] Tensor added(const graph::Op& op, Run& run) const;
  [[nodiscard]] Tensor activated(const graph::Op& op, Run& run) const;
  [[nodiscard]] graph::Range* observed_range(graph::TensorId id, Run& run) const;

  Network network_;
  double range_learning_ = 0.0;
  graph::TensorId logits_ = graph::kNoTensor;
  std::vector<Slot> ranges_;
  std::vector<float> initial_ranges_;
  std::vector<std::int32_t> range_of_;  // by tensor id, -1: none of its own
};

}  // namespace mote::train
