#pragma once
// A float graph as a list of differentiable steps over torch tensors. The plan is made once and shared by all threads;
// parameters are plain float arrays owned by the caller, so that optimizer, averaging and checkpoints are loops over
// one array.

#include <span>
#include <vector>

#include "functional.hpp"
#include "learner.hpp"
#include "mote/base/error.hpp"
#include "mote/graph/graph.hpp"

namespace mote::train {

class Network final : public Learner {
 public:
  /// @param fuse  run batch norm, addition and clamp in one sweep where nothing reads the values between.
  /// @error unsupported, invalid_argument  naming the operator.
  [[nodiscard]] static Result<Network> create(const graph::Graph& graph, bool fuse = true);

  [[nodiscard]] const graph::Graph& graph() const override { return graph_; }
  [[nodiscard]] const std::vector<Slot>& parameters() const override { return parameters_; }
  /// Batch norms' mean, variance, mean, variance, ...
  [[nodiscard]] const std::vector<Slot>& statistics() const override { return statistics_; }
  [[nodiscard]] std::vector<float> initial_parameters() const override { return values_of(parameters_); }
  [[nodiscard]] std::vector<float> initial_statistics() const override { return values_of(statistics_); }

  [[nodiscard]] Bound bind(std::span<float> parameters, std::span<float> statistics, float* gradients) const override;
  [[nodiscard]] Tensor forward(const Tensor& x, const Bound& bound, const Pass& pass) const override;
  void merge_statistics(std::vector<float>& running, std::span<const std::vector<float>> shards,
                        std::span<const std::size_t> samples, double momentum, double progress) const override;

  /// Where a constant used as weights stands in Bound::parameters.
  [[nodiscard]] std::size_t parameter_index(graph::TensorId id) const {
    return static_cast<std::size_t>(parameter_of_[static_cast<std::size_t>(id)]);
  }

  /// The graph with these values in place of its own.
  [[nodiscard]] graph::Graph with_values(std::span<const float> parameters, std::span<const float> statistics) const;

 private:
  /// One call: an operator, and for batch norm the operators fused behind it.
  struct Step {
    std::size_t op = 0;
    graph::TensorId residual = graph::kNoTensor;
    graph::TensorId output = graph::kNoTensor;
    Limits limits;
  };

  explicit Network(graph::Graph graph) : graph_(std::move(graph)) {}
  Result<void> register_constants();
  Result<void> register_constant(graph::TensorId id, bool is_statistic, bool decays);
  void plan(bool fuse);
  [[nodiscard]] std::vector<float> values_of(const std::vector<Slot>& slots) const;
  [[nodiscard]] Tensor run(const Step& step, const std::vector<Tensor>& values, const Bound& bound,
                           const Pass& pass) const;
  [[nodiscard]] Tensor normalize(const Step& step, const std::vector<Tensor>& values, const Bound& bound,
                                 const Pass& pass) const;

  graph::Graph graph_;
  std::vector<Slot> parameters_;
  std::vector<Slot> statistics_;
  std::vector<std::int32_t> parameter_of_;  // by tensor id, -1: none
  std::vector<std::int32_t> statistic_of_;
  std::vector<Tensor> constants_;  // by tensor id: constants that are values, never trained
  std::vector<Step> steps_;
};

}  // namespace mote::train
