#pragma once
// int16 activations with int8 weights: TensorFlow Lite's 16x8. Zero points are 0 on all sides.

#include <cstdint>

#include "kernels/binary.hpp"
#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

struct WideChannelParams {
  const std::int64_t* bias;
  const std::int32_t* multiplier;
  const std::int8_t* shift;
};
/// As channel_params().
inline WideChannelParams wide_channel_params(const std::int64_t* bias, const std::int32_t* multiplier, const std::int8_t* shift) {
  asm("" : "+r"(bias), "+r"(multiplier), "+r"(shift));
  return {bias, multiplier, shift};
}

/// x * multiplier * 2^(shift - 31) with 16 bits of the multiplier, |x| < 2^47. Source: TensorFlow Lite MultiplyByQuantizedMultiplier(int64_t, ...).
constexpr std::int32_t multiply_wide(std::int64_t x, std::int32_t multiplier, std::int32_t shift) {
  const std::int64_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const std::int32_t right = 15 - shift;
  return static_cast<std::int32_t>((x * reduced + (std::int64_t{1} << (right - 1))) >> right);
}

/// Convolution (and dense), [out_c,kernel_h,kernel_w,in_c]; depthwise, [kernel_h,kernel_w,out_c].
/// Source: TensorFlow Lite reference_integer_ops::ConvPerChannel and DepthwiseConvPerChannel for int16.
template <bool kDepthwise, class Geometry>
void conv2d_16x8(const Geometry& g, const std::int16_t* x, const std::int8_t* weights, const WideChannelParams& params, std::int16_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        std::int64_t sum = params.bias[oc];
        for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
          const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
          if (iy < 0 || iy >= g.in_h) continue;
          for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
            const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (ix < 0 || ix >= g.in_w) continue;
            const std::int16_t* pixel = x + (iy * g.in_w + ix) * g.in_c;
            if constexpr (kDepthwise) {
              sum += pixel[oc / g.multiplier] * weights[(ky * g.kernel_w + kx) * g.out_c + oc];
            } else {
              const std::int8_t* tap = weights + ((oc * g.kernel_h + ky) * g.kernel_w + kx) * g.in_c;
              // 256 products of 16 and 8 bits fit 32.
              for (std::int32_t first = 0; first < g.in_c; first += 256) {
                const std::int32_t last = first + 256 < g.in_c ? first + 256 : g.in_c;
                std::int32_t part = 0;
                for (std::int32_t ic = first; ic < last; ++ic) part += pixel[ic] * tap[ic];
                sum += part;
              }
            }
          }
        }
        *y++ = static_cast<std::int16_t>(clamp(multiply_wide(sum, params.multiplier[oc], params.shift[oc]), g.clamp_low, g.clamp_high));
      }
    }
  }
}

/// Both addends on one scale with 15 more bits.
struct AddPair16 {
  template <class P>
  static constexpr std::int16_t apply(const P& p, std::int16_t a, std::int16_t b) {
    const std::int32_t sum = multiply_by_quantized_multiplier(a * (1 << 15), p.a_multiplier, p.a_shift) + multiply_by_quantized_multiplier(b * (1 << 15), p.b_multiplier, p.b_shift);
    return static_cast<std::int16_t>(clamp(multiply_by_quantized_multiplier(sum, p.output_multiplier, p.output_shift), p.clamp_low, p.clamp_high));
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
