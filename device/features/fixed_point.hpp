#pragma once
// Integer arithmetic shared by the feature blocks. 32x32 -> 64 bit products (one SMULL on a Cortex-M4), no division of
// 64-bit numbers by the compiler's library, no tables, no libc. Q notation: a value in Qn is an integer that stands for
// integer / 2^n.

#include <cstdint>

#include "features/word_ops.hpp"

namespace mote::device::dsp {

constexpr std::int32_t min_i32(std::int32_t a, std::int32_t b) { return a < b ? a : b; }
constexpr std::int32_t max_i32(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
constexpr std::int32_t clamp_i32(std::int32_t x, std::int32_t low, std::int32_t high) {
  return x < low ? low : (x > high ? high : x);
}
constexpr std::int16_t saturate_i16(std::int32_t x) { return static_cast<std::int16_t>(clamp_i32(x, -32768, 32767)); }
constexpr std::uint64_t square_i32(std::int32_t x) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(x) * x);
}

/// x / 2^shift to nearest, ties toward plus infinity. shift in [1, 31]; x + 2^(shift-1) must fit.
constexpr std::int32_t round_shift(std::int32_t x, std::int32_t shift) {
  return (x + (std::int32_t{1} << (shift - 1))) >> shift;
}
constexpr std::int64_t round_shift_i64(std::int64_t x, std::int32_t shift) {
  return (x + (std::int64_t{1} << (shift - 1))) >> shift;
}

/// Leading zeros; 32 or 64 for 0.
inline std::int32_t leading_zeros(std::uint32_t x) { return x == 0 ? 32 : __builtin_clz(x); }
[[gnu::always_inline]] inline std::int32_t leading_zeros_u64(std::uint64_t x) {
  const std::uint32_t high = static_cast<std::uint32_t>(x >> 32);
  return high != 0 ? leading_zeros(high) : 32 + leading_zeros(static_cast<std::uint32_t>(x));
}

/// Zeroes words. The barrier keeps the compiler from turning the loop into a call of memset, which a module does not
/// have.
inline void fill_zero(std::int32_t* words, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) {
    words[i] = 0;
    __asm__ volatile("" ::: "memory");
  }
}

/// log2(x) in Q16 for x > 0, absolute error below 4e-5 (1.2e-4 dB of power).
/// On [1, 2): log2(1 + t) = t + t (1 - t) q(t), q a cubic fitted to the least maximum error (1.6e-5); exact at both
/// ends.
inline std::int32_t log2_q16(std::uint64_t x) {
  const std::uint32_t high = static_cast<std::uint32_t>(x >> 32);
  const std::uint32_t low = static_cast<std::uint32_t>(x);
  const std::int32_t zeros = high != 0 ? __builtin_clz(high) : 32 + __builtin_clz(low);
  // By words: a shift of 64 bits by a variable takes a core of 32 bits eight instructions.
  const std::uint32_t mantissa = high != 0 ? high << zeros | low >> 1 >> (31 - zeros) : low << (zeros - 32);
  const std::int32_t t = static_cast<std::int32_t>((mantissa & 0x7fffffffu) >> 1);  // Q30
  std::int32_t q = -48465994;                                                       // -0.045137 in Q30
  q = 4 * multiply_high(q, t) + 159352688;                                          // 0.148409
  q = 4 * multiply_high(q, t) - 286873023;                                          // -0.267171
  q = 4 * multiply_high(q, t) + 474503734;                                          // 0.441916
  const std::int32_t bow = 4 * multiply_high(t, (std::int32_t{1} << 30) - t);
  const std::int32_t fraction = t + 4 * multiply_high(bow, q);
  return ((63 - zeros) << 16) + round_shift(fraction, 14);
}

/// Ten times the decimal logarithm of 2^(log2), Q16 to Q8: 10 log10(2) = 3.0103, here in Q24 and taken from the high
/// word.
inline std::int32_t power_db_q8(std::int32_t log2) { return multiply_high(log2, 50504433); }

/// floor(numerator / divisor), saturated to 32 bits; divisor > 0. Restoring division: a few hundred cycles, for use
/// once a channel.
inline std::uint32_t divide_u64(std::uint64_t numerator, std::uint32_t divisor) {
  std::uint64_t remainder = numerator >> 32;
  if (remainder >= divisor) return 0xffffffffu;
  std::uint32_t quotient = 0;
  for (std::int32_t bit = 31; bit >= 0; --bit) {
    remainder = (remainder << 1) | ((numerator >> bit) & 1u);
    quotient <<= 1;
    if (remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1u;
    }
  }
  return quotient;
}

/// floor(numerator / divisor) with a 64-bit quotient; divisor > 0.
inline std::uint64_t divide_u64_wide(std::uint64_t numerator, std::uint32_t divisor) {
  const std::uint32_t high = static_cast<std::uint32_t>(numerator >> 32);
  const std::uint64_t rest = (static_cast<std::uint64_t>(high % divisor) << 32) | (numerator & 0xffffffffu);
  return (static_cast<std::uint64_t>(high / divisor) << 32) | divide_u64(rest, divisor);
}

/// floor(sqrt(x)), bit by bit.
inline std::uint32_t square_root_u64(std::uint64_t x) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 62; bit != 0; bit >>= 2) {
    if (x >= root + bit) {
      x -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return static_cast<std::uint32_t>(root);
}

}  // namespace mote::device::dsp
