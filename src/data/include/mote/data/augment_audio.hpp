#pragma once
// Augmentation of mono waveforms before the features: what made spoken digits of unheard speakers work.
// Measured there (left-out speakers): moderate augmentation gained up to 12 points, the largest single effect.
// Waveforms are float in units of i16 counts (full scale 32768); buffers are caller-owned vectors that keep their
// capacity.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mote/base/rng.hpp"

namespace mote::data {

using Waveform = std::vector<float>;

/// In place: moves by `samples` (positive: later), zeros come in, length stays.
void shift_waveform(std::span<float> wave, std::ptrdiff_t samples);
/// In place.
void scale_waveform(std::span<float> wave, float gain);

enum class NoiseColour { white, pink };
/// In place: adds noise whose mean power is `snr_db` below that of the waveform. A silent waveform stays.
/// Pink noise: Paul Kellet's three-pole filter of white noise, within 0.5 dB of -10 dB a decade above rate/400.
void add_background_noise(std::span<float> wave, NoiseColour colour, float snr_db, Rng& rng);

/// Plays faster (speed above 1) or slower, so that pitch changes too: out has in.size() / speed samples.
/// Cubic Hermite interpolation (Catmull-Rom); meant for speeds in [0.5, 2].
void resample_speed(std::span<const float> in, float speed, Waveform& out);
/// Changes the duration by `factor` (above 1: longer) and keeps the pitch: WSOLA, waveform-similarity overlap-add
/// (Verhelst and Roelands, ICASSP 1993), 30 ms frames, search of +-7.5 ms. Meant for [0.5, 2].
/// Shorter than two frames: copied unchanged.
void stretch_time(std::span<const float> in, float rate_hz, float factor, Waveform& out);

/// Second-order section, transposed direct form II.
struct Biquad {
  float b0 = 1, b1 = 0, b2 = 0, a1 = 0, a2 = 0;
};
/// Peak of `gain_db` at `frequency_hz` (below rate/2) with quality `q` (Bristow-Johnson, audio EQ cookbook).
[[nodiscard]] Biquad peak_filter(float rate_hz, float frequency_hz, float q, float gain_db);
/// High shelf of `gain_db` above `frequency_hz`: a tilt when half its gain is taken off everywhere.
[[nodiscard]] Biquad shelf_filter(float rate_hz, float frequency_hz, float gain_db);
/// In place.
void filter_waveform(std::span<float> wave, const Biquad& filter);
/// In place: a random tilt and two random peaks, each within +-max_db.
void random_equalizer(std::span<float> wave, float rate_hz, float max_db, Rng& rng);

/// First and one-past-last sample of what is within `threshold_db` (positive) of the loudest 10 ms frame.
[[nodiscard]] std::pair<std::size_t, std::size_t> energy_bounds(std::span<const float> wave, float rate_hz,
                                                                float threshold_db);

/// In place: divides by (envelope / peak)^amount, so that 0 changes nothing and 1 flattens; the envelope falls over 20
/// ms and has a floor 40 dB below its peak.
void compress_envelope(std::span<float> wave, float rate_hz, float amount);

/// Everything off by default; `moderate()` is the recipe of the spoken-digits measurements. Ranges are [low, high],
/// uniform.
struct AudioAugmentation {
  float max_shift_ms = 0;
  float gain_db_low = 0, gain_db_high = 0;
  double noise = 0;  ///< chance; white or pink evenly
  float snr_db_low = 8, snr_db_high = 38;
  float speed_low = 1, speed_high = 1;
  float stretch_low = 1, stretch_high = 1;
  float equalizer_db = 0;
  double trim = 0;  ///< chance
  float trim_db_low = 12, trim_db_high = 30;
  double compress = 0;  ///< chance
  float compress_low = 0, compress_high = 0.5f;

  [[nodiscard]] static AudioAugmentation moderate();
};

/// Working memory of one thread.
struct AudioScratch {
  Waveform a, b;
};

/// Order: trim, speed, stretch, equalizer, compression, gain, shift, noise; then rounding and clipping to i16.
/// The result's length differs from the input's where speed, stretch or trim are on; it is never empty for a non-empty
/// input.
void augment_audio(std::span<const std::int16_t> in, float rate_hz, const AudioAugmentation& parameters, Rng& rng,
                   AudioScratch& scratch, std::vector<std::int16_t>& out);

}  // namespace mote::data
