#pragma once
// Private to the module: a convolution or dense layer as its lowerings look at it.

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "m4/requantizer.hpp"
#include "mote/compile/lowering.hpp"
#include "mote/graph/integer_params.hpp"

namespace mote::compile {

struct ConvLayer {
  device::ConvGeometry g;
  graph::ChannelTables tables;
  std::span<const std::int8_t> weights;
  std::int32_t window;  // elements

  [[nodiscard]] std::int32_t weight(std::int32_t c, std::int32_t i) const {
    return weights[static_cast<std::size_t>(c * window + i)];
  }
  /// Sum of products over all inputs, zero point taken for an ordinary value: least and greatest; and what the zero
  /// point adds.
  struct Range {
    std::int64_t low = 0, high = 0, zero = 0;
    bool live = false;
  };
  [[nodiscard]] Range range(std::int32_t c) const {
    Range r;
    for (std::int32_t i = 0; i < window; ++i) {
      const std::int32_t w = weight(c, i);
      r.low += std::min(w * -128, w * 127);
      r.high += std::max(w * -128, w * 127);
      r.zero += static_cast<std::int64_t>(w) * g.input_zero;
      r.live = r.live || w != 0;
    }
    return r;
  }
  [[nodiscard]] m4::ChannelRule rule(std::int32_t c) const {
    const Range r = range(c);
    const auto k = static_cast<std::size_t>(c);
    // The zero point's part is taken off by the bias.
    return {tables.multiplier[k],
            tables.shift[k],
            g.output_zero,
            g.clamp_low,
            g.clamp_high,
            static_cast<std::int32_t>(tables.bias[k] - r.zero),
            r.low,
            r.high};
  }
  [[nodiscard]] bool biases_fit() const {
    for (std::int32_t c = 0; c < g.out_c; ++c) {
      const std::int64_t bias = tables.bias[static_cast<std::size_t>(c)] - range(c).zero;
      if (bias != static_cast<std::int32_t>(bias)) return false;
    }
    return true;
  }
};

/// A word of the emitted constants.
inline std::int64_t word(std::int64_t v) { return static_cast<std::int64_t>(static_cast<std::uint32_t>(v)); }

/// A layer with a single output pixel whose window is the whole input, on a Cortex-M4; nothing where it is not, or not
/// exact.
[[nodiscard]] std::optional<LoweredOp> lower_dense_tiles(const ConvLayer& layer, const std::string& symbol,
                                                         const LoweringOptions& options);

/// A 3x3 convolution of stride 1 in Winograd's form, on a Cortex-M4; nothing where it is not, or not exact.
[[nodiscard]] std::optional<LoweredOp> lower_winograd(const ConvLayer& layer, const std::string& symbol,
                                                      const LoweringOptions& options);

}  // namespace mote::compile
