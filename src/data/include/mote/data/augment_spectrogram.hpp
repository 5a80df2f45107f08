#pragma once
// Augmentation of spectrograms and other feature maps, float [T,F] (frames, bands), in place, after the features.
// SpecAugment (Park et al. 2019, arXiv:1904.08779) without its image warp, plus shift in time and stretch in frequency.

#include <cstddef>
#include <span>

#include "mote/base/rng.hpp"

namespace mote::data {

struct SpectrogramExtent {
  std::size_t frames = 0;
  std::size_t bands = 0;
  [[nodiscard]] std::size_t count() const { return frames * bands; }
};

/// Frames [first, first + count) become `fill`; parts outside are ignored.
void mask_time(std::span<float> map, SpectrogramExtent extent, std::size_t first, std::size_t count, float fill);
/// Bands [first, first + count) become `fill`.
void mask_frequency(std::span<float> map, SpectrogramExtent extent, std::size_t first, std::size_t count, float fill);
/// Moves by `frames` (positive: later); `fill` comes in.
void shift_frames(std::span<float> map, SpectrogramExtent extent, std::ptrdiff_t frames, float fill);
/// Band f takes what was at band f * factor (linear between bands, the last band repeats): what another vocal-tract
/// length does to a mel spectrogram, roughly (Jaitly and Hinton 2013). `factor` in (0, 2].
void warp_bands(std::span<float> map, SpectrogramExtent extent, float factor);
[[nodiscard]] float mean_of(std::span<const float> map);

/// Everything that is 0 is off.
struct SpectrogramAugmentation {
  double chance = 1;  ///< of masks being applied at all; shift and warp do not depend on it
  std::size_t time_masks = 0;
  std::size_t max_time_mask_frames = 0;  ///< width uniform in [0, max]
  std::size_t frequency_masks = 0;
  std::size_t max_frequency_mask_bands = 0;
  std::size_t max_shift_frames = 0;  ///< uniform in [-max, max]
  float max_warp = 0;                ///< 0.1: factor uniform in [0.9, 1.1]
  bool fill_with_mean = true;        ///< masks take the map's mean, else `fill`
  float fill = 0;                    ///< for masks and for what a shift brings in when fill_with_mean is off
};

void augment_spectrogram(std::span<float> map, SpectrogramExtent extent, const SpectrogramAugmentation& parameters,
                         Rng& rng);

}  // namespace mote::data
