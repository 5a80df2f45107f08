#pragma once
// Comparisons of floats and of whole numbers, with broadcasting; binary.hpp has those of int8 values with a scale. They
// give 1 or 0.

#include <cstdint>

#include "kernels/float_bits.hpp"

namespace mote::device {

struct IsLess {
  template <class T>
  static bool holds(T a, T b) {
    return a < b;
  }
};
struct IsLessEqual {
  template <class T>
  static bool holds(T a, T b) {
    return a <= b;
  }
};
struct IsGreater {
  template <class T>
  static bool holds(T a, T b) {
    return a > b;
  }
};
struct IsGreaterEqual {
  template <class T>
  static bool holds(T a, T b) {
    return a >= b;
  }
};
struct IsEqual {
  template <class T>
  static bool holds(T a, T b) {
    return a == b;
  }
};
struct IsNotEqual {
  template <class T>
  static bool holds(T a, T b) {
    return a != b;
  }
};

/// Loops of a BroadcastGeometry. Operands are values, or constants: those of floats are their bits.
template <class Kind, class Loops, class A, class B>
void compare_numbers(const Loops& g, const A* a, const B* b, std::int8_t* y) {
  for (std::int32_t i = 0; i < g.count[0]; ++i) {
    for (std::int32_t j = 0; j < g.count[1]; ++j) {
      for (std::int32_t k = 0; k < g.count[2]; ++k) {
        const A* left = a + i * g.a[0] + j * g.a[1] + k * g.a[2];
        const B* right = b + i * g.b[0] + j * g.b[1] + k * g.b[2];
        for (std::int32_t l = 0; l < g.count[3]; ++l, left += g.a[3], right += g.b[3])
          *y++ = Kind::holds(number_at(left), number_at(right)) ? 1 : 0;
      }
    }
  }
}

}  // namespace mote::device
