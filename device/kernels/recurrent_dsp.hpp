#pragma once
// Sums of products of recurrent layers by DSP instructions, for the kernels of recurrent.hpp.

#include <cstdint>

#include "kernels/dsp.hpp"

namespace mote::device {

/// As PlainSums, two rows that share their inputs: 14 cycles for 8 products.
struct DspSums {
  static constexpr std::int32_t kRows = 2;
  [[gnu::noinline]] static void add(const std::int8_t* x, const std::int8_t* weights, std::int32_t count,
                                    std::int32_t zero, std::int32_t* sums) {
    const std::int8_t *w0 = weights, *w1 = weights + count;
    const std::uint32_t less_zero = dsp::both(-zero);
    std::int32_t s0 = sums[0], s1 = sums[1];
    const auto four = [&](std::int32_t at) {
      const std::uint32_t value = dsp::load_word(x + at), a = dsp::load_word(w0 + at), b = dsp::load_word(w1 + at);
      const std::uint32_t even = dsp::sxtab16(less_zero, value), odd = dsp::sxtab16_odd(less_zero, value);
      s0 = dsp::smlad(even, dsp::sxtb16(a), s0);
      s1 = dsp::smlad(even, dsp::sxtb16(b), s1);
      s0 = dsp::smlad(odd, dsp::sxtb16_odd(a), s0);
      s1 = dsp::smlad(odd, dsp::sxtb16_odd(b), s1);
    };
    std::int32_t i = count;
    for (; i >= 16; i -= 16, x += 16, w0 += 16, w1 += 16) {
      four(0);
      four(4);
      four(8);
      four(12);
    }
    for (; i >= 4; i -= 4, x += 4, w0 += 4, w1 += 4) four(0);
    for (; i > 0; --i, ++x, ++w0, ++w1) {
      s0 += (*x - zero) * *w0;
      s1 += (*x - zero) * *w1;
    }
    sums[0] = s0;
    sums[1] = s1;
  }
  [[gnu::noinline]] static std::uint32_t wide(const std::int16_t* x, const std::int16_t* weights, std::int32_t count,
                                              std::uint32_t sum) {
    auto s = static_cast<std::int32_t>(sum);
    std::int32_t i = count;
    for (; i >= 4; i -= 4, x += 4, weights += 4) {
      const std::uint32_t a = dsp::load_word(x), b = dsp::load_word(x + 2);
      s = dsp::smlad(a, dsp::load_word(weights), s);
      s = dsp::smlad(b, dsp::load_word(weights + 2), s);
    }
    sum = static_cast<std::uint32_t>(s);
    for (; i > 0; --i) sum += static_cast<std::uint32_t>(*x++ * *weights++);
    return sum;
  }
};

}  // namespace mote::device
