#pragma once
// TensorFlow Lite's fixed-point arithmetic, bit for bit (gemmlowp's definitions): the specification that every kernel
// follows.

#include <cstdint>

namespace mote::device {

/// round(a * b / 2^31), ties toward plus infinity, saturating the one overflow (both operands INT32_MIN).
constexpr std::int32_t saturating_rounding_doubling_high_mul(std::int32_t a, std::int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  // gemmlowp divides with truncation after a sign-dependent nudge; for all inputs that equals this floor.
  return static_cast<std::int32_t>((static_cast<std::int64_t>(a) * b + (std::int64_t{1} << 30)) >> 31);
}

/// x / 2^exponent, rounded to nearest, ties away from zero. exponent in [0, 31].
constexpr std::int32_t rounding_divide_by_pot(std::int32_t x, std::int32_t exponent) {
  const std::int32_t mask = static_cast<std::int32_t>((std::uint32_t{1} << exponent) - 1u);
  const std::int32_t remainder = x & mask;
  const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/// x * multiplier * 2^(shift - 31): the multiplier in [2^30, 2^31), the shift positive to the left.
constexpr std::int32_t multiply_by_quantized_multiplier(std::int32_t x, std::int32_t multiplier, std::int32_t shift) {
  const std::int32_t left = shift > 0 ? shift : 0;
  const std::int32_t right = shift > 0 ? 0 : -shift;
  const std::int32_t shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) << left);
  return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right);
}

constexpr std::int32_t clamp(std::int32_t value, std::int32_t low, std::int32_t high) {
  return value < low ? low : value > high ? high : value;
}

/// Per-output-channel parameters of a layer with weights. Arrays of `out_c` entries.
struct ChannelParams {
  const std::int32_t* bias;
  const std::int32_t* multiplier;
  const std::int8_t* shift;
};

/// The three arrays as one argument. gcc would build the struct by copying an initialised constant that holds their
/// addresses, which is not position independent; the empty asm makes the addresses look computed.
inline ChannelParams channel_params(const std::int32_t* bias, const std::int32_t* multiplier,
                                    const std::int8_t* shift) {
  asm("" : "+r"(bias), "+r"(multiplier), "+r"(shift));
  return {bias, multiplier, shift};
}

/// The end of every layer with weights: accumulator of channel `c` to int8.
constexpr std::int8_t requantize(std::int32_t accumulator, const ChannelParams& params, std::int32_t c,
                                 std::int32_t output_zero, std::int32_t clamp_low, std::int32_t clamp_high) {
  const std::int32_t scaled = multiply_by_quantized_multiplier(accumulator, params.multiplier[c], params.shift[c]);
  return static_cast<std::int8_t>(clamp(scaled + output_zero, clamp_low, clamp_high));
}

}  // namespace mote::device
