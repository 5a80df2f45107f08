#pragma once
// int8 convolution and dense layers with the Armv7E-M DSP instructions: equal to conv2d.hpp, byte for byte.
//
// Work is a matrix product: columns (one a output pixel: the window's inputs minus the zero point, widened to int16) times weights. For a block
// of pixels the columns are built once; then for each group of four output channels the packed weights are copied to RAM once and a tile of
// 2 pixels x 4 channels runs over them.
//
// Packed weights: a 16-bit lane holds 256 * w[c] + w[c+1]. SMLAD on the lane gives R = 256 H + L for both channels at once; SXTB16 of the same
// register isolates w[c+1], a second SMLAD gives L alone; H = (R - L) / 256. So 4 channels cost one load and one SXTB16 per two weights, and no
// flash beyond the int8 weights. Exact while |256 H + L| < 2^31, that is sum |w| * 255 + |bias| < 2^23 for each channel: checked by the compiler.
//
// A step of the tile is 2 x 4 x 2 = 16 multiply-accumulates: 4 loads, 8 SMLAD, 2 SXTB16.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

/// Column length in int16 elements: the window, rounded up to even.
template <class Geometry>
constexpr std::int32_t column_length(const Geometry& g) {
  return (g.kernel_h * g.kernel_w * g.in_c + 1) & ~1;
}

/// Where element `i` of a run of `n` widened bytes comes from: SXTB16 unpacks four bytes in the order 0, 2, 1, 3.
constexpr std::int32_t widened_source(std::int32_t i, std::int32_t n) {
  if (i >= (n & ~3)) return i;
  const std::int32_t quad = i & ~3;
  return quad + (((i & 1) << 1) | ((i & 2) >> 1));
}

/// Scratch for `block` pixels: their columns and one group's panel of packed weights.
constexpr std::int32_t conv2d_dsp_scratch_bytes(std::int32_t column, std::int32_t block) {
  return block * column * 2 + (block >= 4 ? column * 4 : 0);
}

namespace detail {

/// n signed bytes to halfwords plus `offset` (in both lanes), four at a time in widened order.
[[gnu::always_inline]] inline void widen(const std::int8_t* source, std::int16_t* out, std::int32_t n, std::uint32_t offset) {
  for (const std::int8_t* const end = source + (n & ~3); source != end; source += 4, out += 4) {
    const std::uint32_t word = dsp::load_word(source);
    dsp::store_word(out, dsp::sxtab16(offset, word));
    dsp::store_word(out + 2, dsp::sxtab16_odd(offset, word));
  }
  for (std::int32_t i = n & 3; i > 0; --i) *out++ = static_cast<std::int16_t>(*source++ + static_cast<std::int16_t>(offset));
}

inline void zero_fill(std::int16_t* out, std::int32_t n) {
  for (std::int32_t i = 0; i < n; ++i) out[i] = 0;
}

/// A row of the window of which some taps lie outside the input, or are dilated.
template <class Geometry>
void build_row_by_taps(const Geometry& g, const std::int8_t* line, std::int32_t left, std::int16_t* out) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  const std::int32_t row = g.kernel_w * g.in_c;
  if ((g.in_c & 3) == 0) {  // whole quads a tap: taps are runs of their own
    for (std::int32_t kx = 0; kx < g.kernel_w; ++kx, out += g.in_c) {
      const std::int32_t ix = left + kx * g.dilation_w;
      if (ix < 0 || ix >= g.in_w) {
        zero_fill(out, g.in_c);
      } else {
        widen(line + ix * g.in_c, out, g.in_c, offset);
      }
    }
    return;
  }
  for (std::int32_t i = 0; i < row; ++i) {
    const std::int32_t source = widened_source(i, row);
    const std::int32_t kx = source / g.in_c;
    const std::int32_t ix = left + kx * g.dilation_w;
    const bool outside = ix < 0 || ix >= g.in_w;
    out[i] = outside ? std::int16_t{0} : static_cast<std::int16_t>(line[ix * g.in_c + source - kx * g.in_c] - g.input_zero);
  }
}

/// The window of output pixel (oy, ox) as a column: kernel_h runs of kernel_w * in_c elements, each in widened order.
template <class Geometry>
void build_column(const Geometry& g, const std::int8_t* x, std::int32_t oy, std::int32_t ox, std::int16_t* column) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  const std::int32_t top = oy * g.stride_h - g.pad_top;
  const std::int32_t left = ox * g.stride_w - g.pad_left;
  const bool whole = g.dilation_w == 1 && left >= 0 && left + g.kernel_w <= g.in_w;
  const std::int32_t row = g.kernel_w * g.in_c;
  std::int16_t* out = column;
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky, out += row) {
    const std::int32_t iy = top + ky * g.dilation_h;
    const std::int8_t* line = x + iy * g.in_w * g.in_c;
    if (iy < 0 || iy >= g.in_h) {
      zero_fill(out, row);
    } else if (whole) {
      widen(line + left * g.in_c, out, row, offset);
    } else {
      build_row_by_taps(g, line, left, out);
    }
  }
  if (out - column < column_length(g)) *out = 0;
}

/// Sums of a tile: R (both channels of a lane) and L (the lower one) for channel pairs 01 and 23 of pixels a and b.
struct TileSums {
  std::int32_t r01a, r01b, l01a, l01b, r23a, r23b, l23a, l23b;
};

inline std::int32_t upper(std::int32_t both_channels, std::int32_t lower) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(both_channels) - static_cast<std::uint32_t>(lower)) >> 8;
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)

// Eight accumulators, three pointers and three temporaries are all fourteen registers, so the loop counter waits in a float register (VMOV is one
// cycle) and the compiler cannot help but spill: hence one statement. 16 cycles for 16 multiply-accumulates; last step pairs loads with post-index.
#define MOTE_TILE_HALF(R, L)        \
  "smlad %[" R "a], %[w], %[xa], %[" R "a]\n\t" \
  "smlad %[" R "b], %[w], %[xb], %[" R "b]\n\t" \
  "sxtb16 %[w], %[w]\n\t"            \
  "smlad %[" L "a], %[w], %[xa], %[" L "a]\n\t" \
  "smlad %[" L "b], %[w], %[xb], %[" L "b]\n\t"
#define MOTE_TILE_STEP              \
  "ldr.w %[w], [%[panel]], #4\n\t"   \
  "ldr.w %[xa], [%[pa]], #4\n\t"     \
  "ldr.w %[xb], [%[pb]], #4\n\t"     \
  MOTE_TILE_HALF("r01", "l01")      \
  "ldr.w %[w], [%[panel]], #4\n\t"   \
  MOTE_TILE_HALF("r23", "l23")

[[gnu::always_inline]] inline TileSums tile_2x4(const std::uint32_t* panel, const std::uint32_t* pa, const std::uint32_t* pb, std::int32_t steps) {
  TileSums s{0, 0, 0, 0, 0, 0, 0, 0};
  std::uint32_t w, xa, xb;
  for (std::int32_t rest = steps & 3; rest > 0; --rest) {
    w = *panel++;
    xa = *pa++;
    xb = *pb++;
    s.r01a = dsp::smlad(w, xa, s.r01a);
    s.r01b = dsp::smlad(w, xb, s.r01b);
    w = dsp::sxtb16(w);
    s.l01a = dsp::smlad(w, xa, s.l01a);
    s.l01b = dsp::smlad(w, xb, s.l01b);
    w = *panel++;
    s.r23a = dsp::smlad(w, xa, s.r23a);
    s.r23b = dsp::smlad(w, xb, s.r23b);
    w = dsp::sxtb16(w);
    s.l23a = dsp::smlad(w, xa, s.l23a);
    s.l23b = dsp::smlad(w, xb, s.l23b);
  }
  if (steps < 4) return s;
  float count = __builtin_bit_cast(float, steps >> 2);
  asm(".balign 4\n"
      "1:\n\t" MOTE_TILE_STEP MOTE_TILE_STEP MOTE_TILE_STEP MOTE_TILE_STEP
      "vmov %[w], %[count]\n\t"
      "subs.w %[w], %[w], #1\n\t"
      "vmov %[count], %[w]\n\t"
      "bne.w 1b"
      : [r01a] "+r"(s.r01a), [r01b] "+r"(s.r01b), [l01a] "+r"(s.l01a), [l01b] "+r"(s.l01b), [r23a] "+r"(s.r23a), [r23b] "+r"(s.r23b),
        [l23a] "+r"(s.l23a), [l23b] "+r"(s.l23b), [panel] "+r"(panel), [pa] "+r"(pa), [pb] "+r"(pb), [w] "=&r"(w), [xa] "=&r"(xa),
        [xb] "=&r"(xb), [count] "+t"(count)
      :
      : "cc", "memory");
  return s;
}

#undef MOTE_TILE_STEP
#undef MOTE_TILE_HALF

#else

[[gnu::always_inline]] inline TileSums tile_2x4(const std::uint32_t* panel, const std::uint32_t* pa, const std::uint32_t* pb, std::int32_t steps) {
  TileSums s{0, 0, 0, 0, 0, 0, 0, 0};
  for (; steps > 0; --steps, panel += 2, ++pa, ++pb) {
    const std::uint32_t low01 = dsp::sxtb16(panel[0]);
    const std::uint32_t low23 = dsp::sxtb16(panel[1]);
    s.r01a = dsp::smlad(panel[0], *pa, s.r01a);
    s.r01b = dsp::smlad(panel[0], *pb, s.r01b);
    s.l01a = dsp::smlad(low01, *pa, s.l01a);
    s.l01b = dsp::smlad(low01, *pb, s.l01b);
    s.r23a = dsp::smlad(panel[1], *pa, s.r23a);
    s.r23b = dsp::smlad(panel[1], *pb, s.r23b);
    s.l23a = dsp::smlad(low23, *pa, s.l23a);
    s.l23b = dsp::smlad(low23, *pb, s.l23b);
  }
  return s;
}

#endif

/// One pixel: dense layers and the odd last pixel.
[[gnu::always_inline]] inline TileSums tile_1x4(const std::uint32_t* panel, const std::uint32_t* xa, std::int32_t steps) {
  TileSums s{0, 0, 0, 0, 0, 0, 0, 0};
  for (const std::uint32_t* const end = panel + 2 * steps; panel != end; panel += 2) {
    std::uint32_t w01 = panel[0];
    std::uint32_t w23 = panel[1];
    const std::uint32_t a = *xa++;
    s.r01a = dsp::smlad(w01, a, s.r01a);
    w01 = dsp::sxtb16(w01);
    s.r23a = dsp::smlad(w23, a, s.r23a);
    w23 = dsp::sxtb16(w23);
    s.l01a = dsp::smlad(w01, a, s.l01a);
    s.l23a = dsp::smlad(w23, a, s.l23a);
  }
  return s;
}

/// What the end of a tile needs, for four channels.
struct GroupOutput {
  FastRequantize channel[4];
  std::int32_t channels;  // 1 to 4 of them exist
  std::int32_t out_c;
  std::int32_t clamp_low, clamp_high;
  bool clamps;  // beyond int8's own range

  /// The sums of one channel for both pixels, as bytes in the low bits.
  template <int K>
  [[gnu::always_inline]] void finish(std::int32_t a, std::int32_t b, std::uint32_t& word_a, std::uint32_t& word_b) const {
    const FastRequantize c = channel[K];
    std::int32_t va = c(a);
    std::int32_t vb = c(b);
    if (clamps) {
      va = clamp(va, clamp_low, clamp_high);
      vb = clamp(vb, clamp_low, clamp_high);
    }
    constexpr int kShift = 8 * K;
    word_a |= (static_cast<std::uint32_t>(va) & 0xffu) << kShift;
    word_b |= (static_cast<std::uint32_t>(vb) & 0xffu) << kShift;
  }
  /// Four bytes in one store where four channels exist.
  [[gnu::always_inline]] void store(std::int8_t* y, std::uint32_t word) const {
    if (channels == 4) return dsp::store_word(y, word);
    for (std::int32_t k = 0; k < channels; ++k, word >>= 8) y[k] = static_cast<std::int8_t>(word);
  }
};

/// All pixels of a block for one group of channels. Not inlined: the tile wants every register.
[[gnu::noinline]] inline void conv_group(const std::uint32_t* panel, const std::uint32_t* columns, std::int32_t steps, std::int32_t pixels,
                                         const GroupOutput& out, std::int8_t* y) {
  for (; pixels > 0; pixels -= 2, columns += 2 * steps, y += 2 * out.out_c) {
    const TileSums s = pixels >= 2 ? tile_2x4(panel, columns, columns + steps, steps) : tile_1x4(panel, columns, steps);
    std::uint32_t word_a = 0;
    std::uint32_t word_b = 0;
    out.finish<0>(upper(s.r01a, s.l01a), upper(s.r01b, s.l01b), word_a, word_b);
    out.finish<1>(s.l01a, s.l01b, word_a, word_b);
    out.finish<2>(upper(s.r23a, s.l23a), upper(s.r23b, s.l23b), word_a, word_b);
    out.finish<3>(s.l23a, s.l23b, word_a, word_b);
    out.store(y, word_a);
    if (pixels >= 2) out.store(y + out.out_c, word_b);
  }
}

}  // namespace detail

/// @param panels   packed weights: for each group of 4 channels, column_length/2 steps of two words (channels 0,1 and 2,3)
/// @param scratch  conv2d_dsp_scratch_bytes(column_length(g), block) bytes, aligned to 4
/// @param block    output pixels whose columns are built at once, >= 1
/// y may start where x starts for a 1x1 convolution of stride 1 with out_c <= in_c.
template <class Geometry>
void conv2d_dsp(const Geometry& g, const std::int8_t* x, const std::uint32_t* panels, const ChannelParams& params, std::int8_t* y,
                void* scratch, std::int32_t block) {
  const std::int32_t column = column_length(g);
  const std::int32_t pixels = g.out_h * g.out_w;
  auto* const columns = static_cast<std::int16_t*>(scratch);
  auto* const panel_copy = reinterpret_cast<std::uint32_t*>(columns + block * column);
  std::int32_t oy = 0;
  std::int32_t ox = 0;
  for (std::int32_t first = 0; first < pixels; first += block) {
    const std::int32_t count = pixels - first < block ? pixels - first : block;
    for (std::int32_t p = 0; p < count; ++p) {
      detail::build_column(g, x, oy, ox, columns + p * column);
      if (++ox == g.out_w) {
        ox = 0;
        ++oy;
      }
    }
    const std::uint32_t* panel = panels;
    for (std::int32_t c = 0; c < g.out_c; c += 4, panel += column) {
      const std::uint32_t* source = panel;
      if (block >= 4) {
        for (std::int32_t i = 0; i < column; ++i) panel_copy[i] = panel[i];
        source = panel_copy;
      }
      detail::GroupOutput out;
      out.channels = g.out_c - c < 4 ? g.out_c - c : 4;
      out.out_c = g.out_c;
      out.clamp_low = g.clamp_low;
      out.clamp_high = g.clamp_high;
      out.clamps = g.clamp_low > -128 || g.clamp_high < 127;
      for (std::int32_t k = 0; k < 4; ++k) {
        out.channel[k] = FastRequantize(params, k < out.channels ? c + k : c, g.output_zero);
      }
      detail::conv_group(source, reinterpret_cast<const std::uint32_t*>(columns), column / 2, count, out, y + first * g.out_c + c);
    }
  }
}

}  // namespace mote::device
