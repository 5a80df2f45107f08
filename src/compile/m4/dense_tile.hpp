#pragma once
// Dense layers in assembly: several outputs at once, weights read once, in order, straight from flash. Two forms, both
// with products of sums instead of sums of products (Winograd, "A new algorithm for inner product", 1968): with inputs
// x and weights l,
//
//     (x0 + l1) (x1 + l0) = x0 l0 + x1 l1 + x0 x1 + l0 l1.
//
// SXTAB16 extends weights to 16 bits and adds inputs at once, so one multiplication serves where two were. What the
// inputs add is the same for all outputs, what the weights add is a constant of the bias. Sums may wrap.
//
// *Pairs*: 8 outputs, weights packed as in conv_tile.hpp. The sum R of whole lanes 256 h + l takes SMLAD as it is, the
// sum L of their low bytes is of the form above. Four inputs and eight outputs are a step of 35 cycles for 32
// multiply-accumulates: 2 loads of inputs, 4 bursts of 2 words of weights (a burst costs one cycle more than it has
// loads, and loads from RAM and flash do not overlap), 8 SMLAD, 8 SXTAB16, 4 SMLAD. Flash adds 3.95 cycles for every 8
// bytes. Inputs are widened before.
//
//   r0 input, 4 bytes behind   r1 weights   r2 r3 weights of a pair   r12 inputs 0, 2   lr inputs 1, 3   r4-r11 sums R,
//   L of the pairs 01 23 45 67
//
// *Singles*: up to 4 outputs, weights as the model has them, sums of any size, inputs from where they are. Four inputs
// and four outputs are a step of 23 cycles for 16 multiply-accumulates: a word of inputs and 2 bursts of 2 words of
// weights, 3 to extend and multiply the inputs, 8 SXTAB16, 4 SMLAD.
//
//   r0 input   r1 weights   r2-r5 weights of the outputs   r6-r9 sums   r10 products of inputs   r11 inputs 0, 2
//   r12 inputs 1, 3   lr spare
//
//   s0 input   s1 end of the loop   s2 products of inputs, or the last inputs where they are no word   s3 output
//   s4 end of the groups   s5 s6 s7 of the layer where all its channels share them

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

struct DenseTile {
  bool pairs = true;          ///< else singles
  std::int32_t steps = 0;     ///< of four inputs
  bool partial = false;       ///< singles: the last step has fewer than four
  std::int32_t channels = 8;  ///< of a group that are stored
  std::int32_t body = 8;      ///< steps in a turn of the loop and behind it, at most
  bool uniform = false;       ///< multiplier, offset and shift are the layer's
  bool exact = false;
  std::int32_t shift_high = 0, shift_low = 0;  ///< exact and uniform: the low one
  std::int32_t clamp_low = -128, clamp_high = 127;

  [[nodiscard]] std::string name() const;
  /// Outputs of a group: sums, and words of weights for each step.
  [[nodiscard]] std::int32_t group() const { return pairs ? 8 : channels; }
};

/// Words before the groups (uniform): multiplier of high channels, multiplier and offset of low ones; exact:
/// multiplier, rounding; and as many as fill up lines of the flash.
constexpr std::int32_t kDenseLayerWords = 4;
/// Words of a group: biases (R, L a pair); weights; unless uniform then for each pair the multiplier of the high
/// channel, multiplier and offset of the low one, singles multiplier and offset; exact: for each channel multiplier,
/// rounding, shift.
[[nodiscard]] std::int32_t dense_group_words(const DenseTile& tile);

/// About what a layer takes, fetching the code included.
[[nodiscard]] std::int64_t dense_cycles(const DenseTile& tile, std::int32_t groups, bool weights_in_ram);
/// The best `body` for a layer of so many groups: turns of the loop cost cycles, and so does fetching straight code.
[[nodiscard]] std::int32_t dense_body(const DenseTile& tile, std::int32_t groups);

[[nodiscard]] AssemblyFunction emit_dense_tile(const DenseTile& tile);

}  // namespace mote::compile::m4
