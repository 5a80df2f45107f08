#pragma once
// Depthwise convolutions around the vector loops of src/compile/vectors (Cortex-M55). Equal to depthwise.hpp, byte for
// byte.
//
// Lanes are channels, as they lie in memory. Where windows leave the input its rows are copied, once each, with the
// zero point around them, to a ring of as many rows as a window has; else they are read in place.

#include <cstdint>

#include "kernels/conv_vectors.hpp"
#include "kernels/geometry.hpp"

namespace mote::device {

/// Rows of a window at most.
constexpr std::int32_t kMostVectorRows = 16;

/// Neighbouring output pixels of a row. The order of the members is known to the emitter.
struct DepthwiseVectorJob {
  const std::int8_t* const* rows;  // of the first pixel's window
  std::int8_t* y;
  const std::uint32_t* panels;  // for each 16 channels: weights of each tap, then what ends them
  std::int32_t pixels;
  std::int32_t step;   // bytes from a pixel's window to the next one's
  std::int32_t bytes;  // outputs of a pixel
  std::int32_t tap;    // bytes from a tap to the next
};
using DepthwiseVectorFunction = void (*)(const DepthwiseVectorJob* job);

struct DepthwiseVectorLayer {
  const std::uint32_t* panels;
  DepthwiseVectorFunction run;
  PaddedRunFunction copy;  // nullptr: all windows are inside
  bool folded;             // a row of pixels is one of as many channels
};

/// The parts as one argument; computed addresses, as in channel_params().
inline DepthwiseVectorLayer depthwise_vector_layer(const std::uint32_t* panels, DepthwiseVectorFunction run,
                                                   PaddedRunFunction copy, bool folded) {
  asm("" : "+r"(panels), "+r"(run), "+r"(copy));
  return {panels, run, copy, folded};
}

/// A row of the input with what the windows need around it, in elements.
struct PaddedLine {
  std::int32_t before, first, count, after;  // padding; first element and number of those that are there; padding
  constexpr explicit PaddedLine(const ConvGeometry& g)
      : before(g.pad_left > 0 ? g.pad_left * g.in_c : 0),
        first(g.pad_left < 0 ? -g.pad_left * g.in_c : 0),
        count(0),
        after(0) {
    const std::int32_t end = ((g.out_w - 1) * g.stride_w - g.pad_left + (g.kernel_w - 1) * g.dilation_w + 1) * g.in_c;
    const std::int32_t there = g.in_w * g.in_c;
    after = end > there ? end - there : 0;
    count = end - after - first;
  }
  [[nodiscard]] constexpr std::int32_t bytes() const { return before + count + after; }
};

/// Rows that a window reaches over.
constexpr std::int32_t window_rows(const ConvGeometry& g) { return (g.kernel_h - 1) * g.dilation_h + 1; }

/// @param scratch  window_rows() lines of PaddedLine::bytes() each, where rows are copied
inline void depthwise_vectors(const ConvGeometry& g, const DepthwiseVectorLayer& layer, const std::int8_t* x,
                              std::int8_t* y, void* scratch) {
  const PaddedLine line(g);
  const std::int32_t line_bytes = line.bytes(), in_row = g.in_w * g.in_c, out_row = g.out_w * g.out_c;
  const std::int32_t span = window_rows(g);
  auto* const ring = static_cast<std::int8_t*>(scratch);
  const std::int8_t* rows[kMostVectorRows];
  DepthwiseVectorJob job{rows,
                         y,
                         layer.panels,
                         layer.folded ? 1 : g.out_w,
                         g.stride_w * g.in_c,
                         layer.folded ? out_row : g.out_c,
                         g.dilation_w * g.in_c};
  std::int32_t next = -g.pad_top;  // row that is copied next, to `slot`
  std::int32_t slot = 0;
  for (std::int32_t oy = 0; oy < g.out_h; ++oy, job.y += out_row) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    if (layer.copy == nullptr) {
      for (std::int32_t ky = 0; ky < g.kernel_h; ++ky)
        rows[ky] = x + (top + ky * g.dilation_h) * in_row - g.pad_left * g.in_c;
      layer.run(&job);
      continue;
    }
    if (next < top) next = top, slot = 0;
    for (; next < top + span; ++next) {
      const bool there = next >= 0 && next < g.in_h;
      const PaddedRun run{ring + slot * line_bytes,         x + (there ? next * in_row + line.first : 0),
                          there ? line.before : line_bytes, there ? line.count : 0,
                          there ? line.after : 0,           g.input_zero};
      layer.copy(&run);
      if (++slot == span) slot = 0;
    }
    std::int32_t at = slot;  // the oldest row is the window's first
    for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
      rows[ky] = ring + at * line_bytes;
      at += g.dilation_h;
      if (at >= span) at -= span;
    }
    layer.run(&job);
  }
}

}  // namespace mote::device
