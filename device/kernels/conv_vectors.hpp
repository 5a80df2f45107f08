#pragma once
// Convolutions and dense layers around the vector loops of src/compile/vectors (Cortex-M55). Equal to conv2d.hpp, byte
// for byte.
//
// A window is read in segments: runs of bytes that are neighbours in the input, `jump` bytes from the end of one to the
// next. Where all of a pixel's taps lie inside the input its rows are the segments, in place; else the window is
// copied, with the zero point for the padding.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/taps.hpp"

namespace mote::device {

/// Two neighbouring output pixels, or one, and all output channels. The order of the members is known to the emitter.
struct VectorConvJob {
  const std::int8_t* x;         // the windows' first elements
  const std::int8_t* x_second;  // of the right pixel
  std::int8_t* y;
  std::int8_t* y_end;           // behind the last group of four channels
  const std::uint32_t* panels;  // for each group: weights in steps of 16 x 4 channels, then what ends it
  std::int32_t jump;            // from behind a segment's last step to the next segment
};
using VectorConvFunction = void (*)(const VectorConvJob* job);

/// A run of bytes between two of a constant; the order of the members is known to the emitter.
struct PaddedRun {
  std::int8_t* to;
  const std::int8_t* from;
  std::int32_t before, count, after;
  std::int32_t padding;
};
using PaddedRunFunction = void (*)(const PaddedRun* run);

struct VectorLayer {
  const std::uint32_t* panels;
  VectorConvFunction pair, one;  // `one` where there is a single pixel
  PaddedRunFunction copy;        // nullptr: no window needs it
  bool rows;                     // segments are the window's rows; else the window is one, and always copied
};

/// The parts as one argument; computed addresses, as in channel_params().
inline VectorLayer vector_layer(const std::uint32_t* panels, VectorConvFunction pair, VectorConvFunction one,
                                PaddedRunFunction copy, bool rows) {
  asm("" : "+r"(panels), "+r"(pair), "+r"(one), "+r"(copy));
  return {panels, pair, one, copy, rows};
}

namespace detail {

/// The window of output pixel (oy, ox): kernel_h rows behind each other.
inline void copy_window(const ConvGeometry& g, PaddedRunFunction copy, const std::int8_t* x, std::int32_t top,
                        std::int32_t left, std::int8_t* to) {
  const Taps columns(left, g.kernel_w, g.dilation_w, g.in_w);
  const std::int32_t row = g.kernel_w * g.in_c;
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky, to += row) {
    const std::int32_t iy = top + ky * g.dilation_h;
    if (iy < 0 || iy >= g.in_h) {
      const PaddedRun none{to, x, row, 0, 0, g.input_zero};
      copy(&none);
      continue;
    }
    const std::int8_t* const from = x + (iy * g.in_w + left + columns.first * g.dilation_w) * g.in_c;
    if (g.dilation_w == 1) {
      const PaddedRun run{to,
                          from,
                          columns.first * g.in_c,
                          (columns.end - columns.first) * g.in_c,
                          (g.kernel_w - columns.end) * g.in_c,
                          g.input_zero};
      copy(&run);
      continue;
    }
    for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
      const bool inside = kx >= columns.first && kx < columns.end;
      const PaddedRun tap{to + kx * g.in_c,
                          from + (kx - columns.first) * g.dilation_w * g.in_c,
                          inside ? 0 : g.in_c,
                          inside ? g.in_c : 0,
                          0,
                          g.input_zero};
      copy(&tap);
    }
  }
}

}  // namespace detail

/// @param scratch  two windows of kernel_h * kernel_w * in_c bytes each, where one is copied
inline void conv_vectors(const ConvGeometry& g, const VectorLayer& layer, const std::int8_t* x, std::int8_t* y,
                         void* scratch) {
  const std::int32_t row = g.kernel_w * g.in_c, window = g.kernel_h * row;
  const std::int32_t padded_row = (row + 15) & ~15;
  const std::int32_t in_row = g.in_w * g.in_c;
  const std::int32_t pixels = g.out_h * g.out_w;
  const auto top_of = [&](std::int32_t oy) { return oy * g.stride_h - g.pad_top; };
  const auto left_of = [&](std::int32_t ox) { return ox * g.stride_w - g.pad_left; };
  const auto inside = [&](std::int32_t top, std::int32_t left) {
    return top >= 0 && top + (g.kernel_h - 1) * g.dilation_h < g.in_h && left >= 0 && left + g.kernel_w <= g.in_w;
  };
  auto* const copies = static_cast<std::int8_t*>(scratch);
  VectorConvJob job{x, x, y, y, layer.panels, 0};
  const std::int32_t groups_bytes = (g.out_c + 3) & ~3;
  std::int32_t oy = 0, ox = 0;
  for (std::int32_t done = 0; done < pixels; done += 2) {
    std::int32_t first = done;
    if (done + 1 == pixels && pixels > 1) {  // an odd number: the last but one again
      first = done - 1;
      if (--ox < 0) ox = g.out_w - 1, --oy;
    }
    std::int32_t second_y = oy, second_x = ox + 1;
    if (second_x == g.out_w) second_x = 0, ++second_y;
    if (pixels == 1) second_y = 0, second_x = 0;
    const std::int32_t top = top_of(oy), left = left_of(ox), second_top = top_of(second_y),
                       second_left = left_of(second_x);
    if (layer.rows && inside(top, left) && inside(second_top, second_left)) {
      job.x = x + top * in_row + left * g.in_c;
      job.x_second = x + second_top * in_row + second_left * g.in_c;
      job.jump = g.dilation_h * in_row - padded_row;
    } else {
      job.x = copies;
      job.x_second = copies + window;
      job.jump = row - padded_row;
      detail::copy_window(g, layer.copy, x, top, left, copies);
      if (pixels > 1) detail::copy_window(g, layer.copy, x, second_top, second_left, copies + window);
    }
    job.y = y + first * g.out_c;
    job.y_end = job.y + groups_bytes;
    (pixels > 1 ? layer.pair : layer.one)(&job);
    ox = second_x + 1, oy = second_y;
    if (ox == g.out_w) ox = 0, ++oy;
  }
}

}  // namespace mote::device
