#pragma once
// Augmentation of sampled channels and strokes, float [T,C], in the training loop.
// On the magic wand strokes it changed nothing measurable (99.2 % with and without): use it where recordings are few.

#include <cstddef>
#include <span>

#include "mote/base/rng.hpp"

namespace mote::data {

struct SeriesExtent {
  std::size_t steps = 0;
  std::size_t channels = 1;
  [[nodiscard]] std::size_t count() const { return steps * channels; }
};

/// In place: channel c times factors[c]; one factor for all when there is a single one.
void scale_series(std::span<float> values, SeriesExtent extent, std::span<const float> factors);
/// In place: turns each pair of channels (0,1), (2,3), ... by the angle; a last odd channel stays.
void rotate_pairs(std::span<float> values, SeriesExtent extent, float radians);
/// In place: moves by `steps` (positive: later); the first or last row repeats.
void shift_steps(std::span<float> values, SeriesExtent extent, std::ptrdiff_t steps);
/// Row t of `out` is `in` at a time that runs unevenly: `speeds` are relative speeds at evenly spaced knots, linear
/// between, normalized so that first and last rows stay. Linear interpolation. At least one speed, all positive.
void warp_time(std::span<const float> in, std::span<float> out, SeriesExtent extent, std::span<const float> speeds);

/// Everything that is 0 is off.
struct SeriesAugmentation {
  float max_scale = 0;              ///< 0.1: one factor for all channels, uniform in [0.9, 1.1]
  float max_scale_per_channel = 0;  ///< besides, one a channel
  float max_rotation_degrees = 0;   ///< pairs of channels; strokes: the plane
  float jitter_sigma = 0;           ///< in units of the values
  float max_time_warp = 0;          ///< 0.3: speeds uniform in [0.7, 1.3] at 5 knots
  std::size_t max_shift_steps = 0;
  float max_offset = 0;  ///< in units of the values, one a channel: where a stroke lies
};

/// `scratch` needs `extent.count()` values. The result is in `values`.
void augment_series(std::span<float> values, SeriesExtent extent, const SeriesAugmentation& parameters, Rng& rng,
                    std::span<float> scratch);

}  // namespace mote::data
