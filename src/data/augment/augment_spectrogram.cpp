#include "mote/data/augment_spectrogram.hpp"

#include <algorithm>

#include "mote/base/error.hpp"

namespace mote::data {

void mask_time(std::span<float> map, SpectrogramExtent extent, std::size_t first, std::size_t count, float fill) {
  first = std::min(first, extent.frames);
  count = std::min(count, extent.frames - first);
  std::fill_n(map.data() + first * extent.bands, count * extent.bands, fill);
}

void mask_frequency(std::span<float> map, SpectrogramExtent extent, std::size_t first, std::size_t count, float fill) {
  first = std::min(first, extent.bands);
  count = std::min(count, extent.bands - first);
  for (std::size_t t = 0; t < extent.frames; ++t) std::fill_n(map.data() + t * extent.bands + first, count, fill);
}

void shift_frames(std::span<float> map, SpectrogramExtent extent, std::ptrdiff_t frames, float fill) {
  const auto limit = static_cast<std::ptrdiff_t>(extent.frames);
  const std::ptrdiff_t values = std::clamp(frames, -limit, limit) * static_cast<std::ptrdiff_t>(extent.bands);
  if (values >= 0) {
    std::copy_backward(map.begin(), map.end() - values, map.end());
    std::fill_n(map.begin(), values, fill);
  } else {
    std::copy(map.begin() - values, map.end(), map.begin());
    std::fill(map.end() + values, map.end(), fill);
  }
}

void warp_bands(std::span<float> map, SpectrogramExtent extent, float factor) {
  MOTE_CHECK(factor > 0 && factor <= 2);
  if (extent.bands < 2) return;
  const auto last = static_cast<float>(extent.bands - 1);
  for (std::size_t t = 0; t < extent.frames; ++t) {
    float* row = map.data() + t * extent.bands;
    const auto at = [&](std::size_t f) {
      const float position = std::min(static_cast<float>(f) * factor, last);
      const auto low = std::min(static_cast<std::size_t>(position), extent.bands - 2);
      const float weight = position - static_cast<float>(low);
      return row[low] * (1 - weight) + row[low + 1] * weight;
    };
    // Written in the order in which nothing is overwritten before it is read: sources lie above their targets for a
    // factor of 1 and more, at or below them for less. Below 1, low + 1 may be the target itself, read before it is
    // written.
    if (factor >= 1) {
      for (std::size_t f = 0; f < extent.bands; ++f) row[f] = at(f);
    } else {
      for (std::size_t f = extent.bands; f-- > 0;) row[f] = at(f);
    }
  }
}

float mean_of(std::span<const float> map) {
  double sum = 0;
  for (const float value : map) sum += value;
  return map.empty() ? 0.0f : static_cast<float>(sum / static_cast<double>(map.size()));
}

void augment_spectrogram(std::span<float> map, SpectrogramExtent extent, const SpectrogramAugmentation& p, Rng& rng) {
  MOTE_CHECK(map.size() == extent.count());
  const float fill = p.fill_with_mean ? mean_of(map) : p.fill;
  if (p.max_warp > 0) warp_bands(map, extent, 1 + static_cast<float>(rng.uniform(-p.max_warp, p.max_warp)));
  if (p.max_shift_frames > 0) {
    const auto reach = static_cast<std::int64_t>(p.max_shift_frames);
    shift_frames(map, extent, static_cast<std::ptrdiff_t>(rng.between(-reach, reach)), fill);
  }
  if (!rng.chance(p.chance)) return;
  const auto draw_mask = [&](std::size_t extent_here, std::size_t max_width) {
    const auto width = static_cast<std::size_t>(rng.below(std::min(max_width, extent_here) + 1));
    return std::pair(static_cast<std::size_t>(rng.below(extent_here - width + 1)), width);
  };
  for (std::size_t k = 0; k < p.time_masks; ++k) {
    const auto [first, width] = draw_mask(extent.frames, p.max_time_mask_frames);
    mask_time(map, extent, first, width, fill);
  }
  for (std::size_t k = 0; k < p.frequency_masks; ++k) {
    const auto [first, width] = draw_mask(extent.bands, p.max_frequency_mask_bands);
    mask_frequency(map, extent, first, width, fill);
  }
}

}  // namespace mote::data
