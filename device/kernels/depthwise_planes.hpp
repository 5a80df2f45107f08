#pragma once
// Depthwise convolution around an assembly tile (emitted for the layer's geometry; src/compile/m4/depthwise_tile.hpp):
// turns four channels at a time into padded planes of int16 and calls the tile on them. Equal to depthwise.hpp, byte
// for byte. The zero point's part of each sum is in the bias.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"

namespace mote::device {

/// What a tile function is called with; the order of the members is known to the emitter.
struct DepthwiseJob {
  const std::int16_t* planes;
  std::int8_t* y;
  const std::uint32_t* params;
  std::int32_t channels;
  std::int32_t lines;  // of outputs
  std::int32_t plane_bytes;
  std::int32_t place_bytes, line_jump;  // from an output to the next of its line, and from behind a line to the next
                                        // (functions that layers share)
};
using DepthwiseFunction = void (*)(const DepthwiseJob* job);

/// One direction of the layer: along a line of a plane, or from line to line.
struct PlaneAxis {
  std::int32_t in, out, kernel, stride, dilation, pad;
  std::int32_t in_bytes, out_bytes;  // from an element to the next along this axis
};
/// `columns`: a plane's lines are the image's columns.
template <class Geometry>
constexpr PlaneAxis place_axis(const Geometry& g, bool columns) {
  return columns ? PlaneAxis{g.in_h,       g.out_h,   g.kernel_h,      g.stride_h,
                             g.dilation_h, g.pad_top, g.in_w * g.in_c, g.out_w * g.out_c}
                 : PlaneAxis{g.in_w, g.out_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left, g.in_c, g.out_c};
}
template <class Geometry>
constexpr PlaneAxis line_axis(const Geometry& g, bool columns) {
  return place_axis(g, !columns);
}
/// Padding in front of a line is made even: inputs begin at a word.
constexpr std::int32_t plane_front(const PlaneAxis& place) { return (place.pad + 1) & ~1; }
/// int16 elements of a line; even, with what reading in pairs may reach.
constexpr std::int32_t plane_line_elements(const PlaneAxis& place) {
  return (plane_front(place) - place.pad + (place.out - 1) * place.stride + place.kernel + 1) & ~1;
}
/// Bytes of a plane for `lines` lines of outputs.
template <class Geometry>
constexpr std::int32_t plane_bytes(const Geometry& g, bool columns, std::int32_t lines) {
  const PlaneAxis line = line_axis(g, columns);
  return ((lines - 1) * line.stride + (line.kernel - 1) * line.dilation + 1) *
         plane_line_elements(place_axis(g, columns)) * 2;
}
template <class Geometry>
constexpr std::int32_t depthwise_planes_scratch_bytes(const Geometry& g, bool columns, std::int32_t lines,
                                                      std::int32_t quads) {
  const std::int32_t planes = 4 * quads < g.in_c ? 4 * quads : g.in_c;  // the last four share planes with those before
  return plane_bytes(g, columns, lines) * planes;
}

/// What the gathering function is called with: lines of four channels. In a line of a plane, in words: `left` of
/// padding, two words for each of `quads`, one for each of `pairs`, one for `singles` (0 or 1: the last place of an odd
/// line), `right` of padding.
struct PlaneJob {
  const std::int8_t* source;
  std::int32_t place_bytes, line_bytes;  // of the source, from a place to the next and from line to line
  std::int16_t* planes;
  std::int32_t plane_bytes;
  std::uint32_t zero;  // padding, in both halves
  std::int32_t lines;
  std::int32_t left, quads, pairs, singles, right;
};
using PlaneFunction = void (*)(const PlaneJob* job);

/// In place where `lines` covers all lines, strides are 1 and shapes equal: a channel's inputs are read before its
/// outputs are written.
/// @param lines  lines of outputs at once; scratch: depthwise_planes_scratch_bytes.
/// @param quads  times four channels at once: neither loop is then fetched from flash for each four.
template <class Geometry>
void depthwise_planes(const Geometry& g, PlaneFunction gather, DepthwiseFunction tile, const std::uint32_t* params,
                      std::int32_t param_words, const std::int8_t* x, std::int8_t* y, void* scratch, bool columns,
                      std::int32_t lines, std::int32_t quads) {
  const PlaneAxis place = place_axis(g, columns), line = line_axis(g, columns);
  const std::int32_t words = plane_line_elements(place) / 2;
  auto* const planes = static_cast<std::int16_t*>(scratch);
  const std::int32_t stride = plane_bytes(g, columns, lines) / 2;
  const std::int32_t front = plane_front(place) / 2;
  std::int32_t used = place.in;  // of a line's inputs
  if (used > 2 * (words - front)) used = 2 * (words - front);
  const std::uint32_t zero = dsp::both(g.input_zero);
  PlaneJob job{x, place.in_bytes, line.in_bytes, planes, stride * 2, zero, 0, 0, 0, 0, 0, 0};
  const auto gather_padding = [&](std::int16_t* to, std::int32_t at, std::int32_t count) {
    if (count <= 0) return;
    job.planes = to + at * words * 2;
    job.lines = count;
    job.left = words;
    job.quads = job.pairs = job.singles = job.right = 0;
    gather(&job);
  };
  for (std::int32_t first = 0; first < line.out; first += lines) {
    const std::int32_t count = line.out - first < lines ? line.out - first : lines;
    const std::int32_t top = first * line.stride - line.pad;
    const std::int32_t needed = (count - 1) * line.stride + (line.kernel - 1) * line.dilation + 1;
    const std::int32_t before = top < 0 ? (-top < needed ? -top : needed) : 0;
    const std::int32_t end =
        line.in - top < needed ? line.in - top : needed;  // lines from `before` to `end` are inside the image
    for (std::int32_t c = 0; c < g.in_c; c += 4 * quads) {
      const std::int32_t channels = g.in_c - c < 4 * quads ? g.in_c - c : 4 * quads;
      // The last group of four ends with the last channel; what the group before has done is not done again.
      const auto first_of = [&](std::int32_t q) { return q + 4 <= g.in_c ? q : g.in_c - 4; };
      std::int16_t* const begin = planes + (c - first_of(c)) * stride;
      for (std::int32_t q = c; q < c + channels; q += 4) {
        const std::int32_t from = first_of(q);
        std::int16_t* const to = begin + (from - c) * stride;
        gather_padding(to, 0, before);
        if (end > before) {
          job.source = x + (top + before) * line.in_bytes + from;
          job.planes = to + before * words * 2;
          job.lines = end - before;
          job.left = front;
          job.quads = used >> 2;
          job.pairs = (used >> 1) & 1;
          job.singles = used & 1;
          job.right = words - front - ((used + 1) >> 1);
          gather(&job);
        }
        gather_padding(to, end > before ? end : before, needed - (end > before ? end : before));
      }
      const DepthwiseJob work{begin,
                              y + first * line.out_bytes + c,
                              params + c * param_words,
                              channels,
                              count,
                              stride * 2,
                              place.out_bytes,
                              line.out_bytes - place.out * place.out_bytes};
      tile(&work);
    }
  }
}

}  // namespace mote::device
