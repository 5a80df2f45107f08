#pragma once
// Convolutions, depthwise and dense layers around the vector loops of src/compile/vectors (Cortex-M55): what a loop is
// given to run over, row by row. Equal to conv2d.hpp and depthwise.hpp, byte for byte.
//
// Where windows leave the input its rows are copied, once each, with the zero point around them, to a ring of as many
// rows as a window has; else they are read in place. So a loop knows no borders: each of its rows is a run of windows
// at equal distances.

#include <cstdint>

#include "kernels/geometry.hpp"

namespace mote::device {

/// Rows of a window at most.
constexpr std::int32_t kMostWindowRows = 16;

/// Neighbouring output pixels of a row. The order of the members is known to the emitters.
struct VectorRun {
  const std::int8_t* const* rows;  // of the first pixel's window, kernel_h of them
  std::int8_t* y;
  const std::uint32_t* panels;  // weights in the order in which they are read, and what ends them
  std::int32_t pixels;
  std::int32_t step;     // bytes from a pixel's window to the next one's
  std::int32_t bytes;    // depthwise: outputs of a pixel
  std::int32_t tap;      // depthwise: bytes from a tap to the next
  std::int8_t* windows;  // convolutions that gather: two windows, and 16 bytes
};
using VectorFunction = void (*)(const VectorRun* run);

/// A run of bytes between two of a constant; the order of the members is known to the emitter.
struct PaddedRun {
  std::int8_t* to;
  const std::int8_t* from;
  std::int32_t before, count, after;
  std::int32_t padding;
};
using PaddedRunFunction = void (*)(const PaddedRun* run);

/// What a row of pixels is.
enum class RunOf : std::uint8_t {
  rows,    // a row
  column,  // the layer is one pixel wide: all rows, which lie behind each other
  plane,   // all pixels, where a window is a pixel
  folded,  // a row as one pixel of as many channels (depthwise)
};

struct VectorLayer {
  const std::uint32_t* panels;
  VectorFunction loop;
  PaddedRunFunction copy;  // nullptr: all windows are inside
  RunOf run;
};

/// The parts as one argument; computed addresses, as in channel_params().
inline VectorLayer vector_layer(const std::uint32_t* panels, VectorFunction loop, PaddedRunFunction copy, RunOf run) {
  asm("" : "+r"(panels), "+r"(loop), "+r"(copy));
  return {panels, loop, copy, run};
}

/// The geometry as the loop sees it: a column lies down.
constexpr ConvGeometry run_geometry(ConvGeometry g, RunOf run) {
  if (run == RunOf::column) {
    g.in_w = g.in_h, g.in_h = 1;
    g.out_w = g.out_h, g.out_h = 1;
    g.kernel_w = g.kernel_h, g.kernel_h = 1;
    g.stride_w = g.stride_h, g.stride_h = 1;
    g.dilation_w = g.dilation_h, g.dilation_h = 1;
    g.pad_left = g.pad_top, g.pad_top = 0;
  } else if (run == RunOf::plane) {
    g.in_w *= g.in_h, g.in_h = 1;
    g.out_w *= g.out_h, g.out_h = 1;
  }
  return g;
}

/// A row of the input with what the windows need around it, in bytes.
struct PaddedLine {
  std::int32_t before, first, count, after;  // padding; begin and number of those that are there; padding
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

/// Bytes of the ring of rows.
constexpr std::int32_t row_ring_bytes(const ConvGeometry& g) { return window_rows(g) * PaddedLine(g).bytes(); }

/// A layer whose window is its whole input.
inline void vector_pixel(const std::uint32_t* panels, VectorFunction loop, std::int32_t outputs, const std::int8_t* x,
                         std::int8_t* y) {
  const VectorRun run{&x, y, panels, 1, 0, outputs, 0, nullptr};
  loop(&run);
}

/// @param layer_geometry  of the layer or a band of its rows
/// @param scratch         the ring where rows are copied, then the windows where a convolution gathers
inline void vector_rows(const ConvGeometry& layer_geometry, const VectorLayer& layer, const std::int8_t* x,
                        std::int8_t* y, void* scratch) {
  const ConvGeometry g = run_geometry(layer_geometry, layer.run);
  const PaddedLine line(g);
  const std::int32_t line_bytes = line.bytes(), in_row = g.in_w * g.in_c, out_row = g.out_w * g.out_c;
  const std::int32_t span = window_rows(g);
  const bool folded = layer.run == RunOf::folded;
  auto* const ring = static_cast<std::int8_t*>(scratch);
  const std::int8_t* rows[kMostWindowRows];
  VectorRun run{rows,
                y,
                layer.panels,
                folded ? 1 : g.out_w,
                g.stride_w * g.in_c,
                folded ? out_row : g.out_c,
                g.dilation_w * g.in_c,
                layer.copy == nullptr ? ring : ring + span * line_bytes};
  std::int32_t next = -g.pad_top;  // row that is copied next, to `slot`
  std::int32_t slot = 0;
  for (std::int32_t oy = 0; oy < g.out_h; ++oy, run.y += out_row) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    if (layer.copy == nullptr) {
      for (std::int32_t ky = 0; ky < g.kernel_h; ++ky)
        rows[ky] = x + (top + ky * g.dilation_h) * in_row - g.pad_left * g.in_c;
      layer.loop(&run);
      continue;
    }
    if (next < top) next = top, slot = 0;
    for (; next < top + span; ++next) {
      const bool there = next >= 0 && next < g.in_h;
      const PaddedRun copied{ring + slot * line_bytes,         x + (there ? next * in_row + line.first : 0),
                             there ? line.before : line_bytes, there ? line.count : 0,
                             there ? line.after : 0,           g.input_zero};
      layer.copy(&copied);
      if (++slot == span) slot = 0;
    }
    std::int32_t at = slot;  // the oldest row is the window's first
    for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
      rows[ky] = ring + at * line_bytes;
      at += g.dilation_h;
      if (at >= span) at -= span;
    }
    layer.loop(&run);
  }
}

}  // namespace mote::device
