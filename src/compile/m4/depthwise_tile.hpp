#pragma once
// The depthwise convolution's inner kernel in assembly: whole channels, from planes of int16.
//
// A plane has one channel's inputs, padded, a line of int16 after the other; pairs (x, x+1) of neighbours in a line are
// words, and so are pairs of weights: of a kernel line w0 w1 w2 the words (w0, w1) and (w1, w2). An output at an even
// place is SMLAD(w01, first word) + w2 * (second word's low half), at an odd place w0 * (first word's high half) +
// SMLAD(w12, second word). "Lines" may be rows or columns of the image: whichever wastes fewer places.
//
//   r0-r5 weights   r6 input   r7-r10 sums   r11 r12 lr inputs
//   s0 output   s1 bias   s2 multiplier   s3 rounding   s4 shift   s5 lines left   s6 parameters   s7 channels left s8
//   plane   s9 output of the channel s10 tiles left   s11 job   s12 s13 (shared) distances of outputs   then weights
//   where they are more than six words

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

struct DepthwiseTile {
  std::int32_t kernel_lines = 3, kernel_places = 3;
  std::int32_t stride_lines = 1, stride_places = 1;
  std::int32_t dilation_lines = 1;
  std::int32_t phase = 0;   ///< place of the first output's first input in its word: 1 where the padding in front is
                            ///< odd, so that inputs begin at words
  std::int32_t places = 0;  ///< outputs of a line
  std::int32_t line_bytes = 0;          ///< of a plane
  std::int32_t output_place_bytes = 0;  ///< from an output to the next of its line
  std::int32_t output_line_bytes = 0;
  bool shared =
      false;  ///< the job says how far outputs are apart: layers that differ in channels alone share the function
  bool bytes = false;  ///< kernels 3 wide, saturating: a kernel line's weights are the bytes of one word and are taken
                       ///< apart once a channel
  bool exact = false;
  std::int32_t shift = 0;                           ///< saturating form
  std::int32_t clamp_low = -128, clamp_high = 127;  ///< exact form

  [[nodiscard]] std::string name() const;
};

/// Words of weights of a channel, in the order in which the parameters hold them: a kernel line's words, line after
/// line.
[[nodiscard]] std::int32_t weight_words(const DepthwiseTile& tile);
/// Weights (lo, hi) of word `i` of a kernel line, as places in the line; -1 is zero.
struct WeightPair {
  std::int32_t low, high;
};
[[nodiscard]] WeightPair weight_pair(const DepthwiseTile& tile, std::int32_t i);
/// Whether weights can be bytes.
[[nodiscard]] bool can_be_bytes(const DepthwiseTile& tile);
/// Words of a channel: weights (a word a kernel line where they are bytes), then bias, multiplier (saturating); bias,
/// multiplier, rounding, shift (exact).
[[nodiscard]] std::int32_t depthwise_words(const DepthwiseTile& tile);

[[nodiscard]] bool can_emit(const DepthwiseTile& tile);

/// Tiles of four outputs, or less, of a line.
[[nodiscard]] std::int32_t tiles_of_line(const DepthwiseTile& tile);

/// Brings lines of four channels into four planes, two and four places at a time; one function serves all layers. The
/// job is device::PlaneJob.
[[nodiscard]] AssemblyFunction emit_plane_gather();
[[nodiscard]] AssemblyFunction emit_depthwise_tile(const DepthwiseTile& tile);

}  // namespace mote::compile::m4
