#pragma once
// What several parts do with flash besides programming whole write units.

#include "update/port.hpp"

namespace mote::update {

/// Programs `value`, with what is missing to whole write units filled by 0xff.
[[nodiscard]] bool program_padded(Port& port, std::uint32_t offset, Bytes value);

/// Erases sectors, the first at `offset`, the last with byte offset + bytes - 1 in it.
[[nodiscard]] bool erase(Port& port, std::uint32_t offset, std::uint32_t bytes);

/// Whether all bytes are as an erase leaves them.
[[nodiscard]] bool is_blank(Bytes bytes);

}  // namespace mote::update
