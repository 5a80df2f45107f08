#include "mote/graph/quantization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mote::graph {

Quantization activation_quantization(Range range) {
  // TensorFlow Lite: the range must contain zero, and zero must map to an integer exactly.
  const double low = std::min(0.0, static_cast<double>(range.low));
  const double high = std::max(0.0, static_cast<double>(range.high));
  if (high <= low) return Quantization::per_tensor(1.0f, 0);
  const auto scale = static_cast<float>((high - low) / 255.0);
  if (!(scale > std::numeric_limits<float>::min())) return Quantization::per_tensor(1.0f, 0);
  const double zero = -128.0 - low / static_cast<double>(scale);
  return Quantization::per_tensor(scale, static_cast<std::int32_t>(std::clamp(std::round(zero), -128.0, 127.0)));
}

Quantization weight_quantization(const Tensor& weights, std::int32_t axis, float largest_scale) {
  const std::span<const float> values = weights.values<float>();
  const auto slices = static_cast<std::size_t>(weights.shape[static_cast<std::size_t>(axis)]);
  std::size_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < weights.shape.rank(); ++i)
    inner *= static_cast<std::size_t>(weights.shape[i]);
  std::vector<float> largest(slices, 0.0f);
  for (std::size_t i = 0; i < values.size(); ++i) {
    float& m = largest[i / inner % slices];
    m = std::max(m, std::fabs(values[i]));
  }
  const float overall = *std::ranges::max_element(largest);
  Quantization q;
  q.axis = axis;
  for (const float m : largest) {
    // A slice far below the others would need a multiplier below 2^-31: its contribution is nil either way.
    const float floor = std::max(overall * 1e-6f, 1e-20f);
    q.scales.push_back(std::min(std::max(m, floor) / 127.0f, largest_scale));
    q.zero_points.push_back(0);
  }
  return q;
}

float largest_weight_scale(const Quantization& input, const Quantization& output) {
  return 0.4999f * output.scale() / input.scale();
}

FixedMultiplier fixed_multiplier(double factor) {
  MOTE_CHECK(factor >= 0.0 && std::isfinite(factor));
  if (factor == 0.0) return {};
  int exponent = 0;
  const double mantissa = std::frexp(factor, &exponent);
  auto fixed = static_cast<std::int64_t>(std::round(mantissa * 2147483648.0));
  if (fixed == std::int64_t{1} << 31) {
    fixed /= 2;
    ++exponent;
  }
  if (exponent < -31) return {};  // below half a unit for every int32 accumulator
  return {static_cast<std::int32_t>(fixed), exponent};
}

ClampLimits clamp_limits(Activation activation, const Quantization& output, DType type) {
  const double low = type == DType::i32 ? -2147483648.0 : type == DType::i16 ? -32768.0 : -128.0;
  const double high = -1.0 - low;
  const auto step = [&](double real) {
    return static_cast<std::int32_t>(
        std::clamp(std::round(real / static_cast<double>(output.scale())) + output.zero_point(), low, high));
  };
  switch (activation) {
    case Activation::none:
      return {static_cast<std::int32_t>(low), static_cast<std::int32_t>(high)};
    case Activation::relu:
      return {step(0.0), static_cast<std::int32_t>(high)};
    case Activation::relu6:
      return {step(0.0), step(6.0)};
    case Activation::relu_n1_to_1:
      return {step(-1.0), step(1.0)};
  }
  return {};
}

RequantParams requant_params(const Quantization& input, const Quantization& weights, const Quantization& output,
                             std::size_t channels) {
  RequantParams params;
  for (std::size_t c = 0; c < channels; ++c) {
    const float weight_scale = weights.per_channel() ? weights.scales[c] : weights.scale();
    // TensorFlow Lite multiplies in double after reading the scales as float.
    const double factor =
        static_cast<double>(input.scale()) * static_cast<double>(weight_scale) / static_cast<double>(output.scale());
    const FixedMultiplier m = fixed_multiplier(factor);
    params.multipliers.push_back(m.mantissa);
    params.shifts.push_back(m.shift);
  }
  return params;
}

}  // namespace mote::graph
