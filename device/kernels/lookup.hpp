#pragma once
// Functions of one int8 element, as a table of 256 results: exact whatever the function, and as fast as memory.

#include <cstdint>

namespace mote::device {

/// y[i] = table[x[i]]; the table is indexed by the byte's unsigned value. y may be x.
inline void lookup(const std::int8_t* table, const std::int8_t* x, std::int8_t* y, std::int32_t count) {
  for (; count >= 4; count -= 4, x += 4, y += 4) {
    std::uint32_t in;
    __builtin_memcpy(&in, x, 4);
    const std::uint32_t out = static_cast<std::uint8_t>(table[in & 0xffu]) |
                              static_cast<std::uint32_t>(static_cast<std::uint8_t>(table[in >> 8 & 0xffu])) << 8 |
                              static_cast<std::uint32_t>(static_cast<std::uint8_t>(table[in >> 16 & 0xffu])) << 16 |
                              static_cast<std::uint32_t>(static_cast<std::uint8_t>(table[in >> 24])) << 24;
    __builtin_memcpy(y, &out, 4);
  }
  for (; count > 0; --count) *y++ = table[static_cast<std::uint8_t>(*x++)];
}

}  // namespace mote::device
