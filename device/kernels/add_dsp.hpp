#pragma once
// int8 addition with SMMLAR: equal to add.hpp, byte for byte. Needs both input shifts in [-30, 0] and the output shift
// within FastRequantize's limits, which TensorFlow Lite's own choice of scales gives; the compiler checks.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

/// y may be a or b.
template <class Geometry>
void add_dsp(const Geometry& g, const std::int8_t* a, const std::int8_t* b, std::int8_t* y) {
  // round(v * m * 2^shift): as FastRequantize without zero point; a shift of 0 has no second rounding.
  struct Rescale {
    std::int32_t zero, multiplier, rounding, right_shift, sign_mask;
    Rescale(std::int32_t z, std::int32_t m, std::int32_t shift)
        : zero(z),
          multiplier(m),
          rounding(shift == 0 ? 0 : 1 << (-shift - 1)),
          right_shift(-shift),
          sign_mask(shift == 0 ? 0 : -1) {}
    std::int32_t operator()(std::int32_t v) const {
      // 20 bits of headroom and the doubling of the high multiply in one shift.
      const std::int32_t doubled = static_cast<std::int32_t>(static_cast<std::uint32_t>(v - zero) << 21);
      return (dsp::smmlar(doubled, multiplier, rounding) + ((doubled >> 31) & sign_mask)) >> right_shift;
    }
  };
  const Rescale left(g.a_zero, g.a_multiplier, g.a_shift);
  const Rescale right(g.b_zero, g.b_multiplier, g.b_shift);
  const std::int32_t out_shift = -g.output_shift;
  const std::int32_t out_rounding = static_cast<std::int32_t>((std::uint32_t{1} << (out_shift - 1)) +
                                                              (static_cast<std::uint32_t>(g.output_zero) << out_shift));
  for (std::int32_t i = 0; i < g.count; ++i) {
    const std::int32_t doubled = static_cast<std::int32_t>(static_cast<std::uint32_t>(left(a[i]) + right(b[i])) << 1);
    const std::int32_t scaled = dsp::smmlar(doubled, g.output_multiplier, out_rounding) + (doubled >> 31);
    y[i] = static_cast<std::int8_t>(clamp(dsp::ssat8(scaled >> out_shift), g.clamp_low, g.clamp_high));
  }
}

}  // namespace mote::device
