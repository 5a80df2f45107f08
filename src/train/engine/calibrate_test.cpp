#include "mote/train/calibrate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "histogram.hpp"
#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"

namespace mote::train {
namespace {

std::vector<float> normals(std::size_t count) {
  std::vector<float> values(count);
  Rng rng(1);
  for (float& v : values) v = static_cast<float>(rng.normal());
  return values;
}

Histogram histogram_of(const std::vector<float>& values) {
  graph::Range range;
  for (const float v : values) range = {std::min(range.low, v), std::max(range.high, v)};
  Histogram h(range);
  h.add(values);
  return h;
}

TEST(Ranges, percentile_of_a_normal_distribution_is_its_quantile) {
  const Histogram h = histogram_of(normals(200'000));
  const graph::Range range = percentile_range(h, 97.725);  // two standard deviations
  EXPECT_NEAR(range.low, -2.0f, 0.03f);
  EXPECT_NEAR(range.high, 2.0f, 0.03f);
}

TEST(Ranges, percentile_of_all_values_keeps_the_extremes) {
  const Histogram h = histogram_of({0.0f, 1.0f, 5.0f});
  EXPECT_NEAR(percentile_range(h, 100.0).high, 5.0f, 0.01f);
  EXPECT_EQ(percentile_range(h, 100.0).low, 0.0f);
}

TEST(Ranges, percentile_cuts_an_outlier_off_one_end_only) {
  std::vector<float> values(100'000, 1.0f);
  values.push_back(1000.0f);
  const graph::Range range = percentile_range(histogram_of(values), 99.99);
  EXPECT_LT(range.high, 2.0f);
  EXPECT_EQ(range.low, 0.0f);
}

TEST(Ranges, least_error_keeps_a_uniform_distribution_whole) {
  std::vector<float> values;
  for (int i = 0; i <= 10'000; ++i) values.push_back(static_cast<float>(i) / 5000.0f);
  EXPECT_GT(least_error_range(histogram_of(values)).high, 1.95f);
}

TEST(Ranges, least_error_clips_an_outlier_that_would_coarsen_the_grid) {
  const std::vector<float> values = normals(200'000);
  Histogram h({-5.0f, 40.0f});
  for (int i = 0; i < 50; ++i) h.add(values);
  h.add(std::vector<float>{40.0f});
  const graph::Range range = least_error_range(h);
  EXPECT_LT(range.high, 10.0f);
  EXPECT_GT(range.high, 3.0f);
}

TEST(Ranges, of_a_constant_zero_are_zero) {
  const Histogram h = histogram_of({0.0f, 0.0f});
  EXPECT_EQ(percentile_range(h, 99.0).high, 0.0f);
  EXPECT_EQ(least_error_range(h).high, 0.0f);
}

graph::Graph doubling_net() {
  graph::Builder b("double", 1);
  auto x = b.input("x", {1, 1, 1, 2});
  x = b.activate("relu", b.add("twice", x, x));
  return std::move(b).finish(x);
}

TEST(Calibration, measures_every_value_by_name_for_any_number_of_threads) {
  std::vector<float> values(2 * 500);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = -1.0f + 3.0f * static_cast<float>(i) / 999.0f;
  const auto source = MemorySource::create({1, 1, 2}, values, {});
  CalibrationOptions options;
  options.method = CalibrationMethod::min_max;
  for (const std::int32_t threads : {1, 2, 5}) {
    options.threads = threads;
    const auto ranges = calibrate(doubling_net(), *source, options);
    ASSERT_TRUE(ranges) << ranges.error().message();
    ASSERT_EQ(ranges->size(), 3u);
    EXPECT_EQ(ranges->at("x").low, -1.0f);
    EXPECT_EQ(ranges->at("x").high, 2.0f);
    EXPECT_EQ(ranges->at("twice").low, -2.0f);
    EXPECT_EQ(ranges->at("relu").low, 0.0f);
    EXPECT_EQ(ranges->at("relu").high, 4.0f);
  }
  options.method = CalibrationMethod::percentile;
  options.percentile = 90.0;
  EXPECT_NEAR(calibrate(doubling_net(), *source, options)->at("x").high, 1.7f, 0.01f);
  options.method = CalibrationMethod::mse;
  EXPECT_GT(calibrate(doubling_net(), *source, options)->at("x").high, 1.8f);
}

TEST(Calibration, takes_no_more_samples_than_asked_and_from_the_whole_source) {
  std::vector<float> values(2 * 1000, 0.0f);
  values[2 * 500] = 7.0f;  // sample 500 is one of 10 spread ones
  values[2 * 501] = 9.0f;  // 501 is not
  const auto source = MemorySource::create({1, 1, 2}, values, {});
  CalibrationOptions options;
  options.method = CalibrationMethod::min_max;
  options.max_samples = 10;
  EXPECT_EQ(calibrate(doubling_net(), *source, options)->at("x").high, 7.0f);
}

TEST(Calibration, refuses_values_that_are_not_finite_and_bad_options) {
  const auto source = MemorySource::create({1, 1, 2}, {1.0f, std::numeric_limits<float>::quiet_NaN()}, {});
  const auto refused = calibrate(doubling_net(), *source);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("'x'"), std::string::npos);
  CalibrationOptions options;
  options.percentile = 40.0;
  EXPECT_FALSE(calibrate(doubling_net(), *source, options));
  options = {};
  options.max_samples = 0;
  EXPECT_FALSE(calibrate(doubling_net(), *source, options));
  EXPECT_FALSE(calibrate(doubling_net(), *MemorySource::create({1, 1, 2}, {}, {})));
}

}  // namespace
}  // namespace mote::train
