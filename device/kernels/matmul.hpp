#pragma once
// Products of two computed int8 matrices, portable. Source: TensorFlow Lite reference_ops::BatchMatMul.

#include <cstdint>

#include "kernels/requantize.hpp"

namespace mote::device {

struct MatMulGeometry {
  std::int32_t batches, rows, depth, columns;
  std::int32_t a_zero, b_zero, output_zero, multiplier, shift;
};

/// @param a  [batches, rows, depth]
/// @param b  [batches, depth, columns]
/// @param y  [batches, rows, columns]
template <class Geometry>
void matmul(const Geometry& g, const std::int8_t* a, const std::int8_t* b, std::int8_t* y) {
  for (std::int32_t batch = 0; batch < g.batches; ++batch, b += g.depth * g.columns) {
    for (std::int32_t row = 0; row < g.rows; ++row, a += g.depth) {
      for (std::int32_t column = 0; column < g.columns; ++column) {
        std::int32_t sum = 0;
        for (std::int32_t k = 0; k < g.depth; ++k) sum += (a[k] - g.a_zero) * (b[k * g.columns + column] - g.b_zero);
        const std::int32_t scaled = multiply_by_quantized_multiplier(sum, g.multiplier, g.shift);
        *y++ = static_cast<std::int8_t>(clamp(scaled + g.output_zero, -128, 127));
      }
    }
  }
}

}  // namespace mote::device
