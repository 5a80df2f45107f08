#pragma once
// Spectrogram: level of every bin of every frame.

#include "features/frames.hpp"
#include "features/level.hpp"

namespace mote::device {

struct SpectrogramParams {
  FrameParams frame;
  LevelParams level;
};

/// @param out      [frames][fft_length / 2 + 1] in dB above the floor, Q8.
/// @param scratch  power_spectrum_words(log2_points) words, 4-byte aligned.
inline void spectrogram(const SpectrogramParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* z = static_cast<std::int32_t*>(scratch);
  const std::int32_t bins = (std::int32_t{1} << (p.frame.fft.log2_points - 1)) + 1;
  const Stretch stretch = analysed_stretch(p.frame, input);
  for (std::int32_t frame = 0; frame < p.frame.frames; ++frame) {
    std::uint64_t any = 0;
    const bool heard = power_spectrum(p.frame, input, 1, stretch, frame, z, any);
    for (std::int32_t k = 0; k < bins; ++k) {
      out[frame * bins + k] = heard ? dsp::level_db_q8(dsp::load_u64(z + 2 * k), 0, p.level) : kSilence;
    }
  }
  levels_above_floor(p.level, out, p.frame.frames * bins);
}

}  // namespace mote::device
