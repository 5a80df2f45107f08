// Conv2D and Dense: packs weights for conv2d_dsp where it is exact, else the portable kernel.

#include <fmt/format.h>

#include <algorithm>

#include "kernels/conv2d_dsp.hpp"
#include "lower.hpp"

namespace mote::compile {
namespace {

/// Weight of channel `c` at column element `i`, in the order in which build_column widens: zero beyond the window or the channels.
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
  const auto lane = [&](std::int32_t k) { return static_cast<std::uint32_t>(256 * w.at(c, k) + w.at(c + 1, k)) & 0xffffu; };
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

LoweredOp portable(const graph::Graph& graph, const graph::Op& op, const std::string& symbol, const device::ConvGeometry& g,
                   const graph::ChannelTables& tables) {
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = "conv2d portable";
  lowered.includes = {"kernels/conv2d.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  lowered.constants.push_back({symbol + "_weights", "std::int8_t", "[out_c, kernel_h, kernel_w, in_c]", 1, false, {weights.begin(), weights.end()}});
  const std::string params = add_channel_arrays(lowered, tables);
  lowered.body = fmt::format("conv2d({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params);
  return lowered;
}

}  // namespace

LoweredOp lower_conv(const graph::Graph& graph, const graph::Op& op, const std::string& symbol, const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = device_tables(graph, op, g);
  // Both channels of a lane must fit one accumulator: |256 H + L| < 2^31. And the lane itself: 256 * -128 + (less than 0) does not fit 16 bits.
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  const bool exact = accumulator_bound(graph, op, tables) < (std::int64_t{1} << 23) && fast_requantize_applies(tables) &&
                     std::ranges::find(weights, std::int8_t{-128}) == weights.end();
  if (options.target != Target::armv7em || !exact) return portable(graph, op, symbol, g, tables);

  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/conv2d_dsp.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_panels", "std::uint32_t", "256 * w[c] + w[c+1] in each half; groups of 4 channels", 4, true,
                               pack_panels(g, weights)});
  const std::string params = add_channel_arrays(lowered, tables);
  const std::int32_t block = choose_block(g, options.column_bytes);
  lowered.kernel = fmt::format("conv2d_dsp 2x4, {} pixels a block", block);
  lowered.scratch_bytes = static_cast<std::size_t>(device::conv2d_dsp_scratch_bytes(device::column_length(g), block));
  lowered.body = fmt::format("shared_conv2d({0}_geometry, x0, {0}_panels, {1}, y, scratch, {2});", symbol, params, block);
  const bool pointwise = g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
                         g.out_h == g.in_h && g.out_w == g.in_w;
  if (pointwise && g.out_c <= g.in_c) lowered.may_reuse_inputs = {0};
  return lowered;
}

}  // namespace mote::compile
