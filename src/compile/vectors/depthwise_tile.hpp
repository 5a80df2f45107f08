#pragma once
// The loop of a depthwise convolution on a core with vector instructions: sixteen channels at once.

#include <cstdint>
#include <vector>

#include "vectors/conv_tile.hpp"

namespace mote::compile::vectors {

/// Products are of 16 bits and summed in groups of taps whose sums stay below 2^15 for every input; groups are widened
/// and summed in 32 bits.
struct DepthwiseTile {
  std::int32_t kernel_h = 1, kernel_w = 1;
  std::int32_t tap_bytes = 0;        ///< from a tap to the next in its row, at most 127; 0: the run says
  std::vector<std::int32_t> groups;  ///< taps of each, in their order
  bool partial = false;              ///< a pixel's last vector is not a whole one
  bool folded = false;  ///< channels repeat within 16 bytes: a row of pixels is one of as many channels, each vector
                        ///< with the same panel
  End end;
};

/// Channels of the four vectors of words that sixteen become, in the order in which the panel ends them.
constexpr std::int32_t kDepthwiseQuads[4][4] = {{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}};

[[nodiscard]] bool can_emit(const DepthwiseTile& tile);
/// device::VectorRun. Its panels: for each 16 channels, the weights of each tap, then what ends each quad.
[[nodiscard]] AssemblyFunction emit_depthwise_tile(const DepthwiseTile& tile);

}  // namespace mote::compile::vectors
