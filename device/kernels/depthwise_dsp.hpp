#pragma once
// int8 depthwise convolution with the Armv7E-M DSP instructions: equal to depthwise.hpp, byte for byte. Multiplier 1.
//
// Four channels at a time: a word of inputs is widened with the zero point taken off in the same instruction (SXTAB16),
// a word of weights with SXTB16, then four 16-bit multiply-accumulates: 10 cycles for 4 MACs. Channels are the outer
// loop, so that their requantization is set up once. Channels beyond the last whole group of four go through the
// portable loop. 3x3 windows have a faster form: depthwise3x3_dsp.hpp.

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
constexpr std::int32_t first_tap(std::int32_t start, std::int32_t dilation) {
  return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
}
constexpr std::int32_t last_tap(std::int32_t start, std::int32_t dilation, std::int32_t kernel, std::int32_t size) {
  if (start + (kernel - 1) * dilation < size) return kernel;
  return size <= start ? 0 : (size - start + dilation - 1) / dilation;
}

template <class Geometry>
inline std::int32_t depthwise_channel(const Geometry& g, const std::int8_t* x, const std::int8_t* weights,
                                      std::int32_t top, std::int32_t left, const TapRange& taps, std::int32_t c) {
  std::int32_t sum = 0;
  for (std::int32_t ky = taps.ky0; ky < taps.ky1; ++ky) {
    for (std::int32_t kx = taps.kx0; kx < taps.kx1; ++kx) {
      const std::int32_t pixel = (top + ky * g.dilation_h) * g.in_w + left + kx * g.dilation_w;
      sum += (x[pixel * g.in_c + c] - g.input_zero) * weights[(ky * g.kernel_w + kx) * g.in_c + c];
    }
  }
  return sum;
}

/// Sums of channels c .. c+3.
struct Quad {
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;

  [[gnu::always_inline]] void tap(std::uint32_t x4, std::uint32_t w4, std::uint32_t offset) {
    const std::uint32_t x02 = dsp::sxtab16(offset, x4);
    const std::uint32_t w02 = dsp::sxtb16(w4);
    const std::uint32_t x13 = dsp::sxtab16_odd(offset, x4);
    const std::uint32_t w13 = dsp::sxtb16_odd(w4);
    s0 = dsp::smlabb(x02, w02, s0);
    s2 = dsp::smlatt(x02, w02, s2);
    s1 = dsp::smlabb(x13, w13, s1);
    s3 = dsp::smlatt(x13, w13, s3);
  }
};

/// What the end of four channels needs.
struct QuadOutput {
  FastRequantize channel[4];
  std::int32_t clamp_low, clamp_high;
  bool clamps;

  template <int K>
  [[gnu::always_inline]] std::uint32_t byte(std::int32_t sum) const {
    std::int32_t value = channel[K](sum);
    if (clamps) value = clamp(value, clamp_low, clamp_high);
    return (static_cast<std::uint32_t>(value) & 0xffu) << (8 * K);
  }
  [[gnu::always_inline]] void store(std::int8_t* y, const Quad& q) const {
    dsp::store_word(y, byte<0>(q.s0) | byte<1>(q.s1) | byte<2>(q.s2) | byte<3>(q.s3));
  }
};

/// Any window, by the taps that lie inside the input.
template <class Geometry>
inline Quad depthwise_quad(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, std::int32_t top,
                           std::int32_t left, const TapRange& taps, std::int32_t c) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  const std::int32_t tap_step = g.dilation_w * g.in_c;
  Quad q;
  for (std::int32_t ky = taps.ky0; ky < taps.ky1; ++ky) {
    const std::int8_t* in = x + ((top + ky * g.dilation_h) * g.in_w + left + taps.kx0 * g.dilation_w) * g.in_c + c;
    const std::int8_t* w = weights + (ky * g.kernel_w + taps.kx0) * g.in_c + c;
    for (std::int32_t kx = taps.kx0; kx < taps.kx1; ++kx, in += tap_step, w += g.in_c)
      q.tap(dsp::load_word(in), dsp::load_word(w), offset);
  }
  return q;
}

/// All rows for the four channels from c on.
template <class Geometry>
void depthwise_four_channels(const Geometry& g, const std::int8_t* x, const std::int8_t* weights,
                             const ChannelParams& params, std::int32_t c, std::int8_t* y) {
  QuadOutput out;
  for (std::int32_t k = 0; k < 4; ++k) out.channel[k] = FastRequantize(params, c + k, g.output_zero);
  out.clamp_low = g.clamp_low;
  out.clamp_high = g.clamp_high;
  out.clamps = g.clamp_low > -128 || g.clamp_high < 127;
  y += c;
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    TapRange taps{first_tap(top, g.dilation_h), last_tap(top, g.dilation_h, g.kernel_h, g.in_h), 0, 0};
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.in_c) {
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      taps.kx0 = first_tap(left, g.dilation_w);
      taps.kx1 = last_tap(left, g.dilation_w, g.kernel_w, g.in_w);
      out.store(y, depthwise_quad(g, x, weights, top, left, taps, c));
    }
  }
}

}  // namespace detail

/// Arguments as depthwise_conv2d. Preconditions (checked by the compiler): multiplier 1; every shift within
/// FastRequantize's limits.
template <class Geometry>
void depthwise_conv2d_dsp(const Geometry& g, const std::int8_t* x, const std::int8_t* weights,
                          const ChannelParams& params, std::int8_t* y) {
  const std::int32_t whole = g.in_c & ~3;
  for (std::int32_t c = 0; c < whole; c += 4) detail::depthwise_four_channels(g, x, weights, params, c, y);
  if (whole == g.in_c) return;
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    TapRange taps{detail::first_tap(top, g.dilation_h), detail::last_tap(top, g.dilation_h, g.kernel_h, g.in_h), 0, 0};
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      taps.kx0 = detail::first_tap(left, g.dilation_w);
      taps.kx1 = detail::last_tap(left, g.dilation_w, g.kernel_w, g.in_w);
      for (std::int32_t c = whole; c < g.in_c; ++c) {
        const std::int32_t sum = params.bias[c] + detail::depthwise_channel(g, x, weights, top, left, taps, c);
        y[(oy * g.out_w + ox) * g.in_c + c] = requantize(sum, params, c, g.output_zero, g.clamp_low, g.clamp_high);
      }
    }
  }
}

}  // namespace mote::device
