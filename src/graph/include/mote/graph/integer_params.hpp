#pragma once
// From an int8 operator of the graph to the parameters of its device kernel. Executor, compiler and training all take
// them from here.

#include "kernels/binary.hpp"
#include "kernels/geometry.hpp"
#include "kernels/int16.hpp"
#include "kernels/log_softmax.hpp"
#include "mote/graph/graph.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::graph {

/// Geometry of a Conv2D, DepthwiseConv2D or Dense (as a 1x1 convolution of a 1x1 plane).
[[nodiscard]] device::ConvGeometry conv_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::PoolGeometry pool_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::AddGeometry add_geometry(const Graph& graph, const Op& op);
/// Add and Binary, whatever their shapes.
[[nodiscard]] device::PairParams pair_params(const Graph& graph, const Op& op);
/// leaky_relu of int16.
[[nodiscard]] device::LeakyGeometry leaky_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::SoftmaxGeometry softmax_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::LogSoftmaxGeometry log_softmax_geometry(const Graph& graph, const Op& op);
/// Activate on int8 tensors, and Quantize between quantizations of 8, 16 and 32 bits.
[[nodiscard]] device::RequantizeGeometry requantize_geometry(const Graph& graph, const Op& op);

/// Bias (zeros when absent; wide for int16), multiplier and shift for each output channel of an operator with weights.
struct ChannelTables {
  std::vector<std::int32_t> bias;
  std::vector<std::int64_t> wide_bias;
  std::vector<std::int32_t> multiplier;
  std::vector<std::int8_t> shift;
};
[[nodiscard]] ChannelTables channel_tables(const Graph& graph, const Op& op);

}  // namespace mote::graph
