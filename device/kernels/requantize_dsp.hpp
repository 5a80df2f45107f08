#pragma once
// requantize() in five instructions, exact.
//
// TensorFlow Lite rounds twice: y = round(2x * m / 2^32) (ties up), then round(y / 2^e) (ties away from zero). SMMLAR
// gives y plus a constant C = 2^(e-1) + zero * 2^e; the second rounding differs from a floor only for negative y, by
// one unit before the shift: adding the sign of x (0 or -1) does that. (Where y is 0 and x negative, (2^(e-1) - 1) >> e
// is still 0.) Needs 1 <= e <= 22 and |x| < 2^30: both are checked when a model is compiled; layers outside use
// requantize().

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

constexpr std::int32_t kFastShiftLow = 1;
constexpr std::int32_t kFastShiftHigh = 22;

/// One output channel, ready to use.
struct FastRequantize {
  std::int32_t bias;
  std::int32_t multiplier;
  std::int32_t rounding;  // C
  std::int32_t right_shift;

  FastRequantize() = default;
  FastRequantize(std::int32_t b, std::int32_t m, std::int32_t c, std::int32_t e)
      : bias(b), multiplier(m), rounding(c), right_shift(e) {}
  FastRequantize(const ChannelParams& params, std::int32_t c, std::int32_t output_zero)
      : bias(params.bias[c]), multiplier(params.multiplier[c]), right_shift(-params.shift[c]) {
    // Two's complement shift of a possibly negative zero point.
    rounding = static_cast<std::int32_t>((std::uint32_t{1} << (right_shift - 1)) +
                                         (static_cast<std::uint32_t>(output_zero) << right_shift));
  }

  /// Sum without bias to int8 range, before an activation's clamp.
  [[nodiscard]] std::int32_t operator()(std::int32_t sum) const {
    const std::int32_t doubled = static_cast<std::int32_t>(static_cast<std::uint32_t>(sum + bias) << 1);
    const std::int32_t scaled = dsp::smmlar(doubled, multiplier, rounding) + (doubled >> 31);
    return dsp::ssat8(scaled >> right_shift);
  }
};

}  // namespace mote::device
