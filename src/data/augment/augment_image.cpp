#include "mote/data/augment_image.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mote/base/error.hpp"

namespace mote::data {
namespace {

using Signed = std::ptrdiff_t;

float between(float low, float high, Rng& rng) { return static_cast<float>(rng.uniform(low, high)); }
float symmetric(float extent, Rng& rng) { return between(-extent, extent, rng); }

/// Gamma(shape, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
double draw_gamma(double shape, Rng& rng) {
  if (shape < 1) return draw_gamma(shape + 1, rng) * std::pow(1.0 - rng.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = rng.normal();
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1.0 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

void crop_image(std::span<const float> in, ImageExtent from, std::span<float> out, ImageExtent to, int top, int left,
                float fill) {
  MOTE_CHECK(from.channels == to.channels && in.size() == from.count() && out.size() == to.count());
  const auto channels = static_cast<Signed>(from.channels);
  const auto in_width = static_cast<Signed>(from.width);
  const auto out_width = static_cast<Signed>(to.width);
  const Signed begin = std::clamp<Signed>(-left, 0, out_width);
  const Signed end = std::clamp<Signed>(in_width - left, begin, out_width);
  for (Signed y = 0; y < static_cast<Signed>(to.height); ++y) {
    float* row = out.data() + y * out_width * channels;
    const Signed from_y = y + top;
    if (from_y < 0 || from_y >= static_cast<Signed>(from.height)) {
      std::fill_n(row, out_width * channels, fill);
      continue;
    }
    const float* source = in.data() + from_y * in_width * channels;
    std::fill_n(row, begin * channels, fill);
    std::copy_n(source + (begin + left) * channels, (end - begin) * channels, row + begin * channels);
    std::fill_n(row + end * channels, (out_width - end) * channels, fill);
  }
}

void shift_image(std::span<const float> in, std::span<float> out, ImageExtent extent, int down, int right, float fill) {
  crop_image(in, extent, out, extent, -down, -right, fill);
}

void flip_horizontal(std::span<float> image, ImageExtent extent) {
  const std::size_t channels = extent.channels;
  for (std::size_t y = 0; y < extent.height; ++y) {
    float* row = image.data() + y * extent.width * channels;
    for (std::size_t x = 0; x < extent.width / 2; ++x) {
      std::swap_ranges(row + x * channels, row + (x + 1) * channels, row + (extent.width - 1 - x) * channels);
    }
  }
}

void flip_vertical(std::span<float> image, ImageExtent extent) {
  const std::size_t row = extent.width * extent.channels;
  for (std::size_t y = 0; y < extent.height / 2; ++y) {
    std::swap_ranges(image.data() + y * row, image.data() + (y + 1) * row,
                     image.data() + (extent.height - 1 - y) * row);
  }
}

void rotate_scale_image(std::span<const float> in, std::span<float> out, ImageExtent extent, float radians, float scale,
                        float fill) {
  MOTE_CHECK(in.size() == extent.count() && out.size() == extent.count() && scale > 0);
  const float cosine = std::cos(radians) / scale;
  const float sine = std::sin(radians) / scale;
  const float centre_x = static_cast<float>(extent.width - 1) / 2;
  const float centre_y = static_cast<float>(extent.height - 1) / 2;
  const auto width = static_cast<Signed>(extent.width);
  const auto height = static_cast<Signed>(extent.height);
  const auto channels = static_cast<Signed>(extent.channels);
  float* target = out.data();
  for (Signed y = 0; y < height; ++y) {
    for (Signed x = 0; x < width; ++x, target += channels) {
      // The way back: where in the source does this pixel come from. Rows grow downwards, hence the signs.
      const float dx = static_cast<float>(x) - centre_x;
      const float dy = static_cast<float>(y) - centre_y;
      const float source_x = centre_x + cosine * dx - sine * dy;
      const float source_y = centre_y + sine * dx + cosine * dy;
      const auto x0 = static_cast<Signed>(std::floor(source_x));
      const auto y0 = static_cast<Signed>(std::floor(source_y));
      const float fx = source_x - static_cast<float>(x0);
      const float fy = source_y - static_cast<float>(y0);
      const bool inside = x0 >= 0 && x0 + 1 < width && y0 >= 0 && y0 + 1 < height;
      const auto at = [&](Signed row, Signed column, Signed channel) {
        const bool here = inside || (row >= 0 && row < height && column >= 0 && column < width);
        return here ? in[static_cast<std::size_t>((row * width + column) * channels + channel)] : fill;
      };
      for (Signed c = 0; c < channels; ++c) {
        const float above = at(y0, x0, c) * (1 - fx) + at(y0, x0 + 1, c) * fx;
        const float below = at(y0 + 1, x0, c) * (1 - fx) + at(y0 + 1, x0 + 1, c) * fx;
        target[c] = above * (1 - fy) + below * fy;
      }
    }
  }
}

void adjust_contrast(std::span<float> values, float contrast, float brightness, float middle) {
  const float offset = middle - contrast * middle + brightness;
  for (float& value : values) value = value * contrast + offset;
}

void add_noise(std::span<float> values, float sigma, Rng& rng) {
  // Four 16-bit uniforms from one draw: their sum has mean 2 and variance 1/3 in units of 65536.
  const float scale = sigma * 1.7320508f / 65'536.0f;
  for (float& value : values) {
    const std::uint64_t bits = rng.next();
    const auto sum =
        static_cast<std::int32_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48));
    value += static_cast<float>(sum - 131'070) * scale;
  }
}

void cut_out(std::span<float> image, ImageExtent extent, int row, int column, std::size_t height, std::size_t width,
             float fill) {
  const auto clip = [](Signed value, std::size_t limit) {
    return static_cast<std::size_t>(std::clamp<Signed>(value, 0, static_cast<Signed>(limit)));
  };
  const Signed first_row = row - static_cast<Signed>(height / 2);
  const Signed first_column = column - static_cast<Signed>(width / 2);
  const std::size_t top = clip(first_row, extent.height);
  const std::size_t bottom = clip(first_row + static_cast<Signed>(height), extent.height);
  const std::size_t left = clip(first_column, extent.width);
  const std::size_t right = clip(first_column + static_cast<Signed>(width), extent.width);
  for (std::size_t y = top; y < bottom; ++y) {
    std::fill_n(image.data() + (y * extent.width + left) * extent.channels, (right - left) * extent.channels, fill);
  }
}

void mix_up(std::span<const float> a, std::span<const float> b, std::span<float> out, float weight) {
  MOTE_CHECK(a.size() == out.size() && b.size() == out.size());
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = b[k] + weight * (a[k] - b[k]);
}

float draw_mix_weight(double alpha, Rng& rng) {
  MOTE_CHECK(alpha > 0);
  const double a = draw_gamma(alpha, rng);
  const double b = draw_gamma(alpha, rng);
  return a + b > 0 ? static_cast<float>(a / (a + b)) : (rng.chance(0.5) ? 1.0f : 0.0f);
}

void augment_image(std::span<float> image, ImageExtent extent, const ImageAugmentation& p, Rng& rng,
                   std::span<float> scratch) {
  MOTE_CHECK(image.size() == extent.count() && scratch.size() >= image.size());
  scratch = scratch.first(image.size());
  if (rng.chance(p.flip_horizontal)) flip_horizontal(image, extent);
  if (rng.chance(p.flip_vertical)) flip_vertical(image, extent);
  if (p.max_rotation_degrees > 0 || p.max_scale > 0) {
    const float radians = symmetric(p.max_rotation_degrees, rng) * std::numbers::pi_v<float> / 180;
    rotate_scale_image(image, scratch, extent, radians, 1 + symmetric(p.max_scale, rng), p.fill);
    std::copy(scratch.begin(), scratch.end(), image.begin());
  }
  if (p.max_shift_pixels > 0) {
    const auto down = static_cast<int>(rng.between(-p.max_shift_pixels, p.max_shift_pixels));
    const auto right = static_cast<int>(rng.between(-p.max_shift_pixels, p.max_shift_pixels));
    shift_image(image, scratch, extent, down, right, p.fill);
    std::copy(scratch.begin(), scratch.end(), image.begin());
  }
  if (p.max_contrast > 0 || p.max_brightness > 0) {
    const float brightness = symmetric(p.max_brightness, rng) * p.full_scale;
    adjust_contrast(image, 1 + symmetric(p.max_contrast, rng), brightness, p.fill + p.full_scale / 2);
  }
  if (p.noise_sigma > 0) add_noise(image, between(0, p.noise_sigma, rng) * p.full_scale, rng);
  if (rng.chance(p.cutout)) {
    const auto row = static_cast<int>(rng.below(extent.height));
    const auto column = static_cast<int>(rng.below(extent.width));
    cut_out(image, extent, row, column, p.cutout_pixels, p.cutout_pixels, p.fill);
  }
}

}  // namespace mote::data
