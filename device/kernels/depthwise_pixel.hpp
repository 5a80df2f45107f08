#pragma once
// A depthwise convolution with a single output pixel whose window is the whole input, as models have it that take one
// row at a time: dot products of channels that lie side by side. Equal to depthwise.hpp, byte for byte.
//
// Four channels at once, 12 instructions a tap. The weights of four channels lie behind one another, their parameters
// behind them, so that flash is read once from front to back: with the channels of a tap in a row, as the model has
// them, each tap of each group would be another line of the flash cache.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/requantize_dsp.hpp"

namespace mote::device {

struct DepthwisePixel {
  std::int32_t channels;  // at least 4; the last group of four ends with the last channel
  std::int32_t taps;
  std::int32_t output_zero, clamp_low, clamp_high;
};

/// Words of a group: a word a tap (one byte a channel), bias and multiplier of each channel, a byte of right shift of
/// each channel. The bias has taken the input's zero point off.
constexpr std::int32_t depthwise_pixel_words(std::int32_t taps) { return taps + 9; }

inline void depthwise_pixel(const DepthwisePixel& g, const std::uint32_t* words, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t first = 0; first < g.channels; first += 4) {
    const std::int32_t c = first + 4 <= g.channels ? first : g.channels - 4;
    const std::int8_t* in = x + c;
    std::int32_t sum[4] = {0, 0, 0, 0};
    for (const std::uint32_t* const end = words + g.taps; words != end; ++words, in += g.channels) {
      const std::uint32_t inputs = dsp::load_word(in);
      const std::uint32_t x02 = dsp::sxtb16(inputs), w02 = dsp::sxtb16(*words);
      const std::uint32_t x13 = dsp::sxtb16_odd(inputs), w13 = dsp::sxtb16_odd(*words);
      sum[0] = dsp::smlabb(x02, w02, sum[0]);
      sum[2] = dsp::smlatt(x02, w02, sum[2]);
      sum[1] = dsp::smlabb(x13, w13, sum[1]);
      sum[3] = dsp::smlatt(x13, w13, sum[3]);
    }
    std::uint32_t shifts = words[8];
    for (std::int32_t k = 0; k < 4; ++k, words += 2, shifts >>= 8) {
      const auto e = static_cast<std::int32_t>(shifts & 0xffu);
      const auto rounding =
          static_cast<std::int32_t>((std::uint32_t{1} << (e - 1)) + (static_cast<std::uint32_t>(g.output_zero) << e));
      const FastRequantize end(static_cast<std::int32_t>(words[0]), static_cast<std::int32_t>(words[1]), rounding, e);
      const std::int32_t value = end(sum[k]);
      y[c + k] = static_cast<std::int8_t>(value < g.clamp_low    ? g.clamp_low
                                          : value > g.clamp_high ? g.clamp_high
                                                                 : value);
    }
    ++words;
  }
}

}  // namespace mote::device
