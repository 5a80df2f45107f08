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
/// @param scratch  power_spectrum_words(kLog2Points) words, 4-byte aligned.
template <std::int32_t kLog2Points>
inline void spectrogram(const SpectrogramParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* z = static_cast<std::int32_t*>(scratch);
  constexpr std::int32_t kBins = (1 << (kLog2Points - 1)) + 1;
  const Stretch stretch = analysed_stretch(p.frame, input);
  for (std::int32_t frame = 0; frame < p.frame.frames; ++frame) {
    std::uint64_t any = 0;
    const bool heard = power_spectrum<kLog2Points>(p.frame, input, stretch, frame, z, any);
    for (std::int32_t k = 0; k < kBins; ++k) {
      out[frame * kBins + k] = heard ? dsp::level_db_q8(dsp::load_u64(z + 2 * k), 0, p.level) : kSilence;
    }
  }
  levels_above_floor(p.level, out, p.frame.frames * kBins);
}

}  // namespace mote::device
