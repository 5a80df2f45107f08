#include "mote/data/augment_series.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "mote/base/error.hpp"
#include "mote/data/augment_image.hpp"

namespace mote::data {
namespace {

constexpr std::size_t kWarpKnots = 5;

float symmetric(float extent, Rng& rng) { return static_cast<float>(rng.uniform(-extent, extent)); }

/// Speed at `position` in [0, 1], linear between knots.
double speed_at(std::span<const float> speeds, double position) {
  const double at = position * static_cast<double>(speeds.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), speeds.size() - 1);
  const std::size_t high = std::min(low + 1, speeds.size() - 1);
  const double weight = at - static_cast<double>(low);
  return speeds[low] * (1 - weight) + speeds[high] * weight;
}

}  // namespace

void scale_series(std::span<float> values, SeriesExtent extent, std::span<const float> factors) {
  MOTE_CHECK(factors.size() == 1 || factors.size() == extent.channels);
  if (factors.size() == 1) {
    for (float& value : values) value *= factors[0];
    return;
  }
  for (std::size_t t = 0; t < extent.steps; ++t) {
    for (std::size_t c = 0; c < extent.channels; ++c) values[t * extent.channels + c] *= factors[c];
  }
}

void rotate_pairs(std::span<float> values, SeriesExtent extent, float radians) {
  const float cosine = std::cos(radians);
  const float sine = std::sin(radians);
  for (std::size_t t = 0; t < extent.steps; ++t) {
    float* row = values.data() + t * extent.channels;
    for (std::size_t c = 0; c + 1 < extent.channels; c += 2) {
      const float x = row[c];
      const float y = row[c + 1];
      row[c] = cosine * x - sine * y;
      row[c + 1] = sine * x + cosine * y;
    }
  }
}

void shift_steps(std::span<float> values, SeriesExtent extent, std::ptrdiff_t steps) {
  if (extent.steps < 2 || steps == 0) return;
  const auto width = static_cast<std::ptrdiff_t>(extent.channels);
  const auto limit = static_cast<std::ptrdiff_t>(extent.steps) - 1;
  const std::ptrdiff_t rows = std::clamp(steps, -limit, limit);
  if (rows > 0) {
    std::copy_backward(values.begin(), values.end() - rows * width, values.end());
    for (std::ptrdiff_t t = 1; t < rows; ++t) std::copy_n(values.begin(), width, values.begin() + t * width);
  } else {
    std::copy(values.begin() - rows * width, values.end(), values.begin());
    for (std::ptrdiff_t t = 1; t < -rows; ++t) std::copy_n(values.end() - width, width, values.end() - (t + 1) * width);
  }
}

void warp_time(std::span<const float> in, std::span<float> out, SeriesExtent extent, std::span<const float> speeds) {
  MOTE_CHECK(in.size() == extent.count() && out.size() == extent.count() && !speeds.empty());
  if (extent.steps < 2) {
    std::copy(in.begin(), in.end(), out.begin());
    return;
  }
  const auto intervals = static_cast<double>(extent.steps - 1);
  double total = 0;
  for (std::size_t t = 0; t + 1 < extent.steps; ++t)
    total += speed_at(speeds, (static_cast<double>(t) + 0.5) / intervals);
  double position = 0;
  for (std::size_t t = 0; t < extent.steps; ++t) {
    const double at = std::min(position / total * intervals, intervals);
    const auto low = std::min(static_cast<std::size_t>(at), extent.steps - 2);
    const auto weight = static_cast<float>(at - static_cast<double>(low));
    const float* a = in.data() + low * extent.channels;
    const float* b = a + extent.channels;
    for (std::size_t c = 0; c < extent.channels; ++c) out[t * extent.channels + c] = a[c] + weight * (b[c] - a[c]);
    position += speed_at(speeds, std::min(1.0, (static_cast<double>(t) + 0.5) / intervals));
  }
}

void augment_series(std::span<float> values, SeriesExtent extent, const SeriesAugmentation& p, Rng& rng,
                    std::span<float> scratch) {
  MOTE_CHECK(values.size() == extent.count() && scratch.size() >= values.size());
  scratch = scratch.first(values.size());
  if (p.max_time_warp > 0) {
    std::array<float, kWarpKnots> speeds{};
    for (float& speed : speeds) speed = std::max(0.05f, 1 + symmetric(p.max_time_warp, rng));
    warp_time(values, scratch, extent, speeds);
    std::copy(scratch.begin(), scratch.end(), values.begin());
  }
  if (p.max_shift_steps > 0) {
    const auto reach = static_cast<std::int64_t>(p.max_shift_steps);
    shift_steps(values, extent, static_cast<std::ptrdiff_t>(rng.between(-reach, reach)));
  }
  if (p.max_rotation_degrees > 0)
    rotate_pairs(values, extent, symmetric(p.max_rotation_degrees, rng) * std::numbers::pi_v<float> / 180);
  const float common = 1 + (p.max_scale > 0 ? symmetric(p.max_scale, rng) : 0.0f);
  for (std::size_t c = 0; c < extent.channels; ++c) {
    const float factor = common * (1 + (p.max_scale_per_channel > 0 ? symmetric(p.max_scale_per_channel, rng) : 0.0f));
    const float offset = p.max_offset > 0 ? symmetric(p.max_offset, rng) : 0.0f;
    for (std::size_t t = 0; t < extent.steps; ++t) {
      float& value = values[t * extent.channels + c];
      value = value * factor + offset;
    }
  }
  if (p.jitter_sigma > 0) add_noise(values, p.jitter_sigma, rng);
}

}  // namespace mote::data
