// Layouts, hashing and code generation.

#include "mote/features/extractor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "clips_for_test.hpp"
#include "mote/base/parallel.hpp"
#include "mote/features/emit.hpp"

namespace mote::features {
namespace {

using testing::HasSubstr;

Extractor digits() {
  MfeConfig config;
  config.frame.frames = 64;
  config.mel = {32, 60, 3900};
  return Extractor::create(config, SensorSpec::audio(8000, 8000)).value();
}

TEST(Extractor, states_its_layout) {
  const auto extractor = digits();
  EXPECT_EQ(extractor.output_shape(), (std::vector<std::uint32_t>{64, 32, 1}));
  EXPECT_EQ(extractor.output_count(), 2048u);
  EXPECT_EQ(extractor.output_scale(), 1.0 / 256);
  EXPECT_EQ(extractor.output_names().size(), 32u);
  EXPECT_EQ(extractor.input_bytes(), 16004u);
  EXPECT_EQ(extractor.scratch_bytes(), 4096u + 258 * 4);
}

TEST(Extractor, packed_input_gives_the_same_features_as_samples) {
  const auto extractor = digits();
  for (const std::size_t count : {0u, 1u, 777u, 8000u, 9500u}) {
    const auto clip = noise(count, 2000, count + 1);
    std::vector<std::int16_t> a(2048), b(2048);
    const Bytes packed = extractor.pack(clip).value();
    ASSERT_EQ(packed.size(), extractor.input_bytes());
    ASSERT_TRUE(extractor.run(packed, a));
    ASSERT_TRUE(extractor.run_samples(clip, b));
    EXPECT_EQ(a, b);
  }
}

TEST(Extractor, a_count_beyond_the_buffer_reads_as_the_buffer) {
  const auto extractor = digits();
  Bytes packed = extractor.pack(noise(8000, 2000, 1)).value();
  std::vector<std::int16_t> expected(2048), got(2048);
  ASSERT_TRUE(extractor.run(packed, expected));
  for (int i = 0; i < 4; ++i) packed[static_cast<std::size_t>(i)] = 0xff;
  ASSERT_TRUE(extractor.run(packed, got));
  EXPECT_EQ(got, expected);
}

TEST(Extractor, keeps_the_loudest_stretch_of_a_clip_that_is_too_long) {
  std::vector<std::int16_t> clip(20000, 3);
  const auto word = noise(5000, 9000, 2);
  std::copy(word.begin(), word.end(), clip.begin() + 11000);
  const Bytes packed = digits().pack(clip).value();
  std::size_t loud = 0;
  for (std::size_t i = 0; i < 8000; ++i) {
    loud += static_cast<std::int16_t>(packed[4 + 2 * i] | packed[5 + 2 * i] << 8) != 3 ? 1u : 0u;
  }
  EXPECT_GE(loud, 4990u);
}

TEST(Extractor, refuses_inputs_of_the_wrong_kind_or_size) {
  const auto audio = digits();
  const auto image = Extractor::create(RawConfig{}, SensorSpec::image(4, 4)).value();
  const auto motion = Extractor::create(RawConfig{}, SensorSpec::series(10, 3, 50)).value();
  std::vector<std::int16_t> out(2048), small(16), thirty(30);
  EXPECT_THAT(audio.run(Bytes(10), out).error().message(),
              HasSubstr("a module input of 10 bytes given, but it has 16004"));
  EXPECT_THAT(audio.run(Bytes(16004), small).error().message(),
              HasSubstr("the output holds 16 values, but the block gives 2048"));
  EXPECT_THAT(audio.pack(ByteSpan()).error().message(), HasSubstr("element is i16"));
  EXPECT_THAT(image.run_samples(small, small).error().message(), HasSubstr("element is u8"));
  EXPECT_THAT(image.pack(Bytes(15)).error().message(), HasSubstr("15 bytes given, but the sensor's have 16"));
  EXPECT_THAT(motion.run_samples(std::vector<std::int16_t>(31), thirty).error().message(), HasSubstr("no multiple"));
  EXPECT_THAT(motion.run_samples(std::vector<std::int16_t>(33), thirty).error().message(),
              HasSubstr("fixed length is 10"));
}

TEST(Extractor, schema_changes_with_all_that_decides_the_output) {
  const std::string schema = digits().schema();
  EXPECT_THAT(schema, HasSubstr("\"block\":\"mfe\""));
  EXPECT_THAT(schema, HasSubstr("\"num_filters\":32"));
  EXPECT_THAT(schema, HasSubstr("\"window\":\"hann\""));
  EXPECT_EQ(schema, digits().schema());
  MfeConfig other = std::get<MfeConfig>(digits().config());
  other.frame.pre_cof = 0.5;
  EXPECT_NE(Extractor::create(other, SensorSpec::audio(8000, 8000)).value().schema(), schema);
  EXPECT_NE(Extractor::create(digits().config(), SensorSpec::audio(8001, 8000)).value().schema(), schema);
}

TEST(Extractor, may_be_used_from_several_threads_at_once) {
  const auto extractor = digits();
  const auto clip = noise(6400, 3000, 5);
  std::vector<std::int16_t> expected(2048);
  ASSERT_TRUE(extractor.run_samples(clip, expected));
  std::vector<int> equal(64);
  parallel_for(
      64,
      [&](std::size_t i, std::size_t) {
        std::vector<std::int16_t> out(2048);
        equal[i] = extractor.run_samples(clip, out) && out == expected ? 1 : 0;
      },
      4);
  EXPECT_EQ(equal, std::vector<int>(64, 1));
}

TEST(Quantization, is_the_ratio_of_the_scales) {
  for (const double ratio : {1.0, 0.9999999999, 255.0 / 256 / 40, 3.7e-4, 100.0}) {
    const auto q = quantization_for(ratio, 1, 5).value();
    EXPECT_NEAR(std::ldexp(q.multiplier, q.shift - 31) / ratio, 1, 1e-9);
    EXPECT_GE(q.multiplier, 1 << 30);
  }
  EXPECT_FALSE(quantization_for(0, 1, 0));
  EXPECT_FALSE(quantization_for(1, -1, 0));
  EXPECT_FALSE(quantization_for(1, 1, 128));
  EXPECT_FALSE(quantization_for(1e6, 1, 0));
}

TEST(Emit, writes_a_readable_function) {
  const auto extractor = Extractor::create(TrajectoryConfig{}, SensorSpec::strokes(160)).value();
  const std::string expected = R"(#include "features/quantize.hpp"
#include "features/trajectory.hpp"

// Features: trajectory gives 64 x 4 int16 values.
// points = 64; delta_gain = 8.
// The arithmetic is integer only and the same on every machine.

static void wand_features(const unsigned char* input, std::int8_t* output, void* scratch) {
  std::int16_t* const features = static_cast<std::int16_t*>(scratch);
  const mote::device::Series series = mote::device::read_variable_series(input, 160);
  mote::device::TrajectoryParams p;
  p.points = 64;
  p.delta_gain_log2 = 3;
  mote::device::trajectory(p, series, features);
  mote::device::quantize_features(features, 256, {1073741824, -6, 0}, output);
}
)";
  EXPECT_EQ(emit_cpp(extractor, "wand_features", quantization_for(1, 128, 0).value()).value(), expected);
}

TEST(Emit, refuses_a_name_that_is_no_identifier) {
  for (const char* name : {"", "1a", "a-b", "a b"}) EXPECT_FALSE(emit_cpp(digits(), name, {1 << 30, 0, 0})) << name;
}

TEST(Emit, bytes_go_straight_to_int8_only_when_the_scale_is_theirs) {
  const auto image = Extractor::create(RawConfig{}, SensorSpec::image(28, 28)).value();
  EXPECT_THAT(emit_cpp(image, "f", quantization_for(1.0 / 255, 1.0 / 255, -128).value()).value(),
              HasSubstr("raw_bytes_to_int8(input, 784, output)"));
  EXPECT_THAT(emit_cpp(image, "f", quantization_for(1.0 / 255, 1.0 / 255, 0).value()).value(),
              HasSubstr("quantize_features(features, 784"));
}

}  // namespace
}  // namespace mote::features
