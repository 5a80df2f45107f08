#pragma once
// From operators that reduce, order or resize to the parameters of their device kernels. Executor and compiler take
// them from here.

#include <optional>

#include "kernels/order.hpp"
#include "kernels/reduce.hpp"
#include "kernels/resize.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

/// Loops and int8 parameters of a Reduce; nothing where more loops would be needed.
[[nodiscard]] std::optional<device::ReduceGeometry> reduce_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::ArgGeometry arg_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::TopKGeometry top_k_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::CumSumGeometry cumsum_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::ResizeGeometry resize_geometry(const Graph& graph, const Op& op);
/// Input steps for an output step along an axis, of floats.
[[nodiscard]] float resize_scale(ResizeMode mode, std::int32_t from, std::int32_t to);

}  // namespace mote::graph
