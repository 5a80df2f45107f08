#pragma once
// matmul.hpp with DSP instructions: four columns at once.

#include <cstdint>

#include "kernels/dsp.hpp"
#include "kernels/matmul.hpp"

namespace mote::device {

/// Sums of one row of a times four columns of b. A function of its own, so that sums stay in registers.
template <class Geometry>
[[gnu::noinline]] void sum_columns(const std::int8_t* a, const std::int8_t* b, std::int32_t* sums) {
  constexpr Geometry g{};
  const std::uint32_t less_zero = dsp::both(-g.b_zero);
  std::int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (const std::int8_t* const end = a + g.depth; a != end; b += g.columns) {
    const std::uint32_t word = dsp::load_word(b), left = static_cast<std::uint32_t>(*a++ - g.a_zero);
    const std::uint32_t even = dsp::sxtab16(less_zero, word), odd = dsp::sxtab16_odd(less_zero, word);
    s0 = dsp::smlabb(even, left, s0);
    s1 = dsp::smlabb(odd, left, s1);
    s2 = dsp::smlatb(even, left, s2);
    s3 = dsp::smlatb(odd, left, s3);
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

/// As matmul(), for at least four columns: the last four end with the last one.
template <class Geometry>
void matmul_dsp(const Geometry& g, const std::int8_t* a, const std::int8_t* b, std::int8_t* y) {
  static_assert(Geometry::columns >= 4);
  for (std::int32_t batch = 0; batch < g.batches; ++batch, b += g.depth * g.columns) {
    for (std::int32_t row = 0; row < g.rows; ++row, a += g.depth, y += g.columns) {
      for (std::int32_t column = 0; column < g.columns; column += 4) {
        const std::int32_t first = column + 4 <= g.columns ? column : g.columns - 4;
        std::int32_t sums[4];
        sum_columns<Geometry>(a, b + first, sums);
        for (std::int32_t k = 0; k < 4; ++k) {
          const std::int32_t scaled = multiply_by_quantized_multiplier(sums[k], g.multiplier, g.shift);
          y[first + k] = static_cast<std::int8_t>(clamp(scaled + g.output_zero, -128, 127));
        }
      }
    }
  }
}

}  // namespace mote::device
