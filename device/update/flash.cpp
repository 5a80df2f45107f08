#include "update/flash.hpp"

namespace mote::update {

bool program_padded(Port& port, std::uint32_t offset, Bytes value) {
  const std::uint32_t unit = port.layout().write_unit_bytes;
  while (value.size != 0) {
    std::uint8_t piece[32];  // the largest write unit
    for (std::uint8_t& byte : piece) byte = 0xff;
    const Bytes part = value.part(0, sizeof(piece));
    copy(piece, part);
    const auto count = static_cast<std::uint32_t>((part.size + unit - 1) / unit * unit);
    if (!port.program(offset, {piece, count})) return false;
    offset += count;
    value = value.part(part.size, value.size);
  }
  return true;
}

bool erase(Port& port, std::uint32_t offset, std::uint32_t bytes) {
  const std::uint32_t sector = port.layout().sector_bytes;
  for (std::uint32_t at = 0; at < bytes; at += sector) {
    if (!port.erase_sector(offset + at)) return false;
  }
  return true;
}

bool is_blank(Bytes bytes) {
  for (std::size_t i = 0; i < bytes.size; ++i) {
    if (bytes[i] != 0xff) return false;
  }
  return true;
}

}  // namespace mote::update
