#pragma once
// int8 depthwise 3x3 with the Armv7E-M DSP instructions: equal to depthwise.hpp, byte for byte. Multiplier 1, stride 1 or 2, no dilation.
//
// NHWC keeps a channel's neighbours apart, so a pair for SMLAD has to be made. Four channels at a time are gathered into planes: rows of int16,
// zero point taken off, with the padding in place. Along a row two neighbours are then one word, and a row of the window costs two multiplies:
//   even start:  SMLAD(x01, w01) + SMLABT(x2., w12)      odd start:  SMLATB(.x0, w01) + SMLAD(x12, w12)
// Four outputs share their loads: per row 3 words (stride 1) or 5 (stride 2) and 8 multiplies, 9 cycles an output for the whole window.
// Planes hold a band of rows, as many as the scratch allows.

#include <cstdint>

#include "kernels/depthwise.hpp"
#include "kernels/dsp.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

/// int16 elements of a plane's row: padding, input, and what the last four outputs read beyond, rounded to words.
template <class Geometry>
constexpr std::int32_t plane_row(const Geometry& g) {
  const std::int32_t groups = (g.out_w + 3) / 4;
  const std::int32_t needed = groups * 4 * g.stride_w + 2;
  const std::int32_t present = g.in_w + g.pad_left;
  return ((needed > present ? needed : present) + 1) & ~1;
}

/// Scratch for a band of `rows` output rows: four planes.
template <class Geometry>
constexpr std::int32_t depthwise3x3_scratch_bytes(const Geometry& g, std::int32_t rows) {
  return 4 * 2 * plane_row(g) * ((rows - 1) * g.stride_h + 3);
}

namespace detail {

/// Input rows [first, first + count) of channels c .. c+3 as four planes of `row` elements a row.
template <class Geometry>
void gather_planes(const Geometry& g, const std::int8_t* x, std::int32_t c, std::int32_t first, std::int32_t count, std::int32_t row,
                   std::int16_t* planes) {
  const std::uint32_t offset = dsp::both(-g.input_zero);
  const std::int32_t plane = row * count;
  for (std::int32_t r = 0; r < count; ++r) {
    std::int16_t* out = planes + r * row;
    const std::int32_t iy = first + r;
    const bool inside = iy >= 0 && iy < g.in_h;
    const std::int32_t before = inside ? g.pad_left : row;
    for (std::int32_t i = 0; i < before; ++i, ++out) out[0] = out[plane] = out[2 * plane] = out[3 * plane] = 0;
    if (!inside) continue;
    const std::int8_t* in = x + iy * g.in_w * g.in_c + c;
    for (std::int32_t i = 0; i < g.in_w; ++i, ++out, in += g.in_c) {
      const std::uint32_t word = dsp::load_word(in);
      const std::uint32_t even = dsp::sxtab16(offset, word);
      const std::uint32_t odd = dsp::sxtab16_odd(offset, word);
      out[0] = static_cast<std::int16_t>(even);
      out[plane] = static_cast<std::int16_t>(odd);
      out[2 * plane] = static_cast<std::int16_t>(even >> 16);
      out[3 * plane] = static_cast<std::int16_t>(odd >> 16);
    }
    for (std::int32_t i = g.pad_left + g.in_w; i < row; ++i, ++out) out[0] = out[plane] = out[2 * plane] = out[3 * plane] = 0;
  }
}

/// One channel: weights as halfword pairs (w0,w1) and (w1,w2) of each window row, and the end of the sum.
struct PlaneChannel {
  std::uint32_t w01[3];
  std::uint32_t w12[3];
  FastRequantize end;
  std::int32_t clamp_low, clamp_high;
  bool clamps;
};

struct FourSums {
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
};

template <int Stride>
[[gnu::always_inline]] inline void window_row(FourSums& s, const std::uint32_t* in, std::uint32_t w01, std::uint32_t w12) {
  const std::uint32_t p0 = in[0];
  const std::uint32_t p1 = in[1];
  const std::uint32_t p2 = in[2];
  s.s0 = dsp::smlad(p0, w01, s.s0);
  s.s0 = dsp::smlabt(p1, w12, s.s0);
  if constexpr (Stride == 1) {
    s.s1 = dsp::smlatb(p0, w01, s.s1);
    s.s1 = dsp::smlad(p1, w12, s.s1);
    s.s2 = dsp::smlad(p1, w01, s.s2);
    s.s2 = dsp::smlabt(p2, w12, s.s2);
    s.s3 = dsp::smlatb(p1, w01, s.s3);
    s.s3 = dsp::smlad(p2, w12, s.s3);
  } else {
    const std::uint32_t p3 = in[3];
    const std::uint32_t p4 = in[4];
    s.s1 = dsp::smlad(p1, w01, s.s1);
    s.s1 = dsp::smlabt(p2, w12, s.s1);
    s.s2 = dsp::smlad(p2, w01, s.s2);
    s.s2 = dsp::smlabt(p3, w12, s.s2);
    s.s3 = dsp::smlad(p3, w01, s.s3);
    s.s3 = dsp::smlabt(p4, w12, s.s3);
  }
}

/// One output row of one channel.
template <int Stride>
[[gnu::noinline]] void plane_output_row(const std::uint32_t* in, std::int32_t row_words, const PlaneChannel& channel, std::int8_t* y,
                                        std::int32_t y_step, std::int32_t count) {
  const FastRequantize end = channel.end;
  const auto finish = [&](std::int32_t sum) {
    std::int32_t value = end(sum);
    if (channel.clamps) value = clamp(value, channel.clamp_low, channel.clamp_high);
    return static_cast<std::int8_t>(value);
  };
  for (; count > 0; count -= 4, in += 2 * Stride) {
    FourSums s;
    window_row<Stride>(s, in, channel.w01[0], channel.w12[0]);
    window_row<Stride>(s, in + row_words, channel.w01[1], channel.w12[1]);
    window_row<Stride>(s, in + 2 * row_words, channel.w01[2], channel.w12[2]);
    *y = finish(s.s0);
    y += y_step;
    if (count > 1) *y = finish(s.s1);
    y += y_step;
    if (count > 2) *y = finish(s.s2);
    y += y_step;
    if (count > 3) *y = finish(s.s3);
    y += y_step;
  }
}

template <class Geometry>
PlaneChannel plane_channel(const Geometry& g, const std::int8_t* weights, const ChannelParams& params, std::int32_t c) {
  PlaneChannel channel;
  for (std::int32_t r = 0; r < 3; ++r) {
    const std::int8_t* w = weights + 3 * r * g.in_c + c;
    channel.w01[r] = dsp::halves(w[0], w[g.in_c]);
    channel.w12[r] = dsp::halves(w[g.in_c], w[2 * g.in_c]);
  }
  channel.end = FastRequantize(params, c, g.output_zero);
  channel.clamp_low = g.clamp_low;
  channel.clamp_high = g.clamp_high;
  channel.clamps = g.clamp_low > -128 || g.clamp_high < 127;
  return channel;
}

}  // namespace detail

/// Arguments as depthwise_conv2d.
/// @param scratch  depthwise3x3_scratch_bytes(g, rows) bytes, aligned to 4
/// @param rows     output rows a band, >= 1
/// Preconditions (checked by the compiler): kernel 3x3, multiplier 1, no dilation, equal strides of 1 or 2, in_c a multiple of 4, every shift
/// within FastRequantize's limits.
template <class Geometry>
void depthwise3x3_dsp(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params, std::int8_t* y,
                      void* scratch, std::int32_t rows) {
  auto* const planes = static_cast<std::int16_t*>(scratch);
  const std::int32_t row = plane_row(g);
  const std::int32_t y_row = g.out_w * g.in_c;
  for (std::int32_t c = 0; c < g.in_c; c += 4) {
    for (std::int32_t oy = 0; oy < g.out_h; oy += rows) {
      const std::int32_t band = g.out_h - oy < rows ? g.out_h - oy : rows;
      const std::int32_t count = (band - 1) * g.stride_h + 3;
      detail::gather_planes(g, x, c, oy * g.stride_h - g.pad_top, count, row, planes);
      for (std::int32_t k = 0; k < 4; ++k) {
        const detail::PlaneChannel channel = detail::plane_channel(g, weights, params, c + k);
        const auto* in = reinterpret_cast<const std::uint32_t*>(planes + k * count * row);
        std::int8_t* out = y + oy * y_row + c + k;
        for (std::int32_t r = 0; r < band; ++r, out += y_row, in += g.stride_h * row / 2) {
          if (g.stride_w == 1) {
            detail::plane_output_row<1>(in, row / 2, channel, out, g.in_c, g.out_w);
          } else {
            detail::plane_output_row<2>(in, row / 2, channel, out, g.in_c, g.out_w);
          }
        }
      }
    }
  }
}

}  // namespace mote::device
