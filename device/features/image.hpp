#pragma once
// Image: crop, resize (nearest or bilinear), letterbox and grayscale, of uint8 images [height][width][channels].

#include <cstdint>

namespace mote::device {

/// One axis of the resize. Output pixel i of the picture lies at start + i * step of the cropped input, in Q16.
struct ImageAxis {
  std::int32_t crop_begin;  ///< first input pixel used
  std::int32_t crop_last;   ///< last one
  std::int32_t size;        ///< output pixels
  std::int32_t pad;         ///< of these, black ones before the picture
  std::int32_t picture;     ///< pixels of the picture
  std::int32_t start_q16;   ///< relative to crop_begin
  std::int32_t step_q16;
};

struct ImageParams {
  ImageAxis x;
  ImageAxis y;
  std::int32_t in_width;
  std::int32_t in_channels;   ///< 1 or 3
  std::int32_t out_channels;  ///< 1 or 3
  std::int32_t bilinear;      ///< 1: four neighbours, weights of 8 bits; 0: the nearest
};

namespace dsp {

/// The two input pixels around an output pixel, and the second one's weight of 256.
struct ImageTap {
  std::int32_t first;
  std::int32_t second;
  std::int32_t weight;
};

inline ImageTap image_tap(const ImageAxis& axis, std::int32_t index, std::int32_t bilinear) {
  const std::int32_t last = (axis.crop_last - axis.crop_begin) << 16;
  std::int32_t position = axis.start_q16 + index * axis.step_q16;
  position = position < 0 ? 0 : (position > last ? last : position);
  if (bilinear == 0) {
    const std::int32_t nearest = axis.crop_begin + ((position + 0x8000) >> 16);
    return {nearest, nearest, 0};
  }
  const std::int32_t first = axis.crop_begin + (position >> 16);
  return {first, first < axis.crop_last ? first + 1 : first, (position >> 8) & 0xff};
}

inline std::int32_t interpolate(const unsigned char* row0, const unsigned char* row1, std::int32_t x0, std::int32_t x1,
                                std::int32_t weight_x, std::int32_t weight_y) {
  const std::int32_t top = row0[x0] * (256 - weight_x) + row0[x1] * weight_x;
  const std::int32_t bottom = row1[x0] * (256 - weight_x) + row1[x1] * weight_x;
  return (top * (256 - weight_y) + bottom * weight_y + 0x8000) >> 16;
}

/// One output pixel from interpolated input channels; luma by ITU-R BT.601 in 8-bit weights.
inline void store_pixel(const ImageParams& p, const std::int32_t* channel, std::int16_t* out) {
  const bool gray_in = p.in_channels == 1;
  if (p.out_channels == 1) {
    const std::int32_t luma = (77 * channel[0] + 150 * channel[1] + 29 * channel[2] + 128) >> 8;
    out[0] = static_cast<std::int16_t>(gray_in ? channel[0] : luma);
    return;
  }
  for (std::int32_t c = 0; c < 3; ++c) out[c] = static_cast<std::int16_t>(channel[gray_in ? 0 : c]);
}

}  // namespace dsp

/// @param out  [y.size][x.size][out_channels], 0..255.
inline void image(const ImageParams& p, const unsigned char* input, std::int16_t* out) {
  const std::int32_t row_bytes = p.in_width * p.in_channels;
  for (std::int32_t y = 0; y < p.y.size; ++y) {
    const dsp::ImageTap ty = dsp::image_tap(p.y, y - p.y.pad, p.bilinear);
    const unsigned char* row0 = input + ty.first * row_bytes;
    const unsigned char* row1 = input + ty.second * row_bytes;
    const bool row_black = y < p.y.pad || y >= p.y.pad + p.y.picture;
    for (std::int32_t x = 0; x < p.x.size; ++x, out += p.out_channels) {
      std::int32_t channel[3] = {0, 0, 0};
      if (!row_black && x >= p.x.pad && x < p.x.pad + p.x.picture) {
        const dsp::ImageTap tx = dsp::image_tap(p.x, x - p.x.pad, p.bilinear);
        for (std::int32_t c = 0; c < p.in_channels; ++c) {
          channel[c] = dsp::interpolate(row0, row1, tx.first * p.in_channels + c, tx.second * p.in_channels + c,
                                        tx.weight, ty.weight);
        }
      }
      dsp::store_pixel(p, channel, out);
    }
  }
}

}  // namespace mote::device
