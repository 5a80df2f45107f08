#pragma once
// Functions of one element: what they are on floats, and their int8 tables.

#include <array>
#include <cstdint>

#include "mote/graph/graph.hpp"

namespace mote::graph {

[[nodiscard]] float evaluate(const Unary& unary, float x);

/// Result for each int8 input, indexed by the byte's unsigned value. logistic, tanh, leaky_relu, hard_swish, abs and
/// rsqrt: TensorFlow Lite's reference kernels (fixed point); exp, log, elu, gelu: its tables (float, rounded); the
/// rest, which it has for floats alone: dequantize, compute, quantize.
[[nodiscard]] std::array<std::int8_t, 256> unary_table(const Graph& graph, const Op& op);

}  // namespace mote::graph
