#pragma once
// An int16 convolution or dense layer around an assembly tile of a few pixels and channels
// (src/compile/m4/wide_tile.hpp). Equal to conv2d_16x8() of int16.hpp, byte for byte.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/geometry.hpp"
#include "kernels/taps.hpp"

namespace mote::device {

/// What a tile function is called with; the order of the members is known to the emitter.
struct WideJob {
  const std::uint32_t* weights;
  const std::int16_t* x;
  std::int16_t* y;
  const std::uint32_t* params;
  std::int32_t groups;
};
using WideFunction = void (*)(const WideJob* job);

struct WideLayer {
  WideFunction tile, tail;  // of `pixels` pixels, and of those that a row leaves over
  std::int32_t pixels;
  std::int32_t group, group_words;  // channels of a group, and words of its weights
};

/// As channel_params().
inline WideLayer wide_layer(WideFunction tile, WideFunction tail, std::int32_t pixels, std::int32_t group,
                            std::int32_t group_words) {
  asm("" : "+r"(tile), "+r"(tail));
  return {tile, tail, pixels, group, group_words};
}

namespace detail {
inline std::int16_t* copy_halves(const std::int16_t* x, std::int16_t* y, std::int32_t count) {
  for (; count >= 8; count -= 8, x += 8, y += 8) {
    const std::uint32_t a = dsp::load_word(x), b = dsp::load_word(x + 2), c = dsp::load_word(x + 4),
                        d = dsp::load_word(x + 6);
    dsp::store_word(y, a);
    dsp::store_word(y + 2, b);
    dsp::store_word(y + 4, c);
    dsp::store_word(y + 6, d);
  }
  for (; count > 0; --count) *y++ = *x++;
  return y;
}
inline std::int16_t* clear_halves(std::int16_t* y, std::int32_t count) {
  for (; count > 0; --count) *y++ = 0;
  return y;
}

/// The window of an output pixel as one run, zero outside of the input.
inline std::int16_t* copy_window(const ConvGeometry& g, const std::int16_t* x, std::int32_t oy, std::int32_t ox,
                                 std::int16_t* y) {
  const std::int32_t top = oy * g.stride_h - g.pad_top, left = ox * g.stride_w - g.pad_left;
  const Taps rows(top, g.kernel_h, g.dilation_h, g.in_h), taps(left, g.kernel_w, g.dilation_w, g.in_w);
  y = clear_halves(y, rows.first * g.kernel_w * g.in_c);
  for (std::int32_t ky = rows.first; ky < rows.end; ++ky) {
    const std::int16_t* line = x + ((top + ky * g.dilation_h) * g.in_w + left) * g.in_c;
    y = clear_halves(y, taps.first * g.in_c);
    if (g.dilation_w == 1) {
      y = copy_halves(line + taps.first * g.in_c, y, (taps.end - taps.first) * g.in_c);
    } else {
      for (std::int32_t kx = taps.first; kx < taps.end; ++kx)
        y = copy_halves(line + kx * g.dilation_w * g.in_c, y, g.in_c);
    }
    y = clear_halves(y, (g.kernel_w - taps.end) * g.in_c);
  }
  return clear_halves(y, (g.kernel_h - rows.end) * g.kernel_w * g.in_c);
}
}  // namespace detail

/// @param columns  where the windows of `pixels` pixels are brought together, or null: tiles read them where they are,
///                 and none leaves the input
inline void wide_tiles(const ConvGeometry& g, const WideLayer& layer, const std::uint32_t* weights,
                       const std::uint32_t* params, const std::int16_t* x, std::int16_t* y, std::int16_t* columns) {
  const std::int32_t groups = g.out_c / layer.group;
  const bool rest = groups * layer.group != g.out_c;  // the last group ends with the last channel
  WideJob job{weights, nullptr, nullptr, nullptr, 0};
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w;) {
      const std::int32_t pixels = g.out_w - ox < layer.pixels ? g.out_w - ox : layer.pixels;
      const WideFunction tile = pixels == layer.pixels ? layer.tile : layer.tail;
      job.x = columns;
      if (columns == nullptr) {
        job.x = x + (oy * g.stride_h * g.in_w + ox * g.stride_w) * g.in_c;
      } else {
        std::int16_t* column = columns;
        for (std::int32_t p = 0; p < pixels; ++p) column = detail::copy_window(g, x, oy, ox + p, column);
      }
      job.weights = weights;
      job.params = params;
      job.y = y;
      job.groups = groups;
      tile(&job);
      if (rest) {
        job.weights += groups * layer.group_words;
        job.params += 2 * groups * layer.group;
        job.y += g.out_c - layer.group;
        job.groups = 1;
        tile(&job);
      }
      y += pixels * g.out_c;
      ox += pixels;
    }
  }
}

}  // namespace mote::device
