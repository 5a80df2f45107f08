#pragma once
// The largest or smallest elements in order, and sums of all elements so far.

#include <cstdint>

namespace mote::device {

/// Along the middle of [outer, count, inner], `taken` of `count`.
struct TopKGeometry {
  std::int32_t outer, count, inner, taken;
  std::int32_t sign;  ///< 1: the largest, -1: the smallest
};

/// The index of the element that comes next behind element `last` (-1: the first of all): in order of values, and of
/// indices among equal ones.
template <class Geometry, class Element>
std::int32_t next_in_order(const Geometry& g, const Element* x, std::int32_t last) {
  std::int32_t best = -1;
  for (std::int32_t c = 0; c < g.count; ++c) {
    const Element v = x[c * g.inner];
    if (last >= 0) {
      const Element before = x[last * g.inner];
      const bool ahead = g.sign > 0 ? v > before : v < before;
      if (ahead || (!(g.sign > 0 ? v < before : v > before) && c <= last)) continue;
    }
    if (best < 0) {
      best = c;
      continue;
    }
    const Element b = x[best * g.inner];
    if (g.sign > 0 ? v > b : v < b) best = c;
  }
  return best < 0 ? 0 : best;  // numbers that are none have no order
}

/// Each pass over the elements finds one: no memory beside the output.
template <class Geometry, class Element>
void top_k_indices(const Geometry& g, const Element* x, std::int32_t* y) {
  for (std::int32_t o = 0; o < g.outer; ++o, x += g.count * g.inner, y += g.taken * g.inner) {
    for (std::int32_t i = 0; i < g.inner; ++i) {
      std::int32_t last = -1;
      for (std::int32_t k = 0; k < g.taken; ++k) y[k * g.inner + i] = last = next_in_order(g, x + i, last);
    }
  }
}
template <class Geometry, class Element>
void top_k_values(const Geometry& g, const Element* x, Element* y) {
  for (std::int32_t o = 0; o < g.outer; ++o, x += g.count * g.inner, y += g.taken * g.inner) {
    for (std::int32_t i = 0; i < g.inner; ++i) {
      std::int32_t last = -1;
      for (std::int32_t k = 0; k < g.taken; ++k) {
        last = next_in_order(g, x + i, last);
        y[k * g.inner + i] = x[last * g.inner + i];
      }
    }
  }
}

/// Along the middle of [outer, count, inner].
struct CumSumGeometry {
  std::int32_t outer, count, inner, exclusive, reverse;
};

/// Source: TensorFlow Lite reference_ops::CumSum.  y may be x.
template <class Geometry>
void cumsum(const Geometry& g, const float* x, float* y) {
  for (std::int32_t o = 0; o < g.outer; ++o, x += g.count * g.inner, y += g.count * g.inner) {
    for (std::int32_t i = 0; i < g.inner; ++i) {
      float sum = 0.0f;
      for (std::int32_t c = 0; c < g.count; ++c) {
        const std::int32_t at = (g.reverse != 0 ? g.count - 1 - c : c) * g.inner + i;
        const float v = x[at];
        y[at] = g.exclusive != 0 ? sum : sum + v;
        sum += v;
      }
    }
  }
}

}  // namespace mote::device
