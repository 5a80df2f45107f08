#pragma once
// int8 elementwise operators: addition of two scales, requantization, clamp. All may work in place where their elements
// have one size.

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

/// Source: TensorFlow Lite reference_integer_ops::Add.  y may be a or b.
template <class Geometry>
void add(const Geometry& g, const std::int8_t* a, const std::int8_t* b, std::int8_t* y) {
  constexpr std::int32_t kHeadroom = 1 << 20;
  for (std::int32_t i = 0; i < g.count; ++i) {
    const std::int32_t left =
        multiply_by_quantized_multiplier((a[i] - g.a_zero) * kHeadroom, g.a_multiplier, g.a_shift);
    const std::int32_t right =
        multiply_by_quantized_multiplier((b[i] - g.b_zero) * kHeadroom, g.b_multiplier, g.b_shift);
    const std::int32_t sum = multiply_by_quantized_multiplier(left + right, g.output_multiplier, g.output_shift);
    y[i] = static_cast<std::int8_t>(clamp(sum + g.output_zero, g.clamp_low, g.clamp_high));
  }
}

/// From one quantization to another, with clamp, between 8, 16 and 32 bits.  Source: TensorFlow Lite
/// reference_ops::Requantize.
template <class Geometry, class In, class Out>
void requantize_tensor(const Geometry& g, const In* x, Out* y) {
  for (std::int32_t i = 0; i < g.count; ++i) {
    const std::int32_t scaled = multiply_by_quantized_multiplier(x[i] - g.input_zero, g.multiplier, g.shift);
    y[i] = static_cast<Out>(clamp(scaled + g.output_zero, g.clamp_low, g.clamp_high));
  }
}

}  // namespace mote::device
