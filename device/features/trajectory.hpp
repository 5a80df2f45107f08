#pragma once
// Trajectory: a drawn path of any length as a fixed number of points, centred and scaled to the unit box, with its
// velocity.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "features/series.hpp"

namespace mote::device {

struct TrajectoryParams {
  std::int32_t points;           ///< given out, at least 2
  std::int32_t delta_gain_log2;  ///< dx, dy are multiplied by 2^this: steps are small against the box
};

/// 1.0 of the output is half the larger side of the path's bounding box.
constexpr std::int32_t kTrajectoryFractionBits = 14;
constexpr std::int32_t kTrajectoryMaxLength = 8192;

namespace dsp {

/// Coordinate `axis` of the path at `position_q16` samples (its low 8 bits are dropped), in Q8 counts, by linear
/// interpolation.
inline std::int32_t path_at(const Series& path, std::uint32_t position_q16, std::int32_t axis) {
  const std::int32_t index = static_cast<std::int32_t>(position_q16 >> 16);
  const std::int32_t here = path.samples[2 * index + axis];
  if (index + 1 >= path.count) return here * 256;
  const std::int32_t next = path.samples[2 * index + 2 + axis];
  const std::int32_t fraction_q8 = static_cast<std::int32_t>(position_q16 >> 8 & 0xffu);
  return here * 256 + (next - here) * fraction_q8;
}

struct Box {
  std::int32_t minimum[2];
  std::int32_t maximum[2];
};

inline Box bounding_box(const Series& path) {
  Box box{{32767, 32767}, {-32768, -32768}};
  for (std::int32_t i = 0; i < 2 * path.count; ++i) {
    box.minimum[i & 1] = min_i32(box.minimum[i & 1], path.samples[i]);
    box.maximum[i & 1] = max_i32(box.maximum[i & 1], path.samples[i]);
  }
  return box;
}

/// A coordinate and its step, two places apart. The barrier keeps a row of zeros from becoming a call of memset.
inline void store_pair(std::int16_t* out, std::int32_t value, std::int32_t step) {
  out[0] = saturate_i16(value);
  out[2] = saturate_i16(step);
  __asm__ volatile("" ::: "memory");
}

}  // namespace dsp

/// The points are equally spaced in time. A path of one place gives zeros, and so does an empty one.
/// @param out  [points][4]: x, y, dx, dy in Q14; d is the step from the point before, times 2^delta_gain_log2.
inline void trajectory(const TrajectoryParams& p, const Series& path, std::int16_t* out) {
  const dsp::Box box = dsp::bounding_box(path);
  const std::int32_t side = dsp::max_i32(box.maximum[0] - box.minimum[0], box.maximum[1] - box.minimum[1]);
  if (side <= 0) {
    for (std::int32_t i = 0; i < 2 * p.points; ++i) dsp::store_pair(out + (i >> 1) * 4 + (i & 1), 0, 0);
    return;
  }
  // Half the side in Q8 is side * 128; value_q14 = offset_q8 * 2^14 / (side * 128) = offset_q8 * gain / 2^23 with the
  // gain below.
  const std::int32_t gain_q23 = static_cast<std::int32_t>((std::uint32_t{1} << 30) / static_cast<std::uint32_t>(side));
  const std::uint32_t intervals = static_cast<std::uint32_t>(p.points - 1);
  const std::uint32_t step_q16 = ((static_cast<std::uint32_t>(path.count - 1) << 16) + intervals / 2) / intervals;
  for (std::int32_t axis = 0; axis < 2; ++axis) {
    const std::int32_t centre_q8 = (box.minimum[axis] + box.maximum[axis]) * 128;
    std::int32_t before = 0;
    for (std::int32_t i = 0; i < p.points; ++i) {
      const std::int32_t offset_q8 =
          dsp::path_at(path, static_cast<std::uint32_t>(i) * step_q16 + 0x80u, axis) - centre_q8;
      const std::int32_t value =
          static_cast<std::int32_t>(dsp::round_shift_i64(static_cast<std::int64_t>(offset_q8) * gain_q23, 23));
      const std::int32_t step = i > 0 ? value - before : 0;
      dsp::store_pair(out + 4 * i + axis, value, step * (1 << p.delta_gain_log2));
      before = value;
    }
  }
}

}  // namespace mote::device
