#pragma once
// int8 2-D convolution in plain C++ for cores without DSP instructions: the sums of conv2d.hpp, in an order that reads
// each input once for several output channels. A window's taps of one row are neighbours both in the input and in the
// weights, so they are one loop; what lies in the padding is left out before it begins.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize_narrow.hpp"
#include "kernels/taps.hpp"

namespace mote::device {
namespace lean {

// Output channels at once: accumulators and weight pointers that fit the core's registers.
constexpr std::int32_t kChannels = 4;

#if defined(__ARM_ARCH_6M__)

// Armv6-M loads signed bytes with a register as offset, and its high registers can be added to: one index in r5 for the
// input (r0) and the weights (r1-r4), which end at index 0; sums in r8-r11, less the zero point in r12. 31 instructions
// for 8 multiply-accumulates. gcc's own loop holds two channels and takes 40.
#define MOTE_STEP                                    \
  "ldrsb r6, [r0, r5]\n add r6, r12\n"               \
  "ldrsb r7, [r1, r5]\n muls r7, r6\n add r8, r7\n"  \
  "ldrsb r7, [r2, r5]\n muls r7, r6\n add r9, r7\n"  \
  "ldrsb r7, [r3, r5]\n muls r7, r6\n add r10, r7\n" \
  "ldrsb r7, [r4, r5]\n muls r7, r6\n add r11, r7\n" \
  "adds r5, #1\n"

/// sum[c] += sum over i of (x[i] - zero) * weights[c * stride + i], for kChannels channels. One copy serves all layers.
[[gnu::naked, gnu::noinline]] inline void add_products(const std::int8_t*, std::int32_t /*count*/,
                                                       std::int32_t /*zero*/, const std::int8_t* /*weights*/,
                                                       std::int32_t /*stride*/, std::int32_t* /*sum*/) {
  asm(".syntax unified\n"
      "push {r4-r7, lr}\n"
      "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
      "push {r4-r7}\n"
      "ldr r4, [sp, #36]\n ldr r5, [sp, #40]\n"
      "negs r2, r2\n mov r12, r2\n"
      "ldr r6, [r5]\n mov r8, r6\n ldr r6, [r5, #4]\n mov r9, r6\n"
      "ldr r6, [r5, #8]\n mov r10, r6\n ldr r6, [r5, #12]\n mov r11, r6\n"
      "negs r5, r1\n"
      "adds r0, r0, r1\n adds r1, r3, r1\n adds r2, r1, r4\n adds r3, r2, r4\n adds r4, r3, r4\n"
      "lsls r6, r5, #31\n beq 1f\n"  // an even number
      MOTE_STEP
      "1: cmp r5, #0\n beq 3f\n"
      "2:\n" MOTE_STEP MOTE_STEP
      "bne 2b\n"
      "3: ldr r5, [sp, #40]\n"
      "mov r6, r8\n str r6, [r5]\n mov r6, r9\n str r6, [r5, #4]\n"
      "mov r6, r10\n str r6, [r5, #8]\n mov r6, r11\n str r6, [r5, #12]\n"
      "pop {r4-r7}\n"
      "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
      "pop {r4-r7, pc}\n");
}

#undef MOTE_STEP

#else

/// sum[c] += sum over i of (x[i] - zero) * weights[c * stride + i], for kChannels channels. One copy serves all layers.
[[gnu::noinline]] inline void add_products(const std::int8_t* x, std::int32_t count, std::int32_t zero,
                                           const std::int8_t* weights, std::int32_t stride, std::int32_t* sum) {
  const std::int8_t *w0 = weights, *w1 = w0 + stride, *w2 = w1 + stride, *w3 = w2 + stride;
  std::int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
  const auto one = [&] {
    const std::int32_t value = *x++ - zero;
    s0 += value * *w0++;
    s1 += value * *w1++;
    s2 += value * *w2++;
    s3 += value * *w3++;
  };
  for (; count >= 4; count -= 4) one(), one(), one(), one();
  for (; count > 0; --count) one();
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

#endif

/// The same for one channel.
[[gnu::noinline]] inline void add_products_of_one(const std::int8_t* x, std::int32_t count, std::int32_t zero,
                                                  const std::int8_t* weights, std::int32_t* sum) {
  std::int32_t s = *sum;
  for (std::int32_t i = 0; i < count; ++i) s += (x[i] - zero) * weights[i];
  *sum = s;
}

/// Output channels [oc, oc + Channels) of one pixel.
template <std::int32_t Channels, bool Narrow, class Geometry>
inline void conv_pixel(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                       std::int32_t oc, std::int32_t top, std::int32_t left, const Taps& rows, const Taps& columns,
                       std::int8_t* y) {
  std::int32_t sum[Channels];
  for (std::int32_t c = 0; c < Channels; ++c) sum[c] = params.bias[oc + c];
  const std::int32_t row_taps = g.kernel_w * g.in_c, stride = g.kernel_h * row_taps;
  // Without dilation the taps of a row are one run, else each is its own.
  const std::int32_t runs = g.dilation_w == 1 ? 1 : columns.end - columns.first;
  const std::int32_t run = g.dilation_w == 1 ? (columns.end - columns.first) * g.in_c : g.in_c;
  for (std::int32_t ky = rows.first; ky < rows.end; ++ky) {
    const std::int8_t* pixel = x + ((top + ky * g.dilation_h) * g.in_w + left + columns.first * g.dilation_w) * g.in_c;
    const std::int8_t* tap = weights + oc * stride + ky * row_taps + columns.first * g.in_c;
    for (std::int32_t r = 0; r < runs; ++r, pixel += g.dilation_w * g.in_c, tap += g.in_c) {
      if constexpr (Channels == 1)
        add_products_of_one(pixel, run, g.input_zero, tap, sum);
      else
        add_products(pixel, run, g.input_zero, tap, stride, sum);
    }
  }
  for (std::int32_t c = 0; c < Channels; ++c)
    y[c] = requantize_lean<Narrow>(sum[c], params, oc + c, g.output_zero, g.clamp_low, g.clamp_high);
}

}  // namespace lean

/// As conv2d. `Narrow`: requantize_lean().
template <bool Narrow = false, class Geometry>
void conv2d_lean(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                 std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    const Taps rows(top, g.kernel_h, g.dilation_h, g.in_h);
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.out_c) {
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      const Taps columns(left, g.kernel_w, g.dilation_w, g.in_w);
      std::int32_t oc = 0;
      for (; oc + lean::kChannels <= g.out_c; oc += lean::kChannels)
        lean::conv_pixel<lean::kChannels, Narrow>(g, x, weights, params, oc, top, left, rows, columns, y + oc);
      for (; oc < g.out_c; ++oc)
        lean::conv_pixel<1, Narrow>(g, x, weights, params, oc, top, left, rows, columns, y + oc);
    }
  }
}

}  // namespace mote::device
