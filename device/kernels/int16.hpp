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

/// AddPair16 over `count` elements, for parameters that are constants and shift to the right: every rescaling is a
/// rounded high word, and a second rounding whose ties go away from zero.
template <class P>
class AddWide {
 public:
  static constexpr bool fits(std::int32_t shift) { return shift <= 0 && shift > -31; }

  static void run(const std::int16_t* a, const std::int16_t* b, std::int16_t* y, std::int32_t count) {
    std::int32_t i = 0;
    for (; i + 2 <= count; i += 2) {
      const std::uint32_t left = dsp::load_word(a + i), right = dsp::load_word(b + i);
      const std::uint32_t low = one(left << 16, right << 16), high = one(left & 0xffff0000u, right & 0xffff0000u);
      dsp::store_word(y + i, dsp::low_halves(low, high));
    }
    if (i < count) y[i] = static_cast<std::int16_t>(one(upper(a[i]), upper(b[i])));
  }

 private:
  static constexpr std::uint32_t upper(std::int32_t v) { return static_cast<std::uint32_t>(v) << 16; }
  /// x * 2^-31 * multiplier * 2^shift for x of twice the size.
  template <std::int32_t kMultiplier, std::int32_t kShift>
  static std::int32_t scaled(std::int32_t twice) {
    if constexpr (kShift == 0) return dsp::smmlar(twice, kMultiplier, 0);
    const std::int32_t rounded = dsp::smmlar(twice, kMultiplier, std::int32_t{1} << (-kShift - 1));
    return (rounded + (twice >> 31)) >> -kShift;
  }
  /// Values in the upper halves: 2^15 times theirs, twice.
  static std::uint32_t one(std::uint32_t a, std::uint32_t b) {
    constexpr P p{};
    static_assert(fits(p.a_shift) && fits(p.b_shift) && fits(p.output_shift));
    const std::int32_t sum = scaled<p.a_multiplier, p.a_shift>(static_cast<std::int32_t>(a)) +
                             scaled<p.b_multiplier, p.b_shift>(static_cast<std::int32_t>(b));
    const std::int32_t value = scaled<p.output_multiplier, p.output_shift>(sum * 2);
    return static_cast<std::uint32_t>(clamp(value, p.clamp_low, p.clamp_high));
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
