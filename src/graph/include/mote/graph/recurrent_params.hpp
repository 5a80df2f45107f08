#pragma once
// From the operators that recurrent layers are made of to the parameters of their device kernels. Factors are computed
// in float, as TensorFlow Lite prepares these operators (kernels/svdf.cc, unidirectional_sequence_lstm.cc).

#include <optional>
#include <vector>

#include "kernels/recurrent.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

[[nodiscard]] device::DenseWideGeometry dense_wide_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::TimeFilterGeometry time_filter_geometry(const Graph& graph, const Op& op);
/// Bias of a TimeFilter, zeros where it has none.
[[nodiscard]] std::vector<std::int32_t> time_filter_bias(const Graph& graph, const Op& op);
[[nodiscard]] device::GateGeometry gate_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::CellGeometry cell_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::HiddenGeometry hidden_geometry(const Graph& graph, const Op& op);
/// True for the operators of this header.
[[nodiscard]] bool is_recurrent(const Op& op);

/// The exponent of a scale that is a power of two; nothing for others.
[[nodiscard]] std::optional<std::int32_t> power_of_two(float scale);
/// Step of what a gate sums up: three integer bits, twelve behind the point.
constexpr float kGateSumScale = 1.0f / 4096.0f;

}  // namespace mote::graph
