#pragma once
// Private to the module: forms of layers for cores with vector instructions (Helium).

#include "conv_layer.hpp"
#include "depthwise_layer.hpp"
#include "lower.hpp"
#include "vectors/conv_tile.hpp"

namespace mote::compile {

/// How a layer's sums become bytes.
[[nodiscard]] vectors::End vector_end(const device::ConvGeometry& g, const graph::ChannelTables& tables);

/// Conv2D and Dense whose weights have no zero point; nothing where its loop cannot be emitted.
[[nodiscard]] std::optional<LoweredOp> vector_conv(const ConvLayer& layer, const std::string& symbol,
                                                   const LoweringOptions& options);

/// DepthwiseConv2D whose weights have no zero point; nothing where its loop cannot be emitted.
[[nodiscard]] std::optional<LoweredOp> vector_depthwise(const DepthwiseLayer& layer, const std::string& symbol,
                                                        const LoweringOptions& options);

}  // namespace mote::compile
