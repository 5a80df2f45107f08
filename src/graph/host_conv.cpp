#include "host_conv.hpp"

#include <algorithm>

namespace mote::graph {
namespace {

constexpr std::int32_t kLanes = 32;  // int16 in 512 bits

/// Window of one output pixel minus the zero point; outside is 0.
void fill_column(const device::ConvGeometry& g, const std::int8_t* x, std::int32_t oy, std::int32_t ox,
                 std::int16_t* column) {
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
    const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
    for (std::int32_t kx = 0; kx < g.kernel_w; ++kx, column += g.in_c) {
      const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
      if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) {
        std::fill_n(column, g.in_c, std::int16_t{0});
        continue;
      }
      const std::int8_t* pixel = x + (iy * g.in_w + ix) * g.in_c;
      for (std::int32_t c = 0; c < g.in_c; ++c) column[c] = static_cast<std::int16_t>(pixel[c] - g.input_zero);
    }
  }
}

std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int32_t n) {
  std::int32_t sum = 0;
  for (std::int32_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

HostConvScratch prepare_host_conv(const device::ConvGeometry& g, const std::int8_t* weights) {
  const std::int32_t window = g.kernel_h * g.kernel_w * g.in_c;
  HostConvScratch scratch;
  scratch.padded = (window + kLanes - 1) / kLanes * kLanes;
  scratch.column.assign(static_cast<std::size_t>(scratch.padded), 0);
  scratch.weights.assign(static_cast<std::size_t>(scratch.padded) * static_cast<std::size_t>(g.out_c), 0);
  for (std::int32_t c = 0; c < g.out_c; ++c) {
    std::transform(weights + c * window, weights + (c + 1) * window,
                   scratch.weights.begin() + std::ptrdiff_t{c} * scratch.padded,
                   [&](std::int8_t w) { return static_cast<std::int16_t>(w - g.weight_zero); });
  }
  return scratch;
}

void host_conv2d(const device::ConvGeometry& g, const std::int8_t* x, const device::ChannelParams& params,
                 std::int8_t* y, HostConvScratch& scratch) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      fill_column(g, x, oy, ox, scratch.column.data());
      for (std::int32_t c = 0; c < g.out_c; ++c) {
        const std::int32_t sum = params.bias[c] + dot(scratch.weights.data() + std::ptrdiff_t{c} * scratch.padded,
                                                      scratch.column.data(), scratch.padded);
        *y++ = device::requantize(sum, params, c, g.output_zero, g.clamp_low, g.clamp_high);
      }
    }
  }
}

void host_depthwise(const device::ConvGeometry& g, const std::int8_t* x, const std::int8_t* weights,
                    const device::ChannelParams& params, std::int8_t* y, HostConvScratch& scratch) {
  scratch.sums.resize(static_cast<std::size_t>(g.out_c));
  std::int32_t* const sums = scratch.sums.data();
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.out_c) {
      std::copy_n(params.bias, g.out_c, sums);
      for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
        const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
        if (iy < 0 || iy >= g.in_h) continue;
        for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
          const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
          if (ix < 0 || ix >= g.in_w) continue;
          const std::int8_t* pixel = x + (iy * g.in_w + ix) * g.in_c;
          const std::int8_t* tap = weights + (ky * g.kernel_w + kx) * g.out_c;
          if (g.multiplier == 1) {
            for (std::int32_t c = 0; c < g.out_c; ++c) sums[c] += (pixel[c] - g.input_zero) * (tap[c] - g.weight_zero);
          } else {
            for (std::int32_t c = 0; c < g.out_c; ++c)
              sums[c] += (pixel[c / g.multiplier] - g.input_zero) * (tap[c] - g.weight_zero);
          }
        }
      }
      for (std::int32_t c = 0; c < g.out_c; ++c)
        y[c] = device::requantize(sums[c], params, c, g.output_zero, g.clamp_low, g.clamp_high);
    }
  }
}

}  // namespace mote::graph
