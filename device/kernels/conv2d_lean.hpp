#pragma once
// int8 2-D convolution in plain C++ for cores without DSP instructions: the sums of conv2d.hpp, in an order that reads
// each input once for several output channels. A window's taps of one row are neighbours both in the input and in the
// weights, so they are one loop; what lies in the padding is left out before it begins.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"
#include "kernels/taps.hpp"

namespace mote::device {
namespace lean {

// Output channels at once: accumulators and weight pointers that fit the core's registers. Armv6-M has eight that
// multiply.
#if defined(__ARM_ARCH_6M__)
constexpr std::int32_t kChannels = 2;
#else
constexpr std::int32_t kChannels = 4;
#endif

/// sum[c] += sum over i of (x[i] - zero) * weights[c * stride + i], for kChannels channels. One copy serves all layers.
[[gnu::noinline]] inline void add_products(const std::int8_t* x, std::int32_t count, std::int32_t zero,
                                           const std::int8_t* weights, std::int32_t stride, std::int32_t* sum) {
  const std::int8_t *w0 = weights, *w1 = w0 + stride;
  std::int32_t s0 = sum[0], s1 = sum[1];
#if defined(__ARM_ARCH_6M__)
  // One index for all: Armv6-M loads signed bytes with a register as offset.
  x += count, w0 += count, w1 += count;
  for (std::int32_t i = -count; i != 0; ++i) {
    const std::int32_t value = x[i] - zero;
    s0 += value * w0[i];
    s1 += value * w1[i];
  }
#else
  const std::int8_t *w2 = w1 + stride, *w3 = w2 + stride;
  std::int32_t s2 = sum[2], s3 = sum[3];
  const auto one = [&] {
    const std::int32_t value = *x++ - zero;
    s0 += value * *w0++;
    s1 += value * *w1++;
    s2 += value * *w2++;
    s3 += value * *w3++;
  };
  for (; count >= 4; count -= 4) one(), one(), one(), one();
  for (; count > 0; --count) one();
  sum[2] = s2;
  sum[3] = s3;
#endif
  sum[0] = s0;
  sum[1] = s1;
}
/// The same for one channel.
[[gnu::noinline]] inline void add_products_of_one(const std::int8_t* x, std::int32_t count, std::int32_t zero,
                                                  const std::int8_t* weights, std::int32_t* sum) {
  std::int32_t s = *sum;
  for (std::int32_t i = 0; i < count; ++i) s += (x[i] - zero) * weights[i];
  *sum = s;
}

/// Output channels [oc, oc + Channels) of one pixel.
template <std::int32_t Channels, class Geometry>
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
    y[c] = requantize(sum[c], params, oc + c, g.output_zero, g.clamp_low, g.clamp_high);
}

}  // namespace lean

/// As conv2d.
template <class Geometry>
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
        lean::conv_pixel<lean::kChannels>(g, x, weights, params, oc, top, left, rows, columns, y + oc);
      for (; oc < g.out_c; ++oc) lean::conv_pixel<1>(g, x, weights, params, oc, top, left, rows, columns, y + oc);
    }
  }
}

}  // namespace mote::device
