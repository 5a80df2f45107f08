#pragma once
// Elements of one operand or of another, as truth values say. Source: TensorFlow Lite reference_ops::SelectV2.

#include <cstdint>

namespace mote::device {

constexpr std::int32_t kSelectLoops = 4;

/// Nested loops, outermost first; strides in elements, 0 where an operand repeats. The output is dense.
struct SelectGeometry {
  std::int32_t count[kSelectLoops], condition[kSelectLoops], a[kSelectLoops], b[kSelectLoops];
};

/// y[i] = condition[i] != 0 ? a[i] : b[i].
template <class Geometry, class Element>
void select(const Geometry& g, const std::int8_t* condition, const Element* a, const Element* b, Element* y) {
  for (std::int32_t i = 0; i < g.count[0]; ++i) {
    for (std::int32_t j = 0; j < g.count[1]; ++j) {
      for (std::int32_t k = 0; k < g.count[2]; ++k) {
        const std::int8_t* which = condition + i * g.condition[0] + j * g.condition[1] + k * g.condition[2];
        const Element* left = a + i * g.a[0] + j * g.a[1] + k * g.a[2];
        const Element* right = b + i * g.b[0] + j * g.b[1] + k * g.b[2];
        for (std::int32_t l = 0; l < g.count[3]; ++l) {
          *y++ = *which != 0 ? *left : *right;
          which += g.condition[3];
          left += g.a[3];
          right += g.b[3];
        }
      }
    }
  }
}

}  // namespace mote::device
