#pragma once
// Private to the module: the portable int8 convolutions arranged so that a host compiler vectorises them. Same sums in
// another order; integer addition does not care, so the bytes are those of device/kernels (executor_test holds them
// against each other).

#include <cstdint>
#include <vector>

#include "kernels/geometry.hpp"
#include "kernels/requantize.hpp"

namespace mote::graph {

/// Working memory of one layer.
struct HostConvScratch {
  std::vector<std::int16_t> column;
  std::vector<std::int16_t> weights;  ///< widened, rows padded to `padded`
  std::vector<std::int32_t> sums;
  std::int32_t padded = 0;
};

[[nodiscard]] HostConvScratch prepare_host_conv(const device::ConvGeometry& g, const std::int8_t* weights);
void host_conv2d(const device::ConvGeometry& g, const std::int8_t* x, const device::ChannelParams& params,
                 std::int8_t* y, HostConvScratch& scratch);

void host_depthwise(const device::ConvGeometry& g, const std::int8_t* x, const std::int8_t* weights,
                    const device::ChannelParams& params, std::int8_t* y, HostConvScratch& scratch);

}  // namespace mote::graph
