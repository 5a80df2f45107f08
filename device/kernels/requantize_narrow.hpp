#pragma once
// requantize() for cores whose multiplication gives 32 bits (Armv6-M), where the definition's product of 64 bits is a
// call: four products of halves, exact.
//
// With x = h 2^16 + l, l in [-2^15, 2^15), and a multiplier M 2^16 + m, m unsigned, the first rounding is
//   (x * multiplier + 2^30) >> 31 = 2 h M + ((h m + l M + ((l m) >> 16) + 2^14) >> 15):
// what is dropped by the inner shift lies below 2^16, and 2^30 is a multiple of that. |x| < 2^29 keeps each term and
// the sum within 32 bits. The second rounding, ties away from zero, is one to nearest, ties up, of a value that is one
// less where it is negative; that needs a shift of at least 1. Both conditions are checked when a model is compiled.

#include <cstdint>

#include "kernels/requantize.hpp"

namespace mote::device {

constexpr std::int32_t kNarrowBits = 29;
constexpr std::int32_t kNarrowShiftLow = 1;
constexpr std::int32_t kNarrowShiftHigh = 28;

/// As requantize().
constexpr std::int8_t requantize_narrow(std::int32_t x, const ChannelParams& params, std::int32_t c,
                                        std::int32_t output_zero, std::int32_t clamp_low, std::int32_t clamp_high) {
  const std::int32_t multiplier_high = params.multiplier[c] >> 16, multiplier_low = params.multiplier[c] & 0xffff;
  const std::int32_t low = static_cast<std::int16_t>(x), high = (x - low) >> 16;
  const std::int32_t middle = high * multiplier_low + low * multiplier_high + ((low * multiplier_low) >> 16);
  const std::int32_t y = 2 * high * multiplier_high + ((middle + (1 << 14)) >> 15);
  const std::int32_t shift = -params.shift[c];
  const std::int32_t scaled = (y + (y >> 31) + ((1 << shift) >> 1)) >> shift;
  return static_cast<std::int8_t>(clamp(scaled + output_zero, clamp_low, clamp_high));
}

/// What a lean kernel ends with. `Narrow`: its sums and shifts are within the limits above.
template <bool Narrow>
constexpr std::int8_t requantize_lean(std::int32_t x, const ChannelParams& params, std::int32_t c,
                                      std::int32_t output_zero, std::int32_t clamp_low, std::int32_t clamp_high) {
#if defined(__ARM_ARCH_6M__)
  if constexpr (Narrow) return requantize_narrow(x, params, c, output_zero, clamp_low, clamp_high);
#endif
  return requantize(x, params, c, output_zero, clamp_low, clamp_high);
}

}  // namespace mote::device
