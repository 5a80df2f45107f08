#pragma once
// int8 depthwise convolution in plain C++ for cores without DSP instructions: the sums of depthwise.hpp, four channels
// at a time, without the taps in the padding.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize_narrow.hpp"
#include "kernels/taps.hpp"

namespace mote::device {
namespace lean {

/// Where a window's taps lie, from the first: distances from tap to tap and from row to row, in elements.
struct Window {
  std::int32_t rows, columns;
  std::int32_t x_step, x_row;  // x_row: from behind a row's last tap to the next row's first
  std::int32_t w_step, w_row;
  std::int32_t zero;
};

/// sum[c] += sum over the taps of (x[c] - zero) * w[c], for four channels. One copy serves all layers.
[[gnu::noinline]] inline void add_taps(const Window& window, const std::int8_t* x, const std::int8_t* w,
                                       std::int32_t* sum) {
  std::int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
  const std::int32_t zero = window.zero;
  for (std::int32_t rows = window.rows; rows > 0; --rows, x += window.x_row, w += window.w_row) {
    for (std::int32_t columns = window.columns; columns > 0; --columns, x += window.x_step, w += window.w_step) {
      s0 += (x[0] - zero) * w[0];
      s1 += (x[1] - zero) * w[1];
      s2 += (x[2] - zero) * w[2];
      s3 += (x[3] - zero) * w[3];
    }
  }
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}
/// The same for one channel.
[[gnu::noinline]] inline void add_taps_of_one(const Window& window, const std::int8_t* x, const std::int8_t* w,
                                              std::int32_t* sum) {
  std::int32_t s = *sum;
  for (std::int32_t rows = window.rows; rows > 0; --rows, x += window.x_row, w += window.w_row) {
    for (std::int32_t columns = window.columns; columns > 0; --columns, x += window.x_step, w += window.w_step)
      s += (*x - window.zero) * *w;
  }
  *sum = s;
}

}  // namespace lean

/// As depthwise_conv2d. `Narrow`: requantize_lean().
template <bool Narrow = false, class Geometry>
void depthwise_conv2d_lean(const Geometry& g, const std::int8_t* x, const std::int8_t* weights,
                           const ChannelParams& params, std::int8_t* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    const Taps rows(top, g.kernel_h, g.dilation_h, g.in_h);
    for (std::int32_t ox = 0; ox < g.out_w; ++ox, y += g.out_c) {
      const std::int32_t left = ox * g.stride_w - g.pad_left;
      const Taps columns(left, g.kernel_w, g.dilation_w, g.in_w);
      const std::int32_t across = columns.end - columns.first;
      const std::int32_t x_step = g.dilation_w * g.in_c;
      const lean::Window window{rows.end - rows.first,
                                across,
                                x_step,
                                g.dilation_h * g.in_w * g.in_c - across * x_step,
                                g.out_c,
                                (g.kernel_w - across) * g.out_c,
                                g.input_zero};
      const std::int8_t* const pixel =
          x + ((top + rows.first * g.dilation_h) * g.in_w + left + columns.first * g.dilation_w) * g.in_c;
      const std::int8_t* const tap = weights + (rows.first * g.kernel_w + columns.first) * g.out_c;
      for (std::int32_t oc = 0; oc < g.out_c;) {
        const std::int32_t channels = g.multiplier == 1 && oc + 4 <= g.out_c ? 4 : 1;
        std::int32_t sum[4];
        for (std::int32_t c = 0; c < channels; ++c) sum[c] = params.bias[oc + c];
        if (channels == 4)
          lean::add_taps(window, pixel + oc, tap + oc, sum);
        else
          lean::add_taps_of_one(window, pixel + oc / g.multiplier, tap + oc, sum);
        for (std::int32_t c = 0; c < channels; ++c, ++oc)
          y[oc] = requantize_lean<Narrow>(sum[c], params, oc, g.output_zero, g.clamp_low, g.clamp_high);
      }
    }
  }
}

}  // namespace mote::device
