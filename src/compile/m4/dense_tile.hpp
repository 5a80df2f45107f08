#pragma once
// Dense layers in assembly: 8 outputs at once, weights read once, straight from flash.
//
// Packed weights as in conv_tile.hpp. Four inputs and eight outputs are a step of 39 cycles for 32
// multiply-accumulates: 2 loads of inputs and 8 of weights in bursts of 2 (a burst costs one cycle more than
// it has loads, and loads from RAM and flash do not overlap), 8 SXTB16, 16 SMLAD. Flash adds 3.95 cycles for every 8
// bytes.
//
//   r0 input, 4 bytes behind   r1 weights, 4 bytes behind   r2 r3 weights   r12 lr inputs   r4-r11 sums R, L of the
//   pairs 01 23 45 67 s0 input   s1 end of the loop   s2 parameters   s3 output   s4 groups left   s5 s6 s7 of the
//   layer where all its channels share them

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

constexpr std::int32_t kDenseGroup = 8;

struct DenseTile {
  std::int32_t steps = 0;     ///< of four inputs
  std::int32_t channels = 8;  ///< of a group that are stored
  std::int32_t body = 6;      ///< steps in a turn of the loop and behind it, at most
  bool uniform = false;       ///< multiplier, offset and shift are the layer's
  bool exact = false;
  std::int32_t shift_high = 0, shift_low = 0;
  std::int32_t clamp_low = -128, clamp_high = 127;

  [[nodiscard]] std::string name() const;
};

/// Words before the groups' (uniform): multiplier high, multiplier low, offset low; exact: multiplier, rounding, shift.
constexpr std::int32_t kDenseLayerWords = 3;
/// Words of a group: 8 biases (R, L a pair); unless uniform then for each channel its multiplier, offset (low channels
/// only; exact: rounding, shift).
[[nodiscard]] std::int32_t dense_group_words(const DenseTile& tile);

[[nodiscard]] AssemblyFunction emit_dense_tile(const DenseTile& tile);

}  // namespace mote::compile::m4
