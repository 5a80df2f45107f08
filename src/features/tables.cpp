#include "tables.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "features/word_ops.hpp"

namespace mote::features {
namespace {

constexpr double kPi = std::numbers::pi;

double mel_of(double hz) { return 2595 * std::log10(1 + hz / 700); }
double hz_of(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

/// Piecewise linear: slope alpha up to a corner, then a line that ends at half the rate (Jaitly and Hinton, "Vocal
/// Tract Length Perturbation improves speech recognition", 2013, with the corner at 0.8 of half the rate).
double warped_hz(double hz, double alpha, double nyquist) {
  const double corner = 0.8 * nyquist * std::min(alpha, 1.0);
  if (hz <= corner / alpha) return hz * alpha;
  return nyquist - (nyquist - corner) / (nyquist - corner / alpha) * (nyquist - hz);
}

double window_value(Window window, double phase) {
  switch (window) {
    case Window::hann:
      return 0.5 - 0.5 * std::cos(2 * kPi * phase);
    case Window::hamming:
      return 0.54 - 0.46 * std::cos(2 * kPi * phase);
    case Window::rectangular:
      return 1;
  }
  return 0;
}

std::int16_t q15(double value) {
  return static_cast<std::int16_t>(std::clamp(std::lround(value * 32768), -32767L, 32767L));
}

}  // namespace

std::int32_t rounded(double value) {
  return static_cast<std::int32_t>(std::clamp(std::round(value), -2147483648.0, 2147483647.0));
}

std::vector<std::uint32_t> twiddle_table(std::uint32_t points) {
  std::vector<std::uint32_t> table(points / 4 * 3);
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const double angle = 2 * kPi * i / points;
    table[i] = device::dsp::pack_halves(q15(std::cos(angle)), q15(std::sin(angle)));
  }
  return table;
}

std::vector<std::int16_t> window_table_q15(Window window, std::uint32_t length) {
  std::vector<std::int16_t> table((length + 1) / 2);
  // The Hann window of n points is taken from n + 2, whose ends are zero: every sample counts.
  const double offset = window == Window::hann ? 1 : 0;
  const double period = std::max(length - 1 + 2 * offset, 1.0);
  for (std::uint32_t i = 0; i < table.size(); ++i) table[i] = q15(window_value(window, (i + offset) / period));
  return table;
}

WindowSums window_sums(const std::vector<std::int16_t>& half, std::uint32_t length) {
  WindowSums sums{0, 0};
  for (std::uint32_t i = 0; i < length; ++i) {
    const double value = half[std::min(i, length - 1 - i)] / 32768.0;
    sums.sum += value;
    sums.squares += value * value;
  }
  return sums;
}

Result<MelBank> mel_bank(const MelConfig& mel, double high_frequency, std::uint32_t fft_length, double rate_hz,
                         double warp) {
  const double low_mel = mel_of(mel.low_frequency);
  const double step = (mel_of(high_frequency) - low_mel) / (mel.num_filters + 1);
  std::vector<double> edges(mel.num_filters + 2);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const double hz = i == 0
                          ? mel.low_frequency
                          : (i + 1 == edges.size() ? high_frequency : hz_of(low_mel + step * static_cast<double>(i)));
    edges[i] = warp == 1 ? hz : std::min(warped_hz(hz, warp, rate_hz / 2), rate_hz / 2);
  }
  const double bin_hz = rate_hz / fft_length;
  MelBank bank;
  std::vector<std::uint32_t> weights(mel.num_filters + 2, 0);  // of filter i at index i + 1
  for (const double edge : edges)
    bank.first_bins.push_back(static_cast<std::uint16_t>(std::ceil(edge / bin_hz - 1e-9)));
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    for (std::uint32_t bin = bank.first_bins[i]; bin < bank.first_bins[i + 1]; ++bin) {
      const double share = (bin * bin_hz - edges[i]) / (edges[i + 1] - edges[i]);
      const auto rise = static_cast<std::uint16_t>(std::clamp(std::lround(share * 65536), 0L, 65535L));
      bank.rise_q16.push_back(rise);
      weights[i + 1] += rise;
      weights[i] += 65536u - rise;
    }
  }
  for (std::uint32_t i = 0; i < mel.num_filters; ++i) {
    bank.centres_hz.push_back(edges[i + 1]);
    if (weights[i + 1] != 0) continue;
    return fail(Code::invalid_argument, "num_filters: filter " + std::to_string(i) + " around " +
                                            std::to_string(std::lround(edges[i + 1])) + " Hz holds no bin of the " +
                                            std::to_string(fft_length) +
                                            "-point transform; use fewer filters or a longer fft_length");
  }
  return bank;
}

DctTable dct_table(std::uint32_t inputs, std::uint32_t outputs) {
  const double largest = std::sqrt((inputs == 1 ? 1.0 : 2.0) / inputs);
  DctTable table{{}, static_cast<std::int32_t>(std::floor(std::log2(32767 / largest)))};
  for (std::uint32_t k = 0; k < outputs; ++k) {
    const double scale = std::ldexp(std::sqrt((k == 0 ? 1.0 : 2.0) / inputs), table.shift);
    for (std::uint32_t m = 0; m < (inputs + 1) / 2; ++m) {
      table.values.push_back(static_cast<std::int16_t>(std::lround(scale * std::cos(kPi * k * (m + 0.5) / inputs))));
    }
  }
  return table;
}

std::vector<std::int32_t> butterworth_q28(FilterType type, std::uint32_t order, double cutoff_hz, double rate_hz) {
  std::vector<std::int32_t> sections;
  if (type == FilterType::none) return sections;
  const double k = std::tan(kPi * cutoff_hz / rate_hz);
  for (std::uint32_t i = 0; i < order / 2; ++i) {
    const double damping = 2 * std::sin(kPi * (2 * i + 1) / (2.0 * order));
    const double norm = 1 / (1 + damping * k + k * k);
    const double gain = (type == FilterType::low ? k * k : 1) * norm;
    const double middle = type == FilterType::low ? 2 : -2;
    for (const double c : {gain, middle * gain, gain, 2 * (k * k - 1) * norm, (1 - damping * k + k * k) * norm}) {
      sections.push_back(rounded(std::ldexp(c, 28)));
    }
  }
  return sections;
}

}  // namespace mote::features
