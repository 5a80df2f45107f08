#pragma once
// int8 log-softmax in fixed point; output scale 16/256, zero point 127. Source of the arithmetic: TensorFlow Lite
// reference_ops::LogSoftmax (int8) and log_x_for_x_greater_than_or_equal_to_1, with gemmlowp's types written out.

#include <cstdint>

#include "kernels/softmax.hpp"

namespace mote::device {

struct LogSoftmaxGeometry {
  std::int32_t rows, depth;
  std::int32_t multiplier, shift;                  // input difference * scale, in Q5.26
  std::int32_t diff_min;                           // differences below give the smallest output
  std::int32_t reverse_multiplier, reverse_shift;  // from Q5.26 to an input difference
};

namespace detail {

/// ln(x) for x >= 1 in Q12.19; result Q5.26. x times a power of two, less one, goes into a rational approximation; of
/// the two powers that come into question (two to a half apart) the larger exponent is taken.
constexpr std::int32_t log_of_sum(std::int32_t x) {
  constexpr std::int32_t kLog2 = 1488522236, kHalfRoot = 1518500250, kQuarterRoot = 1805811301;  // Q0.31
  constexpr std::int32_t kQuarter = 1 << 23, kOne = 1 << 25;                                     // Q6.25
  constexpr std::int32_t kAlphaN = 117049297, kAlphaD = 127690142, kAlphaI = 1057819769, kAlphaF = 638450708;
  constexpr auto times = saturating_rounding_doubling_high_mul;

  const std::int32_t zeros = leading_zeros(static_cast<std::uint32_t>(x));
  const std::int32_t ratio_a = saturating_left_shift(times(saturating_left_shift(x, zeros - 1), kHalfRoot), 1);
  const std::int32_t power_a = (12 - zeros) * kOne + kQuarter;
  const std::int32_t headroom = leading_zeros(static_cast<std::uint32_t>(times(x, kHalfRoot))) - 1;
  const std::int32_t ratio_b = saturating_left_shift(x, headroom);
  const std::int32_t power_b = (12 - headroom) * kOne - kQuarter;
  const std::int32_t r = ratio_a < ratio_b ? ratio_a : ratio_b, power = power_a > power_b ? power_a : power_b;

  const auto p = static_cast<std::int32_t>((std::int64_t{r} + kQuarterRoot + 1) / 2);
  const std::int32_t q = 2 * (r - kQuarterRoot), q2 = times(q, q);
  const std::int32_t numerator = times(q, r) + times(times(q, q2), kAlphaN);
  const std::int32_t denominator_minus_one = times(p, kAlphaI + q + times(kAlphaD, q2)) + times(kAlphaF, q);
  const std::int32_t rest = times(rounding_divide_by_pot(numerator, 6), one_over_one_plus(denominator_minus_one));
  return saturating_left_shift(times(power, kLog2) + rest, 1);
}

}  // namespace detail

/// @param x, y  [rows, depth]; may be the same. depth <= kSoftmaxMostDepth.
template <class Geometry>
void log_softmax(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t row = 0; row < g.rows; ++row, x += g.depth, y += g.depth) {
    std::int32_t highest = -128, sum = 0;
    for (std::int32_t c = 0; c < g.depth; ++c) highest = x[c] > highest ? x[c] : highest;
    for (std::int32_t c = 0; c < g.depth; ++c) {
      const std::int32_t difference = x[c] - highest;
      if (difference < g.diff_min) continue;
      const std::int32_t scaled = multiply_by_quantized_multiplier(difference, g.multiplier, g.shift);
      sum += rounding_divide_by_pot(detail::exp_on_negative(scaled), 12);
    }
    const std::int32_t log_sum = detail::log_of_sum(sum);
    // Of differences down to here Q5.26 holds what is left when the logarithm is taken away.
    const std::int32_t reach =
        multiply_by_quantized_multiplier(log_sum + INT32_MIN, g.reverse_multiplier, g.reverse_shift);
    const std::int32_t lowest = reach > g.diff_min - 1 ? reach : g.diff_min - 1;
    for (std::int32_t c = 0; c < g.depth; ++c) {
      const std::int32_t difference = x[c] - highest;
      if (difference <= lowest) {
        y[c] = -128;
        continue;
      }
      const std::int32_t scaled = multiply_by_quantized_multiplier(difference, g.multiplier, g.shift);
      y[c] = static_cast<std::int8_t>(clamp(rounding_divide_by_pot(scaled - log_sum, 22) + 127, -128, 127));
    }
  }
}

}  // namespace mote::device
