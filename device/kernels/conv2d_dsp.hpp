#pragma once
// int8 convolution and dense layers with the Armv7E-M DSP instructions: equal to conv2d.hpp, byte for byte.
//
// Work is a matrix product: columns (one a output pixel: the window's inputs minus the zero point, widened to int16)
// times weights. For a block of pixels the columns are built once; then for each group of four output channels the
// packed weights are copied to RAM once and a tile of 2 pixels x 4 channels runs over them.
//
// Packed weights: a 16-bit lane holds 256 * w[c] + w[c+1]. SMLAD on the lane gives R = 256 H + L for both channels at
// once; SXTB16 of the same register isolates w[c+1], a second SMLAD gives L alone; H = (R - L) / 256. So 4 channels
// cost one load and one SXTB16 per two weights, and no flash beyond the int8 weights. Exact while |256 H + L| < 2^31,
// that is sum |w| * 255 + |bias| < 2^23 for each channel, and no weight is -128 (whose lane would not fit 16 bits):
// checked by the compiler.
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
[[gnu::always_inline]] inline void widen(const std::int8_t* source, std::int16_t* out, std::int32_t n,
                                         std::uint32_t offset) {
  for (const std::int8_t* const end = source + (n & ~3); source != end; source += 4, out += 4) {
    const std::uint32_t word = dsp::load_word(source);
    dsp::store_word(out, dsp::sxtab16(offset, word));
    dsp::store_word(out + 2, dsp::sxtab16_odd(offset, word));
  }
  for (std::int32_t i = n & 3; i > 0; --i)
    *out++ = static_cast<std::int16_t>(*source++ + static_cast<std::int16_t>(offset));
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
    out[i] =
        outside ? std::int16_t{0} : static_cast<std::int16_t>(line[ix * g.in_c + source - kx * g.in_c] - g.input_zero);
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

[[gnu::always_inline]] inline TileSums tile_2x4(const std::uint32_t* panel, const std::uint32_t* pa,
                                                const std::uint32_t* pb, std::int32_t steps) {
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

/// One pixel: dense layers and the odd last pixel.
[[gnu::always_inline]] inline TileSums tile_1x4(const std::uint32_t* panel, const std::uint32_t* xa,
                                                std::int32_t steps) {
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
  [[gnu::always_inline]] void finish(std::int32_t a, std::int32_t b, std::uint32_t& word_a,
                                     std::uint32_t& word_b) const {
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

/// Pairs of pixels, four whole channels, no clamp beyond int8: what the assembly takes. The order of the members is
/// known to it.
struct PairJob {
  const std::uint32_t* panel;
  const std::uint32_t* columns;
  std::int32_t column_bytes;
  std::int32_t quad_steps;    // steps / 4
  std::int32_t single_steps;  // steps % 4
  std::int32_t pairs;
  std::int8_t* y;
  std::int32_t out_c;
  std::int32_t bias[4];  // folded into the sums: 256 b0 + b1, b1, 256 b2 + b3, b3
  std::int32_t multiplier[4];
  std::int32_t rounding[4];
  std::int32_t right_shift[4];
};

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)

// A step: 16 multiply-accumulates in 16 cycles and a load-use. r4-r11 sums (R01 a b, L01 a b, R23 a b, L23 a b), r0
// panel, r1 and r2 columns of pixels a and b, r3 weights, r12 and lr inputs: all fourteen registers. What is needed
// once a tile waits in float registers (VMOV is one cycle): s0-s7 the first eight members of the job, s8-s11 bias,
// s12-s15 multiplier, s16-s19 rounding, s20-s23 shift, s24 counter.
#define MOTE_STEP(W, X)                                                   \
  "ldr.w r3, [r0, #" W "]\n ldr.w r12, [r1, #" X "]\n ldr.w lr, [r2, #" X \
  "]\n"                                                                   \
  "smlad r4, r3, r12, r4\n smlad r5, r3, lr, r5\n sxtb16 r3, r3\n"        \
  "smlad r6, r3, r12, r6\n smlad r7, r3, lr, r7\n"                        \
  "ldr.w r3, [r0, #" W                                                    \
  "+4]\n"                                                                 \
  "smlad r8, r3, r12, r8\n smlad r9, r3, lr, r9\n sxtb16 r3, r3\n"        \
  "smlad r10, r3, r12, r10\n smlad r11, r3, lr, r11\n"
#define MOTE_CHANNEL(A, B, M, C, E, OFFSET)                                     \
  "vmov r2, " M "\n vmov r3, " C "\n vmov r12, " E                              \
  "\n"                                                                          \
  "smmlar lr, " A ", r2, r3\n smmlar r2, " B                                    \
  ", r2, r3\n"                                                                  \
  "add.w lr, lr, " A ", asr #31\n add.w r2, r2, " B                             \
  ", asr #31\n"                                                                 \
  "asr.w lr, lr, r12\n asr.w r2, r2, r12\n ssat lr, #8, lr\n ssat r2, #8, r2\n" \
  "strb.w lr, [r0, #" OFFSET "]\n strb.w r2, [r1, #" OFFSET "]\n"

[[gnu::naked, gnu::noinline]] inline void run_pairs(const PairJob&) {
  asm("push {r4-r11, lr}\n"
      "vpush {s16-s24}\n"
      "vldmia r0, {s0-s23}\n"
      ".balign 8\n"
      "1: vmov r0, s0\n vmov r1, s1\n vmov r2, s2\n"
      "vmov r4, s8\n vmov r5, s8\n vmov r6, s9\n vmov r7, s9\n"
      "vmov r8, s10\n vmov r9, s10\n vmov r10, s11\n vmov r11, s11\n"
      "add.w r2, r2, r1\n"
      "vmov r3, s3\n cmp.w r3, #0\n beq.w 3f\n"
      "vmov s24, r3\n"
      ".balign 8\n"
      "2:\n" MOTE_STEP("0", "0") MOTE_STEP("8", "4") MOTE_STEP("16", "8") MOTE_STEP("24", "12")
      "add.w r0, r0, #32\n add.w r1, r1, #16\n add.w r2, r2, #16\n"
      "vmov r3, s24\n subs.w r3, r3, #1\n vmov s24, r3\n bne.w 2b\n"
      "3: vmov r3, s4\n cmp.w r3, #0\n beq.w 5f\n"
      "vmov s24, r3\n"
      ".balign 8\n"
      "4:\n" MOTE_STEP("0", "0")
      "add.w r0, r0, #8\n add.w r1, r1, #4\n add.w r2, r2, #4\n"
      "vmov r3, s24\n subs.w r3, r3, #1\n vmov s24, r3\n bne.w 4b\n"
      "5: vmov r1, s1\n vmov r2, s2\n vmov r0, s6\n vmov r3, s7\n"
      "add.w r1, r1, r2, lsl #1\n vmov s1, r1\n"
      "add.w r1, r0, r3\n add.w r2, r1, r3\n vmov s6, r2\n"
      // 256 H = R - L; FastRequantize wants twice the sum.
      "sub.w r4, r4, r6\n sub.w r5, r5, r7\n sub.w r8, r8, r10\n sub.w r9, r9, r11\n"
      "asr.w r4, r4, #7\n asr.w r5, r5, #7\n asr.w r8, r8, #7\n asr.w r9, r9, #7\n"
      "lsl.w r6, r6, #1\n lsl.w r7, r7, #1\n lsl.w r10, r10, #1\n lsl.w r11, r11, #1\n"
      MOTE_CHANNEL("r4", "r5", "s12", "s16", "s20", "0") MOTE_CHANNEL("r6", "r7", "s13", "s17", "s21", "1")
      MOTE_CHANNEL("r8", "r9", "s14", "s18", "s22", "2") MOTE_CHANNEL("r10", "r11", "s15", "s19", "s23", "3")
      "vmov r3, s5\n subs.w r3, r3, #1\n vmov s5, r3\n bne.w 1b\n"
      "vpop {s16-s24}\n"
      "pop {r4-r11, pc}\n");
}

#undef MOTE_STEP
#undef MOTE_CHANNEL

#else

/// What the assembly does, in C++.
inline void run_pairs(const PairJob& job) {
  const std::int32_t steps = job.column_bytes / 4;
  const std::uint32_t* columns = job.columns;
  std::int8_t* y = job.y;
  for (std::int32_t i = 0; i < job.pairs; ++i, columns += 2 * steps, y += 2 * job.out_c) {
    TileSums s = tile_2x4(job.panel, columns, columns + steps, steps);
    s.r01a += job.bias[0], s.r01b += job.bias[0], s.l01a += job.bias[1], s.l01b += job.bias[1];
    s.r23a += job.bias[2], s.r23b += job.bias[2], s.l23a += job.bias[3], s.l23b += job.bias[3];
    const std::int32_t sums[2][4] = {{upper(s.r01a, s.l01a), s.l01a, upper(s.r23a, s.l23a), s.l23a},
                                     {upper(s.r01b, s.l01b), s.l01b, upper(s.r23b, s.l23b), s.l23b}};
    for (std::int32_t p = 0; p < 2; ++p) {
      for (std::int32_t k = 0; k < 4; ++k) {
        const FastRequantize end{0, job.multiplier[k], job.rounding[k], job.right_shift[k]};
        y[p * job.out_c + k] = static_cast<std::int8_t>(end(sums[p][k]));
      }
    }
  }
}

#endif

/// All pixels of a block for one group of channels.
inline void conv_group(const std::uint32_t* panel, const std::uint32_t* columns, std::int32_t steps,
                       std::int32_t pixels, const GroupOutput& out, std::int8_t* y) {
  if (out.channels == 4 && !out.clamps && pixels >= 2) {
    PairJob job{panel, columns, steps * 4, steps >> 2, steps & 3, pixels >> 1, y, out.out_c, {}, {}, {}, {}};
    for (std::int32_t k = 0; k < 4; ++k) {
      const FastRequantize& end = out.channel[k];
      job.bias[k] = (k & 1) == 0 ? 256 * end.bias + out.channel[k + 1].bias : end.bias;
      job.multiplier[k] = end.multiplier;
      job.rounding[k] = end.rounding;
      job.right_shift[k] = end.right_shift;
    }
    run_pairs(job);
    const std::int32_t done = pixels & ~1;
    columns += done * steps;
    y += done * out.out_c;
    pixels &= 1;
  }
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

/// @param panels   packed weights: for each group of 4 channels, column_length/2 steps of two words (channels 0,1 and
/// 2,3)
/// @param scratch  conv2d_dsp_scratch_bytes(column_length(g), block) bytes, aligned to 4
/// @param block    output pixels whose columns are built at once, >= 1
/// y may start where x starts for a 1x1 convolution of stride 1 with out_c <= in_c.
template <class Geometry>
void conv2d_dsp(const Geometry& g, const std::int8_t* x, const std::uint32_t* panels, const ChannelParams& params,
                std::int8_t* y, void* scratch, std::int32_t block) {
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
      detail::conv_group(source, reinterpret_cast<const std::uint32_t*>(columns), column / 2, count, out,
                         y + first * g.out_c + c);
    }
  }
}

}  // namespace mote::device
