#pragma once
// int16 activations with int8 weights: TensorFlow Lite's 16x8. Zero points are 0 on all sides.

#include <cstdint>

#include "kernels/binary.hpp"
#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

struct WideChannelParams {
  const std::int64_t* bias;
  const std::int32_t* multiplier;
  const std::int8_t* shift;
};
/// As channel_params().
inline WideChannelParams wide_channel_params(const std::int64_t* bias, const std::int32_t* multiplier,
                                             const std::int8_t* shift) {
  asm("" : "+r"(bias), "+r"(multiplier), "+r"(shift));
  return {bias, multiplier, shift};
}

/// x * multiplier * 2^(shift - 31) with 16 bits of the multiplier, |x| < 2^47. Source: TensorFlow Lite
/// MultiplyByQuantizedMultiplier(int64_t, ...).
constexpr std::int32_t multiply_wide(std::int64_t x, std::int32_t multiplier, std::int32_t shift) {
  const std::int64_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const std::int32_t right = 15 - shift;
  return static_cast<std::int32_t>((x * reduced + (std::int64_t{1} << (right - 1))) >> right);
}

/// Sum of products; 256 of 16 and 8 bits fit 32.
inline std::int64_t dot_16x8(const std::int16_t* x, const std::int8_t* w, std::int32_t count) {
  std::int64_t sum = 0;
  while (count > 0) {
    const std::int32_t run = count < 256 ? count : 256;
    std::int32_t part = 0, i = 0;
    for (; i + 4 <= run; i += 4) {
      const std::uint32_t weights = dsp::load_word(w + i), low = dsp::load_word(x + i),
                          high = dsp::load_word(x + i + 2);
      // Bytes 0 and 2 of the weights, then 1 and 3, and the values that go with them.
      part = dsp::smlad(dsp::low_halves(low, high), dsp::sxtb16(weights), part);
      part = dsp::smlad(dsp::high_halves(low, high), dsp::sxtb16_odd(weights), part);
    }
    for (; i < run; ++i) part += x[i] * w[i];
    sum += part;
    x += run;
    w += run;
    count -= run;
  }
  return sum;
}

/// Convolution (and dense), [out_c,kernel_h,kernel_w,in_c]; depthwise, [kernel_h,kernel_w,out_c].
/// Source: TensorFlow Lite reference_integer_ops::ConvPerChannel and DepthwiseConvPerChannel for int16.
template <bool kDepthwise, class Geometry>
void conv2d_16x8(const Geometry& g, const std::int16_t* x, const std::int8_t* weights, const WideChannelParams& params,
                 std::int16_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      // The taps inside of the input; without dilation along a line they lie side by side.
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      const std::int32_t first = left < 0 ? (-left + g.dilation_w - 1) / g.dilation_w : 0;
      const std::int32_t inside = (g.in_w - left + g.dilation_w - 1) / g.dilation_w,
                         last = inside < g.kernel_w ? inside : g.kernel_w;
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        std::int64_t sum = params.bias[oc];
        for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
          const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
          if (iy < 0 || iy >= g.in_h) continue;
          const std::int16_t* line = x + iy * g.in_w * g.in_c;
          if constexpr (kDepthwise) {
            for (std::int32_t kx = first; kx < last; ++kx) {
              sum += line[(left + kx * g.dilation_w) * g.in_c + oc / g.multiplier] *
                     weights[(ky * g.kernel_w + kx) * g.out_c + oc];
            }
          } else {
            const std::int8_t* taps = weights + (oc * g.kernel_h + ky) * g.kernel_w * g.in_c;
            if (g.dilation_w == 1) {
              if (last > first)
                sum += dot_16x8(line + (left + first) * g.in_c, taps + first * g.in_c, (last - first) * g.in_c);
            } else {
              for (std::int32_t kx = first; kx < last; ++kx)
                sum += dot_16x8(line + (left + kx * g.dilation_w) * g.in_c, taps + kx * g.in_c, g.in_c);
            }
          }
        }
        *y++ = static_cast<std::int16_t>(
            clamp(multiply_wide(sum, params.multiplier[oc], params.shift[oc]), g.clamp_low, g.clamp_high));
      }
    }
  }
}

/// Both addends on one scale with 15 more bits.
struct AddPair16 {
  template <class P>
  static constexpr std::int16_t apply(const P& p, std::int16_t a, std::int16_t b) {
    const std::int32_t sum = multiply_by_quantized_multiplier(a * (1 << 15), p.a_multiplier, p.a_shift) +
                             multiply_by_quantized_multiplier(b * (1 << 15), p.b_multiplier, p.b_shift);
    return static_cast<std::int16_t>(
        clamp(multiply_by_quantized_multiplier(sum, p.output_multiplier, p.output_shift), p.clamp_low, p.clamp_high));
  }
};

/// One multiplier from zero upwards, another one below.
struct LeakyGeometry {
  std::int32_t count;
  std::int32_t multiplier, shift, negative_multiplier, negative_shift;
};

/// Source: TensorFlow Lite reference_ops::QuantizeLeakyRelu.
template <class Geometry>
void leaky_relu_16(const Geometry& g, const std::int16_t* x, std::int16_t* y) {
  for (std::int32_t i = 0; i < g.count; ++i) {
    const std::int32_t v = x[i] >= 0 ? multiply_by_quantized_multiplier(x[i], g.multiplier, g.shift)
                                     : multiply_by_quantized_multiplier(x[i], g.negative_multiplier, g.negative_shift);
    y[i] = static_cast<std::int16_t>(clamp(v, -32768, 32767));
  }
}

}  // namespace mote::device
