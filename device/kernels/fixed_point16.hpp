#pragma once
// logistic and tanh of 16-bit fixed-point numbers, as TensorFlow Lite's LSTM has them: gemmlowp's definitions, step by
// step (github.com/google/gemmlowp, fixedpoint.h). A number with i integer bits has 15 - i behind the point.

#include <cstdint>

#include "kernels/requantize.hpp"

namespace mote::device::fixed16 {

using std::int16_t;
using std::int32_t;

constexpr int16_t wrapped(int32_t v) { return static_cast<int16_t>(static_cast<std::uint16_t>(v)); }
constexpr int16_t saturated(int32_t v) { return static_cast<int16_t>(v > 32767 ? 32767 : v < -32768 ? -32768 : v); }

/// Product of two numbers; integer bits add up.
constexpr int16_t product(int16_t a, int16_t b) {
  if (a == b && a == -32768) return 32767;
  // gemmlowp divides with truncation after a nudge that depends on the sign; for all inputs that equals this floor.
  return static_cast<int16_t>((int32_t{a} * b + (1 << 14)) >> 15);
}
/// x * 2^exponent, saturated or rounded.
constexpr int16_t scaled(int16_t x, int32_t exponent) {
  if (exponent <= 0) return static_cast<int16_t>(rounding_divide_by_pot(x, -exponent));
  return saturated(static_cast<int32_t>(static_cast<std::uint32_t>(int32_t{x}) << exponent));
}
/// A constant that gemmlowp has in 32 bits.
constexpr int16_t narrowed(int32_t v) { return static_cast<int16_t>(rounding_divide_by_pot(v, 16)); }

/// e^a for a in [-1/4, 0), no integer bits: a Taylor series around -1/8.
constexpr int16_t exp_of_small(int16_t a) {
  constexpr int16_t kConstant = narrowed(1895147668), kThird = narrowed(715827883);
  const int16_t x = wrapped(a + (1 << 12));
  const int16_t x2 = product(x, x), x3 = product(x2, x), x4 = product(x2, x2);
  const int16_t rest = scaled(wrapped(product(wrapped(scaled(x4, -2) + x3), kThird) + x2), -1);
  return saturated(kConstant + product(kConstant, wrapped(x + rest)));
}

/// e^a for a <= 0 with `integer_bits`; the result has none.
constexpr int16_t exp_of_negative(int16_t a, int32_t integer_bits) {
  const int32_t fraction = 15 - integer_bits;
  const int32_t quarter = int32_t{1} << (fraction - 2);
  const int16_t small = wrapped((a & (quarter - 1)) - quarter);
  int16_t result = exp_of_small(scaled(small, integer_bits));
  const int32_t remainder = wrapped(small - a);
  constexpr int32_t kFactors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  for (int32_t i = 0; i < 7 && integer_bits > i - 2; ++i) {
    if ((remainder & (int32_t{1} << (fraction + i - 2))) != 0) result = product(result, narrowed(kFactors[i]));
  }
  if (integer_bits > 5 && a < -(int32_t{1} << (fraction + 5))) result = 0;
  return a == 0 ? int16_t{32767} : result;
}

/// 2 / (1 + a) with two integer bits, a in (0, 1): Newton's division.
constexpr int16_t two_over_one_plus(int16_t a) {
  constexpr int16_t k48Over17 = narrowed(1515870810), k32Over17 = narrowed(-1010580540), kOne = 1 << 13;
  const int32_t sum = int32_t{a} + 32767;
  const auto half = static_cast<int16_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int16_t x = wrapped(k48Over17 + product(half, k32Over17));
  for (int32_t i = 0; i < 3; ++i) {
    const int16_t error = wrapped(kOne - product(half, x));
    x = wrapped(x + scaled(product(x, error), 2));
  }
  return x;
}

/// Three integer bits in, none out.
constexpr int16_t logistic(int16_t a) {
  if (a == 0) return narrowed(1 << 30);
  const int16_t magnitude = a > 0 ? a : wrapped(-a);
  // Half of two over one plus, which has one integer bit less.
  const int16_t positive = scaled(two_over_one_plus(exp_of_negative(wrapped(-magnitude), 3)), 1);
  return a > 0 ? positive : wrapped(32767 - positive);
}

constexpr int16_t tanh(int16_t a, int32_t integer_bits) {
  if (a == 0) return 0;
  const int16_t negative = a < 0 ? a : wrapped(-a);
  // (1 - e) / (1 + e) = 2 / (1 + e) - 1 with e = e^(2a).
  const int16_t x = two_over_one_plus(exp_of_negative(negative, integer_bits + 1));
  const int16_t t = scaled(wrapped(x - (1 << 13)), 2);
  return a < 0 ? wrapped(-t) : t;
}

}  // namespace mote::device::fixed16
