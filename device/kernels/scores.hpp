#pragma once
// What classifiers do with their scores: float32, with the same bits on every machine (no product is added to anything,
// so nothing can be contracted).

#include <cstdint>

#include "kernels/float_bits.hpp"

namespace mote::device {

inline float negated(float v) { return float_of(bits_of(v) ^ 0x80000000u); }

/// Source: ONNX Runtime ComputeLogistic.
inline float logistic_float(float x) {
  const float v = divided(1.0f, 1.0f + exp_float(x < 0.0f ? x : negated(x)));
  return x < 0.0f ? 1.0f - v : v;
}

struct ScoresGeometry {
  std::int32_t count;  ///< of inputs
};

template <class Geometry>
void scores_logistic(const Geometry& g, const float* x, float* y) {
  for (std::int32_t i = 0; i < g.count; ++i) y[i] = logistic_float(x[i]);
}

/// @param skip_zeros  scores within 1e-7 of zero give their e^-largest-fold, not their power (SOFTMAX_ZERO).
/// x and y may be the same.  Source: ONNX Runtime ComputeSoftmax, ComputeSoftmaxZero.
template <class Geometry>
void scores_softmax(const Geometry& g, const float* x, float* y, bool skip_zeros) {
  float largest = x[0], sum = 0.0f;
  for (std::int32_t i = 1; i < g.count; ++i) largest = x[i] > largest ? x[i] : largest;
  for (std::int32_t i = 0; i < g.count; ++i) {
    const float v = x[i];
    if (skip_zeros && !(v > 0.0000001f) && !(v < -0.0000001f)) {
      y[i] = v * exp_float(negated(largest));
    } else {
      y[i] = exp_float(v - largest);
      sum += y[i];
    }
  }
  // All scores skipped: 0 / 0, whose sign machines do not agree on.
  for (std::int32_t i = 0; i < g.count; ++i) y[i] = sum > 0.0f ? divided(y[i], sum) : float_of(0x7fc00000u);
}

/// The scores of two classes from the second one's: 1 - s and s, or -s and s.
inline void scores_pair(const float* x, float* y, bool complement) {
  const float s = x[0];
  y[0] = complement ? 1.0f - s : negated(s);
  y[1] = s;
}

}  // namespace mote::device
