#pragma once
// One result for all elements along some axes: sum, mean, largest, smallest, and where the largest or smallest stands.

#include <cstdint>

#include "kernels/requantize.hpp"

namespace mote::device {

constexpr std::int32_t kReduceLoops = 3;

/// Loops over what is kept and over what is reduced, outermost first; strides in elements of the input. The output is
/// dense.
struct ReduceGeometry {
  std::int32_t kept[kReduceLoops], kept_stride[kReduceLoops];
  std::int32_t reduced[kReduceLoops], reduced_stride[kReduceLoops];
  /// sum and mean: zero point times the number of elements, then the scale.
  std::int32_t input_offset, multiplier, shift, output_zero;
};

struct SumOf {
  static constexpr std::int32_t kFirst = 0;
  static constexpr std::int32_t join(std::int32_t sum, std::int32_t v) { return sum + v; }
  template <class Geometry>
  static constexpr std::int32_t finish(const Geometry& g, std::int32_t sum) {
    return clamp(multiply_by_quantized_multiplier(sum + g.input_offset, g.multiplier, g.shift) + g.output_zero, -128,
                 127);
  }
};
struct LargestOf {
  static constexpr std::int32_t kFirst = -128;
  static constexpr std::int32_t join(std::int32_t best, std::int32_t v) { return v > best ? v : best; }
  template <class Geometry>
  static constexpr std::int32_t finish(const Geometry&, std::int32_t best) {
    return best;
  }
};
struct SmallestOf {
  static constexpr std::int32_t kFirst = 127;
  static constexpr std::int32_t join(std::int32_t best, std::int32_t v) { return v < best ? v : best; }
  template <class Geometry>
  static constexpr std::int32_t finish(const Geometry&, std::int32_t best) {
    return best;
  }
};

/// Source: TensorFlow Lite reference_ops::QuantizedMeanOrSum and ReduceGeneric.
template <class Kind, class Geometry>
void reduce(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t i = 0; i < g.kept[0]; ++i) {
    for (std::int32_t j = 0; j < g.kept[1]; ++j) {
      for (std::int32_t k = 0; k < g.kept[2]; ++k) {
        const std::int8_t* base = x + i * g.kept_stride[0] + j * g.kept_stride[1] + k * g.kept_stride[2];
        std::int32_t value = Kind::kFirst;
        for (std::int32_t a = 0; a < g.reduced[0]; ++a) {
          for (std::int32_t b = 0; b < g.reduced[1]; ++b) {
            const std::int8_t* from = base + a * g.reduced_stride[0] + b * g.reduced_stride[1];
            for (std::int32_t c = 0; c < g.reduced[2]; ++c, from += g.reduced_stride[2])
              value = Kind::join(value, *from);
          }
        }
        *y++ = static_cast<std::int8_t>(Kind::finish(g, value));
      }
    }
  }
}

struct ArgGeometry {
  std::int32_t outer, count, inner;
  std::int32_t sign;  ///< 1: the largest, -1: the smallest
};

/// Index of the first largest (smallest) element along the middle of [outer, count, inner].
template <class Geometry, class Element, class Index>
void arg_reduce(const Geometry& g, const Element* x, Index* y) {
  for (std::int32_t o = 0; o < g.outer; ++o, x += g.count * g.inner) {
    for (std::int32_t i = 0; i < g.inner; ++i) {
      std::int32_t best = 0;
      for (std::int32_t c = 1; c < g.count; ++c) {
        const Element v = x[c * g.inner + i], b = x[best * g.inner + i];
        if (g.sign > 0 ? v > b : v < b) best = c;
      }
      *y++ = static_cast<Index>(best);
    }
  }
}

}  // namespace mote::device
