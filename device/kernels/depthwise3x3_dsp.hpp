#pragma once
// int8 depthwise 3x3 with the Armv7E-M DSP instructions: equal to depthwise.hpp, byte for byte. Multiplier 1, stride 1
// or 2, no dilation.
//
// NHWC keeps a channel's neighbours apart, so a pair for SMLAD has to be made. Four channels at a time are gathered
// into planes: rows of int16, zero point taken off, with the padding in place. Along a row two neighbours are then one
// word, and a row of the window costs two multiplies:
//   even start:  SMLAD(x01, w01) + SMLABT(x2., w12)      odd start:  SMLATB(.x0, w01) + SMLAD(x12, w12)
// Four outputs share their loads: per row 3 words (stride 1) or 5 (stride 2) and 8 multiplies, 9 cycles an output for
// the whole window. Planes hold a band of rows, as many as the scratch allows.

#include <cstdint>

#include "kernels/depthwise.hpp"
#include "kernels/dsp.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

/// int16 elements of a plane's row: padding, input, and what the last four outputs read beyond, rounded to words.
template <class Geometry>
constexpr std::int32_t plane_row(const Geometry& g) {
  const std::int32_t groups = (g.out_w + 3) / 4;
  const std::int32_t needed = groups * 4 * g.stride_w + 2;
  const std::int32_t present = g.in_w + g.pad_left;
  return ((needed > present ? needed : present) + 1) & ~1;
}

/// Scratch for a band of `rows` output rows: four planes.
template <class Geometry>
constexpr std::int32_t depthwise3x3_scratch_bytes(const Geometry& g, std::int32_t rows) {
  return 4 * 2 * plane_row(g) * ((rows - 1) * g.stride_h + 3);
}

namespace detail {

/// Input rows [first, first + count) of channels c .. c+3 as four planes of `row` elements a row.
template <class Geometry>
void gather_planes(const Geometry& g, const std::int8_t* x, std::int32_t c, std::int32_t first, std::int32_t count,
                   std::int32_t row, std::int16_t* planes) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  const std::int32_t plane = row * count;
  for (std::int32_t r = 0; r < count; ++r) {
    std::int16_t* out = planes + r * row;
    const std::int32_t iy = first + r;
    const bool inside = iy >= 0 && iy < g.in_h;
    const std::int32_t before = inside ? g.pad_left : row;
    for (std::int32_t i = 0; i < before; ++i, ++out) out[0] = out[plane] = out[2 * plane] = out[3 * plane] = 0;
    if (!inside) continue;
    const std::int8_t* in = x + iy * g.in_w * g.in_c + c;
    for (std::int32_t i = 0; i < g.in_w; ++i, ++out, in += g.in_c) {
      const std::uint32_t word = dsp::load_word(in);
      const std::uint32_t even = dsp::sxtab16(offset, word);
      const std::uint32_t odd = dsp::sxtab16_odd(offset, word);
      out[0] = static_cast<std::int16_t>(even);
      out[plane] = static_cast<std::int16_t>(odd);
      out[2 * plane] = static_cast<std::int16_t>(even >> 16);
      out[3 * plane] = static_cast<std::int16_t>(odd >> 16);
    }
    for (std::int32_t i = g.pad_left + g.in_w; i < row; ++i, ++out)
      out[0] = out[plane] = out[2 * plane] = out[3 * plane] = 0;
  }
}

/// One output row of one channel; the order of the members is known to the assembly. Weights and bias are doubled:
/// FastRequantize wants twice the sum.
struct RowJob {
  std::uint32_t pairs[6];  // (w0,w1) and (w1,w2) of each window row
  std::int32_t bias;
  std::int32_t multiplier;
  std::int32_t rounding;
  std::int32_t right_shift;
  const std::uint32_t* in;
  std::int32_t row_bytes;
  std::int8_t* y;
  std::int32_t y_step;
  std::int32_t count;
};

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)

// r0-r3 sums, r4-r6 inputs, r7 and r8 weight pairs, r9 input, r10 row bytes, r11 y, r12 y step, lr count; s0-s5
// weights, s6 bias, s7 multiplier, s8 rounding, s9 shift. Four outputs: 49 cycles for 36 multiply-accumulates, then 7
// to 8 an output.
#define MOTE_ROW_1(A, B)                                                                          \
  "vmov r7, " A "\n vmov r8, " B                                                                  \
  "\n ldr.w r4, [r9]\n ldr.w r5, [r9, #4]\n ldr.w r6, [r9, #8]\n"                                 \
  "smlad r0, r4, r7, r0\n smlatb r1, r4, r7, r1\n smlabt r0, r5, r8, r0\n smlad r1, r5, r8, r1\n" \
  "smlad r2, r5, r7, r2\n smlatb r3, r5, r7, r3\n smlabt r2, r6, r8, r2\n smlad r3, r6, r8, r3\n"
#define MOTE_ROW_2(A, B)                                                                          \
  "vmov r7, " A "\n vmov r8, " B                                                                  \
  "\n ldr.w r4, [r9]\n ldr.w r5, [r9, #4]\n ldr.w r6, [r9, #8]\n"                                 \
  "smlad r0, r4, r7, r0\n smlabt r0, r5, r8, r0\n smlad r1, r5, r7, r1\n smlabt r1, r6, r8, r1\n" \
  "ldr.w r4, [r9, #12]\n ldr.w r5, [r9, #16]\n"                                                   \
  "smlad r2, r6, r7, r2\n smlabt r2, r4, r8, r2\n smlad r3, r4, r7, r3\n smlabt r3, r5, r8, r3\n"
#define MOTE_OUTPUT(S)                               \
  "smmlar r4, " S ", r7, r8\n add.w r4, r4, " S      \
  ", asr #31\n asr.w r4, r4, r6\n ssat r4, #8, r4\n" \
  "strb.w r4, [r11]\n add.w r11, r11, r12\n subs.w lr, lr, #1\n ble.w 2f\n"
#define MOTE_ROW_FUNCTION(ROW, ADVANCE) \
  asm("push {r4-r11, lr}\n"                                                            \
      "vldmia r0!, {s0-s9}\n"                                                          \
      "ldm.w r0, {r9-r12, lr}\n"                                                       \
      ".balign 8\n"                                                                    \
      "1: vmov r0, s6\n vmov r1, s6\n vmov r2, s6\n vmov r3, s6\n" ROW("s0", "s1")        \
      "add.w r9, r9, r10\n" ROW("s2", "s3") "add.w r9, r9, r10\n" ROW("s4", "s5")        \
      "sub.w r9, r9, r10, lsl #1\n add.w r9, r9, #" ADVANCE "\n"                          \
      "vmov r7, s7\n vmov r8, s8\n vmov r6, s9\n"                                         \
      MOTE_OUTPUT("r0") MOTE_OUTPUT("r1") MOTE_OUTPUT("r2") MOTE_OUTPUT("r3")           \
      "b.w 1b\n"                                                                       \
      "2: pop {r4-r11, pc}\n")

template <int Stride>
[[gnu::naked, gnu::noinline]] void plane_output_row(const RowJob&);
template <>
[[gnu::naked, gnu::noinline]] inline void plane_output_row<1>(const RowJob&) {
  MOTE_ROW_FUNCTION(MOTE_ROW_1, "8");
}
template <>
[[gnu::naked, gnu::noinline]] inline void plane_output_row<2>(const RowJob&) {
  MOTE_ROW_FUNCTION(MOTE_ROW_2, "16");
}

#undef MOTE_ROW_1
#undef MOTE_ROW_2
#undef MOTE_OUTPUT
#undef MOTE_ROW_FUNCTION

#else

/// What the assembly does, in C++: output x of a row begins at element Stride * x, in the upper half of a word when
/// that is odd.
template <int Stride>
void plane_output_row(const RowJob& job) {
  for (std::int32_t x = 0; x < job.count; ++x) {
    std::int32_t sum = job.bias;
    for (std::int32_t r = 0; r < 3; ++r) {
      const std::uint32_t* p = job.in + r * job.row_bytes / 4 + Stride * x / 2;
      const std::uint32_t w01 = job.pairs[2 * r];
      const std::uint32_t w12 = job.pairs[2 * r + 1];
      if ((Stride * x & 1) == 0) {
        sum = dsp::smlabt(p[1], w12, dsp::smlad(p[0], w01, sum));
      } else {
        sum = dsp::smlad(p[1], w12, dsp::smlatb(p[0], w01, sum));
      }
    }
    const std::int32_t scaled = dsp::smmlar(sum, job.multiplier, job.rounding) + (sum >> 31);
    job.y[x * job.y_step] = static_cast<std::int8_t>(dsp::ssat8(scaled >> job.right_shift));
  }
}

#endif

template <class Geometry>
RowJob row_job(const Geometry& g, const std::int8_t* weights, const ChannelParams& params, std::int32_t c,
               std::int32_t row_bytes) {
  RowJob job;
  for (std::int32_t r = 0; r < 3; ++r) {
    const std::int8_t* w = weights + 3 * r * g.in_c + c;
    job.pairs[2 * r] = dsp::halves(2 * w[0], 2 * w[g.in_c]);
    job.pairs[2 * r + 1] = dsp::halves(2 * w[g.in_c], 2 * w[2 * g.in_c]);
  }
  const FastRequantize end(params, c, g.output_zero);
  job.bias = 2 * end.bias;
  job.multiplier = end.multiplier;
  job.rounding = end.rounding;
  job.right_shift = end.right_shift;
  job.row_bytes = row_bytes;
  job.y_step = g.in_c;
  job.count = g.out_w;
  return job;
}

}  // namespace detail

/// Arguments as depthwise_conv2d.
/// @param scratch  depthwise3x3_scratch_bytes(g, rows) bytes, aligned to 4
/// @param rows     output rows a band, >= 1
/// Preconditions (checked by the compiler): kernel 3x3, multiplier 1, no dilation, equal strides of 1 or 2, in_c a
/// multiple of 4, every shift within FastRequantize's limits, no clamp beyond int8's range.
template <class Geometry>
void depthwise3x3_dsp(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                      std::int8_t* y, void* scratch, std::int32_t rows) {
  auto* const planes = static_cast<std::int16_t*>(scratch);
  const std::int32_t row = plane_row(g);
  const std::int32_t y_row = g.out_w * g.in_c;
  for (std::int32_t c = 0; c < g.in_c; c += 4) {
    for (std::int32_t oy = 0; oy < g.out_h; oy += rows) {
      const std::int32_t band = g.out_h - oy < rows ? g.out_h - oy : rows;
      const std::int32_t count = (band - 1) * g.stride_h + 3;
      detail::gather_planes(g, x, c, oy * g.stride_h - g.pad_top, count, row, planes);
      for (std::int32_t k = 0; k < 4; ++k) {
        detail::RowJob job = detail::row_job(g, weights, params, c + k, 2 * row);
        job.in = reinterpret_cast<const std::uint32_t*>(planes + k * count * row);
        job.y = y + oy * y_row + c + k;
        for (std::int32_t r = 0; r < band; ++r, job.y += y_row, job.in += g.stride_h * row / 2) {
          if (g.stride_w == 1) {
            detail::plane_output_row<1>(job);
          } else {
            detail::plane_output_row<2>(job);
          }
        }
      }
    }
  }
}

}  // namespace mote::device
