#pragma once
// Levels in dB: Q8 int16 relative to a full-scale sine, and the floors that keep noise out of a model's input.

#include <cstdint>

#include "features/fixed_point.hpp"

namespace mote::device {

struct LevelParams {
  std::int32_t offset_db_q8;       ///< added to 10 log10 of the raw energy, so that a full-scale sine on a bin is 0 dB
  std::int32_t noise_floor_db_q8;  ///< levels below it read as it
  std::int32_t floor_relative_db_q8;  ///< where not 0: levels this far below the loudest of the input read as that
};

constexpr std::int16_t kSilence = -32768;  ///< level of an energy of 0

namespace dsp {

/// Level of energy * 2^exponent.
inline std::int16_t level_db_q8(std::uint64_t energy, std::int32_t exponent, const LevelParams& p) {
  if (energy == 0) return kSilence;
  return saturate_i16(power_db_q8(log2_q16(energy) + exponent * 65536) + p.offset_db_q8);
}

}  // namespace dsp

/// In place: dB relative to full scale become dB above the floor, never negative. The floor is the higher of the two.
inline void levels_above_floor(const LevelParams& p, std::int16_t* levels, std::int32_t count) {
  std::int32_t floor = p.noise_floor_db_q8;
  if (p.floor_relative_db_q8 != 0) {
    std::int32_t peak = kSilence;
    for (std::int32_t i = 0; i < count; ++i) peak = dsp::max_i32(peak, levels[i]);
    floor = dsp::max_i32(floor, peak - p.floor_relative_db_q8);
  }
  for (std::int32_t i = 0; i < count; ++i) levels[i] = dsp::saturate_i16(dsp::max_i32(levels[i] - floor, 0));
}

}  // namespace mote::device
