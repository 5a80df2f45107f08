#pragma once
// Operators on integers held in float tensors, with the device's arithmetic forward and straight-through gradients
// backward. A value tensor holds q - zero_point: exact, and padding is 0.

#include <cstdint>
#include <vector>

#include "functional.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::train {

/// Real values to integers minus zero point, as the int8 model's Quantize operator; no gradient.
[[nodiscard]] Tensor quantize_values(const Tensor& x, const graph::Quantization& q);

/// Real weights to integers. The gradient is divided by the scale.  @param outer  true: scales run along dimension 0;
/// false: along the last
[[nodiscard]] Tensor quantize_weights(const Tensor& weights, const std::vector<float>& scales, bool outer);

/// Accumulators to integers of the output's quantization.
struct Requantization {
  std::vector<float> accumulator_scales;  ///< input scale * weight scale, by channel
  graph::Quantization output;
  graph::RequantParams params;
  graph::ClampLimits limits;
};
/// @param accumulators  [..., C], exact integers in float or, where 24 bits do not hold them, double   @param bias real
/// [C], or undefined
/// @param range  when not null: widened to the real values before rounding and after the operator's own activation
[[nodiscard]] Tensor requantize(const Tensor& accumulators, const Tensor& bias, const Requantization& how,
                                Limits real_limits, graph::Range* range);

/// `exact` forward; backward the gradient goes to `smooth`, of the same shape.
[[nodiscard]] Tensor straight_through(const Tensor& smooth, const Tensor& exact);

/// As int8, for the device's kernels, and back.
[[nodiscard]] std::vector<std::int8_t> to_int8(const Tensor& centered, std::int32_t zero_point);
[[nodiscard]] Tensor from_int8(const std::vector<std::int8_t>& integers, std::int32_t zero_point,
                               torch::IntArrayRef sizes);

}  // namespace mote::train
