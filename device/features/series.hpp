#pragma once
// Time series as a module receives them: samples [count][channels] of int16, oldest first.
// Variable length: a little-endian u32 count stands before the samples. Fixed length: samples only.

#include <cstdint>

namespace mote::device {

struct Series {
  const std::int16_t* samples;  ///< [count][channels]
  std::int32_t count;           ///< samples per channel
};

/// Input layout "u32 count, then samples"; 4-byte aligned. A count above `max_length` reads as max_length: the count
/// comes from outside.
inline Series read_variable_series(const unsigned char* input, std::int32_t max_length) {
  const std::uint32_t count = static_cast<std::uint32_t>(input[0]) | static_cast<std::uint32_t>(input[1]) << 8 |
                              static_cast<std::uint32_t>(input[2]) << 16 | static_cast<std::uint32_t>(input[3]) << 24;
  const bool fits = count <= static_cast<std::uint32_t>(max_length);
  return {reinterpret_cast<const std::int16_t*>(input + 4), fits ? static_cast<std::int32_t>(count) : max_length};
}

/// Input layout "samples only"; 2-byte aligned.
inline Series read_fixed_series(const unsigned char* input, std::int32_t length) {
  return {reinterpret_cast<const std::int16_t*>(input), length};
}

}  // namespace mote::device
