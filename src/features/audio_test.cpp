// Spectrogram, mfe and mfcc against the double-precision reference, and what their parameters promise.

#include <gtest/gtest.h>

#include <algorithm>

#include "clips_for_test.hpp"
#include "mote/features/extractor.hpp"
#include "reference_for_test.hpp"

namespace mote::features {
namespace {

constexpr std::uint32_t kMaxLength = 8000;
constexpr double kRateHz = 8000;
const SensorSpec kAudio = SensorSpec::audio(kMaxLength, kRateHz);

std::vector<std::int16_t> extracted(const Extractor& extractor, const std::vector<std::int16_t>& samples) {
  std::vector<std::int16_t> out(extractor.output_count());
  const auto result = extractor.run_samples(samples, out);
  EXPECT_TRUE(result) << result.error().message();
  return out;
}

std::vector<Clip> test_clips(std::size_t spoken) {
  auto clips = synthetic_clips();
  for (auto& clip : spoken_clips(spoken)) {
    if (clip.samples.size() <= kMaxLength) clips.push_back(std::move(clip));
  }
  return clips;
}

/// Levels in these tests are dB above this, so that almost every value counts and none saturates.
constexpr double kFloorDb = -115;

/// What the arithmetic promises, in amplitude: 0.02 dB (rounding of the output), plus 86 dB below the frame's strongest
/// bin (Q15 tables), plus 103 dB below full scale (rounding of the samples). `spectra` are the reference's powers of
/// each frame.
void expect_levels(const std::vector<std::int16_t>& got, const reference::Rows& expected,
                   const reference::Rows& spectra, const std::string& name) {
  const auto amplitude = [](double above_floor) {
    return above_floor > 0 ? std::pow(10, (above_floor + kFloorDb) / 20) : 0;
  };
  std::size_t i = 0;
  for (std::size_t frame = 0; frame < expected.size(); ++frame) {
    const double strongest = std::sqrt(*std::max_element(spectra[frame].begin(), spectra[frame].end()));
    for (const double value : expected[frame]) {
      const double error = std::abs(amplitude(got[i] / 256.0) - amplitude(value));
      ASSERT_LE(error, 0.0023 * amplitude(value) + std::pow(10, -86.0 / 20) * strongest + std::pow(10, -103.0 / 20))
          << name << " value " << i << ": " << got[i] / 256.0 << " for " << value;
      ++i;
    }
  }
  ASSERT_EQ(i, got.size());
}

MfeConfig digits_config() {
  MfeConfig config;
  config.frame.frames = 64;
  config.frame.pre_cof = 0.95;
  config.frame.trim_db = 25;
  config.frame.floor_relative_db = 40;
  config.mel = {32, 60, 3900};
  return config;
}

TEST(Mfe, levels_are_within_the_stated_error_of_the_reference) {
  MfeConfig plain = digits_config();
  plain.frame.floor_relative_db = 0;
  plain.frame.noise_floor_db = kFloorDb;
  MfeConfig other = plain;
  other.frame = {.frame_length = 0.0201,
                 .frame_stride = 0.01,
                 .fft_length = 512,
                 .window = Window::hamming,
                 .noise_floor_db = kFloorDb};
  other.mel = {21, 0, 0};
  for (const auto& config : {plain, other}) {
    const auto extractor = Extractor::create(config, kAudio).value();
    for (const auto& clip : test_clips(5)) {
      expect_levels(extracted(extractor, clip.samples),
                    reference::mfe(clip.samples, config.frame, config.mel, kMaxLength, kRateHz),
                    reference::power_spectra(clip.samples, config.frame, kMaxLength, kRateHz), clip.name);
    }
  }
}

TEST(Mfe, the_spoken_digits_recipe_is_within_a_twentieth_of_a_decibel_on_speech) {
  const MfeConfig config = digits_config();
  const auto extractor = Extractor::create(config, kAudio).value();
  const auto clips = spoken_clips(15);
  if (clips.empty()) GTEST_SKIP() << "the development data (audio/fsdd) are absent";
  for (const auto& clip : clips) {
    if (clip.samples.size() > kMaxLength) continue;
    const auto got = extracted(extractor, clip.samples);
    const auto expected = reference::mfe(clip.samples, config.frame, config.mel, kMaxLength, kRateHz);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i] / 256.0, expected[i / 32][i % 32], 0.05) << clip.name;
  }
}

TEST(Spectrogram, levels_are_within_the_stated_error_of_the_reference) {
  for (const std::uint32_t fft_length : {32u, 64u, 128u, 1024u}) {
    SpectrogramConfig config;
    config.frame = {.frame_length = fft_length * 0.9 / kRateHz,
                    .frame_stride = 0.05,
                    .fft_length = fft_length,
                    .window = Window::hann,
                    .noise_floor_db = kFloorDb};
    const auto extractor = Extractor::create(config, kAudio).value();
    EXPECT_EQ(extractor.output_shape()[1], fft_length / 2 + 1);
    for (const auto& clip : test_clips(4)) {
      expect_levels(extracted(extractor, clip.samples),
                    reference::spectrogram(clip.samples, config, kMaxLength, kRateHz),
                    reference::power_spectra(clip.samples, config.frame, kMaxLength, kRateHz),
                    clip.name + " " + std::to_string(fft_length));
    }
  }
}

TEST(Spectrogram, a_full_scale_tone_on_a_bin_reads_0_db) {
  SpectrogramConfig config;
  config.frame = {.frame_length = 0.032, .frame_stride = 0.032, .fft_length = 256, .noise_floor_db = -100};
  const auto extractor = Extractor::create(config, SensorSpec::series(8000, 1, kRateHz)).value();
  const auto got = extracted(extractor, tone(8000, 32.0 / 256, 32767));
  EXPECT_NEAR(got[129 * 5 + 32] / 256.0, 100, 0.02);
}

TEST(Mfcc, cepstra_are_within_a_tenth_of_a_decibel_of_the_reference) {
  for (const std::uint32_t win_size : {0u, 1u, 21u, 301u}) {
    MfccConfig config;
    config.frame = {.frames = 50, .pre_cof = 0.98, .noise_floor_db = -60};
    config.mel = {win_size == 21 ? 27u : 32u, 100, 0};
    config.num_cepstral = 13;
    config.win_size = win_size;
    const auto extractor = Extractor::create(config, kAudio).value();
    for (const auto& clip : test_clips(3)) {
      const auto got = extracted(extractor, clip.samples);
      const auto expected = reference::mfcc(clip.samples, config, kMaxLength, kRateHz);
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i] * extractor.output_scale(), expected[i / 13][i % 13], 0.1)
            << clip.name << " win_size " << win_size << " value " << i;
      }
    }
  }
}

TEST(Mfe, a_relative_floor_makes_the_output_independent_of_the_volume) {
  const auto extractor = Extractor::create(digits_config(), kAudio).value();
  auto loud = noise(4000, 3000, 7);
  for (std::size_t i = 0; i < loud.size(); ++i)
    loud[i] = static_cast<std::int16_t>(loud[i] * std::sin(static_cast<double>(i) / 1300) / 8 * 8);
  std::vector<std::int16_t> quiet = loud;
  for (auto& x : loud) x = static_cast<std::int16_t>(x / 8 * 8);
  for (std::size_t i = 0; i < quiet.size(); ++i) quiet[i] = static_cast<std::int16_t>(loud[i] / 8);
  const auto a = extracted(extractor, loud);
  const auto b = extracted(extractor, quiet);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i] / 256.0, b[i] / 256.0, 0.03);
  EXPECT_NEAR(*std::max_element(a.begin(), a.end()) / 256.0, 40, 0.01);
}

TEST(Mfe, keeps_the_volume_when_the_floor_is_absolute) {
  MfeConfig config = digits_config();
  config.frame.floor_relative_db = 0;
  const auto extractor = Extractor::create(config, kAudio).value();
  const auto a = extracted(extractor, tone(6400, 0.1, 10000));
  const auto b = extracted(extractor, tone(6400, 0.1, 1000));
  EXPECT_NEAR((*std::max_element(a.begin(), a.end()) - *std::max_element(b.begin(), b.end())) / 256.0, 20, 0.02);
}

TEST(Mfe, trimming_finds_the_word_wherever_it_lies) {
  const auto extractor = Extractor::create(digits_config(), kAudio).value();
  const auto word = tone(3000, 0.1, 8000);
  std::vector<std::int16_t> early = noise(7000, 4, 8);
  std::vector<std::int16_t> late = early;
  for (std::size_t i = 0; i < word.size(); ++i) {
    early[400 + i] = word[i];
    late[3500 + i] = word[i];
  }
  // An offset of the sensor must not hide where the word is.
  for (auto& x : late) x = static_cast<std::int16_t>(x + 900);
  const auto a = extracted(extractor, early);
  const auto b = extracted(extractor, late);
  // Filters around the tone (800 Hz), away from the offset's leakage.
  for (std::size_t t = 0; t < 64; ++t) EXPECT_NEAR(a[t * 32 + 13] / 256.0, b[t * 32 + 13] / 256.0, 0.1) << t;
}

TEST(Mfe, silence_and_nothing_give_zeros) {
  for (const double relative : {0.0, 40.0}) {
    MfeConfig config = digits_config();
    config.frame.floor_relative_db = relative;
    const auto extractor = Extractor::create(config, kAudio).value();
    for (const std::size_t count : {0u, 1u, 99u, 8000u}) {
      EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>(count, 0)), std::vector<std::int16_t>(64 * 32, 0));
    }
  }
}

TEST(Warp, one_is_the_block_itself_and_more_moves_a_tone_to_a_lower_filter) {
  MfeConfig config = digits_config();
  const auto extractor = Extractor::create(config, kAudio).value();
  const auto clip = tone(6400, 0.15, 8000);
  const auto plain = extracted(extractor, clip);
  EXPECT_EQ(extracted(extractor.warped(1).value(), clip), plain);
  const auto loudest = [&](const std::vector<std::int16_t>& levels) {
    const auto row = levels.begin() + 32 * 30;
    return std::max_element(row, row + 32) - row;
  };
  const auto up = extractor.warped(1.15).value();
  EXPECT_LT(loudest(extracted(up, clip)), loudest(plain));
  EXPECT_GT(loudest(extracted(extractor.warped(0.87).value(), clip)), loudest(plain));
  EXPECT_EQ(up.output_shape(), extractor.output_shape());
  EXPECT_FALSE(extractor.warped(3));
  EXPECT_FALSE(Extractor::create(SpectrogramConfig{}, kAudio).value().warped(1.1));
}

}  // namespace
}  // namespace mote::features
