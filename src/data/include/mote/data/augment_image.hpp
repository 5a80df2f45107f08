#pragma once
// Augmentation of images, float [H,W,C], in the training loop: no allocation, no state, deterministic by Rng.
// Values may have any range; where a parameter is in units of values, full scale is given beside it.
// Measured on Fashion-MNIST (13k-parameter network, 10 epochs): small networks in short runs want little of it; shift
// of 1 pixel and horizontal flips gained 1.0 points over shift of 2 with more weight decay.

#include <cstddef>
#include <span>

#include "mote/base/rng.hpp"

namespace mote::data {

struct ImageExtent {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 1;
  [[nodiscard]] std::size_t count() const { return height * width * channels; }
};

/// `out` is `in` moved down by `down` and right by `right` pixels; what comes in from outside is `fill`.
/// @param in, out  [H,W,C], not overlapping.
void shift_image(std::span<const float> in, std::span<float> out, ImageExtent extent, int down, int right, float fill);
/// In place.
void flip_horizontal(std::span<float> image, ImageExtent extent);
void flip_vertical(std::span<float> image, ImageExtent extent);
/// The window of `to` pixels whose upper left corner is at (top, left) of `in`, which may lie outside: padding is
/// `fill`. Both have the same channels.
void crop_image(std::span<const float> in, ImageExtent from, std::span<float> out, ImageExtent to, int top, int left,
                float fill);
/// Rotates about the centre (counter-clockwise on screen) and scales (above 1: larger), bilinear; outside is `fill`.
void rotate_scale_image(std::span<const float> in, std::span<float> out, ImageExtent extent, float radians, float scale,
                        float fill);
/// In place: (v - middle) * contrast + middle + brightness, not clipped.
void adjust_contrast(std::span<float> values, float contrast, float brightness, float middle);
/// In place: adds noise of standard deviation `sigma`, nearly Gaussian (sum of four uniforms: no value beyond 3.5
/// sigma).
void add_noise(std::span<float> values, float sigma, Rng& rng);
/// In place: a rectangle of `height` x `width` pixels around (row, column), clipped to the image, becomes `fill`
/// (DeVries and Taylor 2017, arXiv:1708.04552).
void cut_out(std::span<float> image, ImageExtent extent, int row, int column, std::size_t height, std::size_t width,
             float fill);
/// out = weight * a + (1 - weight) * b, for values and for one-hot labels (Zhang et al. 2018, arXiv:1710.09412). `out`
/// may be `a`.
void mix_up(std::span<const float> a, std::span<const float> b, std::span<float> out, float weight);
/// A weight for mix_up from Beta(alpha, alpha), alpha > 0 (Marsaglia and Tsang 2000 for the gamma variates).
[[nodiscard]] float draw_mix_weight(double alpha, Rng& rng);

/// Everything that is 0 is off.
struct ImageAugmentation {
  int max_shift_pixels = 0;    ///< each axis, uniform in [-max, max]: the same as a crop after padding
  double flip_horizontal = 0;  ///< chance
  double flip_vertical = 0;    ///< chance
  float max_rotation_degrees = 0;
  float max_scale = 0;            ///< 0.1: scale uniform in [0.9, 1.1]
  float max_brightness = 0;       ///< fraction of full scale
  float max_contrast = 0;         ///< 0.2: factor uniform in [0.8, 1.2]
  float noise_sigma = 0;          ///< fraction of full scale; drawn uniform in [0, sigma]
  double cutout = 0;              ///< chance
  std::size_t cutout_pixels = 0;  ///< side of the square
  float full_scale = 255;         ///< distance between black and white in units of the values
  float fill = 0;                 ///< value outside of the image
};

/// Applies what is on, each with fresh draws. `scratch` needs `extent.count()` values. The result is in `image`, not
/// clipped.
void augment_image(std::span<float> image, ImageExtent extent, const ImageAugmentation& parameters, Rng& rng,
                   std::span<float> scratch);

}  // namespace mote::data
