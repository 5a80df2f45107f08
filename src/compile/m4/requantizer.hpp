#pragma once
// Finds, for one output channel, integers with which TensorFlow Lite's requantization (two roundings, zero point,
// clamp) is two instructions:
//
//     y = SSAT8( (high32(x' * multiplier) + offset) >> shift ),   x' = scale * x + bias
//
// where x is the sum of products without bias. The definition is a monotone step function of x with at most 255 steps,
// so a line whose floor has all its steps at the same places IS the definition; whether one exists with a given shift
// is decided exactly, step by step, over the values of x that the weights allow. With the shift given, a whole layer
// can share one immediate, whatever its channels' own shifts are.
//
// Works for channels that clamp at their zero point (ReLU with zero point -128 saturates); where negative results
// exist, the second rounding's ties away from zero move all steps below zero by one unit and no line fits: those layers
// use SMMLAR and a correction by the sign.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mote::compile::m4 {

/// What the model says of a channel.
struct ChannelRule {
  std::int32_t multiplier = 0;  ///< in [2^30, 2^31)
  std::int32_t shift = 0;       ///< positive to the left
  std::int32_t output_zero = 0, clamp_low = -128, clamp_high = 127;
  std::int32_t bias = 0;           ///< added to x by the definition
  std::int64_t low = 0, high = 0;  ///< least and greatest x (without bias)
  auto operator<=>(const ChannelRule&) const = default;
};

struct LineForm {
  std::int32_t multiplier = 0;
  std::int32_t bias = 0;    ///< in units of 1/scale of x
  std::int32_t offset = 0;  ///< added to the high word; 0 unless it was allowed
};

/// @param scale  1, or 256 where the accumulator has 8 bits below x's unit.
/// @param shift  of the final SSAT, 0 to 31.
/// @param with_offset  whether `offset` may be used (one more register a channel).
/// Of several lines, one whose multiplier, then bias, has as many trailing zeros as there can be.
/// Nothing when no such integers exist, or when x' would not fit 32 bits.
[[nodiscard]] std::optional<LineForm> find_line(const ChannelRule& rule, std::int32_t scale, std::int32_t shift,
                                                bool with_offset);

/// A multiplier with as many trailing zeros as there can be, with which all of these channels give the same results
/// over all of their sums; they have one multiplier and shift in common. What a multiplier has below the bits that its
/// results need follows from a float scale and is noise: a new training changes all of it, and updates carry it.
[[nodiscard]] std::int32_t shortest_multiplier(std::span<const ChannelRule> rules);

/// One demand on a line: result y is reached at x = first, and not before. A side that is not demanded is switched off.
struct LineStep {
  std::int32_t y;
  std::int64_t first;
  bool reached, not_before;
};
/// A line through any steps. @param slope  where to look: results a unit of x' times 2^(32 + shift).
[[nodiscard]] std::optional<LineForm> find_line(const std::vector<LineStep>& steps, double slope, std::int32_t scale,
                                                std::int32_t shift, bool with_offset);

/// Shifts of the low form to try, best first, for a layer whose least right shift is `least`: first a multiple of four,
/// so that layers share functions (it costs the multiplier up to three of its 31 bits), then the one that keeps all
/// bits.
[[nodiscard]] inline std::array<std::int32_t, 2> shifts_to_try(std::int32_t least) {
  return {(least - 1) & ~3, least - 1};
}

/// The exact form, for layers whose results may be negative, in five instructions. With e = -shift and twice the sum,
/// 2x:
///     high32 of SMMLAR(2x * multiplier), plus 2^(e-1) + zero * 2^e, plus the sign of x (0 or -1), shifted right by e,
///     saturated.
/// TensorFlow Lite rounds twice: y = round(2x * m / 2^32), ties up, then round(y / 2^e), ties away from zero. The
/// second differs from a floor only for negative y, by one unit before the shift, which the sign takes off. (Where y is
/// 0 and x negative, (2^(e-1) - 1) >> e is still 0.) Needs shifts within these and |x| < 2^30.
constexpr std::int32_t kExactShiftLow = 1;
constexpr std::int32_t kExactShiftHigh = 22;
[[nodiscard]] std::int32_t exact_form(const ChannelRule& rule, std::int64_t x);

/// The definition: what the portable kernel computes for this x.
[[nodiscard]] std::int32_t requantized(const ChannelRule& rule, std::int64_t x);
/// The two instructions.
[[nodiscard]] std::int32_t on_line(const LineForm& line, std::int64_t x, std::int32_t scale, std::int32_t shift);

}  // namespace mote::compile::m4
