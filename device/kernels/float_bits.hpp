#pragma once
// Floats as whole numbers: what can be done with IEEE 754 single precision without an FPU, and the same on every
// machine.

#include <cstdint>

namespace mote::device {

inline float float_of(std::uint32_t bits) {
  float v;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}
inline std::uint32_t bits_of(float v) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &v, sizeof bits);
  return bits;
}

/// An element of a value, or of a constant: those of floats are their bits.
inline float number_at(const float* p) { return *p; }
inline float number_at(const std::uint32_t* p) { return float_of(*p); }
inline std::int32_t number_at(const std::int32_t* p) { return *p; }
inline std::int64_t number_at(const std::int64_t* p) { return *p; }

constexpr bool is_nan(std::uint32_t bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }

/// Whole numbers in the order of the floats; both zeros are 0. Not for NaN.
constexpr std::int32_t float_order(std::uint32_t bits) {
  const std::int32_t magnitude = static_cast<std::int32_t>(bits & 0x7fffffffu);
  return (bits >> 31) != 0 ? -magnitude : magnitude;
}

/// e^x within 2^-24 of it, rounded; the same bits on every machine, as only whole numbers are computed with: x = n ln 2
/// + r, and e^r by its series up to r^11.
inline float exp_float(float x) {
  const std::uint32_t bits = bits_of(x);
  if (is_nan(bits)) return x;
  constexpr std::int32_t kLargest = 0x42b17218, kSmallest = 0x42cff1b5;  // 88.722839: above is infinity; -103.97208: 0
  const std::int32_t order = float_order(bits);
  if (order > kLargest) return float_of(0x7f800000u);
  if (order < -kSmallest) return 0.0f;
  // x in steps of 2^-40.
  const std::int32_t shift = static_cast<std::int32_t>((bits >> 23) & 0xff) - 127 - 23 + 40;
  std::int64_t v = static_cast<std::int64_t>((bits & 0x7fffffu) | 0x800000u);
  v = shift >= 0 ? v << shift : shift > -25 ? v >> -shift : 0;
  if ((bits >> 31) != 0) v = -v;
  constexpr std::int64_t kLn2 = 762123384786;   // ln 2 * 2^40
  constexpr std::int64_t kLog2e = 1549082005;   // log2 e * 2^30
  std::int64_t n = ((v >> 20) * kLog2e) >> 50;  // floor(x / ln 2), or one beside it
  std::int64_t rest = v - n * kLn2;
  if (rest < 0) {
    --n;
    rest += kLn2;
  } else if (rest >= kLn2) {
    ++n;
    rest -= kLn2;
  }
  const std::uint32_t r = static_cast<std::uint32_t>(rest >> 8);  // steps of 2^-32
  // 2^30 / k!, for Horner's scheme in steps of 2^-30.
  constexpr std::uint32_t kTerms[12] = {1073741824, 1073741824, 536870912, 178956971, 44739243, 8947849,
                                        1491308,    213044,     26630,     2959,      296,      27};
  std::uint32_t power = kTerms[11];
  for (std::int32_t k = 10; k >= 0; --k)
    power = kTerms[k] + static_cast<std::uint32_t>((static_cast<std::uint64_t>(r) * power) >> 32);
  const std::int32_t exponent = static_cast<std::int32_t>(n) + 127;
  if (exponent > 0) {
    // The sum's leading one raises the exponent; rounding may raise it again, to infinity too.
    return float_of((static_cast<std::uint32_t>(exponent - 1) << 23) + ((power + 64) >> 7));
  }
  const std::uint32_t down = static_cast<std::uint32_t>(7 + 1 - exponent);  // below the normal floats
  return float_of(down > 31 ? 0 : (power + (1u << (down - 1))) >> down);
}

/// a / b, rounded to the nearest, ties to even, by long division.
/// @param b  positive, normal and finite.
inline float divided_by_parts(float a, float b) {
  const std::uint32_t a_bits = bits_of(a), b_bits = bits_of(b), magnitude = a_bits & 0x7fffffffu;
  if (magnitude == 0 || magnitude >= 0x7f800000u) return a;
  std::int32_t exponent = static_cast<std::int32_t>(magnitude >> 23);
  std::uint32_t rest = magnitude & 0x7fffffu;
  if (exponent == 0) {
    exponent = 1;
    for (; (rest & 0x800000u) == 0; rest <<= 1) --exponent;
  }
  rest |= 0x800000u;
  const std::uint32_t divisor = (b_bits & 0x7fffffu) | 0x800000u;
  exponent += 127 - static_cast<std::int32_t>(b_bits >> 23);
  if (rest < divisor) {
    rest <<= 1;
    --exponent;
  }
  std::uint32_t quotient = 0;  // 25 bits: the last one says to which side to round
  for (std::int32_t i = 0; i < 25; ++i, rest <<= 1) {
    quotient <<= 1;
    if (rest < divisor) continue;
    rest -= divisor;
    quotient |= 1;
  }
  const std::uint32_t sign = a_bits & 0x80000000u;
  if (exponent >= 255) return float_of(sign | 0x7f800000u);
  bool more = rest != 0;
  if (exponent <= 0) {  // below the normal floats
    const std::int32_t shift = 1 - exponent;
    if (shift > 25) return float_of(sign);
    more = more || (quotient & ((1u << shift) - 1)) != 0;
    quotient >>= shift;
    const std::uint32_t kept = quotient >> 1;
    return float_of(sign | (kept + ((quotient & 1) != 0 && (more || (kept & 1) != 0) ? 1 : 0)));
  }
  const std::uint32_t kept = quotient >> 1;
  const std::uint32_t up = (quotient & 1) != 0 && (more || (kept & 1) != 0) ? 1 : 0;
  return float_of(sign | ((static_cast<std::uint32_t>(exponent - 1) << 23) + kept + up));
}

/// a / b; b as above. libgcc's division for Armv6-M jumps through a table of absolute addresses, which a module that
/// lies anywhere cannot have.
inline float divided(float a, float b) {
#if defined(__ARM_ARCH_6M__)
  return divided_by_parts(a, b);
#else
  return a / b;
#endif
}

}  // namespace mote::device
