#pragma once
// int8 depthwise convolution with the Armv7E-M DSP instructions: equal to depthwise.hpp, byte for byte. Multiplier 1.
//
// Four channels at a time: a word of inputs is widened with the zero point taken off in the same instruction (SXTAB16), a word of weights with
// SXTB16, then four 16-bit multiply-accumulates: 10 cycles for 4 MACs. Channels beyond the last whole group go through the portable loop.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

/// The part of a window that lies inside the input, for one output pixel.
struct TapRange {
  std::int32_t ky0, ky1, kx0, kx1;
};

namespace detail {

/// First and last+1 tap of `kernel` taps from `start` on, `dilation` apart, that lie in [0, size).
constexpr std::int32_t first_tap(std::int32_t start, std::int32_t dilation) { return start >= 0 ? 0 : (-start + dilation - 1) / dilation; }
constexpr std::int32_t last_tap(std::int32_t start, std::int32_t dilation, std::int32_t kernel, std::int32_t size) {
  if (start + (kernel - 1) * dilation < size) return kernel;
  return size <= start ? 0 : (size - start + dilation - 1) / dilation;
}

template <class Geometry>
inline std::int32_t depthwise_channel(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, std::int32_t top, std::int32_t left,
                                      const TapRange& taps, std::int32_t c) {
  std::int32_t sum = 0;
  for (std::int32_t ky = taps.ky0; ky < taps.ky1; ++ky) {
    for (std::int32_t kx = taps.kx0; kx < taps.kx1; ++kx) {
      const std::int32_t pixel = (top + ky * g.dilation_h) * g.in_w + left + kx * g.dilation_w;
      sum += (x[pixel * g.in_c + c] - g.input_zero) * weights[(ky * g.kernel_w + kx) * g.in_c + c];
    }
  }
  return sum;
}

/// Channels c .. c+3 of one output pixel.
template <class Geometry>
inline void depthwise_group(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params, std::int32_t top,
                            std::int32_t left, const TapRange& taps, std::int32_t c, std::int8_t* y) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  const std::int32_t tap_step = g.dilation_w * g.in_c;
  for (std::int32_t ky = taps.ky0; ky < taps.ky1; ++ky) {
    const std::int8_t* in = x + ((top + ky * g.dilation_h) * g.in_w + left + taps.kx0 * g.dilation_w) * g.in_c + c;
    const std::int8_t* w = weights + (ky * g.kernel_w + taps.kx0) * g.in_c + c;
    for (std::int32_t kx = taps.kx0; kx < taps.kx1; ++kx, in += tap_step, w += g.in_c) {
      const std::uint32_t x4 = dsp::load_word(in);
      const std::uint32_t w4 = dsp::load_word(w);
      const std::uint32_t x02 = dsp::sxtab16(offset, x4);
      const std::uint32_t x13 = dsp::sxtab16_odd(offset, x4);
      const std::uint32_t w02 = dsp::sxtb16(w4);
      const std::uint32_t w13 = dsp::sxtb16_odd(w4);
      s0 = dsp::smlabb(x02, w02, s0);
      s2 = dsp::smlatt(x02, w02, s2);
      s1 = dsp::smlabb(x13, w13, s1);
      s3 = dsp::smlatt(x13, w13, s3);
    }
  }
  const auto finish = [&](std::int32_t sum, std::int32_t k) {
    return static_cast<std::uint32_t>(clamp(FastRequantize(params, c + k, g.output_zero)(sum), g.clamp_low, g.clamp_high)) & 0xffu;
  };
  dsp::store_word(y, finish(s0, 0) | (finish(s1, 1) << 8) | (finish(s2, 2) << 16) | (finish(s3, 3) << 24));
}

}  // namespace detail

/// Arguments as depthwise_conv2d. Preconditions (checked by the compiler): multiplier 1; every shift within FastRequantize's limits.
template <class Geometry>
void depthwise_conv2d_dsp(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params, std::int8_t* y) {
  const std::int32_t whole = g.in_c & ~3;
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    TapRange taps{detail::first_tap(top, g.dilation_h), detail::last_tap(top, g.dilation_h, g.kernel_h, g.in_h), 0, 0};
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.in_c) {
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      taps.kx0 = detail::first_tap(left, g.dilation_w);
      taps.kx1 = detail::last_tap(left, g.dilation_w, g.kernel_w, g.in_w);
      std::int32_t c = 0;
      for (; c < whole; c += 4) detail::depthwise_group(g, x, weights, params, top, left, taps, c, y + c);
      for (; c < g.in_c; ++c) {
        const std::int32_t sum = params.bias[c] + detail::depthwise_channel(g, x, weights, top, left, taps, c);
        y[c] = requantize(sum, params, c, g.output_zero, g.clamp_low, g.clamp_high);
      }
    }
  }
}

}  // namespace mote::device
