#pragma once
// int8 softmax in fixed point, as TensorFlow Lite Micro's reference kernel; output scale 1/256, zero point -128.
// gemmlowp's exp and reciprocal are written out for the two fixed-point formats that softmax uses.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {
namespace detail {

constexpr std::int32_t saturating_left_shift(std::int32_t x, std::int32_t exponent) {
  const std::int64_t wide = static_cast<std::int64_t>(x) << exponent;
  return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : static_cast<std::int32_t>(wide);
}

/// exp(a) for a in [-1/4, 0), Q0.31 in and out (gemmlowp exp_on_interval_between_negative_one_quarter_and_0_excl).
constexpr std::int32_t exp_on_quarter(std::int32_t a) {
  constexpr std::int32_t kExpMinusEighth = 1895147668;
  constexpr std::int32_t kThird = 715827883;
  const std::int32_t x = a + (1 << 28);  // a + 1/8
  const std::int32_t x2 = saturating_rounding_doubling_high_mul(x, x);
  const std::int32_t x3 = saturating_rounding_doubling_high_mul(x2, x);
  const std::int32_t x4 = saturating_rounding_doubling_high_mul(x2, x2);
  const std::int32_t x4_over_4 = rounding_divide_by_pot(x4, 2);
  const std::int32_t series =
      rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x4_over_4 + x3, kThird) + x2, 1);
  return kExpMinusEighth + saturating_rounding_doubling_high_mul(kExpMinusEighth, x + series);
}

/// exp(a) for a <= 0 in Q5.26; result Q0.31 (gemmlowp exp_on_negative_values).
[[gnu::noinline]] constexpr std::int32_t exp_on_negative(std::int32_t a) {
  constexpr std::int32_t kFractionBits = 26;
  constexpr std::int32_t kOneQuarter = 1 << (kFractionBits - 2);
  const std::int32_t a_mod_quarter = (a & (kOneQuarter - 1)) - kOneQuarter;
  std::int32_t result = exp_on_quarter(static_cast<std::int32_t>(static_cast<std::uint32_t>(a_mod_quarter) << 5));
  const std::int32_t remainder = a_mod_quarter - a;
  constexpr std::int32_t kFactors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (std::int32_t i = 0; i < 7; ++i) {  // exp(-1/4), exp(-1/2), ... exp(-16)
    if ((remainder >> (kFractionBits - 2 + i)) & 1) result = saturating_rounding_doubling_high_mul(result, kFactors[i]);
  }
  return a == 0 ? INT32_MAX : result;
}

/// 1 / (1 + a) for a in [0, 1), Q0.31 (gemmlowp one_over_one_plus_x_for_x_in_0_1: three Newton steps in Q2.29).
constexpr std::int32_t one_over_one_plus(std::int32_t a) {
  // Half of (1 + a), rounded: gemmlowp RoundingHalfSum(a, 1).
  const std::int64_t sum = static_cast<std::int64_t>(a) + INT32_MAX;
  const std::int32_t half_denominator = static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  constexpr std::int32_t k48Over17 = 1515870810;
  constexpr std::int32_t kMinus32Over17 = -1010580540;
  std::int32_t x = k48Over17 + saturating_rounding_doubling_high_mul(half_denominator, kMinus32Over17);
  for (std::int32_t i = 0; i < 3; ++i) {
    const std::int32_t product = saturating_rounding_doubling_high_mul(half_denominator, x);
    const std::int32_t error = (1 << 29) - product;
    x += saturating_left_shift(saturating_rounding_doubling_high_mul(x, error), 2);
  }
  return saturating_left_shift(x, 1);
}

constexpr std::int32_t leading_zeros(std::uint32_t x) {
  std::int32_t n = 0;
  while (n < 32 && (x & (std::uint32_t{1} << (31 - n))) == 0) ++n;
  return n;
}

}  // namespace detail

/// Most entries of a row: more could overflow the sum of exponentials.
constexpr std::int32_t kSoftmaxMostDepth = 4095;

/// @param x, y  [rows, depth]; may be the same. depth <= kSoftmaxMostDepth.
/// Source: TensorFlow Lite reference_ops::Softmax (int8).
template <class Geometry>
void softmax(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  constexpr std::int32_t kAccumulatorBits = 12;
  for (std::int32_t row = 0; row < g.rows; ++row, x += g.depth, y += g.depth) {
    std::int32_t highest = -128;
    for (std::int32_t c = 0; c < g.depth; ++c) highest = x[c] > highest ? x[c] : highest;
    std::int32_t sum = 0;
    for (std::int32_t c = 0; c < g.depth; ++c) {
      const std::int32_t difference = x[c] - highest;
      if (difference < g.diff_min) continue;
      const std::int32_t scaled = multiply_by_quantized_multiplier(difference, g.multiplier, g.shift);
      sum += rounding_divide_by_pot(detail::exp_on_negative(scaled), kAccumulatorBits);
    }
    const std::int32_t headroom = detail::leading_zeros(static_cast<std::uint32_t>(sum));
    const std::int32_t bits_over_unit = kAccumulatorBits - headroom;
    const std::uint32_t normalised = static_cast<std::uint32_t>(sum) << headroom;
    const std::int32_t scale =
        detail::one_over_one_plus(static_cast<std::int32_t>(normalised - (std::uint32_t{1} << 31)));
    for (std::int32_t c = 0; c < g.depth; ++c) {
      const std::int32_t difference = x[c] - highest;
      if (difference < g.diff_min) {
        y[c] = -128;
        continue;
      }
      const std::int32_t scaled = multiply_by_quantized_multiplier(difference, g.multiplier, g.shift);
      // Beyond 31 (from 512 equal entries on) every probability is below half a unit.
      const std::int32_t exponent = bits_over_unit + 31 - 8;
      const std::int32_t product = saturating_rounding_doubling_high_mul(scale, detail::exp_on_negative(scaled));
      const std::int32_t probability = exponent > 31 ? 0 : rounding_divide_by_pot(product, exponent);
      y[c] = static_cast<std::int8_t>(clamp(probability - 128, -128, 127));
    }
  }
}

}  // namespace mote::device
