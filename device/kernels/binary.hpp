#pragma once
// int8 operators of two elements, with broadcasting. Source of the arithmetic: TensorFlow Lite reference_integer_ops
// (Add, Mul), reference_ops (Sub, MaximumMinimum) and squared_difference.

#include <cstdint>

#include "kernels/requantize.hpp"

namespace mote::device {

constexpr std::int32_t kBroadcastLoops = 4;

/// Nested loops, outermost first; strides in elements, 0 where an operand repeats. The output is dense.
struct BroadcastGeometry {
  std::int32_t count[kBroadcastLoops], a[kBroadcastLoops], b[kBroadcastLoops];
};

/// Fixed-point parameters of an operand pair. What each means depends on the operator.
struct PairParams {
  std::int32_t a_zero, a_multiplier, a_shift;
  std::int32_t b_zero, b_multiplier, b_shift;
  std::int32_t output_zero, output_multiplier, output_shift;
  std::int32_t clamp_low, clamp_high;
};

template <class Params>
constexpr std::int8_t pair_result(const Params& p, std::int32_t value) {
  const std::int32_t scaled = multiply_by_quantized_multiplier(value, p.output_multiplier, p.output_shift);
  return static_cast<std::int8_t>(clamp(scaled + p.output_zero, p.clamp_low, p.clamp_high));
}

/// Both operands on one scale with `kHeadroom` more bits.
template <std::int32_t kHeadroom, class Params>
constexpr std::int32_t scaled_a(const Params& p, std::int8_t a) {
  return multiply_by_quantized_multiplier((a - p.a_zero) * (1 << kHeadroom), p.a_multiplier, p.a_shift);
}
template <std::int32_t kHeadroom, class Params>
constexpr std::int32_t scaled_b(const Params& p, std::int8_t b) {
  return multiply_by_quantized_multiplier((b - p.b_zero) * (1 << kHeadroom), p.b_multiplier, p.b_shift);
}

struct AddPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return pair_result(p, scaled_a<20>(p, a) + scaled_b<20>(p, b));
  }
};
struct SubPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return pair_result(p, scaled_a<20>(p, a) - scaled_b<20>(p, b));
  }
};
struct MulPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return pair_result(p, (a - p.a_zero) * (b - p.b_zero));
  }
};
struct SquaredDifferencePair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    const std::int32_t difference = scaled_a<7>(p, a) - scaled_b<7>(p, b);
    return pair_result(p, difference * difference);
  }
};
struct MinimumPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return static_cast<std::int8_t>(clamp(a < b ? a : b, p.clamp_low, p.clamp_high));
  }
};
struct MaximumPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return static_cast<std::int8_t>(clamp(a > b ? a : b, p.clamp_low, p.clamp_high));
  }
};

/// a, or a * b where a is below zero.
struct PreluPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    const std::int32_t x = a - p.a_zero;
    const std::int32_t scaled =
        x >= 0 ? multiply_by_quantized_multiplier(x, p.a_multiplier, p.a_shift)
               : multiply_by_quantized_multiplier(x * (b - p.b_zero), p.output_multiplier, p.output_shift);
    return static_cast<std::int8_t>(clamp(scaled + p.output_zero, p.clamp_low, p.clamp_high));
  }
};

// Comparisons give 1 or 0. Source: TensorFlow Lite reference_ops::ComparisonWithScaling.
struct LessPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) < scaled_b<8>(p, b) ? 1 : 0;
  }
};
struct LessEqualPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) <= scaled_b<8>(p, b) ? 1 : 0;
  }
};
struct GreaterPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) > scaled_b<8>(p, b) ? 1 : 0;
  }
};
struct GreaterEqualPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) >= scaled_b<8>(p, b) ? 1 : 0;
  }
};
struct EqualPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) == scaled_b<8>(p, b) ? 1 : 0;
  }
};
struct NotEqualPair {
  template <class P>
  static constexpr std::int8_t apply(const P& p, std::int8_t a, std::int8_t b) {
    return scaled_a<8>(p, a) != scaled_b<8>(p, b) ? 1 : 0;
  }
};

/// y[i] = Operator(a[i], b[i]). y may be an operand that does not repeat.
template <class Operator, class Geometry, class Params, class Element>
void for_pairs(const Geometry& g, const Params& p, const Element* a, const Element* b, Element* y) {
  for (std::int32_t i = 0; i < g.count[0]; ++i) {
    for (std::int32_t j = 0; j < g.count[1]; ++j) {
      for (std::int32_t k = 0; k < g.count[2]; ++k) {
        const Element* left = a + i * g.a[0] + j * g.a[1] + k * g.a[2];
        const Element* right = b + i * g.b[0] + j * g.b[1] + k * g.b[2];
        for (std::int32_t l = 0; l < g.count[3]; ++l, left += g.a[3], right += g.b[3])
          *y++ = Operator::apply(p, *left, *right);
      }
    }
  }
}

}  // namespace mote::device
