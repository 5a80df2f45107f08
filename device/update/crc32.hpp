#pragma once
// CRC-32 of IEEE 802.3 (reflected, polynomial 0xedb88320), as zlib and Ethernet have it. It finds accidents (torn
// writes, noise on a line), not attackers.

#include "update/bytes.hpp"

namespace mote::update {

/// @param crc  of the bytes before these; 0 at the beginning.
constexpr std::uint32_t crc32(Bytes bytes, std::uint32_t crc = 0) {
  // Half a byte at a time: a table of 64 bytes instead of 1,024, for twice the time.
  constexpr std::uint32_t kTable[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  crc = ~crc;
  for (std::size_t i = 0; i < bytes.size; ++i) {
    crc ^= bytes.data[i];
    crc = (crc >> 4) ^ kTable[crc & 15u];
    crc = (crc >> 4) ^ kTable[crc & 15u];
  }
  return ~crc;
}

}  // namespace mote::update
