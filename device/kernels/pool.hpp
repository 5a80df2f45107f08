#pragma once
// int8 pooling. Input and output share scale and zero point.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

/// sum / count rounded to nearest, ties away from zero. count > 0.
constexpr std::int32_t rounded_average(std::int32_t sum, std::int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

namespace detail {

/// Calls visit(first, rows, columns, row_stride_bytes) with the part of the window that lies inside the input.
template <class Geometry>
struct PoolWindow {
  std::int32_t y0, y1, x0, x1;
  PoolWindow(const Geometry& g, std::int32_t oy, std::int32_t ox) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    const std::int32_t left = ox * g.stride_w - g.pad_left;
    y0 = top > 0 ? top : 0;
    x0 = left > 0 ? left : 0;
    y1 = top + g.kernel_h < g.in_h ? top + g.kernel_h : g.in_h;
    x1 = left + g.kernel_w < g.in_w ? left + g.kernel_w : g.in_w;
  }
};

}  // namespace detail

/// @param x  [in_h,in_w,channels]   @param y  [out_h,out_w,channels]
/// Source: TensorFlow Lite reference_integer_ops::AveragePool.
template <class Geometry>
void average_pool2d(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      const std::int32_t count = (window.y1 - window.y0) * (window.x1 - window.x0);
      for (std::int32_t c = 0; c < g.channels; ++c) {
        std::int32_t sum = 0;
        for (std::int32_t iy = window.y0; iy < window.y1; ++iy) {
          for (std::int32_t ix = window.x0; ix < window.x1; ++ix) sum += x[(iy * g.in_w + ix) * g.channels + c];
        }
        *y++ = static_cast<std::int8_t>(clamp(rounded_average(sum, count), g.clamp_low, g.clamp_high));
      }
    }
  }
}

/// Source: TensorFlow Lite reference_integer_ops::MaxPool.
template <class Geometry>
void max_pool2d(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      for (std::int32_t c = 0; c < g.channels; ++c) {
        std::int32_t best = -128;
        for (std::int32_t iy = window.y0; iy < window.y1; ++iy) {
          for (std::int32_t ix = window.x0; ix < window.x1; ++ix) {
            const std::int32_t value = x[(iy * g.in_w + ix) * g.channels + c];
            best = value > best ? value : best;
          }
        }
        *y++ = static_cast<std::int8_t>(clamp(best, g.clamp_low, g.clamp_high));
      }
    }
  }
}

}  // namespace mote::device
