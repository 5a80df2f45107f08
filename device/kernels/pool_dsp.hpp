#pragma once
// Average over whole planes, four channels at a time: equal to pool.hpp, byte for byte. For at most 256 places (sums of halfwords) and a multiple of four channels.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/pool.hpp"

namespace mote::device {

template <class Geometry>
void average_whole_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  constexpr std::int32_t places = Geometry::in_h * Geometry::in_w;
  static_assert(places <= 256 && Geometry::channels % 4 == 0);
  for (std::int32_t c = 0; c < g.channels; c += 4, y += 4) {
    std::uint32_t even = 0, odd = 0;  // channels 0 2 and 1 3
    const std::int8_t* source = x + c;
    for (std::int32_t i = 0; i < places; ++i, source += g.channels) {
      const std::uint32_t word = dsp::load_word(source);
      even = dsp::sxtab16(even, word);
      odd = dsp::sxtab16_odd(odd, word);
    }
    const std::uint32_t sums[4] = {even, odd, even >> 16, odd >> 16};
    for (std::int32_t k = 0; k < 4; ++k) y[k] = static_cast<std::int8_t>(clamp(rounded_average(static_cast<std::int16_t>(sums[k]), places), g.clamp_low, g.clamp_high));
  }
}

}  // namespace mote::device
