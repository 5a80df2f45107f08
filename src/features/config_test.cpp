#include "mote/features/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/features/extractor.hpp"

namespace mote::features {
namespace {

using testing::HasSubstr;

TEST(Config, every_block_reads_back_what_it_prints) {
  for (const auto name : block_names()) {
    const auto config = parse_config(name, {}).value();
    EXPECT_EQ(block_name(config), name);
    EXPECT_EQ(parse_config(name, parameters(config)).value(), config);
  }
}

TEST(Config, given_parameters_replace_defaults_and_read_back) {
  const auto mfe =
      parse_config("mfe", {{"num_filters", "32"}, {"frame_length", "0.0333333333333333"}, {"window", "hamming"}})
          .value();
  EXPECT_EQ(std::get<MfeConfig>(mfe).mel.num_filters, 32u);
  EXPECT_EQ(std::get<MfeConfig>(mfe).frame.window, Window::hamming);
  EXPECT_EQ(parse_config("mfe", parameters(mfe)).value(), mfe);
  const auto spectral =
      parse_config("spectral", {{"spectral_power_edges", "[0.5, 1.5,4]"}, {"filter_type", "high"}}).value();
  EXPECT_EQ(std::get<SpectralConfig>(spectral).spectral_power_edges, (std::vector<double>{0.5, 1.5, 4}));
  EXPECT_EQ(parse_config("spectral", parameters(spectral)).value(), spectral);
}

struct BadText {
  const char* block;
  std::vector<Parameter> given;
  const char* expected;
};

TEST(Config, refuses_text_it_does_not_understand_and_says_what_there_is) {
  const BadText cases[] = {
      {"mfee", {}, "no block \"mfee\"; there are raw"},
      {"mfe", {{"num_filter", "3"}}, "mfe: no parameter \"num_filter\"; there are frame_length"},
      {"mfe", {{"num_filters", "-3"}}, "mfe: num_filters: '-3' is not a whole number"},
      {"mfe", {{"num_filters", "3.5"}}, "num_filters"},
      {"mfe", {{"num_filters", "99999999999"}}, "num_filters"},
      {"mfe", {{"frame_length", "nan"}}, "frame_length: 'nan' is not a number"},
      {"mfe", {{"frame_length", "0.02s"}}, "frame_length"},
      {"mfe", {{"window", "kaiser"}}, "window: 'kaiser' is not one of hann, hamming, rectangular"},
      {"mfe", {{"frames", "1"}, {"frames", "2"}}, "frames is given twice"},
      {"flatten", {{"rms", "yes"}}, "rms: 'yes' is not true or false"},
      {"spectral", {{"spectral_power_edges", "[1, 2,]"}}, "spectral_power_edges"},
      {"spectral", {{"spectral_power_edges", "1, 2"}}, "spectral_power_edges"},
  };
  for (const auto& c : cases) {
    const auto result = parse_config(c.block, c.given);
    ASSERT_FALSE(result) << c.expected;
    EXPECT_THAT(result.error().message(), HasSubstr(c.expected));
  }
}

struct BadConfig {
  FeatureConfig config;
  SensorSpec sensor;
  const char* expected;
};

MfeConfig mfe_with(void (*change)(MfeConfig&)) {
  MfeConfig config;
  change(config);
  return config;
}
MfccConfig mfcc_with(void (*change)(MfccConfig&)) {
  MfccConfig config;
  change(config);
  return config;
}
SpectralConfig spectral_with(void (*change)(SpectralConfig&)) {
  SpectralConfig config;
  change(config);
  return config;
}

TEST(Config, refuses_parameters_that_make_no_sense_and_names_them) {
  const SensorSpec audio = SensorSpec::audio(8000, 8000);
  const SensorSpec motion = SensorSpec::series(128, 3, 62.5);
  const SensorSpec picture = SensorSpec::image(28, 28);
  const BadConfig cases[] = {
      {mfe_with([](MfeConfig& c) { c.frame.frame_length = 0.064; }), audio,
       "mfe: frame_length: 512 samples exceed fft_length 256"},
      {mfe_with([](MfeConfig& c) { c.frame.frame_length = 0; }), audio, "mfe: frame_length: is shorter"},
      {mfe_with([](MfeConfig& c) { c.frame.frame_stride = 0; }), audio, "mfe: frame_stride: is shorter"},
      {mfe_with([](MfeConfig& c) { c.frame.frame_stride = -1; }), audio, "mfe: frame_stride"},
      {mfe_with([](MfeConfig& c) { c.frame.frame_stride = 1e30; }), audio, "mfe: frame_stride"},
      {mfe_with([](MfeConfig& c) { c.frame.frames = 5000; }), audio, "mfe: frames: 5000 frames are too many"},
      {mfe_with([](MfeConfig& c) { c.frame.fft_length = 200; }), audio, "mfe: fft_length"},
      {mfe_with([](MfeConfig& c) { c.frame.fft_length = 2048; }), audio, "mfe: fft_length"},
      {mfe_with([](MfeConfig& c) { c.frame.pre_cof = 1.5; }), audio, "mfe: pre_cof"},
      {mfe_with([](MfeConfig& c) { c.frame.trim_db = -25; }), audio, "mfe: trim_db"},
      {mfe_with([](MfeConfig& c) { c.frame.noise_floor_db = 3; }), audio, "mfe: noise_floor_db"},
      {mfe_with([](MfeConfig& c) { c.frame.floor_relative_db = -40; }), audio, "mfe: floor_relative_db"},
      {mfe_with([](MfeConfig& c) { c.mel.num_filters = 0; }), audio, "mfe: num_filters: must be"},
      {mfe_with([](MfeConfig& c) { c.mel.num_filters = 128; }), audio, "mfe: num_filters: filter 0 around"},
      {mfe_with([](MfeConfig& c) { c.mel.high_frequency = 4001; }), audio,
       "mfe: high_frequency: exceeds half the rate, 4000 Hz"},
      {mfe_with([](MfeConfig& c) { c.mel.low_frequency = 4000; }), audio, "mfe: low_frequency: must be below"},
      {mfe_with([](MfeConfig& c) { c.mel.low_frequency = -1; }), audio, "mfe: low_frequency"},
      {mfe_with([](MfeConfig&) {}), motion, "mfe: needs one channel"},
      {mfe_with([](MfeConfig&) {}), picture, "mfe: needs a series"},
      {mfe_with([](MfeConfig&) {}), SensorSpec::audio(8000, 0), "rate_hz"},
      {mfcc_with([](MfccConfig& c) { c.num_cepstral = 41; }), audio,
       "mfcc: num_cepstral: must be 1 to num_filters, 40"},
      {mfcc_with([](MfccConfig& c) { c.num_cepstral = 0; }), audio, "mfcc: num_cepstral"},
      {mfcc_with([](MfccConfig& c) { c.win_size = 100; }), audio, "mfcc: win_size"},
      {SpectrogramConfig{}, picture, "spectrogram: needs a series"},
      {spectral_with([](SpectralConfig& c) { c.fft_length = 16; }), motion, "spectral: fft_length"},
      {spectral_with([](SpectralConfig& c) {
         c.spectral_power_edges = {1, 40};
       }),
       motion, "spectral: spectral_power_edges: 40 Hz lies outside"},
      {spectral_with([](SpectralConfig& c) {
         c.spectral_power_edges = {5, 4};
       }),
       motion, "4 Hz is not above"},
      {spectral_with([](SpectralConfig& c) { c.spectral_power_edges = {5}; }), motion, "one edge makes no band"},
      {spectral_with([](SpectralConfig& c) {
         c.spectral_power_edges = {5, 5.1};
       }),
       motion, "holds no bin"},
      {spectral_with([](SpectralConfig& c) { c.spectral_peaks_count = 17; }), motion, "spectral: spectral_peaks_count"},
      {spectral_with([](SpectralConfig& c) { c.spectral_peaks_threshold = -1; }), motion,
       "spectral: spectral_peaks_threshold"},
      {spectral_with([](SpectralConfig& c) {
         c.filter_type = FilterType::low;
         c.filter_order = 3;
       }),
       motion, "spectral: filter_order"},
      {spectral_with([](SpectralConfig& c) {
         c.filter_type = FilterType::low;
         c.filter_cutoff = 32;
       }),
       motion, "spectral: filter_cutoff"},
      {SpectralConfig{}, SensorSpec::series(128, 3, 0), "spectral: the sensor's rate_hz"},
      {FlattenConfig{false, false, false, false, false, false, false}, motion, "flatten: average: no statistic"},
      {FlattenConfig{}, SensorSpec::series(40000, 1, 100), "flatten: the series is longer"},
      {RawConfig{10}, picture, "raw: length: is for series"},
      {ImageConfig{}, motion, "image: needs images"},
      {ImageConfig{}, SensorSpec::image(28, 28, 2), "image: channels"},
      {ImageConfig{5000, 0, 0}, picture, "image: width: is at most 4096"},
      {ImageConfig{0, 0, 2}, picture, "image: channels: must be 1 or 3"},
      {ImageConfig{0, 0, 0, ResizeMode::squash, Interpolation::nearest, 28}, picture, "image: crop_x"},
      {ImageConfig{0, 0, 0, ResizeMode::squash, Interpolation::nearest, 4, 0, 25}, picture, "image: crop_width"},
      {TrajectoryConfig{1}, SensorSpec::strokes(160), "trajectory: points"},
      {TrajectoryConfig{64, 3}, SensorSpec::strokes(160), "trajectory: delta_gain"},
      {TrajectoryConfig{}, motion, "trajectory: needs points with the 2 channels"},
      {TrajectoryConfig{}, SensorSpec::strokes(10000), "trajectory: paths have at most"},
      {RawConfig{}, SensorSpec::image(0, 28), "sensor: the shape"},
      {RawConfig{}, SensorSpec::series(1u << 30, 1, 1), "exceeds 2^24"},
      {RawConfig{}, SensorSpec::series(10, 1, -1), "rate_hz"},
      {RawConfig{}, SensorSpec::series(10, 1, 1, 0), "unit"},
  };
  for (const auto& c : cases) {
    const auto result = Extractor::create(c.config, c.sensor);
    ASSERT_FALSE(result) << c.expected;
    EXPECT_EQ(result.error().code(), Code::invalid_argument);
    EXPECT_THAT(result.error().message(), HasSubstr(c.expected));
    EXPECT_EQ(result.error().message().find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace mote::features
