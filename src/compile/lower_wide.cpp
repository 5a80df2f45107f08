// int16 activations with int8 weights in emitted tiles. Exact where a sum of products and its bias fit 32 bits whatever
// the inputs are, and the rescaling is one rounded multiplication.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "conv_layer.hpp"
#include "kernels/int16.hpp"
#include "lower.hpp"
#include "m4/wide_tile.hpp"

namespace mote::compile {
namespace {

using Words = std::vector<std::int64_t>;

/// First channels of the groups; the last one ends with the last channel.
std::vector<std::int32_t> group_starts(std::int32_t channels, std::int32_t group) {
  std::vector<std::int32_t> starts;
  for (std::int32_t c = 0; c < channels; c += group) starts.push_back(std::min(c, channels - group));
  return starts;
}

/// Biases and multipliers such that multiply_wide() of int16.hpp is the high word of sum * multiplier, rounded.
struct Ends {
  Words bias, multiplier;
};
std::optional<Ends> find_ends(const ConvLayer& layer) {
  Ends ends;
  for (std::int32_t c = 0; c < layer.g.out_c; ++c) {
    const auto k = static_cast<std::size_t>(c);
    std::int64_t reach = 0;
    for (std::int32_t i = 0; i < layer.window; ++i) reach += std::int64_t{32768} * std::abs(layer.weight(c, i));
    const std::int64_t bias = layer.tables.wide_bias[k];
    if (reach == 0) {
      // A dead channel, whose scale means nothing: 4 y 2^30 / 2^32 = y.
      const std::int64_t result = device::multiply_wide(bias, layer.tables.multiplier[k], layer.tables.shift[k]);
      ends.bias.push_back(4 * std::clamp<std::int64_t>(result, layer.g.clamp_low, layer.g.clamp_high));
      ends.multiplier.push_back(std::int64_t{1} << 30);
      continue;
    }
    const std::int32_t multiplier = layer.tables.multiplier[k], right = 15 - layer.tables.shift[k];
    const std::int64_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
    if (right < 16 || right > 32 || reach + std::abs(bias) >= std::int64_t{1} << 31) return std::nullopt;
    ends.bias.push_back(bias);
    ends.multiplier.push_back(reduced << (32 - right));
  }
  return ends;
}

/// Where tiles read a layer's windows.
struct Windows {
  bool direct = false;  ///< in the input itself, of which no window leaves
  std::int32_t segments = 1, elements = 0, segment_bytes = 0, pixel_bytes = 0;
};
Windows find_windows(const device::ConvGeometry& g) {
  const auto inside = [](std::int32_t in, std::int32_t out, std::int32_t kernel, std::int32_t stride,
                         std::int32_t dilation,
                         std::int32_t pad) { return pad == 0 && (out - 1) * stride + (kernel - 1) * dilation < in; };
  const std::int32_t window = g.kernel_h * g.kernel_w * g.in_c;
  const bool direct = g.dilation_w == 1 && inside(g.in_w, g.out_w, g.kernel_w, g.stride_w, 1, g.pad_left) &&
                      inside(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top);
  if (!direct) return {false, 1, window, 0, 2 * window};
  if (g.kernel_h == 1 || (g.kernel_w == g.in_w && g.dilation_h == 1))
    return {true, 1, window, 0, 2 * g.stride_w * g.in_c};
  return {true, g.kernel_h, g.kernel_w * g.in_c, 2 * g.dilation_h * g.in_w * g.in_c, 2 * g.stride_w * g.in_c};
}

/// About what a row takes with tiles of so many pixels, in cycles of a step.
std::int32_t row_cost(std::int32_t width, std::int32_t pixels) {
  constexpr std::int32_t kStep[4] = {0, 13, 19, 27};
  return width / pixels * kStep[pixels] + kStep[width % pixels];
}

/// Pixels of a tile: three where a row has them and the encodings reach.
m4::WideTile find_tile(const device::ConvGeometry& g, const Windows& windows) {
  m4::WideTile best;
  for (std::int32_t pixels = 3; pixels >= 1; --pixels) {
    m4::WideTile tile;
    tile.pixels = pixels;
    tile.channels = std::min(g.out_c, pixels == 1 ? 4 : 2);
    tile.segments = windows.segments;
    tile.elements = windows.elements;
    tile.segment_bytes = windows.segment_bytes;
    tile.pixel_bytes = pixels > 1 ? windows.pixel_bytes : 0;
    tile.output_bytes = pixels > 1 ? 2 * g.out_c : 0;
    tile.clamp_low = g.clamp_low;
    tile.clamp_high = g.clamp_high;
    if (pixels > g.out_w || !tile.encodes()) continue;
    if (best.elements == 0 || row_cost(g.out_w, pixels) < row_cost(g.out_w, best.pixels)) best = tile;
  }
  return best;
}

Words pack_weights(const ConvLayer& layer, const Windows& windows, std::int32_t group) {
  Words words;
  for (const std::int32_t first : group_starts(layer.g.out_c, group)) {
    for (std::int32_t begin = 0; begin < layer.window; begin += windows.elements) {
      for (std::int32_t i = 0; i < windows.elements; i += 4) {
        for (std::int32_t c = first; c < first + group; ++c) {
          const auto byte = [&](std::int32_t k) {
            const std::int32_t w = i + k < windows.elements ? layer.weight(c, begin + i + k) : 0;
            return static_cast<std::int64_t>(static_cast<std::uint8_t>(w));
          };
          words.push_back(byte(0) | byte(2) << 8 | byte(1) << 16 | byte(3) << 24);
        }
      }
    }
  }
  return words;
}

}  // namespace

std::optional<LoweredOp> lower_wide_tiles(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  device::ConvGeometry g = graph::conv_geometry(graph, op);
  if (g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
      g.out_h == g.in_h && g.out_w == g.in_w) {
    g.in_w = g.out_w = g.in_h * g.in_w;  // one row of pixels
    g.in_h = g.out_h = 1;
  }
  const ConvLayer layer{g, graph::channel_tables(graph, op), graph.tensor(op.inputs[1]).values<std::int8_t>(),
                        g.kernel_h * g.kernel_w * g.in_c};
  const Windows windows = find_windows(g);
  const m4::WideTile tile = find_tile(g, windows);
  const auto ends = find_ends(layer);
  const bool taps_remain = g.pad_top <= g.kernel_h * g.dilation_h && g.pad_left <= g.kernel_w * g.dilation_w;
  if (g.weight_zero != 0 || !taps_remain || tile.elements == 0 || !ends ||
      !m4::wide_tile_clamps(g.clamp_low, g.clamp_high))
    return std::nullopt;
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/wide_tiles.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  lowered.functions = {m4::emit_wide_tile(tile)};
  std::string tail = "nullptr";
  if (const std::int32_t left = g.out_w % tile.pixels; left > 0) {
    m4::WideTile narrow = tile;
    narrow.pixels = left;
    if (left == 1) narrow.pixel_bytes = narrow.output_bytes = 0;
    lowered.functions.push_back(m4::emit_wide_tile(narrow));
    tail = lowered.functions.back().name;
  }
  const Words weights = pack_weights(layer, windows, tile.channels);
  const auto groups = static_cast<std::int32_t>(group_starts(g.out_c, tile.channels).size());
  const auto group_words = static_cast<std::int32_t>(weights.size()) / groups;
  Words params;
  for (const std::int32_t first : group_starts(g.out_c, tile.channels)) {
    for (const Words* of : {&ends->bias, &ends->multiplier}) {
      for (std::int32_t c = first; c < first + tile.channels; ++c)
        params.push_back(word((*of)[static_cast<std::size_t>(c)]));
    }
  }
  lowered.constants.push_back({symbol + "_weights", "std::uint32_t",
                               fmt::format("four of a channel in the order 0, 2, 1, 3; groups of {}", tile.channels), 4,
                               true, weights});
  lowered.constants.push_back(
      {symbol + "_params", "std::uint32_t", "of each group: biases, multipliers", 4, true, params});
  lowered.kernel = fmt::format("wide_tiles {}x{}{}", tile.pixels, tile.channels, windows.direct ? "" : ", columns");
  lowered.scratch_bytes = windows.direct ? 0 : static_cast<std::size_t>(2 * tile.pixels * layer.window);
  lowered.body = fmt::format(
      "shared_wide_tiles({0}_geometry, wide_layer({1}, {2}, {3}, {4}, {5}), {0}_weights, {0}_params, "
      "reinterpret_cast<const std::int16_t*>(x0), reinterpret_cast<std::int16_t*>(y), {6});",
      symbol, lowered.functions[0].name, tail, tile.pixels, tile.channels, group_words,
      windows.direct ? "nullptr" : "reinterpret_cast<std::int16_t*>(scratch)");
  return lowered;
}

}  // namespace mote::compile
