// Convolutions of 3x3 and stride 1 in Winograd's form: a third of the products, for filters that take 48 bytes of flash
// an input and output channel instead of 9.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "conv_layer.hpp"
#include "kernels/winograd.hpp"
#include "lower.hpp"
#include "m4/requantizer.hpp"
#include "m4/winograd.hpp"

namespace mote::compile {
namespace {

using Words = std::vector<std::int64_t>;

struct Strip {
  std::int32_t rows = 0, columns = 0;  // tiles
  std::int32_t scratch_bytes = 0;
};

/// The tile's functions for a strip.
m4::Winograd tile_of(const device::ConvGeometry& g, const Strip& strip) {
  return {g.in_c, g.out_c, g.out_w, strip.rows * strip.columns, false, 0, g.clamp_low, g.clamp_high};
}

std::int32_t strips_of(std::int32_t size, std::int32_t step) { return (size + step - 1) / step; }

std::int64_t cycles_of(const device::ConvGeometry& g, const Strip& strip, bool exact) {
  m4::Winograd w = tile_of(g, strip);
  w.exact = exact;
  const std::int32_t count =
      strips_of(g.out_h, m4::kWinogradRows * strip.rows) * strips_of(g.out_w, m4::kWinogradColumns * strip.columns);
  return m4::winograd_cycles(w,
                             {count, count * strip.rows * (m4::kWinogradColumns * strip.columns + 2), count * w.tiles});
}

/// The fastest strip within `bytes` of scratch, or the smallest there is.
std::optional<Strip> choose_strip(const device::ConvGeometry& g, std::size_t bytes) {
  std::optional<Strip> best;
  std::int64_t best_cycles = 0;
  const auto limit = static_cast<std::int32_t>(bytes);
  for (std::int32_t rows = 1; m4::kWinogradRows * rows <= g.out_h; ++rows) {
    for (std::int32_t columns = 1; m4::kWinogradColumns * columns <= g.out_w; ++columns) {
      Strip s{rows, columns, device::winograd_scratch_bytes(g.in_c, g.out_w, rows, columns)};
      if (!m4::can_emit(tile_of(g, s))) continue;
      const std::int64_t cycles = cycles_of(g, s, false);
      const bool fits = s.scratch_bytes <= limit;
      const bool best_fits = best && best->scratch_bytes <= limit;
      const bool better = !best               ? true
                          : fits != best_fits ? fits
                          : fits              ? cycles < best_cycles
                                              : s.scratch_bytes < best->scratch_bytes;
      if (!better) continue;
      best = s;
      best_cycles = cycles;
    }
  }
  return best;
}

/// 48 g F h of a filter: positions row by row.
std::array<std::int32_t, m4::kWinogradPositions> transformed(const ConvLayer& layer, std::int32_t out,
                                                             std::int32_t in) {
  constexpr std::array<std::array<std::int32_t, 3>, 6> kHeight{
      {{6, 0, 0}, {-4, -4, -4}, {-4, 4, -4}, {1, 2, 4}, {1, -2, 4}, {0, 0, 24}}};
  constexpr std::array<std::array<std::int32_t, 3>, 4> kWidth{{{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}}};
  std::array<std::int32_t, m4::kWinogradPositions> u{};
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      for (std::size_t ky = 0; ky < 3; ++ky) {
        for (std::size_t kx = 0; kx < 3; ++kx) {
          const auto tap = static_cast<std::int32_t>(3 * ky + kx);
          u[4 * i + j] += kHeight[i][ky] * kWidth[j][kx] * layer.weight(out, tap * layer.g.in_c + in);
        }
      }
    }
  }
  return u;
}

/// Words of two inputs each, in the order in which the lines are widened: of four channels 0 and 2, then 1 and 3.
Words pack_filters(const ConvLayer& layer) {
  const device::ConvGeometry& g = layer.g;
  Words words;
  for (std::int32_t group = 0; group < device::tile_groups(g.out_c); ++group) {
    const std::int32_t first = device::group_channel(group, g.out_c);
    std::vector<std::array<std::int32_t, m4::kWinogradPositions>> u;
    for (std::int32_t c = 0; c < 4; ++c) {
      for (std::int32_t in = 0; in < g.in_c; ++in) u.push_back(transformed(layer, first + c, in));
    }
    for (std::size_t position = 0; position < m4::kWinogradPositions; ++position) {
      for (std::int32_t pair = 0; pair < g.in_c / 2; ++pair) {
        const std::int32_t in = pair / 2 * 4 + pair % 2;
        for (std::int32_t c = 0; c < 4; ++c) {
          const auto at = [&](std::int32_t k) {
            return static_cast<std::uint32_t>(u[static_cast<std::size_t>(c * g.in_c + k)][position]) & 0xffffu;
          };
          words.push_back(word(at(in) | (at(in + 2) << 16)));
        }
      }
    }
  }
  return words;
}

/// Parameters of all channels, by groups; sets the tile's end. Nothing where neither end is exact.
std::optional<Words> find_params(const ConvLayer& layer, m4::Winograd& tile) {
  const device::ConvGeometry& g = layer.g;
  std::vector<m4::ChannelRule> rules;
  std::int32_t least = 64;
  for (std::int32_t c = 0; c < g.out_c; ++c) {
    rules.push_back(layer.rule(c));
    if (rules.back().low != rules.back().high) least = std::min(least, -rules.back().shift);
  }
  if (least == 64) least = 8;
  const auto grouped = [&](const std::vector<Words>& channels) {
    Words all;
    for (std::int32_t group = 0; group < device::tile_groups(g.out_c); ++group) {
      for (std::int32_t c = 0; c < 4; ++c) {
        const Words& one = channels[static_cast<std::size_t>(device::group_channel(group, g.out_c) + c)];
        all.insert(all.end(), one.begin(), one.end());
      }
    }
    return all;
  };
  // 48 x leaves five bits less for the multiplier than x: the shift takes four of them back.
  tile.shift = std::clamp(least + 4, 0, 31);
  std::vector<Words> lines;
  for (const m4::ChannelRule& r : rules) {
    const auto line = m4::find_line(r, m4::kWinogradScale, tile.shift, true);
    if (!line) break;
    lines.push_back({word(line->bias), word(line->multiplier), word(line->offset)});
  }
  if (lines.size() == rules.size()) return grouped(lines);
  tile.exact = true;
  std::vector<Words> exact;
  constexpr std::int64_t kLimit = (std::int64_t{1} << 31) / m4::kWinogradScale;
  for (const m4::ChannelRule& r : rules) {
    const std::int32_t e = -r.shift;
    if (e < m4::kExactShiftLow || e > m4::kExactShiftHigh || r.low + r.bias <= -kLimit || r.high + r.bias >= kLimit)
      return std::nullopt;
    exact.push_back({word(std::int64_t{m4::kWinogradScale} * r.bias), word(r.multiplier),
                     word((std::int64_t{1} << (e - 1)) + (std::int64_t{r.output_zero} << e)), e});
  }
  return grouped(exact);
}

bool possible(const device::ConvGeometry& g) {
  return g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 &&
         g.dilation_w == 1 && g.in_c % 4 == 0 && g.out_c >= 4 && g.out_h >= m4::kWinogradRows &&
         g.out_w >= m4::kWinogradColumns;
}

}  // namespace

std::optional<LoweredOp> lower_winograd(const ConvLayer& layer, const std::string& symbol,
                                        const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  if (!possible(g) || !layer.biases_fit()) return std::nullopt;
  const auto strip = choose_strip(g, options.scratch_bytes);
  if (!strip) return std::nullopt;
  m4::Winograd tile = tile_of(g, *strip);
  const auto params = find_params(layer, tile);
  if (!params) return std::nullopt;

  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/winograd.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  // The products read up to 256 bytes again and again: what just fits a flash cache must begin with one of its lines.
  lowered.constants.push_back({symbol + "_filters", "std::uint32_t",
                               "48 times the transformed filters; groups of 4 outputs, 24 positions, pairs of inputs",
                               4, true, pack_filters(layer), 8});
  lowered.constants.push_back({symbol + "_params", "std::uint32_t",
                               tile.exact ? "bias, multiplier, rounding and shift of each channel"
                                          : "bias, multiplier and offset of each channel",
                               4, true, *params});
  lowered.functions = {m4::emit_winograd_columns(tile), m4::emit_winograd_rows(tile), m4::emit_winograd_products(tile),
                       m4::emit_winograd_output(tile)};
  lowered.scratch_bytes = static_cast<std::size_t>(strip->scratch_bytes);
  // Behind each strip but the last, its end may not pass what the next one copies first.
  std::ptrdiff_t distance = -(std::ptrdiff_t{1} << 40);
  const std::int32_t rows = m4::kWinogradRows * strip->rows;
  for (std::int32_t start = 0; start + rows < g.out_h;) {
    const std::int32_t next = device::next_strip(start, rows, g.out_h);
    distance = std::max(distance, std::ptrdiff_t{start + rows} * g.out_w * g.out_c -
                                      std::ptrdiff_t{std::max(next - g.pad_top, 0)} * g.in_w * g.in_c);
    start = next;
  }
  lowered.trail = distance;
  lowered.row_form = RowForm::convolution;
  lowered.row_step = g.out_h % rows == 0 ? rows : 0;
  lowered.cycles = cycles_of(g, *strip, tile.exact);
  lowered.band_cycles = 1000;
  lowered.kernel = fmt::format("winograd 4x2 {}, {} x {} tiles a strip", tile.exact ? "exact" : "saturating",
                               strip->rows, strip->columns);
  lowered.body = fmt::format(
      "shared_winograd(geometry, winograd_layer({0}_filters, {0}_params, {1}, {2}, {3}, {4}, {5}), x0, y, scratch, "
      "{6}, {7});",
      symbol, lowered.functions[0].name, lowered.functions[1].name, lowered.functions[2].name,
      lowered.functions[3].name, tile.exact ? m4::kWinogradExactWords : m4::kWinogradLineWords, strip->rows,
      strip->columns);
  return lowered;
}

}  // namespace mote::compile
