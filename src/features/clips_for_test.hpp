#pragma once
// Test only: signals that bring out different errors of fixed-point arithmetic.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"

namespace mote::features {

struct Clip {
  std::string name;
  std::vector<std::int16_t> samples;
};

inline std::vector<std::int16_t> tone(std::size_t count, double cycles_per_sample, double amplitude) {
  std::vector<std::int16_t> x(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double value = amplitude * std::sin(2 * std::numbers::pi * cycles_per_sample * static_cast<double>(i));
    x[i] = static_cast<std::int16_t>(std::clamp(std::lround(value), -32768L, 32767L));
  }
  return x;
}

inline std::vector<std::int16_t> noise(std::size_t count, double amplitude, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::int16_t> x(count);
  for (auto& value : x)
    value = static_cast<std::int16_t>(std::clamp(std::lround(amplitude * rng.normal()), -32768L, 32767L));
  return x;
}

/// Decimal noise, tones, silence, extremes, an impulse, and lengths that are shorter and longer than a window.
inline std::vector<Clip> synthetic_clips() {
  std::vector<Clip> clips = {
      {"silence", std::vector<std::int16_t>(5000, 0)},
      {"constant", std::vector<std::int16_t>(5000, 12345)},
      {"full-scale tone on a bin", tone(6400, 32.0 / 256, 32767)},
      {"full-scale tone between bins", tone(6400, 40.37 / 256, 32767)},
      {"quiet tone", tone(6400, 0.07, 20)},
      {"full-scale noise", noise(7000, 20000, 1)},
      {"quiet noise", noise(6000, 3, 2)},
      {"one sample", {1000}},
      {"empty", {}},
      {"short", noise(150, 1000, 3)},
      {"longer than the window", noise(8000, 500, 4)},
  };
  std::vector<std::int16_t> square(6400);
  for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 20 % 2 != 0 ? 32767 : -32768;
  clips.push_back({"full-scale square", square});
  std::vector<std::int16_t> alternating(6400);
  for (std::size_t i = 0; i < alternating.size(); ++i) alternating[i] = i % 2 != 0 ? 32767 : -32768;
  clips.push_back({"full-scale alternation", alternating});
  std::vector<std::int16_t> impulse(6400, 0);
  impulse[3210] = 32767;
  clips.push_back({"impulse", impulse});
  std::vector<std::int16_t> burst = noise(6400, 2, 5);
  const auto loud = tone(2000, 0.11, 9000);
  for (std::size_t i = 0; i < loud.size(); ++i) burst[2500 + i] = static_cast<std::int16_t>(burst[2500 + i] + loud[i]);
  clips.push_back({"tone burst in noise", burst});
  return clips;
}

/// The first `count` recordings of the spoken digits, in the order of their names; empty where the development data are
/// absent.
inline std::vector<Clip> spoken_clips(std::size_t count) {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder = std::filesystem::path(MOTE_SHARED_DATA) / "audio" / "fsdd";
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(folder, missing)) {
    if (entry.path().extension() == ".wav") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Clip> clips;
  const std::size_t every = count == 0 ? 1 : std::max<std::size_t>(paths.size() / count, 1);
  for (std::size_t i = 0; i < paths.size() && clips.size() < count; i += every) {
    const auto bytes = read_file(paths[i]);
    if (!bytes || bytes->size() < 44) continue;
    // These files have the plain 44-byte header.
    Clip clip{paths[i].filename().string(), std::vector<std::int16_t>((bytes->size() - 44) / 2)};
    for (std::size_t n = 0; n < clip.samples.size(); ++n) {
      clip.samples[n] = static_cast<std::int16_t>((*bytes)[44 + 2 * n] | (*bytes)[45 + 2 * n] << 8);
    }
    clips.push_back(std::move(clip));
  }
  return clips;
}

}  // namespace mote::features
