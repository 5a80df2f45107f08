#pragma once
// Time and energy of a stretch of cycles: E = supply voltage x run current x time. The current is a data sheet's, not
// measured on the workload, so energy is an estimate wherever the board says so.

#include <cstdint>
#include <string>
#include <vector>

#include "mote/board/board_spec.hpp"

namespace mote::board {

struct Energy {
  double latency_ms = 0;
  double energy_uj = 0;                ///< 0 when unknown
  bool known = false;                  ///< the board states current and voltage
  std::vector<std::string> estimated;  ///< of "latency_ms", "energy_uj": those that rest on an estimate
};

[[nodiscard]] Energy energy(const BoardSpec& board, std::uint64_t cycles);

}  // namespace mote::board
