#pragma once
// int8 depthwise convolution, portable: the specification. Faster forms: depthwise_planes.hpp.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

/// @param x        [in_h,in_w,in_c]
/// @param weights  [kernel_h,kernel_w,out_c], out_c = in_c * multiplier
/// @param y        [out_h,out_w,out_c]
/// Source: TensorFlow Lite reference_integer_ops::DepthwiseConvPerChannel.
template <class Geometry>
void depthwise_conv2d(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                      std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        const std::int32_t ic = oc / g.multiplier;
        std::int32_t accumulator = params.bias[oc];
        for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
          const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
          if (iy < 0 || iy >= g.in_h) continue;
          for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
            const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (ix < 0 || ix >= g.in_w) continue;
            const std::int32_t value = x[(iy * g.in_w + ix) * g.in_c + ic] - g.input_zero;
            accumulator += value * (weights[(ky * g.kernel_w + kx) * g.out_c + oc] - g.weight_zero);
          }
        }
        *y++ = requantize(accumulator, params, oc, g.output_zero, g.clamp_low, g.clamp_high);
      }
    }
  }
}

}  // namespace mote::device
