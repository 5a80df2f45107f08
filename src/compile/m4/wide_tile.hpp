#pragma once
// int16 convolutions and dense layers in assembly: up to 3 pixels x 2 channels, or 1 pixel x 4 channels.
//
// Four int8 weights of a channel are a word, in the order 0, 2, 1, 3, so that SXTB16 gives two of them as they meet the
// inputs. Four inputs, 3 pixels and 2 channels are a step of 27 cycles for 24 multiply-accumulates: 2 loads of weights
// and 6 of inputs in 3 bursts, 4 SXTB16, 12 SMLAD. Sums wrap at 32 bits, which is exact where the last one fits.
//
//   r0 input   r1 weights   r2 r3 r10 r11 weights   r12 lr inputs   r4-r9 sums   s0 input   s2 parameters   s3 output
//   s4 groups left   s5 segments left   s6 end of the loop

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

struct WideTile {
  std::int32_t pixels = 1, channels = 2;    ///< 2 or 3 pixels: at most 2 channels; 1 pixel: at most 4
  std::int32_t segments = 1, elements = 0;  ///< a window: runs of elements
  std::int32_t segment_bytes = 0;           ///< from one to the next
  std::int32_t pixel_bytes = 0;             ///< from one pixel's window to the next one's
  std::int32_t output_bytes = 0;            ///< from one pixel's output to the next one's
  std::int32_t clamp_low = -32768, clamp_high = 32767;

  [[nodiscard]] std::string name() const;
  /// Offsets and counts are within the encodings.
  [[nodiscard]] bool encodes() const;
};

/// Whether results can be cut to low..high: RELU and its like, or nothing below.
[[nodiscard]] inline bool wide_tile_clamps(std::int32_t low, std::int32_t high) {
  return (low == -32768 || low == 0) && high >= 0;
}

[[nodiscard]] AssemblyFunction emit_wide_tile(const WideTile& tile);

}  // namespace mote::compile::m4
