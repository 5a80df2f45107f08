#pragma once
// Convolution around an assembly tile of 2 pixels x 4 channels (emitted by the compiler for the layer's geometry;
// src/compile/m4/conv_tile.hpp): brings inputs as int16 and a group's packed weights into RAM, and calls the tile over
// pairs of pixels. Equal to conv2d.hpp, byte for byte.
//
// Inputs keep their zero point: what it adds to every sum is in the bias, and padding is filled with it.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"

namespace mote::device {

/// What a tile function is called with; the order of the members is known to the emitter.
struct TileJob {
  const std::uint32_t* panel;   // packed weights of four channels
  const std::int16_t* x;        // window of the first pair
  std::int8_t* y;               // first result
  std::int8_t* y_end;           // where the first row's pairs end
  const std::uint32_t* params;  // of the group
  std::int32_t rows;
  std::int32_t x_row, y_row;    // bytes from the end of a row of pairs to the begin of the next
  std::int32_t panel_bytes;     // functions that layers share want to know these:
  std::int32_t y_pixel;         // bytes from a pixel's results to the next pixel's
  std::int32_t two_zero_one;    // 2 * output_zero + 1
  const std::uint32_t* source;  // the first group's weights in flash
  std::int32_t groups;          // of four channels, one behind the other
  std::int32_t param_bytes;     // from a group's parameters to the next one's
};
/// Computes `groups` groups; source, y, y_end, params and groups of the job are then behind them.
using TileFunction = void (*)(const TileJob* job);

/// Pairs of pixels of contiguous memory to columns: per pair `quads` times four channels of both, then `padding` words
/// of zero.
struct WidenJob {
  const std::int8_t* x;
  std::uint32_t* out;
  std::int32_t pixel_bytes;
  std::int32_t quads, padding, pairs;
};
using WidenFunction = void (*)(const WidenJob* job);

/// The constants of a layer.
struct TileLayer {
  const std::uint32_t* panels;
  const std::uint32_t* params;
  const std::uint8_t* exact_groups;  // 1 where a group takes `exact`; null: all take `tile`
  TileFunction tile, exact;
  std::int32_t panel_words, param_words;
};

/// The members as arguments. gcc would copy an initialised constant that holds their addresses, which is not position
/// independent; the empty asm makes the addresses look computed.
inline TileLayer tile_layer(const std::uint32_t* panels, const std::uint32_t* params, const std::uint8_t* exact_groups,
                            TileFunction tile, TileFunction exact, std::int32_t panel_words, std::int32_t param_words) {
  asm("" : "+r"(panels), "+r"(params), "+r"(exact_groups), "+r"(tile), "+r"(exact));
  return {panels, params, exact_groups, tile, exact, panel_words, param_words};
}

/// Groups of four channels; the last ends with the last channel and overlaps the one before.
constexpr std::int32_t tile_groups(std::int32_t channels) { return (channels + 3) / 4; }
constexpr std::int32_t group_channel(std::int32_t group, std::int32_t channels) {
  const std::int32_t last = channels > 4 ? channels - 4 : 0;
  return 4 * group < last ? 4 * group : last;
}

namespace tiles {

/// `words` is even.
inline void copy_words(std::uint32_t* to, const std::uint32_t* from, std::int32_t words) {
#if defined(__thumb__)
  // Eight words a turn: flash is read in a burst.
  for (const std::uint32_t* const end = from + (words & ~7); from != end;) {
    asm volatile("ldmia %0!, {r4-r10, r12}\n stmia %1!, {r4-r10, r12}"
                 : "+r"(from), "+r"(to)
                 :
                 : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "memory");
  }
  words &= 7;
#endif
  for (; words > 0; --words) *to++ = *from++;
}

inline void fill(std::int16_t* out, std::int32_t n, std::int16_t value) {
  for (; n > 0; --n) *out++ = value;
}

/// n bytes (a multiple of 4) to halfwords; each four in the order 0, 2, 1, 3.
inline std::int16_t* widen_quads(const std::int8_t* source, std::int16_t* out, std::int32_t n) {
  for (const std::int8_t* const end = source + n; source != end; source += 4, out += 4) {
    const std::uint32_t word = dsp::load_word(source);
    dsp::store_word(out, dsp::sxtb16(word));
    dsp::store_word(out + 2, dsp::sxtb16_odd(word));
  }
  return out;
}

inline std::int16_t* widen_in_order(const std::int8_t* source, std::int16_t* out, std::int32_t n) {
  for (const std::int8_t* const end = source + (n & ~3); source != end; source += 4, out += 4) {
    const std::uint32_t word = dsp::load_word(source);
    const std::uint32_t even = dsp::sxtb16(word), odd = dsp::sxtb16_odd(word);
    dsp::store_word(out, dsp::low_halves(even, odd));
    dsp::store_word(out + 2, dsp::high_halves(even, odd));
  }
  for (n &= 3; n > 0; --n) *out++ = *source++;
  return out;
}

/// Two pixels of n channels (a multiple of 4), their words in turns; zeros up to the column's length.
inline void widen_pair(const std::int8_t* a, const std::int8_t* b, std::uint32_t* out, std::int32_t n,
                       std::int32_t column) {
  for (const std::int8_t* const end = a + n; a != end; a += 4, b += 4, out += 4) {
    const std::uint32_t wa = dsp::load_word(a);
    const std::uint32_t wb = dsp::load_word(b);
    out[0] = dsp::sxtb16(wa);
    out[1] = dsp::sxtb16(wb);
    out[2] = dsp::sxtb16_odd(wa);
    out[3] = dsp::sxtb16_odd(wb);
  }
  for (; n < column; n += 2, out += 2) out[0] = out[1] = 0;
}

/// One pixel's window of any geometry into a column whose words are two apart, in order.
template <class Geometry>
void gather_column(const Geometry& g, const std::int8_t* x, std::int32_t pixel, std::int16_t* out,
                   std::int32_t column) {
  const std::int32_t oy = pixel / g.out_w;
  const std::int32_t ox = pixel - oy * g.out_w;
  std::int32_t i = 0;
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
    const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
    for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
      const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
      const bool inside = iy >= 0 && iy < g.in_h && ix >= 0 && ix < g.in_w;
      const std::int8_t* source = x + (iy * g.in_w + ix) * g.in_c;
      for (std::int32_t c = 0; c < g.in_c; ++c, ++i)
        out[(i >> 1) * 4 + (i & 1)] = static_cast<std::int16_t>(inside ? source[c] : g.input_zero);
    }
  }
  for (; i < column; ++i) out[(i >> 1) * 4 + (i & 1)] = 0;
}

/// The same where in_c is a multiple of 4: by words, each four in the order 0, 2, 1, 3. dilation_w is 1.
template <class Geometry>
void gather_column_quads(const Geometry& g, const std::int8_t* x, std::int32_t pixel, std::int16_t* column_out,
                         std::int32_t column) {
  auto* out = reinterpret_cast<std::uint32_t*>(column_out);
  const std::uint32_t* const end = out + column;
  const std::uint32_t zero = dsp::both(g.input_zero);
  const auto pad = [&](std::int32_t places) {
    for (std::int32_t n = places * (g.in_c >> 1); n > 0; --n, out += 2) *out = zero;
  };
  const std::int32_t oy = pixel / g.out_w;
  const std::int32_t left = (pixel - oy * g.out_w) * g.stride_w - g.pad_left;
  std::int32_t before = left < 0 ? -left : 0, behind = left + g.kernel_w > g.in_w ? left + g.kernel_w - g.in_w : 0;
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
    const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
    const std::int32_t inside = g.kernel_w - before - behind;
    if (iy < 0 || iy >= g.in_h || inside <= 0) {
      pad(g.kernel_w);
      continue;
    }
    pad(before);
    const std::int8_t* source = x + (iy * g.in_w + left + before) * g.in_c;
    for (const std::int8_t* const last = source + inside * g.in_c; source != last; source += 4, out += 4) {
      const std::uint32_t word = dsp::load_word(source);
      out[0] = dsp::sxtb16(word);
      out[2] = dsp::sxtb16_odd(word);
    }
    pad(behind);
  }
  for (; out < end; out += 2) *out = 0;
}

/// Calls the functions for all groups of channels. The last group ends with the last channel, and some groups may take
/// another function than the rest.
inline void run_groups(const TileLayer& layer, std::int32_t channels, TileJob job) {
  const std::int32_t all = tile_groups(channels);
  const bool overlaps = channels > 4 && (channels & 3) != 0;
  job.source = layer.panels;
  job.param_bytes = layer.param_words * 4;
  const auto run = [&](TileFunction tile, std::int32_t first, std::int32_t groups) {
    TileJob part = job;
    part.source += first * layer.panel_words;
    part.params += first * layer.param_words;
    part.y += group_channel(first, channels);
    part.y_end += group_channel(first, channels);
    part.groups = groups;
    tile(&part);
  };
  if (layer.exact_groups != nullptr) {
    for (std::int32_t group = 0; group < all; ++group)
      run(layer.exact_groups[group] != 0 ? layer.exact : layer.tile, group, 1);
    return;
  }
  const std::int32_t whole = overlaps ? all - 1 : all;
  run(layer.tile, 0, whole);
  if (overlaps) run(layer.tile, whole, 1);
}

}  // namespace tiles

/// How many of `left` items the next block takes: `block`, or all that is left; where items go in pairs one more, so
/// that no single one stays behind.
constexpr std::int32_t next_block(std::int32_t left, std::int32_t block, bool pairs) {
  return left > (pairs ? block + 1 : block) ? block : left;
}
constexpr std::int32_t largest_block(std::int32_t total, std::int32_t block, bool pairs) {
  std::int32_t largest = 0;
  for (std::int32_t left = total; left > 0;) {
    const std::int32_t count = next_block(left, block, pairs);
    largest = count > largest ? count : largest;
    left -= count;
  }
  return largest;
}

/// Scratch: the group's weights, and the columns of a block of pixels.
constexpr std::int32_t conv_columns_scratch_bytes(std::int32_t panel_words, std::int32_t column, std::int32_t pixels,
                                                  std::int32_t block) {
  return panel_words * 4 + (largest_block(pixels, block, true) + 1) / 2 * column * 4;
}

/// Any convolution of at least two pixels, through columns. @param column int16 elements of a window, even. @param
/// block pixels at once, even. In place where a pixel's input is a pixel's output: a block is read before it is
/// written.
template <class Geometry>
void conv_columns(const Geometry& g, const TileLayer& layer, WidenFunction widen, const std::int8_t* x, std::int8_t* y,
                  void* scratch, std::int32_t column, std::int32_t block) {
  auto* const panel = static_cast<std::uint32_t*>(scratch);
  auto* const columns = reinterpret_cast<std::int16_t*>(panel + layer.panel_words);
  const bool pointwise = g.kernel_h * g.kernel_w == 1 && (g.in_c & 3) == 0 && g.pad_top == 0 && g.pad_left == 0;
  const bool contiguous = pointwise && g.stride_h == 1 && g.stride_w == 1 && g.out_w == g.in_w;
  const std::int32_t pixels = g.out_h * g.out_w;
  for (std::int32_t first = 0; first < pixels;) {
    const std::int32_t count = next_block(pixels - first, block, true);
    const std::int32_t pairs = (count + 1) / 2;
    std::int32_t p = 0;
    if (contiguous) {
      const WidenJob job{
          x + first * g.in_c, reinterpret_cast<std::uint32_t*>(columns), g.in_c, g.in_c / 4, column - g.in_c,
          count / 2};
      widen(&job);
      p = count / 2;  // an odd rest follows
    }
    for (; p < pairs; ++p) {
      const std::int32_t a = first + (2 * p + 2 > count ? count - 2 : 2 * p);
      std::int16_t* const out = columns + p * 2 * column;
      if (pointwise) {
        const std::int32_t ya = a / g.out_w, yb = (a + 1) / g.out_w;
        const auto source = [&](std::int32_t pixel, std::int32_t oy) {
          return x + ((oy * g.stride_h) * g.in_w + (pixel - oy * g.out_w) * g.stride_w) * g.in_c;
        };
        tiles::widen_pair(source(a, ya), source(a + 1, yb), reinterpret_cast<std::uint32_t*>(out), g.in_c, column);
      } else if ((g.in_c & 3) == 0 && g.dilation_w == 1) {
        tiles::gather_column_quads(g, x, a, out, column);
        tiles::gather_column_quads(g, x, a + 1, out + 2, column);
      } else {
        tiles::gather_column(g, x, a, out, column);
        tiles::gather_column(g, x, a + 1, out + 2, column);
      }
    }
    std::int8_t* const out = y + first * g.out_c;
    TileJob job{panel,
                columns,
                out,
                out + (count & ~1) * g.out_c,
                layer.params,
                1,
                0,
                0,
                layer.panel_words * 4,
                g.out_c,
                2 * g.output_zero + 1,
                nullptr,
                0,
                0};
    tiles::run_groups(layer, g.out_c, job);
    if ((count & 1) != 0) {
      // The last pixel together with the one before it, once more.
      job.x = columns + (pairs - 1) * 2 * column;
      job.y = out + (count - 2) * g.out_c;
      job.y_end = job.y + 2 * g.out_c;
      tiles::run_groups(layer, g.out_c, job);
    }
    first += count;
  }
}

/// Elements of a padded row of int16: what the windows of `columns` outputs reach, and one that an odd run reads beyond
/// it; even.
template <class Geometry>
constexpr std::int32_t conv_row_elements(const Geometry& g, std::int32_t columns) {
  return (((columns - 1) * g.stride_w + g.kernel_w) * g.in_c + 2) & ~1;
}
template <class Geometry>
constexpr std::int32_t conv_rows_scratch_bytes(const Geometry& g, std::int32_t panel_words, bool vertical,
                                               std::int32_t block, std::int32_t columns) {
  return panel_words * 4 +
         ((largest_block(g.out_h, block, vertical) - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1) *
             conv_row_elements(g, columns) * 2;
}

namespace tiles {

/// `elements` of row `iy` of the input from place `left` on; outside of it: padding.
template <class Geometry>
void widen_row(const Geometry& g, const std::int8_t* x, std::int32_t iy, std::int32_t left, std::int16_t* out,
               std::int32_t elements) {
  const auto zero = static_cast<std::int16_t>(g.input_zero);
  if (iy < 0 || iy >= g.in_h) return fill(out, elements, zero);
  const std::int16_t* const end = out + elements;
  const std::int32_t before = left < 0 ? -left : 0;
  fill(out, before * g.in_c, zero);
  out += before * g.in_c;
  std::int32_t inside = static_cast<std::int32_t>(end - out);
  const std::int32_t there = (g.in_w - left - before) * g.in_c;
  if (inside > there) inside = there;
  const std::int8_t* const line = x + (iy * g.in_w + left + before) * g.in_c;
  // The compiler ordered the weights alike.
  out = (g.in_c & 3) == 0 ? widen_quads(line, out, inside & ~3) : widen_in_order(line, out, inside);
  fill(out, static_cast<std::int32_t>(end - out), zero);
}

}  // namespace tiles

/// Convolution without columns: a window is one run of kernel_w * in_c elements a kernel row, read from padded int16
/// rows. dilation_w is 1. Pairs are neighbours in a row or, `vertical`, in a column (out_h at least 2).
/// @param block    output rows at once: even where `vertical`.
/// @param columns  outputs of a row at once: out_w where `vertical`, else at least 2. The last ones end with the row
///                 and overlap those before.
template <class Geometry>
void conv_rows(const Geometry& g, const TileLayer& layer, const std::int8_t* x, std::int8_t* y, void* scratch,
               bool vertical, std::int32_t block, std::int32_t columns) {
  auto* const panel = static_cast<std::uint32_t*>(scratch);
  auto* const rows = reinterpret_cast<std::int16_t*>(panel + layer.panel_words);
  const std::int32_t row = conv_row_elements(g, columns);
  const std::int32_t line = g.out_w * g.out_c;
  const std::int32_t step = 2 * g.stride_w * g.in_c;  // bytes from a pixel's window to the next
  const auto band = [&](std::int32_t first, std::int32_t count, std::int32_t column) {
    const std::int32_t top = first * g.stride_h - g.pad_top;
    const std::int32_t needed = (count - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1;
    for (std::int32_t i = 0; i < needed; ++i)
      tiles::widen_row(g, x, top + i, column * g.stride_w - g.pad_left, rows + i * row, row);
    std::int8_t* const out = y + first * line + column * g.out_c;
    TileJob job{panel, rows, out, out + line, layer.params, 0, 0, 0, 0, 0, 2 * g.output_zero + 1, nullptr, 0, 0};
    if (vertical) {
      job.rows = count / 2;
      job.x_row = 4 * g.stride_h * row - g.out_w * step;
      job.y_row = line;
      tiles::run_groups(layer, g.out_c, job);
      if ((count & 1) != 0) {
        job.rows = 1;
        job.x = rows + (count - 2) * g.stride_h * row;
        job.y = out + (count - 2) * line;
        job.y_end = job.y + line;
        tiles::run_groups(layer, g.out_c, job);
      }
    } else {
      const auto pairs = [&](std::int32_t from, std::int32_t pixels) {
        job.rows = count;
        job.x = rows + from * g.stride_w * g.in_c;
        job.x_row = 2 * g.stride_h * row - pixels * step;
        job.y = out + from * g.out_c;
        job.y_end = job.y + pixels * g.out_c;
        job.y_row = line - pixels * g.out_c;
        tiles::run_groups(layer, g.out_c, job);
      };
      pairs(0, columns & ~1);
      if ((columns & 1) != 0) pairs(columns - 2, 2);
    }
  };
  for (std::int32_t first = 0; first < g.out_h;) {
    const std::int32_t count = next_block(g.out_h - first, block, vertical);
    for (std::int32_t column = 0;;) {
      band(first, count, column);
      if (column + columns == g.out_w) break;
      column = column + 2 * columns <= g.out_w ? column + columns : g.out_w - columns;
    }
    first += count;
  }
}

}  // namespace mote::device
