// DepthwiseConv2D: on a Cortex-M4 an assembly tile over planes (m4/depthwise_tile.hpp) wherever it is exact, else the
// portable kernel.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "depthwise_layer.hpp"
#include "kernels/depthwise_pixel.hpp"
#include "kernels/depthwise_planes.hpp"
#include "lower.hpp"
#include "lower_vectors.hpp"
#include "m4/depthwise_tile.hpp"

namespace mote::compile {
namespace {

m4::DepthwiseTile tile_of(const device::ConvGeometry& g, bool columns) {
  const device::PlaneAxis place = device::place_axis(g, columns), line = device::line_axis(g, columns);
  m4::DepthwiseTile t;
  t.kernel_lines = line.kernel;
  t.kernel_places = place.kernel;
  t.stride_lines = line.stride;
  t.stride_places = place.stride;
  t.dilation_lines = line.dilation;
  t.phase = place.pad % 2;
  t.places = place.out;
  t.line_bytes = device::plane_line_elements(place) * 2;
  t.output_place_bytes = place.out_bytes;
  t.output_line_bytes = line.out_bytes;
  t.clamp_low = g.clamp_low;
  t.clamp_high = g.clamp_high;
  return t;
}

/// Rows or columns as a plane's lines: places beyond a multiple of four cost more than those of a whole tile. Of equal
/// ones, columns where strides are 2 and all of them fit at once: they take 0.92 to 0.95 of the cycles, measured.
/// `options.other_layout`: what is not the usual choice, if it can be emitted. Nothing when neither can be emitted.
std::optional<bool> choose_columns(const device::ConvGeometry& g, const LoweringOptions& options) {
  std::optional<bool> best;
  std::int32_t least = 0;
  const auto all_at_once =
      static_cast<std::size_t>(device::depthwise_planes_scratch_bytes(g, true, device::line_axis(g, true).out, 1));
  const bool columns_win = g.stride_h == 2 && g.stride_w == 2 && all_at_once <= options.scratch_bytes;
  for (const bool columns : {false, true}) {
    const device::PlaneAxis place = device::place_axis(g, columns), line = device::line_axis(g, columns);
    if ((columns && options.bands) || place.dilation != 1 || !m4::can_emit(tile_of(g, columns))) continue;
    // Measured for 3x3: about 56 cycles a tile, 22 and 11 a place for what is left, 12 a line.
    const std::int32_t cost =
        line.out * (12 + place.out / 4 * 56 + (place.out % 4 > 0 ? 22 + 11 * (place.out % 4) : 0));
    const bool better = cost < least || (cost == least && columns_win);
    if (best && better == options.other_layout) continue;
    best = columns;
    least = cost;
  }
  return best;
}

std::int64_t word(std::int64_t v) { return static_cast<std::int64_t>(static_cast<std::uint32_t>(v)); }

/// Weights, scaled, in pairs.
void add_weights(const DepthwiseLayer& layer, const m4::DepthwiseTile& tile, bool columns, std::int32_t c,
                 std::int32_t scale, std::vector<std::int64_t>& words) {
  if (tile.bytes) {
    for (std::int32_t k = 0; k < tile.kernel_lines; ++k) {
      std::uint32_t bytes = 0;
      for (std::int32_t i = 0; i < 3; ++i)
        bytes |= (static_cast<std::uint32_t>(columns ? layer.weight(c, i, k) : layer.weight(c, k, i)) & 0xffu)
                 << (8 * i);
      words.push_back(bytes);
    }
    return;
  }
  const std::int32_t words_a_line = m4::weight_words(tile) / tile.kernel_lines;
  for (std::int32_t k = 0; k < tile.kernel_lines; ++k) {
    const auto lane = [&](std::int32_t place) {
      if (place < 0) return std::uint32_t{0};
      return static_cast<std::uint32_t>(scale * (columns ? layer.weight(c, place, k) : layer.weight(c, k, place))) &
             0xffffu;
    };
    for (std::int32_t i = 0; i < words_a_line; ++i) {
      const m4::WeightPair pair = m4::weight_pair(tile, i);
      words.push_back(static_cast<std::int64_t>(lane(pair.low) | (lane(pair.high) << 16)));
    }
  }
}

/// All channels with one instruction and one shift: 256 * sums, of which the lower 8 bits hold the bias's fraction.
std::optional<std::vector<std::int64_t>> saturating_words(const DepthwiseLayer& layer,
                                                          const std::vector<m4::ChannelRule>& rules,
                                                          m4::DepthwiseTile& tile, bool columns) {
  std::int32_t least = 32;
  for (const m4::ChannelRule& r : rules) {
    if (r.low != r.high) least = std::min(least, -r.shift);
  }
  if (least == 32) least = 8;
  if (least < 1 || least > 24) return std::nullopt;
  // Taking bytes apart costs 9 cycles a channel and saves 12 bytes of flash; small planes do not pay for it.
  tile.bytes = m4::can_be_bytes(tile) && layer.g.out_h * layer.g.out_w >= 36;
  const auto with_shift = [&](std::int32_t shift) -> std::optional<std::vector<std::int64_t>> {
    std::vector<std::int64_t> words;
    for (std::size_t c = 0; c < rules.size(); ++c) {
      const auto line = m4::find_line(rules[c], 256, shift, false);
      if (!line) return std::nullopt;
      add_weights(layer, tile, columns, static_cast<std::int32_t>(c), 256, words);
      words.push_back(word(line->bias));
      words.push_back(word(line->multiplier));
    }
    return words;
  };
  for (const std::int32_t shift : m4::shifts_to_try(least)) {
    tile.shift = shift + 8;
    if (auto words = with_shift(tile.shift)) return words;
  }
  return std::nullopt;
}

/// Twice the sums; SMMLAR, sign, shift of the channel.
std::optional<std::vector<std::int64_t>> exact_words(const DepthwiseLayer& layer,
                                                     const std::vector<m4::ChannelRule>& rules, m4::DepthwiseTile& tile,
                                                     bool columns) {
  tile.exact = true;
  tile.bytes = false;
  std::vector<std::int64_t> words;
  const std::int64_t limit = std::int64_t{1} << 30;
  for (std::size_t c = 0; c < rules.size(); ++c) {
    const m4::ChannelRule& r = rules[c];
    const std::int32_t e = -r.shift;
    if (e < m4::kExactShiftLow || e > m4::kExactShiftHigh || r.low + r.bias <= -limit || r.high + r.bias >= limit)
      return std::nullopt;
    add_weights(layer, tile, columns, static_cast<std::int32_t>(c), 2, words);
    words.push_back(word(2 * std::int64_t{r.bias}));
    words.push_back(word(r.multiplier));
    words.push_back(word((std::int64_t{1} << (e - 1)) + (static_cast<std::int64_t>(r.output_zero) << e)));
    words.push_back(e);
  }
  return words;
}

/// Lines of outputs whose planes fit; bands of equal height.
std::int32_t band_lines(const device::ConvGeometry& g, bool columns, std::size_t bytes) {
  const std::int32_t total = device::line_axis(g, columns).out;
  std::int32_t lines = 1;
  while (lines < total &&
         static_cast<std::size_t>(device::depthwise_planes_scratch_bytes(g, columns, lines + 1, 1)) <= bytes)
    ++lines;
  const std::int32_t bands = (total + lines - 1) / lines;
  return (total + bands - 1) / bands;
}

std::optional<LoweredOp> tiled(const DepthwiseLayer& layer, const std::string& symbol, const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const std::optional<bool> columns = choose_columns(g, options);
  if (!columns || g.multiplier != 1 || g.in_c < 4) return std::nullopt;
  std::vector<m4::ChannelRule> rules;
  for (std::int32_t c = 0; c < g.out_c; ++c) {
    const auto rule = layer.rule(c);
    if (!rule) return std::nullopt;
    rules.push_back(*rule);
  }
  m4::DepthwiseTile tile = tile_of(g, *columns);
  auto words = saturating_words(layer, rules, tile, *columns);
  if (!words) words = exact_words(layer, rules, tile, *columns);
  if (!words) return std::nullopt;
  if (!tile.exact) {
    tile.clamp_low = -128;
    tile.clamp_high = 127;
  }

  m4::DepthwiseTile shared = tile;
  shared.shared = true;
  const bool can_share = m4::can_emit(shared);
  tile.shared = options.share && can_share;

  LoweredOp lowered;
  lowered.symbol = symbol;
  // Stores with a moving address, and shorter loops: 8 cycles a tile.
  if (can_share)
    lowered.share_cycles = std::int64_t{8} * m4::tiles_of_line(tile) * device::line_axis(g, *columns).out * g.out_c;
  lowered.includes = {"kernels/depthwise_planes.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back(
      {symbol + "_params", "std::uint32_t", "pairs of weights, bias, multiplier of each channel", 4, true, *words});
  lowered.functions = {m4::emit_depthwise_tile(tile), m4::emit_plane_gather()};
  const std::int32_t lines = band_lines(g, *columns, options.scratch_bytes);
  const auto scratch = [&](std::int32_t quads) {
    return static_cast<std::size_t>(device::depthwise_planes_scratch_bytes(g, *columns, lines, quads));
  };
  std::int32_t quads = 1;
  while (4 * quads < g.in_c && scratch(quads + 1) <= options.scratch_bytes) ++quads;
  lowered.scratch_bytes = scratch(quads);
  lowered.kernel = fmt::format("depthwise_planes {}, {} {} at once", tile.exact ? "exact" : "saturating", lines,
                               *columns ? "columns" : "rows");
  lowered.body = fmt::format(
      "shared_depthwise_planes(geometry, plane_gather, {1}, {0}_params, {2}, x0, y, scratch, {3}, {4}, {5});", symbol,
      lowered.functions[0].name, m4::depthwise_words(tile), *columns, lines, quads);
  lowered.row_form = RowForm::convolution;
  lowered.row_step = *columns ? 0 : 1;
  lowered.band_cycles = std::int64_t{60} * g.in_c;
  // Within a band the groups of channels are written one after the other, while the later ones still read the band from
  // its begin on.
  if (!*columns && lines < g.out_h) {
    std::ptrdiff_t distance = 0;
    for (std::int32_t first = 0; first < g.out_h; first += lines) {
      const std::ptrdiff_t end = std::min(first + lines, g.out_h);
      const std::ptrdiff_t needed = std::max(first * g.stride_h - g.pad_top, 0);
      distance = std::max(distance, end * g.out_w * g.out_c - needed * g.in_w * g.in_c);
    }
    lowered.trail = distance;
  }
  const bool same_shape = g.in_h == g.out_h && g.in_w == g.out_w && g.stride_h == 1 && g.stride_w == 1;
  if (same_shape && lines == device::line_axis(g, *columns).out) lowered.may_reuse_inputs = {0};
  return lowered;
}

/// One output pixel over the whole input.
std::optional<LoweredOp> pixel(const DepthwiseLayer& layer, const std::string& symbol) {
  const device::ConvGeometry& g = layer.g;
  const bool whole =
      g.out_h == 1 && g.out_w == 1 && g.kernel_h == g.in_h && g.kernel_w == g.in_w && g.pad_top == 0 && g.pad_left == 0;
  if (!whole || g.multiplier != 1 || g.in_c < 4) return std::nullopt;
  const std::int32_t taps = layer.taps();
  const std::int64_t limit = std::int64_t{1} << 29;  // FastRequantize doubles the sum
  std::vector<std::int64_t> words;
  for (std::int32_t first = 0; first < g.in_c; first += 4) {
    const std::int32_t c = std::min(first, g.in_c - 4);
    for (std::int32_t tap = 0; tap < taps; ++tap) {
      std::uint32_t bytes = 0;
      for (std::int32_t k = 0; k < 4; ++k)
        bytes |= (static_cast<std::uint32_t>(layer.weight(c + k, tap / g.kernel_w, tap % g.kernel_w)) & 0xffu)
                 << (8 * k);
      words.push_back(bytes);
    }
    std::uint32_t shifts = 0;
    for (std::int32_t k = 0; k < 4; ++k) {
      const auto rule = layer.rule(c + k);
      if (!rule || -rule->shift < device::kFastShiftLow || -rule->shift > device::kFastShiftHigh ||
          rule->low + rule->bias <= -limit || rule->high + rule->bias >= limit)
        return std::nullopt;
      words.push_back(word(rule->bias));
      words.push_back(word(rule->multiplier));
      shifts |= static_cast<std::uint32_t>(-rule->shift) << (8 * k);
    }
    words.push_back(shifts);
  }
  LoweredOp lowered = lowered_op(symbol, "depthwise_pixel, 4 channels", "kernels/depthwise_pixel.hpp");
  lowered.geometry = fmt::format("const DepthwisePixel {}_geometry{{{}, {}, {}, {}, {}}};\n", symbol, g.in_c, taps,
                                 g.output_zero, g.clamp_low, g.clamp_high);
  lowered.constants.push_back({symbol + "_words", "std::uint32_t",
                               "weights of each tap, bias and multiplier, right shifts of each four channels", 4, true,
                               words});
  lowered.body = fmt::format("shared_depthwise_pixel({0}_geometry, {0}_words, x0, y);", symbol);
  return lowered;
}

}  // namespace

LoweredOp lower_depthwise(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                          const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const DepthwiseLayer layer{g, device_tables(graph, op, g), graph.tensor(op.inputs[1]).values<std::int8_t>()};
  const bool fast = options.runs_m4_kernels() && g.weight_zero == 0;
  if (g.weight_zero == 0 && options.target == Target::armv81m) {
    std::optional<LoweredOp> vectors = vector_depthwise(layer, symbol, options);
    if (vectors && vectors->scratch_bytes > options.scratch_bytes) {  // planes of a channel or four may take less
      auto planes = options.compact ? compact_depthwise(graph, op, symbol, options) : tiled(layer, symbol, options);
      if (planes && planes->scratch_bytes < vectors->scratch_bytes) return std::move(*planes);
    }
    if (vectors) return std::move(*vectors);
  }
  if (fast) {
    if (auto lowered = pixel(layer, symbol)) return std::move(*lowered);
  }
  if (fast && options.compact) {
    if (auto lowered = compact_depthwise(graph, op, symbol, options)) return std::move(*lowered);
  } else if (fast) {
    if (auto lowered = tiled(layer, symbol, options)) return std::move(*lowered);
  }
  // Plain C++: on a core without DSP instructions the form made for those, else the definition.
  const bool lean = options.target == Target::portable && g.weight_zero == 0;
  LoweredOp lowered = lean ? lowered_op(symbol, "depthwise_conv2d lean", "kernels/depthwise_lean.hpp")
                           : lowered_op(symbol, "depthwise_conv2d portable", "kernels/depthwise.hpp");
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_weights",
                               "std::int8_t",
                               "[kernel_h, kernel_w, channels]",
                               1,
                               false,
                               {layer.weights.begin(), layer.weights.end()}});
  const std::string params = add_channel_arrays(lowered, layer.tables);
  lowered.body = fmt::format("{2}({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params,
                             !lean                                                ? "depthwise_conv2d"
                             : narrow_requantize_applies(graph, op, layer.tables) ? "depthwise_conv2d_lean<true>"
                                                                                  : "depthwise_conv2d_lean");
  return lowered;
}

}  // namespace mote::compile
