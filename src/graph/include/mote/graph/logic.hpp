#pragma once
// Truth values and what is done with them, and products of computed matrices: parameters of their kernels.

#include <optional>
#include <set>
#include <vector>

#include "kernels/matmul.hpp"
#include "kernels/select.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

/// What truth values are: int8, 0 or 1, with this quantization.
[[nodiscard]] Quantization truth_quantization();
[[nodiscard]] bool may_be_truth(const Tensor& tensor);
/// The values that formats with a type for truth values write as such: what is compared, what chooses, what is made of
/// such alone, and what they are made of.
[[nodiscard]] std::set<TensorId> truth_values(const Graph& graph);

/// Loops over a Select's operands; nothing where more than four would be needed.
[[nodiscard]] std::optional<device::SelectGeometry> select_geometry(const Graph& graph, const Op& op);
/// Of int8 operands; of others without the fixed-point parameters.
[[nodiscard]] device::MatMulGeometry matmul_geometry(const Graph& graph, const Op& op);

}  // namespace mote::graph
