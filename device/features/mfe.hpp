#pragma once
// MFE: levels of triangular filters, equally spaced on the mel scale, over the power spectrum of each frame.
//
// Neighbouring triangles share their slopes: between two centres a bin's power goes with weight r to the upper filter
// and 1 - r to the lower one. So one weight a bin and one boundary a filter describe the whole bank.

#include "features/frames.hpp"
#include "features/level.hpp"

namespace mote::device {

struct MfeParams {
  FrameParams frame;
  LevelParams level;
  std::int32_t num_filters;
  const std::uint16_t*
      first_bins;  ///< num_filters + 2: bin where segment i (the rise of filter i, the fall of filter i-1) begins
  const std::uint16_t*
      rise_q16;  ///< weight of the bins first_bins[0] .. first_bins[num_filters + 1] - 1 in the rising filter
};

namespace dsp {

/// Levels of one frame. Powers are brought to 32 bits below the frame's strongest bin first: 90 dB of range within a
/// frame.
inline void mel_levels(const MfeParams& p, const std::int32_t* z, std::uint64_t any, std::int16_t* levels) {
  // At least 1, so that both shifts below are defined; bins are below 2^62, hence at most 30.
  const std::int32_t shift = max_i32(32 - leading_zeros_u64(any), 1);
  const std::uint16_t* rise = p.rise_q16;
  std::uint64_t rising_before = 0;
  const std::int32_t* bin = z + 2 * p.first_bins[0];
  for (std::int32_t i = 0; i <= p.num_filters; ++i) {
    std::uint64_t rising = 0;
    std::uint64_t falling = 0;
    for (const std::int32_t* const end = z + 2 * p.first_bins[i + 1]; bin < end; bin += 2) {
      const std::uint32_t power =
          (static_cast<std::uint32_t>(bin[1]) << (32 - shift)) | (static_cast<std::uint32_t>(bin[0]) >> shift);
      const std::uint32_t weight = *rise++;
      rising += static_cast<std::uint64_t>(power) * weight;
      falling += static_cast<std::uint64_t>(power) * (65536u - weight);
    }
    if (i > 0) levels[i - 1] = level_db_q8(rising_before + falling, shift - 16, p.level);
    rising_before = rising;
  }
}

}  // namespace dsp

/// @param out      [frames][num_filters] in dB above the floor, Q8.
/// @param scratch  power_spectrum_words(kLog2Points) words, 4-byte aligned.
template <std::int32_t kLog2Points>
inline void mfe(const MfeParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* z = static_cast<std::int32_t*>(scratch);
  const Stretch stretch = analysed_stretch(p.frame, input);
  std::int16_t* row = out;
  for (std::int32_t frame = 0; frame < p.frame.frames; ++frame, row += p.num_filters) {
    std::uint64_t any = 0;
    if (power_spectrum<kLog2Points>(p.frame, input, stretch, frame, z, any)) {
      dsp::mel_levels(p, z, any, row);
    } else {
      for (std::int32_t i = 0; i < p.num_filters; ++i) row[i] = kSilence;
    }
  }
  levels_above_floor(p.level, out, p.frame.frames * p.num_filters);
}

}  // namespace mote::device
