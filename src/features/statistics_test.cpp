// Flatten and spectral against double precision.

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>

#include "clips_for_test.hpp"
#include "mote/features/extractor.hpp"
#include "reference_for_test.hpp"

namespace mote::features {
namespace {

std::vector<double> extracted(const Extractor& extractor, const std::vector<std::int16_t>& samples) {
  std::vector<std::int16_t> out(extractor.output_count());
  const auto result = extractor.run_samples(samples, out);
  EXPECT_TRUE(result) << result.error().message();
  std::vector<double> values;
  for (const auto q : out) values.push_back(q * extractor.output_scale());
  return values;
}

struct Moments {
  double average = 0, minimum = 1e9, maximum = -1e9, rms = 0, stdev = 0, skewness = 0, kurtosis = 0;
};

Moments moments(const std::vector<std::int16_t>& x) {
  Moments m;
  const double n = static_cast<double>(x.size());
  for (const double v : x) {
    m.average += v / n;
    m.rms += v * v / n;
    m.minimum = std::min(m.minimum, v);
    m.maximum = std::max(m.maximum, v);
  }
  m.rms = std::sqrt(m.rms);
  double m2 = 0, m3 = 0, m4 = 0;
  for (const double v : x) {
    const double d = v - m.average;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  m.stdev = std::sqrt(m2);
  if (m2 > 1e-9) {
    m.skewness = m3 / std::pow(m2, 1.5);
    m.kurtosis = m4 / (m2 * m2) - 3;
  }
  return m;
}

std::vector<std::int16_t> interleaved(const std::vector<std::vector<std::int16_t>>& channels) {
  std::vector<std::int16_t> out;
  for (std::size_t t = 0; t < channels[0].size(); ++t) {
    for (const auto& channel : channels) out.push_back(channel[t]);
  }
  return out;
}

TEST(Flatten, statistics_are_within_half_a_count_and_moments_within_a_thousandth) {
  auto skewed = noise(5000, 200, 1);
  for (auto& x : skewed) x = static_cast<std::int16_t>(std::clamp(x * x / 40 - 3000, -32768, 32767));
  const std::vector<std::vector<std::int16_t>> channels = {noise(5000, 3000, 2), tone(5000, 0.031, 32767), skewed,
                                                           noise(5000, 5, 3), std::vector<std::int16_t>(5000, -777)};
  const auto extractor = Extractor::create(FlattenConfig{}, SensorSpec::series(5000, 5, 100)).value();
  ASSERT_EQ(extractor.output_count(), 35u);
  const auto got = extracted(extractor, interleaved(channels));
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const Moments m = moments(channels[c]);
    const double counts[] = {m.average, m.minimum, m.maximum, m.rms, m.stdev};
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(got[c * 7 + i] * 2048, counts[i], 0.54) << c << " " << i;
    EXPECT_NEAR(got[c * 7 + 5], m.skewness, 0.001 + 0.01 / std::max(m.stdev, 1.0) + 0.0005 * std::abs(m.skewness)) << c;
    EXPECT_NEAR(got[c * 7 + 6], m.kurtosis, 0.001 + 0.01 / std::max(m.stdev, 1.0) + 0.0005 * (m.kurtosis + 3)) << c;
  }
}

TEST(Flatten, survives_extremes) {
  const auto extractor = Extractor::create(FlattenConfig{}, SensorSpec::series(32768, 1, 100)).value();
  std::vector<std::int16_t> alternating(32768), impulse(32768, -32768), step(32768, -32768);
  for (std::size_t i = 0; i < alternating.size(); ++i) alternating[i] = i % 2 != 0 ? 32767 : -32768;
  impulse[5] = 32767;
  std::fill(step.begin() + 32000, step.end(), std::int16_t{32767});
  for (const auto& x : {alternating, impulse, step, std::vector<std::int16_t>(32768, -32768)}) {
    const Moments m = moments(x);
    const auto got = extracted(extractor, x);
    EXPECT_NEAR(got[0] * 2048, m.average, 0.54);
    EXPECT_NEAR(got[3] * 2048, std::min(m.rms, 32767.0), 0.54);
    EXPECT_NEAR(got[4] * 2048, m.stdev, 0.54);
    EXPECT_NEAR(got[5], std::min(m.skewness, 15.9995), 0.01);
    EXPECT_NEAR(got[6], std::min(m.kurtosis, 15.9995), 0.01);
  }
}

TEST(Flatten, gives_what_is_switched_on_and_zeros_for_nothing) {
  FlattenConfig config{false, false, false, true, false, true, false};
  SensorSpec sensor = SensorSpec::series(100, 2, 100);
  sensor.variable_length = true;
  const auto extractor = Extractor::create(config, sensor).value();
  EXPECT_EQ(extractor.output_names(), (std::vector<std::string>{"x rms", "x skewness", "y rms", "y skewness"}));
  EXPECT_EQ(extracted(extractor, {}), std::vector<double>(4, 0.0));
  EXPECT_NEAR(extracted(extractor, {300, 40, -300, 40})[0] * 2048, 300, 0.5);
}

/// Welch's average of squared magnitudes of half-overlapping Hann frames, and the sums of the window.
struct Welch {
  std::vector<double> power;
  double window_sum = 0, window_squares = 0;
};

Welch welch(const std::vector<double>& x, std::size_t n) {
  Welch w;
  w.power.assign(n / 2 + 1, 0.0);
  std::vector<double> window(n);
  for (std::size_t i = 0; i < n; ++i) {
    window[i] = reference::window_at(Window::hann, static_cast<long>(i), static_cast<long>(n));
    w.window_sum += window[i];
    w.window_squares += window[i] * window[i];
  }
  std::size_t frames = 0;
  for (std::size_t begin = 0; begin + n <= x.size(); begin += n / 2, ++frames) {
    std::vector<double> frame(n);
    for (std::size_t i = 0; i < n; ++i) frame[i] = x[begin + i] * window[i];
    const auto power = reference::dft_power(frame, n);
    for (std::size_t k = 0; k < power.size(); ++k) w.power[k] += power[k];
  }
  for (auto& p : w.power) p /= static_cast<double>(frames);
  return w;
}

double positive_db(double power) { return power > 1 ? 10 * std::log10(power) : 0; }

std::vector<double> without_mean(const std::vector<std::int16_t>& samples) {
  double mean = 0;
  for (const double v : samples) mean += v / static_cast<double>(samples.size());
  std::vector<double> x;
  for (const double v : samples) x.push_back(v - mean);
  return x;
}

std::vector<std::int16_t> two_tones(std::size_t count) {
  const auto a = tone(count, 5.3 / 62.5, 4000);
  const auto b = tone(count, 17.1 / 62.5, 700);
  auto sum = noise(count, 20, 9);
  for (std::size_t i = 0; i < count; ++i) sum[i] = static_cast<std::int16_t>(sum[i] + a[i] + b[i] + 1500);
  return sum;
}

TEST(Spectral, level_bands_and_peaks_are_within_a_twentieth_of_a_decibel) {
  SpectralConfig config;
  config.fft_length = 128;
  config.spectral_peaks_count = 2;
  config.spectral_power_edges = {1, 4, 8, 20, 31.25};
  const auto extractor = Extractor::create(config, SensorSpec::series(500, 1, 62.5)).value();
  const auto samples = two_tones(500);
  const auto x = without_mean(samples);
  const Welch w = welch(x, 128);
  const auto got = extracted(extractor, samples);
  double square = 0;
  for (const double v : x) square += v * v / static_cast<double>(x.size());
  EXPECT_NEAR(got[0], positive_db(square), 0.05);
  const double bin_hz = 62.5 / 128;
  const std::size_t first = static_cast<std::size_t>(std::lround(5.3 / bin_hz)),
                    second = static_cast<std::size_t>(std::lround(17.1 / bin_hz));
  const double half = w.window_sum / 2;
  EXPECT_NEAR(got[1] / 100 * 31.25, 5.3, 0.1);
  EXPECT_NEAR(got[2], positive_db(w.power[first] / (half * half)), 0.05);
  EXPECT_NEAR(got[3] / 100 * 31.25, 17.1, 0.1);
  EXPECT_NEAR(got[4], positive_db(w.power[second] / (half * half)), 0.05);
  for (std::size_t band = 0; band + 1 < config.spectral_power_edges.size(); ++band) {
    double power = 0;
    for (std::size_t k = 0; k <= 64; ++k) {
      const double hz = static_cast<double>(k) * bin_hz;
      const bool last = band + 2 == config.spectral_power_edges.size() && k == 64;
      if ((hz >= config.spectral_power_edges[band] && hz < config.spectral_power_edges[band + 1]) || last)
        power += 2 * w.power[k];
    }
    EXPECT_NEAR(got[5 + band], positive_db(power / (128 * w.window_squares)), 0.05) << band;
  }
}

/// Magnitude of the digital Butterworth filter: the analogue one at the pre-warped frequency.
double butterworth_db(FilterType type, double order, double hz, double cutoff, double rate) {
  const double ratio = std::tan(reference::kPi * hz / rate) / std::tan(reference::kPi * cutoff / rate);
  return -10 * std::log10(1 + std::pow(type == FilterType::low ? ratio : 1 / ratio, 2 * order));
}

TEST(Spectral, filters_attenuate_tones_as_butterworth_says) {
  for (const auto type : {FilterType::low, FilterType::high}) {
    for (const std::uint32_t order : {2u, 4u, 8u}) {
      for (const double hz : {2.0, 8.0, 10.0, 12.5, 25.0}) {
        SpectralConfig config;
        config.filter_type = type;
        config.filter_order = order;
        config.filter_cutoff = 10;
        config.fft_length = 256;
        config.spectral_peaks_count = 0;
        config.spectral_power_edges = {hz - 1.5, hz + 1.5};
        const auto extractor = Extractor::create(config, SensorSpec::series(4000, 1, 100)).value();
        config.filter_type = FilterType::none;
        const auto plain = Extractor::create(config, SensorSpec::series(4000, 1, 100)).value();
        const auto samples = tone(4000, hz / 100, 20000);
        const double expected = std::max(butterworth_db(type, order, hz, 10, 100), 0.0 - 60);
        const double got = extracted(extractor, samples)[1] - extracted(plain, samples)[1];
        if (expected > -50)
          EXPECT_NEAR(got, expected, 0.3) << order << " " << hz;
        else
          EXPECT_LT(got, -45);
      }
    }
  }
}

TEST(Spectral, silence_has_no_peaks_and_a_short_series_is_padded) {
  SensorSpec sensor = SensorSpec::series(200, 2, 62.5);
  sensor.variable_length = true;
  const auto extractor = Extractor::create(SpectralConfig{.fft_length = 128}, sensor).value();
  EXPECT_EQ(extracted(extractor, {}), std::vector<double>(extractor.output_count(), 0.0));
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>(400, 5000)),
            std::vector<double>(extractor.output_count(), 0.0));
  const auto x = tone(40, 0.2, 10000);
  const auto got = extracted(extractor, interleaved({x, x}));
  EXPECT_NEAR(got[1], 40, 2);  // 0.2 of the rate is 40 % of Nyquist
  EXPECT_EQ(std::vector<double>(got.begin(), got.begin() + 11), std::vector<double>(got.begin() + 11, got.end()));
}

TEST(Spectral, survives_full_scale) {
  SpectralConfig config{.filter_type = FilterType::low, .filter_cutoff = 20, .filter_order = 8, .fft_length = 1024};
  config.spectral_power_edges = {};
  const auto extractor = Extractor::create(config, SensorSpec::series(32768, 1, 100)).value();
  std::vector<std::int16_t> square(32768);
  for (std::size_t i = 0; i < square.size(); ++i) square[i] = i / 50 % 2 != 0 ? 32767 : -32768;
  const auto got = extracted(extractor, square);
  EXPECT_NEAR(got[0], 20 * std::log10(32768), 0.5);
  EXPECT_NEAR(got[1], 2, 0.05);  // 1 Hz of 50
  EXPECT_NEAR(got[2], 20 * std::log10(32768 * 4 / reference::kPi), 1.5);
}

}  // namespace
}  // namespace mote::features
