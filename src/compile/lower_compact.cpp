// The compact kernels: C++ with DSP instructions, one copy for all geometry. Slower than the emitted tiles by a third
// to a half, and smaller; for modules that would not fit their flash otherwise.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "kernels/conv2d_dsp.hpp"
#include "kernels/depthwise3x3_dsp.hpp"
#include "lower.hpp"

namespace mote::compile {
namespace {

/// Weight of channel `c` at column element `i`, in the order in which build_column widens: zero beyond the window or
/// the channels.
class WeightColumns {
 public:
  WeightColumns(const device::ConvGeometry& g, std::span<const std::int8_t> weights) : g_(g), weights_(weights) {}

  [[nodiscard]] std::int32_t at(std::int32_t c, std::int32_t i) const {
    if (c >= g_.out_c || i >= window()) return 0;
    const std::int32_t row = g_.kernel_w * g_.in_c;
    const std::int32_t source = i / row * row + device::widened_source(i % row, row);
    return weights_[static_cast<std::size_t>(c * window() + source)];
  }

 private:
  [[nodiscard]] std::int32_t window() const { return g_.kernel_h * g_.kernel_w * g_.in_c; }
  const device::ConvGeometry& g_;
  std::span<const std::int8_t> weights_;
};

/// Halfword lanes 256 * w[c] + w[c+1] of elements i and i+1.
std::int64_t packed_word(const WeightColumns& w, std::int32_t c, std::int32_t i) {
  const auto lane = [&](std::int32_t k) {
    return static_cast<std::uint32_t>(256 * w.at(c, k) + w.at(c + 1, k)) & 0xffffu;
  };
  return static_cast<std::int64_t>(lane(i) | (lane(i + 1) << 16));
}

std::vector<std::int64_t> pack_panels(const device::ConvGeometry& g, std::span<const std::int8_t> weights) {
  const WeightColumns columns(g, weights);
  const std::int32_t length = device::column_length(g);
  std::vector<std::int64_t> words;
  for (std::int32_t c = 0; c < g.out_c; c += 4) {
    for (std::int32_t i = 0; i < length; i += 2) {
      words.push_back(packed_word(columns, c, i));
      words.push_back(packed_word(columns, c + 2, i));
    }
  }
  return words;
}

/// Pixels whose columns are built at once: as many as fit, an even number; one for dense layers.
std::int32_t choose_block(const device::ConvGeometry& g, std::size_t column_bytes) {
  const std::int32_t pixels = g.out_h * g.out_w;
  const std::int32_t column = device::column_length(g);
  const auto affordable = static_cast<std::int32_t>(column_bytes) / (2 * column);
  std::int32_t block = std::min(pixels, std::max(affordable, 2));
  if (block > 2 && block < pixels) block &= ~1;
  // Equal blocks: the last one should not be a crumb.
  const std::int32_t blocks = (pixels + block - 1) / block;
  block = (pixels + blocks - 1) / blocks;
  return std::min(pixels, (block + 1) & ~1);
}

/// Output rows whose planes fit the scratch; equal bands.
std::int32_t band_rows(const device::ConvGeometry& g, std::size_t scratch_bytes) {
  std::int32_t rows = 1;
  while (rows < g.out_h && static_cast<std::size_t>(device::depthwise3x3_scratch_bytes(g, rows + 1)) <= scratch_bytes)
    ++rows;
  const std::int32_t bands = (g.out_h + rows - 1) / rows;
  return (g.out_h + bands - 1) / bands;
}

/// Sum of |w| of each output channel.
std::vector<std::int64_t> weight_sums(const graph::Graph& graph, const graph::Op& op, std::size_t channels) {
  const auto values = graph.tensor(op.inputs[1]).values<std::int8_t>();
  const std::size_t inner = op.as<graph::DepthwiseConv2D>() != nullptr ? 1 : values.size() / channels;
  std::vector<std::int64_t> sums(channels, 0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i / inner % channels] += std::abs(static_cast<int>(values[i]));
  return sums;
}

/// Whether FastRequantize is exact for every channel: shifts within its limits.
bool fast_requantize_applies(const graph::ChannelTables& tables) {
  return std::ranges::all_of(tables.shift,
                             [](std::int8_t s) { return -s >= device::kFastShiftLow && -s <= device::kFastShiftHigh; });
}

/// Largest |accumulator| that any int8 input can cause, over the channels: sum |w| * 255 + |bias|.
std::int64_t accumulator_bound(const graph::Graph& graph, const graph::Op& op, const graph::ChannelTables& tables) {
  const std::vector<std::int64_t> sums = weight_sums(graph, op, tables.bias.size());
  std::int64_t bound = 0;
  for (std::size_t c = 0; c < sums.size(); ++c)
    bound = std::max(bound, sums[c] * 255 + std::abs(static_cast<std::int64_t>(tables.bias[c])));
  return bound;
}

}  // namespace

std::optional<LoweredOp> compact_conv(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                      const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = device_tables(graph, op, g);
  // Both channels of a lane must fit one accumulator: |256 H + L| < 2^31. And the lane itself: 256 * -128 + (less than
  // 0) does not fit 16 bits.
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  const bool exact = accumulator_bound(graph, op, tables) < (std::int64_t{1} << 23) &&
                     fast_requantize_applies(tables) && std::ranges::find(weights, std::int8_t{-128}) == weights.end();
  if (!exact) return std::nullopt;

  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/conv2d_dsp.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_panels", "std::uint32_t",
                               "256 * w[c] + w[c+1] in each half; groups of 4 channels", 4, true,
                               pack_panels(g, weights)});
  const std::string params = add_channel_arrays(lowered, tables);
  const std::int32_t block = choose_block(g, options.scratch_bytes);
  lowered.kernel = fmt::format("conv2d_dsp 2x4, {} pixels a block", block);
  lowered.scratch_bytes = static_cast<std::size_t>(device::conv2d_dsp_scratch_bytes(device::column_length(g), block));
  lowered.body =
      fmt::format("shared_conv2d({0}_geometry, x0, {0}_panels, {1}, y, scratch, {2});", symbol, params, block);
  const bool pointwise = g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 &&
                         g.pad_left == 0 && g.out_h == g.in_h && g.out_w == g.in_w;
  if (pointwise && g.out_c <= g.in_c) lowered.may_reuse_inputs = {0};
  return lowered;
}

std::optional<LoweredOp> compact_depthwise(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                           const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = device_tables(graph, op, g);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.geometry = geometry_text(symbol, g);
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  lowered.constants.push_back({symbol + "_weights",
                               "std::int8_t",
                               "[kernel_h, kernel_w, channels]",
                               1,
                               false,
                               {weights.begin(), weights.end()}});
  const std::string params = add_channel_arrays(lowered, tables);
  // int16 inputs times int8 weights stay far inside int32; FastRequantize needs one spare bit.
  const bool exact = accumulator_bound(graph, op, tables) < (std::int64_t{1} << 29) && fast_requantize_applies(tables);
  const bool planes = g.kernel_h == 3 && g.kernel_w == 3 && g.dilation_h == 1 && g.dilation_w == 1 &&
                      g.stride_h == g.stride_w && g.stride_w <= 2 && g.in_c % 4 == 0 && g.clamp_low == -128 &&
                      g.clamp_high == 127;
  if (g.multiplier != 1 || !exact) return std::nullopt;
  if (planes) {
    const std::int32_t rows = band_rows(g, options.scratch_bytes);
    lowered.kernel = fmt::format("depthwise3x3_dsp, bands of {} rows", rows);
    lowered.includes = {"kernels/depthwise3x3_dsp.hpp"};
    lowered.scratch_bytes = static_cast<std::size_t>(device::depthwise3x3_scratch_bytes(g, rows));
    lowered.body =
        fmt::format("shared_depthwise3x3({0}_geometry, x0, {0}_weights, {1}, y, scratch, {2});", symbol, params, rows);
  } else {
    lowered.kernel = "depthwise_conv2d_dsp, 4 channels";
    lowered.includes = {"kernels/depthwise_dsp.hpp"};
    lowered.body = fmt::format("shared_depthwise_conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  }
  return lowered;
}

std::optional<LoweredOp> compact_add(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::AddGeometry g = graph::add_geometry(graph, op);
  const auto within = [](std::int32_t shift, std::int32_t low, std::int32_t high) {
    return -shift >= low && -shift <= high;
  };
  const bool fast = within(g.a_shift, 0, 30) && within(g.b_shift, 0, 30) &&
                    within(g.output_shift, device::kFastShiftLow, device::kFastShiftHigh);
  if (!fast) return std::nullopt;
  LoweredOp lowered = lowered_op(symbol, "add_dsp", "kernels/add_dsp.hpp");
  lowered.geometry = static_geometry(symbol, {{"count", g.count},
                                              {"a_zero", g.a_zero},
                                              {"a_multiplier", g.a_multiplier},
                                              {"a_shift", g.a_shift},
                                              {"b_zero", g.b_zero},
                                              {"b_multiplier", g.b_multiplier},
                                              {"b_shift", g.b_shift},
                                              {"output_zero", g.output_zero},
                                              {"output_multiplier", g.output_multiplier},
                                              {"output_shift", g.output_shift},
                                              {"clamp_low", g.clamp_low},
                                              {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("{}({}_geometry{{}}, x0, x1, y);", lowered.kernel, symbol);
  lowered.may_reuse_inputs = {0, 1};
  return lowered;
}

}  // namespace mote::compile
