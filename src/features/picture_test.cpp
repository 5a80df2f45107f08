// Raw, image and trajectory against double precision.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/features/extractor.hpp"

namespace mote::features {
namespace {

Bytes random_image(std::size_t size, std::uint64_t seed) {
  Rng rng(seed);
  Bytes image(size);
  for (auto& pixel : image) pixel = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

std::vector<std::int16_t> extracted(const Extractor& extractor, ByteSpan pixels) {
  std::vector<std::int16_t> out(extractor.output_count());
  const auto result = extractor.run(pixels, out);
  EXPECT_TRUE(result) << result.error().message();
  return out;
}

std::vector<std::int16_t> extracted(const Extractor& extractor, const std::vector<std::int16_t>& samples) {
  std::vector<std::int16_t> out(extractor.output_count());
  const auto result = extractor.run_samples(samples, out);
  EXPECT_TRUE(result) << result.error().message();
  return out;
}

TEST(Raw, images_become_the_models_int8_by_subtracting_128) {
  const auto extractor = Extractor::create(RawConfig{}, SensorSpec::image(28, 28)).value();
  EXPECT_EQ(extractor.output_shape(), (std::vector<std::uint32_t>{28, 28, 1}));
  Bytes image(784);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i);
  const auto features = extracted(extractor, image);
  std::vector<std::int8_t> quantized(784);
  quantize(features, quantization_for(extractor.output_scale(), 1.0 / 255, -128).value(), quantized);
  for (std::size_t i = 0; i < image.size(); ++i) EXPECT_EQ(quantized[i], image[i] - 128);
}

TEST(Raw, series_are_padded_and_cropped_around_their_middle) {
  SensorSpec sensor = SensorSpec::series(6, 2, 50, 0.25);
  sensor.variable_length = true;
  const auto extractor = Extractor::create(RawConfig{4}, sensor).value();
  EXPECT_EQ(extractor.output_scale(), 0.25);
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{1, 2, 3, 4}),
            (std::vector<std::int16_t>{0, 0, 1, 2, 3, 4, 0, 0}));
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
            (std::vector<std::int16_t>{3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{}), std::vector<std::int16_t>(8, 0));
}

struct Size {
  std::uint32_t height, width, channels;
};

/// Bilinear and nearest resize by the definition, in doubles; no cropping, no padding.
double resized(const Bytes& image, Size in, Size out, std::uint32_t y, std::uint32_t x, std::uint32_t c,
               bool bilinear) {
  const auto position = [](std::uint32_t i, std::uint32_t from, std::uint32_t to) {
    return std::clamp((i + 0.5) * from / to - 0.5, 0.0, from - 1.0);
  };
  const auto at = [&](double row, double column) {
    return static_cast<double>(
        image[(static_cast<std::size_t>(row) * in.width + static_cast<std::size_t>(column)) * in.channels + c]);
  };
  const double py = position(y, in.height, out.height), px = position(x, in.width, out.width);
  if (!bilinear) return at(std::floor(py + 0.5), std::floor(px + 0.5));
  const double y0 = std::floor(py), x0 = std::floor(px), y1 = std::min(y0 + 1, in.height - 1.0),
               x1 = std::min(x0 + 1, in.width - 1.0);
  const double top = at(y0, x0) * (1 - (px - x0)) + at(y0, x1) * (px - x0);
  const double bottom = at(y1, x0) * (1 - (px - x0)) + at(y1, x1) * (px - x0);
  return top * (1 - (py - y0)) + bottom * (py - y0);
}

TEST(Image, resize_is_within_two_levels_of_the_definition) {
  const Size sizes[][2] = {{{28, 28, 1}, {32, 32, 1}}, {{28, 28, 1}, {14, 14, 1}}, {{48, 64, 3}, {24, 37, 3}},
                           {{5, 7, 3}, {40, 50, 3}},   {{9, 9, 1}, {9, 9, 1}},     {{1, 1, 1}, {4, 4, 1}}};
  for (const auto& [in, out] : sizes) {
    for (const auto interpolation : {Interpolation::bilinear, Interpolation::nearest}) {
      const ImageConfig config{.width = out.width, .height = out.height, .interpolation = interpolation};
      const auto extractor = Extractor::create(config, SensorSpec::image(in.height, in.width, in.channels)).value();
      const Bytes image = random_image(std::size_t{in.height} * in.width * in.channels, 1);
      const auto got = extracted(extractor, image);
      const bool bilinear = interpolation == Interpolation::bilinear;
      for (std::size_t i = 0; i < got.size(); ++i) {
        const auto c = static_cast<std::uint32_t>(i % out.channels),
                   x = static_cast<std::uint32_t>(i / out.channels % out.width),
                   y = static_cast<std::uint32_t>(i / out.channels / out.width);
        ASSERT_NEAR(got[i], resized(image, in, out, y, x, c, bilinear), bilinear ? 2 : 0)
            << out.width << " " << y << " " << x;
      }
    }
  }
}

TEST(Image, grayscale_is_the_luma_of_bt601) {
  const auto extractor = Extractor::create(ImageConfig{.channels = 1}, SensorSpec::image(8, 8, 3)).value();
  const Bytes image = random_image(192, 2);
  const auto got = extracted(extractor, image);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(got[i], 0.299 * image[3 * i] + 0.587 * image[3 * i + 1] + 0.114 * image[3 * i + 2], 1.1);
  }
}

TEST(Image, crop_and_fits_place_the_picture) {
  Bytes image(16 * 8);  // 8 rows of 16
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i % 16 * 10 + 50);
  const SensorSpec sensor = SensorSpec::image(8, 16);
  const auto crop =
      Extractor::create(ImageConfig{.crop_x = 3, .crop_y = 1, .crop_width = 4, .crop_height = 2}, sensor).value();
  EXPECT_EQ(extracted(crop, image), (std::vector<std::int16_t>{80, 90, 100, 110, 80, 90, 100, 110}));
  ImageConfig config{
      .width = 8, .height = 8, .resize_mode = ResizeMode::fit_shortest, .interpolation = Interpolation::nearest};
  const auto shortest = extracted(Extractor::create(config, sensor).value(), image);
  EXPECT_EQ(std::vector<std::int16_t>(shortest.begin(), shortest.begin() + 8),
            (std::vector<std::int16_t>{90, 100, 110, 120, 130, 140, 150, 160}));
  config.resize_mode = ResizeMode::fit_longest;
  const auto longest = extracted(Extractor::create(config, sensor).value(), image);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(longest[i] == 0, i / 8 < 2 || i / 8 >= 6) << i;
}

TEST(Trajectory, is_within_a_thousandth_of_the_definition) {
  Rng rng(3);
  const auto extractor = Extractor::create(TrajectoryConfig{}, SensorSpec::strokes(200)).value();
  EXPECT_EQ(extractor.output_shape(), (std::vector<std::uint32_t>{64, 4}));
  for (const std::size_t count : {2u, 3u, 33u, 64u, 145u, 200u}) {
    for (const double size : {30.0, 1000.0, 32767.0}) {
      std::vector<std::int16_t> path;
      double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
      for (std::size_t i = 0; i < 2 * count; ++i) {
        path.push_back(static_cast<std::int16_t>(rng.uniform(-size, size)));
        low[i % 2] = std::min<double>(low[i % 2], path.back());
        high[i % 2] = std::max<double>(high[i % 2], path.back());
      }
      const double half = std::max(high[0] - low[0], high[1] - low[1]) / 2;
      const auto got = extracted(extractor, path);
      double before[2] = {0, 0};
      for (std::size_t i = 0; i < 64; ++i) {
        const double position = static_cast<double>(i) * static_cast<double>(count - 1) / 63;
        const auto index = std::min(static_cast<std::size_t>(position), count - 2);
        for (std::size_t axis = 0; axis < 2; ++axis) {
          const double a = path[2 * index + axis], b = path[2 * index + 2 + axis];
          const double value =
              (a + (b - a) * (position - static_cast<double>(index)) - (low[axis] + high[axis]) / 2) / half;
          // The position is in 1/256 of a sample: a path that crosses the box in one sample is off by 2/256.
          ASSERT_NEAR(got[4 * i + axis] / 16384.0, value, 0.001 + 1.05 * std::abs(b - a) / half / 256)
              << count << " " << i;
          const double step = i == 0 ? 0 : got[4 * i + axis] - before[axis];
          EXPECT_NEAR(got[4 * i + 2 + axis], std::clamp(8 * step, -32768.0, 32767.0), 0.1);
          before[axis] = got[4 * i + axis];
        }
      }
    }
  }
}

TEST(Trajectory, a_point_and_nothing_give_zeros_and_place_does_not_matter) {
  const auto extractor = Extractor::create(TrajectoryConfig{}, SensorSpec::strokes(200)).value();
  const std::vector<std::int16_t> zeros(256, 0);
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{}), zeros);
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{5, 7}), zeros);
  EXPECT_EQ(extracted(extractor, std::vector<std::int16_t>{5, 7, 5, 7, 5, 7}), zeros);
  std::vector<std::int16_t> path, moved;
  Rng rng(4);
  for (int i = 0; i < 200; ++i) {
    path.push_back(static_cast<std::int16_t>(rng.between(-3000, 3000)));
    moved.push_back(static_cast<std::int16_t>(path.back() + (i % 2 == 0 ? 5000 : -9000)));
  }
  EXPECT_EQ(extracted(extractor, path), extracted(extractor, moved));
}

}  // namespace
}  // namespace mote::features
