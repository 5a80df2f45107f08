#pragma once
// Depthwise convolution around an assembly tile (emitted for the layer's geometry; src/compile/m4/depthwise_tile.hpp): turns four channels at a time into
// padded planes of int16 and calls the tile on them. Equal to depthwise.hpp, byte for byte. The zero point's part of each sum is in the bias.

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
  return columns ? PlaneAxis{g.in_h, g.out_h, g.kernel_h, g.stride_h, g.dilation_h, g.pad_top, g.in_w * g.in_c, g.out_w * g.out_c}
                 : PlaneAxis{g.in_w, g.out_w, g.kernel_w, g.stride_w, g.dilation_w, g.pad_left, g.in_c, g.out_c};
}
template <class Geometry>
constexpr PlaneAxis line_axis(const Geometry& g, bool columns) {
  return place_axis(g, !columns);
}
/// int16 elements of a line; even, one to spare for reading in pairs.
constexpr std::int32_t plane_line_elements(const PlaneAxis& place) { return ((place.out - 1) * place.stride + place.kernel + 2) & ~1; }
/// Bytes of a plane for `lines` lines of outputs.
template <class Geometry>
constexpr std::int32_t plane_bytes(const Geometry& g, bool columns, std::int32_t lines) {
  const PlaneAxis line = line_axis(g, columns);
  return ((lines - 1) * line.stride + (line.kernel - 1) * line.dilation + 1) * plane_line_elements(place_axis(g, columns)) * 2;
}
template <class Geometry>
constexpr std::int32_t depthwise_planes_scratch_bytes(const Geometry& g, bool columns, std::int32_t lines) {
  return plane_bytes(g, columns, lines) * (g.in_c < 4 ? g.in_c : 4);
}

namespace planes {

/// One line of four channels from `source` into four planes `stride` elements apart.
inline void gather_line(const std::int8_t* source, const PlaneAxis& place, std::int16_t zero, std::int32_t elements, std::int16_t* out, std::int32_t stride) {
  std::int32_t i = 0;
  const auto store = [&](std::uint32_t even, std::uint32_t odd, std::int32_t at) {  // channels 0 2 and 1 3 as halfwords
    out[at] = static_cast<std::int16_t>(even);
    out[at + stride] = static_cast<std::int16_t>(odd);
    out[at + 2 * stride] = static_cast<std::int16_t>(even >> 16);
    out[at + 3 * stride] = static_cast<std::int16_t>(odd >> 16);
  };
  const std::uint32_t zeros = dsp::both(zero);
  for (; i < place.pad; ++i) store(zeros, zeros, i);
  const std::int32_t end = place.pad + place.in < elements ? place.pad + place.in : elements;
  const auto single = [&] {
    const std::uint32_t word = dsp::load_word(source);
    store(dsp::sxtb16(word), dsp::sxtb16_odd(word), i);
    source += place.in_bytes;
    ++i;
  };
  if ((i & 1) != 0 && i < end) single();
  std::int16_t* o = out + i;
  for (; i + 2 <= end; i += 2, o += 2) {
    const std::uint32_t a = dsp::load_word(source);
    const std::uint32_t b = dsp::load_word(source + place.in_bytes);
    source += 2 * place.in_bytes;
    const std::uint32_t ea = dsp::sxtb16(a), eb = dsp::sxtb16(b), oa = dsp::sxtb16_odd(a), ob = dsp::sxtb16_odd(b);
    dsp::store_word(o, dsp::low_halves(ea, eb));
    dsp::store_word(o + stride, dsp::low_halves(oa, ob));
    dsp::store_word(o + 2 * stride, dsp::high_halves(ea, eb));
    dsp::store_word(o + 3 * stride, dsp::high_halves(oa, ob));
  }
  if (i < end) single();
  for (; i < elements; ++i) store(zeros, zeros, i);
}

}  // namespace planes

/// In place where `lines` covers all lines, strides are 1 and shapes equal: a channel's inputs are read before its outputs are written.
/// @param lines  lines of outputs at once; scratch: depthwise_planes_scratch_bytes.
template <class Geometry>
void depthwise_planes(const Geometry& g, DepthwiseFunction tile, const std::uint32_t* params, std::int32_t param_words, const std::int8_t* x, std::int8_t* y,
                      void* scratch, bool columns, std::int32_t lines) {
  const PlaneAxis place = place_axis(g, columns), line = line_axis(g, columns);
  const std::int32_t elements = plane_line_elements(place);
  const auto zero = static_cast<std::int16_t>(g.input_zero);
  auto* const planes = static_cast<std::int16_t*>(scratch);
  const std::int32_t stride = plane_bytes(g, columns, lines) / 2;
  const std::int32_t together = g.in_c < 4 ? g.in_c : 4;
  for (std::int32_t first = 0; first < line.out; first += lines) {
    const std::int32_t count = line.out - first < lines ? line.out - first : lines;
    const std::int32_t needed = (count - 1) * line.stride + (line.kernel - 1) * line.dilation + 1;
    for (std::int32_t c = 0; c < g.in_c; c += 4) {
      // The last group of four ends with the last channel; what the group before has done is not done again.
      const std::int32_t from = c + 4 <= g.in_c || g.in_c < 4 ? c : g.in_c - 4;
      for (std::int32_t i = 0; i < needed; ++i) {
        const std::int32_t il = first * line.stride - line.pad + i;
        std::int16_t* const out = planes + i * elements;
        const std::int8_t* const source = x + il * line.in_bytes + from;
        if (il < 0 || il >= line.in) {
          for (std::int32_t k = 0; k < together; ++k) {
            for (std::int32_t e = 0; e < elements; e += 2) dsp::store_word(out + k * stride + e, dsp::both(zero));
          }
        } else if (together == 4) {
          planes::gather_line(source, place, zero, elements, out, stride);
        } else {
          for (std::int32_t k = 0; k < together; ++k) {
            for (std::int32_t e = 0; e < elements; ++e) {
              const std::int32_t p = e - place.pad;
              out[k * stride + e] = p >= 0 && p < place.in ? source[p * place.in_bytes + k] : zero;
            }
          }
        }
      }
      const std::int32_t channels = g.in_c - c < 4 ? g.in_c - c : 4;
      const DepthwiseJob job{planes + (c - from) * stride, y + first * line.out_bytes + c, params + c * param_words, channels, count, stride * 2};
      tile(&job);
    }
  }
}

}  // namespace mote::device
