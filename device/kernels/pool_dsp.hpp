#pragma once
// Pooling of four channels at a time, for a multiple of four channels: equal to pool.hpp and reduce.hpp, byte for byte.
// Sums are over whole planes of at most 256 places (halfwords).

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/pool.hpp"
#include "kernels/reduce.hpp"

namespace mote::device {

/// y[c] = finish(sum of channel c over the plane).
template <std::int32_t kPlaces, std::int32_t kChannels, class Finish>
void sum_planes_dsp(const std::int8_t* x, std::int8_t* y, Finish finish) {
  static_assert(kPlaces <= 256 && kChannels % 4 == 0);
  for (std::int32_t c = 0; c < kChannels; c += 4, y += 4) {
    std::uint32_t even = 0, odd = 0;  // channels 0 2 and 1 3
    const std::int8_t* source = x + c;
    for (std::int32_t i = 0; i < kPlaces; ++i, source += kChannels) {
      const std::uint32_t word = dsp::load_word(source);
      even = dsp::sxtab16(even, word);
      odd = dsp::sxtab16_odd(odd, word);
    }
    const std::uint32_t sums[4] = {even, odd, even >> 16, odd >> 16};
    for (std::int32_t k = 0; k < 4; ++k) y[k] = static_cast<std::int8_t>(finish(static_cast<std::int16_t>(sums[k])));
  }
}

template <class Geometry>
void average_whole_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  constexpr std::int32_t kPlaces = Geometry::in_h * Geometry::in_w;
  sum_planes_dsp<kPlaces, Geometry::channels>(
      x, y, [&](std::int32_t sum) { return clamp(rounded_average(sum, kPlaces), g.clamp_low, g.clamp_high); });
}

/// The sum or mean of reduce.hpp over height and width.
template <std::int32_t kPlaces, std::int32_t kChannels, class Geometry>
void reduce_planes_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  sum_planes_dsp<kPlaces, kChannels>(x, y, [&](std::int32_t sum) { return SumOf::finish(g, sum); });
}

template <class Geometry>
void max_pool2d_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  static_assert(Geometry::channels % 4 == 0);
  constexpr std::uint32_t kLow = 0x01010101u * static_cast<std::uint8_t>(Geometry::clamp_low),
                          kHigh = 0x01010101u * static_cast<std::uint8_t>(Geometry::clamp_high);
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      const std::int8_t* corner = x + (window.y0 * g.in_w + window.x0) * g.channels;
      const std::int32_t rows = window.y1 - window.y0, columns = window.x1 - window.x0;
      for (std::int32_t c = 0; c < g.channels; c += 4, y += 4) {
        std::uint32_t best = kLow;
        const std::int8_t* line = corner + c;
        for (std::int32_t i = 0; i < rows; ++i, line += g.in_w * g.channels) {
          const std::int8_t* place = line;
          for (std::int32_t k = 0; k < columns; ++k, place += g.channels) best = dsp::max4(best, dsp::load_word(place));
        }
        if (Geometry::clamp_high != 127) best = dsp::min4(best, kHigh);
        dsp::store_word(y, best);
      }
    }
  }
}

}  // namespace mote::device
