#pragma once
// Private to the module: a depthwise convolution as its lowerings look at it.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/geometry.hpp"
#include "m4/requantizer.hpp"
#include "mote/graph/integer_params.hpp"

namespace mote::compile {

struct DepthwiseLayer {
  device::ConvGeometry g;
  graph::ChannelTables tables;
  std::span<const std::int8_t> weights;  // [kernel_h, kernel_w, channels]

  [[nodiscard]] std::int32_t taps() const { return g.kernel_h * g.kernel_w; }
  /// @param tap  ky * kernel_w + kx
  [[nodiscard]] std::int32_t weight(std::int32_t c, std::int32_t tap) const {
    return weights[static_cast<std::size_t>(tap * g.out_c + c)];
  }
  [[nodiscard]] std::int32_t weight(std::int32_t c, std::int32_t ky, std::int32_t kx) const {
    return weight(c, ky * g.kernel_w + kx);
  }
  /// The bias less the zero point's part of the sums.
  [[nodiscard]] std::int64_t bias(std::int32_t c) const {
    std::int64_t sum = 0;
    for (std::int32_t i = 0; i < taps(); ++i) sum += weight(c, i);
    return tables.bias[static_cast<std::size_t>(c)] - sum * g.input_zero;
  }
  /// The bias takes the zero point's part of the sums; nothing where it would not fit.
  [[nodiscard]] std::optional<m4::ChannelRule> rule(std::int32_t c) const {
    std::int64_t low = 0, high = 0;
    for (std::int32_t i = 0; i < taps(); ++i) {
      const std::int32_t w = weight(c, i);
      low += std::min(w * -128, w * 127);
      high += std::max(w * -128, w * 127);
    }
    const auto k = static_cast<std::size_t>(c);
    if (bias(c) != static_cast<std::int32_t>(bias(c))) return std::nullopt;
    return m4::ChannelRule{tables.multiplier[k],
                           tables.shift[k],
                           g.output_zero,
                           g.clamp_low,
                           g.clamp_high,
                           static_cast<std::int32_t>(bias(c)),
                           low,
                           high};
  }
};

}  // namespace mote::compile
