#include "window.hpp"

namespace mote::formats::tflite {
namespace {

// Bounds that keep every product and sum of a window in 32 bits.
constexpr std::int32_t kMaxPlane = 1 << 24;
constexpr std::int32_t kMaxWindow = 1 << 15;

bool in_bounds(std::int32_t value) { return value >= 1 && value <= kMaxWindow; }

}  // namespace

Result<graph::Pads> explicit_pads(const OperatorReader& op, fb::Padding padding, const graph::Shape& input,
                                  const Window& window, const graph::Pads& before) {
  if (input.rank() != 4)
    return op.refuse(Code::unsupported, "its input has the shape " + input.text() + ", [1,H,W,C] is needed");
  for (const std::int32_t value :
       {window.kernel_h, window.kernel_w, window.stride_h, window.stride_w, window.dilation_h, window.dilation_w}) {
    if (!in_bounds(value)) {
      return op.refuse(Code::malformed, "its kernel, stride or dilation is " + std::to_string(value) +
                                            ", outside of 1 to " + std::to_string(kMaxWindow));
    }
  }
  if (input[1] > kMaxPlane || input[2] > kMaxPlane)
    return op.refuse(Code::too_large, "its input has the shape " + input.text());
  graph::Pads pads = before;
  if (padding == fb::Padding::SAME) {
    const auto [top, bottom] =
        graph::same_padding(input[1] + before.top + before.bottom, window.kernel_h, window.stride_h, window.dilation_h);
    const auto [left, right] =
        graph::same_padding(input[2] + before.left + before.right, window.kernel_w, window.stride_w, window.dilation_w);
    pads.top += top;
    pads.bottom += bottom;
    pads.left += left;
    pads.right += right;
  } else if (padding != fb::Padding::VALID) {
    return op.refuse(Code::malformed,
                     "its padding is number " + std::to_string(static_cast<int>(padding)) + ", neither SAME nor VALID");
  }
  for (const std::int32_t pad : {pads.top, pads.bottom, pads.left, pads.right}) {
    if (pad > kMaxPad)
      return op.refuse(Code::too_large, "its window needs " + std::to_string(pad) + " rows or columns of zeros");
  }
  return pads;
}

std::optional<fb::Padding> padding_word(const graph::Shape& input, const Window& window, const graph::Pads& pads) {
  if (pads == graph::Pads{}) return fb::Padding::VALID;
  const auto [top, bottom] = graph::same_padding(input[1], window.kernel_h, window.stride_h, window.dilation_h);
  const auto [left, right] = graph::same_padding(input[2], window.kernel_w, window.stride_w, window.dilation_w);
  if (pads == graph::Pads{top, bottom, left, right}) return fb::Padding::SAME;
  return std::nullopt;
}

}  // namespace mote::formats::tflite
