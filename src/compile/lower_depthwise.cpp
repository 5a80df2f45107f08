#include <fmt/format.h>

#include "lower.hpp"

namespace mote::compile {

LoweredOp lower_depthwise(const graph::Graph& graph, const graph::Op& op, const std::string& symbol, const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = graph::channel_tables(graph, op);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.geometry = geometry_text(symbol, g);
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  lowered.constants.push_back({symbol + "_weights", "std::int8_t", "[kernel_h, kernel_w, channels]", 1, false, {weights.begin(), weights.end()}});
  const std::string params = add_channel_arrays(lowered, tables);
  // int16 inputs times int8 weights stay far inside int32; FastRequantize needs one spare bit.
  const bool exact = accumulator_bound(graph, op, tables) < (std::int64_t{1} << 30) && fast_requantize_applies(tables);
  if (options.target == Target::armv7em && g.multiplier == 1 && exact) {
    lowered.kernel = "depthwise_conv2d_dsp, 4 channels";
    lowered.includes = {"kernels/depthwise_dsp.hpp"};
    lowered.body = fmt::format("shared_depthwise_conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  } else {
    lowered.kernel = "depthwise_conv2d portable";
    lowered.includes = {"kernels/depthwise.hpp"};
    lowered.body = fmt::format("depthwise_conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  }
  return lowered;
}

}  // namespace mote::compile
