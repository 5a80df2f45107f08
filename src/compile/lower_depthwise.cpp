#include <fmt/format.h>

#include <algorithm>

#include "kernels/depthwise3x3_dsp.hpp"
#include "lower.hpp"

namespace mote::compile {
namespace {

/// Output rows whose planes fit the scratch; equal bands.
std::int32_t band_rows(const device::ConvGeometry& g, std::size_t scratch_bytes) {
  std::int32_t rows = 1;
  while (rows < g.out_h && static_cast<std::size_t>(device::depthwise3x3_scratch_bytes(g, rows + 1)) <= scratch_bytes) ++rows;
  const std::int32_t bands = (g.out_h + rows - 1) / rows;
  return (g.out_h + bands - 1) / bands;
}

}  // namespace

LoweredOp lower_depthwise(const graph::Graph& graph, const graph::Op& op, const std::string& symbol, const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = device_tables(graph, op, g);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.geometry = geometry_text(symbol, g);
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  lowered.constants.push_back({symbol + "_weights", "std::int8_t", "[kernel_h, kernel_w, channels]", 1, false, {weights.begin(), weights.end()}});
  const std::string params = add_channel_arrays(lowered, tables);
  // int16 inputs times int8 weights stay far inside int32; FastRequantize needs one spare bit.
  const bool exact = accumulator_bound(graph, op, tables) < (std::int64_t{1} << 29) && fast_requantize_applies(tables);
  const bool planes = g.kernel_h == 3 && g.kernel_w == 3 && g.dilation_h == 1 && g.dilation_w == 1 && g.stride_h == g.stride_w &&
                      g.stride_w <= 2 && g.in_c % 4 == 0 && g.clamp_low == -128 && g.clamp_high == 127;
  if (options.target != Target::armv7em || g.multiplier != 1 || !exact) {
    lowered.kernel = "depthwise_conv2d portable";
    lowered.includes = {"kernels/depthwise.hpp"};
    lowered.body = fmt::format("depthwise_conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  } else if (planes) {
    const std::int32_t rows = band_rows(g, options.column_bytes);
    lowered.kernel = fmt::format("depthwise3x3_dsp, bands of {} rows", rows);
    lowered.includes = {"kernels/depthwise3x3_dsp.hpp"};
    lowered.scratch_bytes = static_cast<std::size_t>(device::depthwise3x3_scratch_bytes(g, rows));
    lowered.body = fmt::format("shared_depthwise3x3({0}_geometry, x0, {0}_weights, {1}, y, scratch, {2});", symbol, params, rows);
  } else {
    lowered.kernel = "depthwise_conv2d_dsp, 4 channels";
    lowered.includes = {"kernels/depthwise_dsp.hpp"};
    lowered.body = fmt::format("shared_depthwise_conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  }
  return lowered;
}

}  // namespace mote::compile
