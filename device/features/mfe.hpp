#pragma once
// MFE: levels of triangular filters, equally spaced on the mel scale, over the power spectrum of each frame.
//
// Neighbouring triangles share their slopes: between two centres a bin's power goes with weight r to the upper filter and 1 - r to the
// lower one. So one weight a bin and one boundary a filter describe the whole bank.

#include "features/frames.hpp"
#include "features/level.hpp"

namespace mote::device {

struct MfeParams {
  FrameParams frame;
  LevelParams level;
  std::int32_t num_filters;
  const std::uint16_t* first_bins;  ///< num_filters + 2: bin where segment i (the rise of filter i, the fall of filter i-1) begins
  const std::uint16_t* rise_q16;    ///< weight of the bins first_bins[0] .. first_bins[num_filters + 1] - 1 in the rising filter
};

namespace dsp {

/// Levels of one frame. Powers are brought to 32 bits below the frame's strongest bin first: 90 dB of range within a frame.
inline void mel_levels(const MfeParams& p, const std::int32_t* z, std::uint64_t any, std::int16_t* levels) {
  // At least 1, so that both shifts below are defined; bins are below 2^62, hence at most 30.
  const std::int32_t shift = max_i32(32 - leading_zeros_u64(any), 1);
  const std::uint16_t* rise = p.rise_q16;
  std::uint64_t falling_of_previous = 0;
  std::uint64_t rising_of_previous = 0;
  std::int32_t bin = p.first_bins[0];
  for (std::int32_t i = 0; i <= p.num_filters; ++i) {
    std::uint64_t rising = 0;
    std::uint64_t total = 0;
    for (const std::int32_t end = p.first_bins[i + 1]; bin < end; ++bin) {
      const std::uint32_t low = static_cast<std::uint32_t>(z[2 * bin]);
      const std::uint32_t high = static_cast<std::uint32_t>(z[2 * bin + 1]);
      const std::uint32_t power = (high << (32 - shift)) | (low >> shift);
      rising += static_cast<std::uint64_t>(power) * *rise++;
      total += power;
    }
    falling_of_previous = (total << 16) - rising;
    if (i > 0) levels[i - 1] = level_db_q8(rising_of_previous + falling_of_previous, shift - 16, p.level);
    rising_of_previous = rising;
  }
}

}  // namespace dsp

/// Words of int32 scratch of mfe.
constexpr std::int32_t mfe_scratch_words(const MfeParams& p) { return power_spectrum_words(p.frame.fft.log2_points); }

/// @param out      [frames][num_filters] in dB above the floor, Q8.
/// @param scratch  mfe_scratch_words words, 4-byte aligned.
inline void mfe(const MfeParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* z = static_cast<std::int32_t*>(scratch);
  const Stretch stretch = analysed_stretch(p.frame, input);
  std::int16_t* row = out;
  for (std::int32_t frame = 0; frame < p.frame.frames; ++frame, row += p.num_filters) {
    std::uint64_t any = 0;
    if (power_spectrum(p.frame, input, 1, stretch, frame, z, any)) {
      dsp::mel_levels(p, z, any, row);
    } else {
      for (std::int32_t i = 0; i < p.num_filters; ++i) row[i] = kSilence;
    }
  }
  levels_above_floor(p.level, out, p.frame.frames * p.num_filters);
}

}  // namespace mote::device
