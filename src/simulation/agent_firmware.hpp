#pragma once
// The update firmware, built for each core when mote is built and part of the program.

#include "mote/base/bytes.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::simulation {

/// An ELF; lives as long as the program.
/// @error unsupported  there is none for the board's core.
[[nodiscard]] Result<ByteSpan> agent_firmware(const board::BoardSpec& board);

}  // namespace mote::simulation
