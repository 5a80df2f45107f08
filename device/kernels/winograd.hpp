#pragma once
// A 3x3 convolution of stride 1 in Winograd's form around four functions in assembly, which the compiler emits for the
// layer's geometry (src/compile/m4/winograd.hpp says what they compute). Equal to conv2d.hpp, byte for byte.

#include <cstdint>

#include "kernels/conv_tiles.hpp"
#include "kernels/geometry.hpp"

namespace mote::device {

// What the functions are called with; the order of the members is known to the emitter.
struct WinogradColumnsJob {
  const std::int8_t* x;      // first of six lines
  const std::int8_t* x_end;  // where the columns end in it
  std::int16_t* t;
};
struct WinogradRowsJob {
  const std::int16_t* t;
  std::int16_t* v;
  std::int32_t tiles;
};
struct WinogradProductsJob {
  const std::int16_t* v;
  const std::uint32_t* u;  // filters of four output channels
  std::int32_t* m;
};
struct WinogradOutputJob {
  const std::int32_t* m;
  std::int8_t* y;
  const std::uint32_t* params;
  std::int32_t tiles;
};
using WinogradColumns = void (*)(const WinogradColumnsJob* job);
using WinogradRows = void (*)(const WinogradRowsJob* job);
using WinogradProducts = void (*)(const WinogradProductsJob* job);
using WinogradOutput = void (*)(const WinogradOutputJob* job);

struct WinogradLayer {
  const std::uint32_t* filters;  // [group of 4 outputs][24][pair of inputs][4]
  const std::uint32_t* params;   // [group of 4 outputs][4][param_words]
  WinogradColumns columns;
  WinogradRows rows;
  WinogradProducts products;
  WinogradOutput output;
  std::int32_t param_words;
};
/// As tile_layer(): addresses that look computed.
inline WinogradLayer winograd_layer(const std::uint32_t* filters, const std::uint32_t* params, WinogradColumns columns,
                                    WinogradRows rows, WinogradProducts products, WinogradOutput output,
                                    std::int32_t param_words) {
  asm("" : "+r"(filters), "+r"(params), "+r"(columns), "+r"(rows), "+r"(products), "+r"(output));
  return {filters, params, columns, rows, products, output, param_words};
}

/// A strip: tile_rows x tile_columns tiles of 4 x 2 outputs. Its scratch: padded lines, then t or m, then v.
constexpr std::int32_t winograd_line_bytes(std::int32_t in_c, std::int32_t out_w, std::int32_t tile_rows) {
  return (4 * tile_rows + 2) * (out_w + 2) * in_c;
}
constexpr std::int32_t winograd_sum_bytes(std::int32_t in_c, std::int32_t tile_rows, std::int32_t tile_columns) {
  const std::int32_t t = (2 * tile_columns + 2) * in_c * 12, m = tile_rows * tile_columns * 384;
  return t > m ? t : m;
}
constexpr std::int32_t winograd_scratch_bytes(std::int32_t in_c, std::int32_t out_w, std::int32_t tile_rows,
                                              std::int32_t tile_columns) {
  return winograd_line_bytes(in_c, out_w, tile_rows) + winograd_sum_bytes(in_c, tile_rows, tile_columns) +
         tile_rows * tile_columns * 48 * in_c;
}
/// Where the strip behind the one at `start` begins; the last ends with the picture and overlaps the one before. `size`
/// is at least `step`.
constexpr std::int32_t next_strip(std::int32_t start, std::int32_t step, std::int32_t size) {
  return start + 2 * step <= size ? start + step : size - step;
}

namespace winograd {

/// The inputs of a strip of whole rows, with the padding around them.
inline void gather_lines(const ConvGeometry& g, const std::int8_t* x, std::int32_t first, std::int32_t count,
                         std::int8_t* lines) {
  const auto fill = [&](std::int8_t* to, std::int32_t bytes) {
    for (; bytes > 0; --bytes) *to++ = static_cast<std::int8_t>(g.input_zero);
  };
  const std::int32_t line = (g.out_w + 2) * g.in_c, left = g.pad_left * g.in_c;
  std::int32_t inside = g.in_w * g.in_c;
  if (inside > line - left) inside = line - left;
  for (std::int32_t i = 0; i < count; ++i, lines += line) {
    const std::int32_t iy = first + i;
    if (iy < 0 || iy >= g.in_h) {
      fill(lines, line);
      continue;
    }
    fill(lines, left);
    tiles::copy_words(reinterpret_cast<std::uint32_t*>(lines + left),
                      reinterpret_cast<const std::uint32_t*>(x + iy * g.in_w * g.in_c), inside >> 2);
    fill(lines + left + inside, line - left - inside);
  }
}

}  // namespace winograd

/// in_c is a multiple of 4; out_h >= 4 tile_rows, out_w >= 2 tile_columns. The output may trail the input: a strip's
/// lines are copied before its results are written.
inline void winograd_conv(const ConvGeometry& g, const WinogradLayer& layer, const std::int8_t* x, std::int8_t* y,
                          void* scratch, std::int32_t tile_rows, std::int32_t tile_columns) {
  auto* const lines = static_cast<std::int8_t*>(scratch);
  auto* const sums = lines + winograd_line_bytes(g.in_c, g.out_w, tile_rows);
  auto* const t = reinterpret_cast<std::int16_t*>(sums);
  auto* const m = reinterpret_cast<std::int32_t*>(sums);
  auto* const v = reinterpret_cast<std::int16_t*>(sums + winograd_sum_bytes(g.in_c, tile_rows, tile_columns));
  const std::int32_t line = (g.out_w + 2) * g.in_c, rows = 4 * tile_rows, columns = 2 * tile_columns;
  for (std::int32_t oy = 0;; oy = next_strip(oy, rows, g.out_h)) {
    winograd::gather_lines(g, x, oy - g.pad_top, rows + 2, lines);
    for (std::int32_t ox = 0;; ox = next_strip(ox, columns, g.out_w)) {
      for (std::int32_t r = 0; r < tile_rows; ++r) {
        const std::int8_t* const first = lines + 4 * r * line + ox * g.in_c;
        const WinogradColumnsJob along_height{first, first + (columns + 2) * g.in_c, t};
        layer.columns(&along_height);
        const WinogradRowsJob along_width{t, v + r * tile_columns * g.in_c, tile_columns};
        layer.rows(&along_width);
      }
      for (std::int32_t group = 0; group < tile_groups(g.out_c); ++group) {
        const WinogradProductsJob products{v, layer.filters + group * 48 * g.in_c, m};
        layer.products(&products);
        std::int8_t* const out = y + (oy * g.out_w + ox) * g.out_c + group_channel(group, g.out_c);
        for (std::int32_t r = 0; r < tile_rows; ++r) {
          const WinogradOutputJob output{m + r * tile_columns * 96, out + 4 * r * g.out_w * g.out_c,
                                         layer.params + group * 4 * layer.param_words, tile_columns};
          layer.output(&output);
        }
      }
      if (ox + columns == g.out_w) break;
    }
    if (oy + rows == g.out_h) break;
  }
}

}  // namespace mote::device
