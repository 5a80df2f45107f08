#pragma once
// The convolution's inner kernel: a tile of 2 pixels x 4 channels in assembly.
//
// Weights are packed: a 16-bit lane holds 256 * w[c] + w[c+1]. SMLAD of the lane gives R = 256 H + L, SXTB16 of the
// same register isolates w[c+1], a second SMLAD gives L alone. A step (two elements of the window) is 16
// multiply-accumulates: 4 loads (5 cycles), 8 SMLAD, 2 SXTB16 = 15 cycles.
//
//   r0 r1   weights of channels 01 and 23     r4  panel, 4 bytes behind     r6-r9    R01 (pixels a, b), L01 (a, b)
//   r2 r3   inputs of pixels a and b          r5  input, 4 bytes behind     r10-lr   R23 (a, b), L23 (a, b)
//   s0 panel   s1 end of its last loop   s2 output   s3 its end   s4-s7 biases   s8.. parameters   s14 end of the loop
//   s15 rows left
//
// The end of a tile, for each of the 8 results: [SUB] SMMUL or SMMLA, SSAT, STRB (requantizer.hpp); exact form: + sign
// correction, + shift by register.

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

/// Everything that the code depends on; equal shapes share one function.
struct ConvTile {
  // The window of a pixel: `segments` runs of `steps` pairs of int16 elements.
  std::int32_t segments = 1;
  std::int32_t steps = 0;
  std::int32_t segment_bytes = 0;  ///< from the begin of a run to that of the next; ignored for one segment
  std::int32_t step_bytes = 4;     ///< 4, or 8 where two pixels' elements alternate
  std::int32_t pixel_bytes = 4;    ///< from pixel a's input to pixel b's
  std::int32_t pair_bytes = 0;     ///< from a pair's input to the next pair's
  // Results, one byte each.
  std::int32_t output_pixel_bytes = 0;  ///< from pixel a's result to pixel b's
  std::int32_t output_pair_bytes = 0;
  bool rows = false;          ///< several rows of pairs in one call
  std::int32_t channels = 4;  ///< of the group that are stored
  /// One function for all layers of one segment with alternating pixels: the job says how many steps (a multiple of
  /// kSharedSteps) and how far pixels' results are apart; steps, pair_bytes and the output's bytes here are not looked
  /// at.
  bool shared = false;
  /// Few tiles a job: less code, which every job reads from flash anew, rather than fewer turns of loops.
  bool few = false;
  // End of the tile.
  bool exact = false;  ///< SMMLAR, sign, shift of each channel; else one instruction and these shifts
  std::int32_t shift_high = 0, shift_low = 0;       ///< saturating form
  std::int32_t clamp_low = -128, clamp_high = 127;  ///< exact form: beyond int8's own range

  [[nodiscard]] std::string name() const;
  bool operator==(const ConvTile&) const = default;
};

/// Steps of the shared form's loop.
constexpr std::int32_t kSharedSteps = 4;

/// Words of parameters a group of four channels has.
constexpr std::int32_t kSaturatingWords = 10;  ///< 4 biases (R, L, R, L), 4 multipliers, 2 offsets (L)
constexpr std::int32_t kExactWords = 9;        ///< 4 biases, 4 multipliers, 4 shifts in the bytes of a word

/// Cycles of one tile (2 pixels), by count: to compare forms, not to promise.
[[nodiscard]] std::int32_t tile_cycles(const ConvTile& tile, std::int32_t steps);

/// Whether the encodings reach: offsets of loads and stores.
[[nodiscard]] bool can_emit(const ConvTile& tile);
[[nodiscard]] AssemblyFunction emit_conv_tile(const ConvTile& tile);

}  // namespace mote::compile::m4
