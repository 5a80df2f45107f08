#pragma once
// Private to the tests: a board for each core.

#include "mote/board/board_spec.hpp"
#include "mote/board/core.hpp"

namespace mote::bench {

/// A board of the least size: what fits it fits every machine of QEMU.
inline board::BoardSpec board_with(const board::CoreSpec& core) {
  board::BoardSpec board = *board::find_board("mps2-an386");
  board.name = core.name;
  board.core = core.name;
  board.dsp = core.dsp;
  board.fpu = core.fpu;
  board.flash_bytes = 256 << 10;
  board.ram_bytes = 16 << 10;
  return board;
}

}  // namespace mote::bench
