#pragma once
// Test only: the signal blocks once more, in double precision and in the most direct form (DFT by its definition, one
// triangle after the other), written from the documentation in config.hpp and sharing no code with the blocks.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "mote/features/config.hpp"

namespace mote::features::reference {

using Samples = std::span<const std::int16_t>;
using Rows = std::vector<std::vector<double>>;

inline constexpr double kPi = std::numbers::pi;

struct Stretch {
  long begin;
  long end;
};

/// First to last stride louder than trim_db below the loudest; energy without the stride's mean.
inline Stretch trimmed(Samples clip, long stride, double trim_db) {
  Stretch all{0, static_cast<long>(clip.size())};
  std::vector<double> energies;
  for (long b = 0; (b + 1) * stride <= all.end; ++b) {
    double sum = 0, squares = 0;
    for (long i = b * stride; i < (b + 1) * stride; ++i) {
      sum += clip[static_cast<std::size_t>(i)];
      squares += static_cast<double>(clip[static_cast<std::size_t>(i)]) * clip[static_cast<std::size_t>(i)];
    }
    energies.push_back(squares - sum * sum / static_cast<double>(stride));
  }
  const double loudest = energies.empty() ? 0 : *std::max_element(energies.begin(), energies.end());
  if (trim_db <= 0 || loudest <= 0) return all;
  const double threshold = loudest * std::pow(10, -trim_db / 10);
  long first = 0, last = static_cast<long>(energies.size()) - 1;
  while (energies[static_cast<std::size_t>(first)] < threshold) ++first;
  while (energies[static_cast<std::size_t>(last)] < threshold) --last;
  return {first * stride, last + 1 == static_cast<long>(energies.size()) ? all.end : (last + 1) * stride};
}

inline double window_at(Window window, long i, long length) {
  const double n = static_cast<double>(length);
  const double x = static_cast<double>(i);
  if (window == Window::hann) return 0.5 - 0.5 * std::cos(2 * kPi * (x + 1) / (n + 1));
  if (window == Window::hamming) return 0.54 - 0.46 * std::cos(2 * kPi * x / (n - 1));
  return 1;
}

/// Power of bins 0..N/2 by the definition of the DFT.
inline std::vector<double> dft_power(const std::vector<double>& x, std::size_t fft_length) {
  std::vector<double> cosine(fft_length), sine(fft_length), power;
  for (std::size_t i = 0; i < fft_length; ++i) {
    cosine[i] = std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(fft_length));
    sine[i] = std::sin(2 * kPi * static_cast<double>(i) / static_cast<double>(fft_length));
  }
  for (std::size_t k = 0; k <= fft_length / 2; ++k) {
    double re = 0, im = 0;
    std::size_t angle = 0;
    for (const double value : x) {
      re += value * cosine[angle];
      im -= value * sine[angle];
      angle = angle + k < fft_length ? angle + k : angle + k - fft_length;
    }
    power.push_back(re * re + im * im);
  }
  return power;
}

/// Power spectra of all frames, relative to a full-scale sine on a bin.
inline Rows power_spectra(Samples clip, const FrameConfig& c, std::uint32_t max_length, double rate_hz) {
  const long length = std::lround(c.frame_length * rate_hz);
  const long stride = std::lround(c.frame_stride * rate_hz);
  const long frames = c.frames != 0 ? c.frames : std::max(1L, 1 + (static_cast<long>(max_length) - length) / stride);
  const Stretch s = trimmed(clip, stride, c.trim_db);
  const long window = (frames - 1) * stride + length;
  const long origin = s.begin + static_cast<long>(std::floor(static_cast<double>(s.end - s.begin - window) / 2));
  double window_sum = 0;
  for (long i = 0; i < length; ++i) window_sum += window_at(c.window, i, length);
  Rows rows;
  for (long t = 0; t < frames; ++t) {
    std::vector<double> x(static_cast<std::size_t>(length), 0.0);
    for (long i = 0; i < length; ++i) {
      const long n = origin + t * stride + i;
      if (n < s.begin || n >= s.end) continue;
      const double before = n > 0 ? clip[static_cast<std::size_t>(n - 1)] : 0;
      x[static_cast<std::size_t>(i)] =
          (clip[static_cast<std::size_t>(n)] - c.pre_cof * before) * window_at(c.window, i, length);
    }
    const bool silent = std::all_of(x.begin(), x.end(), [](double value) { return value == 0; });
    auto power = silent ? std::vector<double>(c.fft_length / 2 + 1, 0.0) : dft_power(x, c.fft_length);
    for (auto& p : power) p /= std::pow(32768 * window_sum / 2, 2);
    rows.push_back(std::move(power));
  }
  return rows;
}

inline double decibels(double power) { return power > 0 ? std::max(10 * std::log10(power), -128.0) : -128; }

inline void above_floor(Rows& rows, const FrameConfig& c) {
  double floor = c.noise_floor_db;
  if (c.floor_relative_db > 0) {
    double peak = -128;
    for (const auto& row : rows) peak = std::max(peak, *std::max_element(row.begin(), row.end()));
    floor = std::max(floor, peak - c.floor_relative_db);
  }
  for (auto& row : rows) {
    for (auto& value : row) value = std::max(value - floor, 0.0);
  }
}

inline Rows spectrogram(Samples clip, const SpectrogramConfig& c, std::uint32_t max_length, double rate_hz) {
  Rows rows = power_spectra(clip, c.frame, max_length, rate_hz);
  for (auto& row : rows) {
    for (auto& value : row) value = decibels(value);
  }
  above_floor(rows, c.frame);
  return rows;
}

inline Rows mfe(Samples clip, const FrameConfig& frame, const MelConfig& mel, std::uint32_t max_length,
                double rate_hz) {
  const auto to_mel = [](double hz) { return 2595 * std::log10(1 + hz / 700); };
  const double high = to_mel(mel.high_frequency == 0 ? rate_hz / 2 : mel.high_frequency);
  const double low = to_mel(mel.low_frequency);
  std::vector<double> edges;
  for (std::uint32_t i = 0; i < mel.num_filters + 2; ++i) {
    edges.push_back(700 * (std::pow(10, (low + (high - low) * i / (mel.num_filters + 1)) / 2595) - 1));
  }
  Rows rows = power_spectra(clip, frame, max_length, rate_hz);
  for (auto& row : rows) {
    std::vector<double> levels;
    for (std::uint32_t f = 0; f < mel.num_filters; ++f) {
      double energy = 0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        const double hz = static_cast<double>(k) * rate_hz / frame.fft_length;
        const double rise = (hz - edges[f]) / (edges[f + 1] - edges[f]);
        const double fall = (edges[f + 2] - hz) / (edges[f + 2] - edges[f + 1]);
        energy += row[k] * std::max(0.0, std::min(rise, fall));
      }
      levels.push_back(decibels(energy));
    }
    row = std::move(levels);
  }
  above_floor(rows, frame);
  return rows;
}

inline Rows mfcc(Samples clip, const MfccConfig& c, std::uint32_t max_length, double rate_hz) {
  const Rows levels = mfe(clip, c.frame, c.mel, max_length, rate_hz);
  Rows cepstra;
  const double n = c.mel.num_filters;
  for (const auto& row : levels) {
    std::vector<double> out;
    for (std::uint32_t k = 0; k < c.num_cepstral; ++k) {
      double sum = 0;
      for (std::size_t m = 0; m < row.size(); ++m)
        sum += row[m] * std::cos(kPi * k * (static_cast<double>(m) + 0.5) / n);
      out.push_back(sum * std::sqrt((k == 0 ? 1.0 : 2.0) / n));
    }
    cepstra.push_back(std::move(out));
  }
  if (c.win_size == 0) return cepstra;
  Rows normalised = cepstra;
  const long reach = c.win_size / 2;
  const long frames = static_cast<long>(cepstra.size());
  for (long t = 0; t < frames; ++t) {
    for (std::uint32_t k = 0; k < c.num_cepstral; ++k) {
      double sum = 0, count = 0;
      for (long u = std::max(0L, t - reach); u <= std::min(frames - 1, t + reach); ++u, ++count)
        sum += cepstra[static_cast<std::size_t>(u)][k];
      normalised[static_cast<std::size_t>(t)][k] -= sum / count;
    }
  }
  return normalised;
}

}  // namespace mote::features::reference
