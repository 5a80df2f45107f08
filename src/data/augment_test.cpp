#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "mote/data/augment_audio.hpp"
#include "mote/data/augment_image.hpp"
#include "mote/data/augment_series.hpp"
#include "mote/data/augment_spectrogram.hpp"

namespace mote::data {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

std::vector<float> numbered(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

std::vector<float> tone(float hz, float rate_hz, std::size_t count, float amplitude = 10'000) {
  std::vector<float> wave(count);
  for (std::size_t k = 0; k < count; ++k) {
    wave[k] = amplitude * static_cast<float>(std::sin(2 * std::numbers::pi * hz * static_cast<double>(k) / rate_hz));
  }
  return wave;
}

double power(std::span<const float> wave) {
  double sum = 0;
  for (const float v : wave) sum += static_cast<double>(v) * v;
  return sum / static_cast<double>(wave.size());
}

/// Power at one frequency (Goertzel).
double power_at(std::span<const float> wave, double hz, double rate_hz) {
  double re = 0, im = 0;
  for (std::size_t k = 0; k < wave.size(); ++k) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(k) / rate_hz;
    re += wave[k] * std::cos(phase);
    im += wave[k] * std::sin(phase);
  }
  return (re * re + im * im) / static_cast<double>(wave.size());
}

/// Frequency from zero crossings.
double pitch(std::span<const float> wave, double rate_hz) {
  int crossings = 0;
  for (std::size_t k = 1; k < wave.size(); ++k) crossings += wave[k - 1] < 0 && wave[k] >= 0 ? 1 : 0;
  return crossings * rate_hz / static_cast<double>(wave.size());
}

TEST(AugmentImage, shift_moves_and_fills) {
  const auto in = numbered(6);
  std::vector<float> out(6);
  shift_image(in, out, {2, 3, 1}, 1, -1, 0);
  EXPECT_THAT(out, ElementsAre(0, 0, 0, 2, 3, 0));
  shift_image(in, out, {2, 3, 1}, 0, 5, 9);
  EXPECT_THAT(out, testing::Each(9.0f));
}

TEST(AugmentImage, crop_pads_on_every_side) {
  const auto in = numbered(8);  // 2 x 2 x 2
  std::vector<float> out(32);
  crop_image(in, {2, 2, 2}, out, {4, 4, 2}, -1, -1, 0);
  EXPECT_FLOAT_EQ(std::accumulate(out.begin(), out.end(), 0.0f), 36);
  EXPECT_FLOAT_EQ(out[(1 * 4 + 1) * 2 + 1], 2);
  EXPECT_FLOAT_EQ(out[(2 * 4 + 2) * 2], 7);
}

TEST(AugmentImage, flips_are_their_own_inverse_and_keep_channels_together) {
  auto image = numbered(12);  // 2 x 3 x 2
  flip_horizontal(image, {2, 3, 2});
  EXPECT_THAT(image, ElementsAre(5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8));
  flip_vertical(image, {2, 3, 2});
  EXPECT_THAT(image, ElementsAre(11, 12, 9, 10, 7, 8, 5, 6, 3, 4, 1, 2));
  flip_horizontal(image, {2, 3, 2});
  flip_vertical(image, {2, 3, 2});
  EXPECT_EQ(image, numbered(12));
}

TEST(AugmentImage, a_quarter_turn_is_exact_and_no_turn_keeps_the_image) {
  const auto in = numbered(9);
  std::vector<float> out(9);
  rotate_scale_image(in, out, {3, 3, 1}, std::numbers::pi_v<float> / 2, 1, 0);
  EXPECT_THAT(out, Pointwise(FloatNear(1e-4f), std::vector<float>{3, 6, 9, 2, 5, 8, 1, 4, 7})) << "counter-clockwise";
  rotate_scale_image(in, out, {3, 3, 1}, 0, 1, 0);
  EXPECT_EQ(out, in);
  rotate_scale_image(in, out, {3, 3, 1}, 0, 2, 0);
  EXPECT_THAT(out, Pointwise(FloatNear(1e-4f), std::vector<float>{3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7}))
      << "twice as large";
}

TEST(AugmentImage, noise_has_its_standard_deviation) {
  std::vector<float> values(100'000);
  Rng rng(1);
  add_noise(values, 3, rng);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 1e5, 0, 0.05);
  EXPECT_NEAR(std::sqrt(power(values)), 3, 0.03);
}

TEST(AugmentImage, cutout_is_clipped_at_the_border) {
  std::vector<float> image(16, 1);
  cut_out(image, {4, 4, 1}, 0, 0, 4, 4, 0);
  EXPECT_FLOAT_EQ(std::accumulate(image.begin(), image.end(), 0.0f), 12);
  cut_out(image, {4, 4, 1}, -50, 90, 4, 4, 0);
  EXPECT_FLOAT_EQ(std::accumulate(image.begin(), image.end(), 0.0f), 12);
}

TEST(AugmentImage, mix_weights_follow_beta) {
  Rng rng(3);
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0, squares = 0;
    constexpr int kDraws = 20'000;
    for (int k = 0; k < kDraws; ++k) {
      const double w = draw_mix_weight(alpha, rng);
      ASSERT_TRUE(w >= 0 && w <= 1);
      sum += w;
      squares += (w - 0.5) * (w - 0.5);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.01) << alpha;
    EXPECT_NEAR(squares / kDraws, 1 / (4 * (2 * alpha + 1)), 0.005) << alpha;
  }
  const auto a = numbered(3);
  std::vector<float> b{3, 3, 3};
  std::vector<float> out(3);
  mix_up(a, b, out, 0.25f);
  EXPECT_THAT(out, ElementsAre(2.5f, 2.75f, 3));
}

TEST(AugmentImage, off_changes_nothing_and_equal_seeds_give_equal_images) {
  ImageAugmentation off;
  std::vector<float> image = numbered(28 * 28), scratch(28 * 28);
  Rng rng(1);
  augment_image(image, {28, 28, 1}, off, rng, scratch);
  EXPECT_EQ(image, numbered(28 * 28));
  ImageAugmentation all{2, 0.5, 0.5, 10, 0.1f, 0.1f, 0.1f, 0.05f, 0.5, 8, 255, 0};
  const auto run = [&](std::uint64_t seed) {
    std::vector<float> values = numbered(28 * 28);
    Rng r(seed);
    augment_image(values, {28, 28, 1}, all, r, scratch);
    return values;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(AugmentAudio, shift_and_gain) {
  std::vector<float> wave{1, 2, 3, 4};
  shift_waveform(wave, 1);
  EXPECT_THAT(wave, ElementsAre(0, 1, 2, 3));
  shift_waveform(wave, -2);
  EXPECT_THAT(wave, ElementsAre(2, 3, 0, 0));
  shift_waveform(wave, 99);
  EXPECT_THAT(wave, testing::Each(0.0f));
}

TEST(AugmentAudio, noise_has_the_asked_ratio) {
  for (const NoiseColour colour : {NoiseColour::white, NoiseColour::pink}) {
    for (const float snr_db : {0.0f, 10.0f, 30.0f}) {
      const auto clean = tone(440, 8'000, 200'000);
      auto noisy = clean;
      Rng rng(4);
      add_background_noise(noisy, colour, snr_db, rng);
      for (std::size_t k = 0; k < clean.size(); ++k) noisy[k] -= clean[k];
      EXPECT_NEAR(10 * std::log10(power(clean) / power(noisy)), snr_db, 0.7);
    }
  }
  std::vector<float> silence(100);
  Rng rng(1);
  add_background_noise(silence, NoiseColour::white, 0, rng);
  EXPECT_THAT(silence, testing::Each(0.0f));
}

TEST(AugmentAudio, pink_noise_falls_by_ten_decibels_a_decade) {
  auto wave = std::vector<float>(1 << 18, 1.0f);
  Rng rng(2);
  add_background_noise(wave, NoiseColour::pink, 0, rng);
  const auto band = [&](double hz) {
    double sum = 0;
    for (int k = 0; k < 60; ++k) sum += power_at(wave, hz * (0.9 + 0.2 * k / 60), 8'000);
    return 10 * std::log10(sum / 60);
  };
  EXPECT_NEAR(band(100) - band(1'000), 10, 2);
}

TEST(AugmentAudio, speed_moves_pitch_and_duration) {
  Waveform out;
  resample_speed(tone(400, 8'000, 8'000), 1.25f, out);
  EXPECT_EQ(out.size(), 6'400u);
  EXPECT_NEAR(pitch(out, 8'000), 500, 3);
  EXPECT_NEAR(power(out) / 5e7, 1, 0.02);
  resample_speed(tone(400, 8'000, 8'000), 1, out);
  EXPECT_EQ(out, tone(400, 8'000, 8'000));
}

TEST(AugmentAudio, stretch_keeps_pitch_and_level) {
  for (const float factor : {0.8f, 0.9f, 1.1f, 1.2f}) {
    Waveform out;
    stretch_time(tone(400, 8'000, 8'000), 8'000, factor, out);
    EXPECT_NEAR(static_cast<double>(out.size()), 8'000 * factor, 1);
    EXPECT_NEAR(pitch(out, 8'000), 400, 8) << factor;
    EXPECT_NEAR(power(out) / 5e7, 1, 0.08) << factor;
  }
  Waveform out;
  stretch_time(numbered(100), 8'000, 1.2f, out);
  EXPECT_EQ(out, numbered(100)) << "too short to stretch";
}

TEST(AugmentAudio, filters_have_their_gain_where_they_should) {
  const auto gain_db = [](const Biquad& filter, float hz) {
    auto wave = tone(hz, 8'000, 8'000);
    filter_waveform(wave, filter);
    return 10 * std::log10(power(std::span(wave).subspan(4'000)) / 5e7);
  };
  const Biquad peak = peak_filter(8'000, 1'000, 1, 6);
  EXPECT_NEAR(gain_db(peak, 1'000), 6, 0.1);
  EXPECT_NEAR(gain_db(peak, 50), 0, 0.2);
  const Biquad shelf = shelf_filter(8'000, 1'000, -5);
  EXPECT_NEAR(gain_db(shelf, 3'500), -5, 0.3);
  EXPECT_NEAR(gain_db(shelf, 60), 0, 0.2);
}

TEST(AugmentAudio, trim_finds_the_loud_part) {
  std::vector<float> wave(8'000, 1.0f);
  const auto loud = tone(400, 8'000, 2'000);
  std::copy(loud.begin(), loud.end(), wave.begin() + 3'000);
  const auto [first, end] = energy_bounds(wave, 8'000, 25);
  EXPECT_NEAR(static_cast<double>(first), 3'000, 80);
  EXPECT_NEAR(static_cast<double>(end), 5'000, 80);
  EXPECT_EQ(energy_bounds(std::vector<float>(100), 8'000, 25), (std::pair<std::size_t, std::size_t>{0, 100}))
      << "silence stays whole";
}

TEST(AugmentAudio, compression_lifts_the_quiet_part) {
  auto wave = tone(400, 8'000, 8'000, 10'000);
  for (std::size_t k = 4'000; k < 8'000; ++k) wave[k] *= 0.1f;
  auto flat = wave;
  compress_envelope(flat, 8'000, 0.5f);
  const double before = power(std::span(wave).subspan(6'000)) / power(std::span(wave).first(2'000));
  const double after = power(std::span(flat).subspan(6'000)) / power(std::span(flat).first(2'000));
  EXPECT_NEAR(10 * std::log10(before), -20, 0.1);
  EXPECT_NEAR(10 * std::log10(after), -10, 1);
  auto same = wave;
  compress_envelope(same, 8'000, 0);
  EXPECT_EQ(same, wave);
}

TEST(AugmentAudio, the_whole_chain_is_deterministic_and_never_empty) {
  AudioScratch scratch;
  std::vector<std::int16_t> out;
  Rng input(9);
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{300}, std::size_t{4'000}}) {
    std::vector<std::int16_t> in(size);
    for (auto& v : in) v = static_cast<std::int16_t>(input.between(-32'768, 32'767));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Rng a(seed), b(seed);
      augment_audio(in, 8'000, AudioAugmentation::moderate(), a, scratch, out);
      EXPECT_FALSE(out.empty());
      const auto first = out;
      augment_audio(in, 8'000, AudioAugmentation::moderate(), b, scratch, out);
      EXPECT_EQ(out, first);
    }
    Rng rng(1);
    augment_audio(in, 8'000, {}, rng, scratch, out);
    EXPECT_EQ(out, in) << "off changes nothing";
  }
}

TEST(AugmentSpectrogram, masks_shift_and_warp) {
  auto map = numbered(6);  // 3 frames x 2 bands
  mask_time(map, {3, 2}, 2, 9, 0);
  EXPECT_THAT(map, ElementsAre(1, 2, 3, 4, 0, 0));
  mask_frequency(map, {3, 2}, 1, 1, -1);
  EXPECT_THAT(map, ElementsAre(1, -1, 3, -1, 0, -1));
  shift_frames(map, {3, 2}, 1, 7);
  EXPECT_THAT(map, ElementsAre(7, 7, 1, -1, 3, -1));
  for (const float factor : {0.5f, 0.9f, 0.99f, 1.0f, 1.1f, 1.5f, 2.0f}) {
    std::vector<float> row = numbered(32);
    warp_bands(row, {1, 32}, factor);
    for (std::size_t f = 0; f < 32; ++f) {
      EXPECT_NEAR(row[f], 1 + std::min(31.0f, static_cast<float>(f) * factor), 1e-4) << factor << " " << f;
    }
  }
}

TEST(AugmentSpectrogram, random_masks_stay_inside_for_any_size) {
  for (std::size_t frames = 1; frames < 6; ++frames) {
    for (std::size_t bands = 1; bands < 6; ++bands) {
      std::vector<float> map = numbered(frames * bands);
      SpectrogramAugmentation p;
      p.time_masks = p.frequency_masks = 2;
      p.max_time_mask_frames = p.max_frequency_mask_bands = 10;
      p.max_shift_frames = 3;
      p.max_warp = 0.1f;
      Rng rng(frames * 10 + bands);
      for (int k = 0; k < 20; ++k) augment_spectrogram(map, {frames, bands}, p, rng);
      for (const float v : map) EXPECT_TRUE(std::isfinite(v));
    }
  }
}

TEST(AugmentSeries, rotation_scale_and_shift) {
  std::vector<float> stroke{1, 0, 5, 0, 1, 6};  // 2 steps x 3 channels
  rotate_pairs(stroke, {2, 3}, std::numbers::pi_v<float> / 2);
  EXPECT_THAT(stroke, Pointwise(FloatNear(1e-6f), std::vector<float>{0, 1, 5, -1, 0, 6})) << "a third channel stays";
  scale_series(stroke, {2, 3}, std::vector<float>{1, 2, 3});
  EXPECT_THAT(stroke, Pointwise(FloatNear(1e-6f), std::vector<float>{0, 2, 15, -1, 0, 18}));
  std::vector<float> steps = numbered(5);
  shift_steps(steps, {5, 1}, 2);
  EXPECT_THAT(steps, ElementsAre(1, 1, 1, 2, 3));
  steps = numbered(5);
  shift_steps(steps, {5, 1}, -2);
  EXPECT_THAT(steps, ElementsAre(3, 4, 5, 5, 5));
  shift_steps(steps, {5, 1}, 99);
  EXPECT_THAT(steps, testing::Each(3.0f));
}

TEST(AugmentSeries, time_warp_keeps_ends_and_order) {
  const auto in = numbered(50);
  std::vector<float> out(50);
  warp_time(in, out, {50, 1}, std::vector<float>{1, 1, 1});
  EXPECT_THAT(out, Pointwise(FloatNear(1e-3f), in)) << "even speed changes nothing";
  warp_time(in, out, {50, 1}, std::vector<float>{0.5f, 1.5f, 0.7f});
  EXPECT_FLOAT_EQ(out.front(), 1);
  EXPECT_NEAR(out.back(), 50, 1e-3);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  EXPECT_LT(out[12], 12.5) << "a slow start";
}

TEST(AugmentSeries, off_changes_nothing) {
  std::vector<float> values = numbered(40), scratch(40);
  Rng rng(1);
  augment_series(values, {20, 2}, {}, rng, scratch);
  EXPECT_EQ(values, numbered(40));
  SeriesAugmentation all{0.1f, 0.1f, 15, 0.1f, 0.3f, 3, 0.5f};
  for (std::size_t steps = 1; steps < 5; ++steps) {
    std::vector<float> few = numbered(steps * 2);
    augment_series(few, {steps, 2}, all, rng, scratch);
    for (const float v : few) EXPECT_TRUE(std::isfinite(v));
  }
}

}  // namespace
}  // namespace mote::data
