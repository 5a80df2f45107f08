#pragma once
// Windows of convolutions and pools: the format knows the words SAME and VALID, the graph knows numbers of rows and
// columns.

#include <optional>

#include "model_reader.hpp"
#include "mote/graph/graph.hpp"

namespace mote::formats::tflite {

/// Rows or columns of zeros on one side, at most. Beyond any kernel's reach, and small enough for sums in 32 bits.
constexpr std::int32_t kMaxPad = 1 << 16;

struct Window {
  std::int32_t kernel_h, kernel_w, stride_h, stride_w;
  std::int32_t dilation_h = 1, dilation_w = 1;
};

/// The pads that SAME or VALID mean for a value [1,H,W,C] with `before` around it already.
/// @error malformed, unsupported, too_large  numbers that no window has.
[[nodiscard]] Result<graph::Pads> explicit_pads(const OperatorReader& op, fb::Padding padding,
                                                const graph::Shape& input, const Window& window,
                                                const graph::Pads& before);

/// The word for `pads`, or nothing when only a PAD operator in front can express them.
[[nodiscard]] std::optional<fb::Padding> padding_word(const graph::Shape& input, const Window& window,
                                                      const graph::Pads& pads);

}  // namespace mote::formats::tflite
