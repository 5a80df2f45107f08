#pragma once
// int8 bilinear interpolation of a picture, in fixed point with ten bits a direction. Source: TensorFlow Lite
// reference_ops::ResizeBilinearInteger.

#include <cstdint>

namespace mote::device {

struct ResizeGeometry {
  std::int32_t in_h, in_w, channels, out_h, out_w;
  std::int32_t scale_h, scale_w;  ///< input steps for an output step, 10 bits behind the point
  std::int32_t half_pixel;        ///< centers of pixels instead of corners
};

/// Between which rows (columns) a place lies, and how near it is to the upper one (10 bits).
struct ResizePlace {
  std::int32_t low, high, weight;
};
constexpr ResizePlace resize_place(std::int32_t i, std::int32_t scale, std::int32_t half_pixel, std::int32_t size) {
  const std::int32_t at = half_pixel != 0 ? i * scale + scale / 2 - 512 : i * scale;
  const std::int32_t low = at / 1024 > 0 ? at / 1024 : 0,
                     high = (at + 1023) / 1024 < size - 1 ? (at + 1023) / 1024 : size - 1;
  return {low, high, at - low * 1024};
}

template <class Geometry>
void resize_bilinear(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const ResizePlace v = resize_place(oy, g.scale_h, g.half_pixel, g.in_h);
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const ResizePlace h = resize_place(ox, g.scale_w, g.half_pixel, g.in_w);
      const std::int8_t* top = x + v.low * g.in_w * g.channels;
      const std::int8_t* bottom = x + v.high * g.in_w * g.channels;
      for (std::int32_t c = 0; c < g.channels; ++c) {
        // Weights sum to 2^20; before the first row and behind the last one they may be outside of [0, 1].
        const std::int64_t upper = std::int64_t{top[h.low * g.channels + c]} * (1024 - h.weight) +
                                   std::int64_t{top[h.high * g.channels + c]} * h.weight;
        const std::int64_t lower = std::int64_t{bottom[h.low * g.channels + c]} * (1024 - h.weight) +
                                   std::int64_t{bottom[h.high * g.channels + c]} * h.weight;
        const std::int64_t sum = upper * (1024 - v.weight) + lower * v.weight;
        *y++ = static_cast<std::int8_t>((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
      }
    }
  }
}

}  // namespace mote::device
