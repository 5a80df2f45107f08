#pragma once
// The loop of a convolution on a core with vector instructions: one or two pixels and four output channels at once,
// sums over 16 bytes an instruction.

#include <cstdint>

#include "mote/compile/lowering.hpp"

namespace mote::compile::vectors {

/// How sums become bytes: requantize() of device/kernels/requantize.hpp for four channels in a vector.
///
/// VQRDMULH is its first rounding, VRSHL the second but for ties of negative values, which it rounds up and TensorFlow
/// Lite away from zero: one less before the shift makes them equal, and changes nothing but a tie. Where the result is
/// clamped at the zero point or above, negative values are clamped whatever their rounding, and that step is left out.
struct End {
  bool left_shifts = false;        ///< some channel is shifted to the left first
  bool negatives = false;          ///< values below the zero point matter
  bool zero_shifts = false;        ///< some channel has no shift to the right
  std::int32_t common_shift = -1;  ///< to the right, of all channels; negative: they differ
  std::int32_t output_zero = 0, clamp_low = -128, clamp_high = 127;
  auto operator<=>(const End&) const = default;

  /// Vectors of four words that a group of channels has: biases, multipliers, and what differs of the shifts.
  [[nodiscard]] int vectors() const { return 2 + (left_shifts ? 1 : 0) + (common_shift < 0 ? 1 : 0); }
};

/// Windows are read in segments, each a run of neighbouring bytes: the rows of a window where they lie, or, gathered
/// side by side before, the window as one.
struct ConvTile {
  int pixels = 2;                 ///< at once, 1 or 2; a run of two or more may have an odd number
  std::int32_t segments = 1;      ///< of a window
  std::int32_t run = 16;          ///< bytes of a segment
  std::int32_t kernel_h = 1;      ///< rows that the job has
  std::int32_t gathers = 0;       ///< runs of each row that are gathered; 0: windows are read where they lie
  std::int32_t gathered_run = 0;  ///< bytes of one
  std::int32_t gather_step = 0;   ///< bytes from one to the next
  std::int32_t out_c = 4;
  End end;
};

/// Whether the loop's code is of a size that makes sense.
[[nodiscard]] bool can_emit(const ConvTile& tile);
/// device::VectorRun. Its panels: for each four channels, weights in steps of 16 x 4 channels, then what ends them.
[[nodiscard]] AssemblyFunction emit_conv_tile(const ConvTile& tile);

/// device::PaddedRun.
[[nodiscard]] AssemblyFunction emit_padded_run();

}  // namespace mote::compile::vectors
