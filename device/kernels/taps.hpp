#pragma once
// Which taps of a window lie inside the input.

#include <cstdint>

namespace mote::device {

/// Along one axis: taps [first, end) of a window of `kernel` taps whose first would read position `start`; first <=
/// end.
struct Taps {
  std::int32_t first, end;
  constexpr Taps(std::int32_t start, std::int32_t kernel, std::int32_t dilation, std::int32_t size)
      : first(start < 0 ? (-start + dilation - 1) / dilation : 0), end(kernel) {
    if (start + (kernel - 1) * dilation >= size) end = start >= size ? 0 : (size - 1 - start) / dilation + 1;
    if (end < first) end = first;
  }
};

}  // namespace mote::device
