#pragma once
// From real ranges to integer parameters, by TensorFlow Lite's rules.

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::graph {

struct Range {
  float low = 0.0f;
  float high = 0.0f;
};

/// Observed or learned range of each value tensor, by tensor name. Made by calibration, read by the pass `quantize`.
using Ranges = std::map<std::string, Range>;

/// int8 activation parameters for a range; the range is widened to contain 0, and 0 is exactly representable.
[[nodiscard]] Quantization activation_quantization(Range range);

/// Symmetric int8 weight scales: max |w| / 127 for each slice along `axis` (0 for conv and dense, 3 for depthwise),
/// zero point 0. An all-zero slice gets the smallest normal-sized scale that keeps its multiplier representable.
/// @param largest_scale  scales above it are cut to it: weights then saturate; see largest_weight_scale()
[[nodiscard]] Quantization weight_quantization(const Tensor& weights, std::int32_t axis,
                                               float largest_scale = std::numeric_limits<float>::infinity());

/// Weight scale at which one unit of the accumulator is just under half a unit of the output. A channel beyond it
/// (batch norm folded into a filter whose input never moves) saturates at the first step of its input anyway, and its
/// multiplier, one half or more, would keep the layer from fast kernels.
[[nodiscard]] float largest_weight_scale(const Quantization& input, const Quantization& output);

/// A positive real factor as int32 mantissa in [2^30, 2^31) and power of two: factor = mantissa * 2^(shift - 31).
struct FixedMultiplier {
  std::int32_t mantissa = 0;
  std::int32_t shift = 0;
};
[[nodiscard]] FixedMultiplier fixed_multiplier(double factor);

/// Clamp limits in the quantized domain of `output` for an activation.
struct ClampLimits {
  std::int32_t low = -128;
  std::int32_t high = 127;
};
[[nodiscard]] ClampLimits clamp_limits(Activation activation, const Quantization& output, DType type = DType::i8);

/// Everything a convolution, depthwise or dense operator needs besides weights, per output channel.
struct RequantParams {
  std::vector<std::int32_t> multipliers;
  std::vector<std::int32_t> shifts;  ///< TFLite's sign: positive is left
};
[[nodiscard]] RequantParams requant_params(const Quantization& input, const Quantization& weights,
                                           const Quantization& output, std::size_t channels);

}  // namespace mote::graph
