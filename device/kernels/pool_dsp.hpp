#pragma once
// Pooling and sums of four channels at a time, for at least four channels: equal to pool.hpp and reduce.hpp, byte for
// byte. The last four channels end with the last one. Sums are halfwords over up to 256 places.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/pool.hpp"
#include "kernels/reduce.hpp"

namespace mote::device {

namespace detail {
/// First of four channels: the last four end with the last channel.
constexpr std::int32_t first_of_four(std::int32_t c, std::int32_t channels) {
  return c + 4 <= channels ? c : channels - 4;
}

/// Sums of four channels over at most 256 places.
struct FourSums {
  std::uint32_t even = 0, odd = 0;  // channels 0 2 and 1 3
  void add(std::uint32_t word) {
    even = dsp::sxtab16(even, word);
    odd = dsp::sxtab16_odd(odd, word);
  }
  void add_to(std::int32_t* sums) const {
    const std::uint32_t halves[4] = {even, odd, even >> 16, odd >> 16};
    for (std::int32_t k = 0; k < 4; ++k) sums[k] += static_cast<std::int16_t>(halves[k]);
  }
};
}  // namespace detail

namespace detail {
/// Sums of four channels over a window. A function of its own, so that they stay in registers.
template <std::int32_t kChannels, std::int32_t kLine>
[[gnu::noinline]] void sum_window(const std::int8_t* corner, std::int32_t rows, std::int32_t columns,
                                  std::int32_t* sums) {
  FourSums part;
  for (; rows > 0; --rows, corner += kLine) {
    const std::int8_t* place = corner;
    for (std::int32_t k = columns; k > 0; --k, place += kChannels) part.add(dsp::load_word(place));
  }
  for (std::int32_t k = 0; k < 4; ++k) sums[k] = 0;
  part.add_to(sums);
}
}  // namespace detail

/// y[c] = finish(sum of channel c over the plane).
template <std::int32_t kPlaces, std::int32_t kChannels, class Finish>
void sum_planes_dsp(const std::int8_t* x, std::int8_t* y, Finish finish) {
  static_assert(kChannels >= 4);
  for (std::int32_t c = 0; c < kChannels; c += 4) {
    const std::int32_t first = detail::first_of_four(c, kChannels);
    std::int32_t sums[4] = {};
    const std::int8_t* source = x + first;
    for (std::int32_t left = kPlaces; left > 0; left -= 256) {
      detail::FourSums part;
      for (std::int32_t i = left < 256 ? left : 256; i > 0; --i, source += kChannels) part.add(dsp::load_word(source));
      part.add_to(sums);
    }
    for (std::int32_t k = 0; k < 4; ++k) y[first + k] = static_cast<std::int8_t>(finish(sums[k]));
  }
}

template <class Geometry>
void average_whole_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  constexpr std::int32_t kPlaces = Geometry::in_h * Geometry::in_w;
  sum_planes_dsp<kPlaces, Geometry::channels>(
      x, y, [&](std::int32_t sum) { return clamp(rounded_average(sum, kPlaces), g.clamp_low, g.clamp_high); });
}

/// The sum or mean of reduce.hpp over the middle of [outer, places, channels].
template <std::int32_t kPlaces, std::int32_t kChannels, class Geometry>
void reduce_planes_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y, std::int32_t outer) {
  for (; outer > 0; --outer, x += kPlaces * kChannels, y += kChannels)
    sum_planes_dsp<kPlaces, kChannels>(x, y, [&](std::int32_t sum) { return SumOf::finish(g, sum); });
}

template <class Geometry>
void average_pool2d_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  static_assert(Geometry::channels >= 4 && Geometry::kernel_h * Geometry::kernel_w <= 256);
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.channels) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      const std::int32_t rows = window.y1 - window.y0, columns = window.x1 - window.x0;
      for (std::int32_t c = 0; c < g.channels; c += 4) {
        const std::int32_t first = detail::first_of_four(c, g.channels);
        std::int32_t sums[4];
        detail::sum_window<Geometry::channels, Geometry::in_w * Geometry::channels>(
            x + (window.y0 * g.in_w + window.x0) * g.channels + first, rows, columns, sums);
        for (std::int32_t k = 0; k < 4; ++k)
          y[first + k] =
              static_cast<std::int8_t>(clamp(rounded_average(sums[k], rows * columns), g.clamp_low, g.clamp_high));
      }
    }
  }
}

template <class Geometry>
void max_pool2d_dsp(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  static_assert(Geometry::channels >= 4);
  constexpr std::uint32_t kLow = 0x01010101u * static_cast<std::uint8_t>(Geometry::clamp_low),
                          kHigh = 0x01010101u * static_cast<std::uint8_t>(Geometry::clamp_high);
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.channels) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      const std::int8_t* corner = x + (window.y0 * g.in_w + window.x0) * g.channels;
      const std::int32_t rows = window.y1 - window.y0, columns = window.x1 - window.x0;
      for (std::int32_t c = 0; c < g.channels; c += 4) {
        const std::int32_t first = detail::first_of_four(c, g.channels);
        std::uint32_t best = kLow;
        const std::int8_t* line = corner + first;
        for (std::int32_t i = 0; i < rows; ++i, line += g.in_w * g.channels) {
          const std::int8_t* place = line;
          for (std::int32_t k = 0; k < columns; ++k, place += g.channels) best = dsp::max4(best, dsp::load_word(place));
        }
        if (Geometry::clamp_high != 127) best = dsp::min4(best, kHigh);
        dsp::store_word(y + first, best);
      }
    }
  }
}

}  // namespace mote::device
