#pragma once
// The step between features and model: int16 features to the model's int8 input, by TensorFlow Lite's requantization.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

/// int8 = clamp(feature * multiplier * 2^(shift - 31) + zero_point), as TensorFlow Lite rounds it.
struct FeatureQuantization {
  std::int32_t multiplier;  ///< in [2^30, 2^31)
  std::int32_t shift;       ///< positive to the left; at most 14, so that an int16 cannot overflow
  std::int32_t zero_point;
};

inline void quantize_features(const std::int16_t* features, std::int32_t count, const FeatureQuantization& q,
                              std::int8_t* output) {
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int32_t scaled = multiply_by_quantized_multiplier(features[i], q.multiplier, q.shift);
    output[i] = static_cast<std::int8_t>(dsp::clamp_i32(scaled + q.zero_point, -128, 127));
  }
}

}  // namespace mote::device
