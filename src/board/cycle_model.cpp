#include "mote/board/cycle_model.hpp"

#include <cmath>

namespace mote::board {

CycleCounts& CycleCounts::operator-=(const CycleCounts& earlier) {
  instructions -= earlier.instructions;
  core_cycles -= earlier.core_cycles;
  flash_misses -= earlier.flash_misses;
  unaligned_wide -= earlier.unaligned_wide;
  load_uses -= earlier.load_uses;
  fetch_misses -= earlier.fetch_misses;
  fetch_stalls -= earlier.fetch_stalls;
  loads -= earlier.loads;
  stores -= earlier.stores;
  return *this;
}

std::uint64_t cycles(const CycleCounts& counts, const Calibration& calibration) {
  const double added = calibration.flash_miss_cycles * static_cast<double>(counts.flash_misses) +
                       calibration.unaligned_wide_cycles * static_cast<double>(counts.unaligned_wide) +
                       calibration.load_use_cycles * static_cast<double>(counts.load_uses);
  return counts.core_cycles + counts.fetch_stalls + static_cast<std::uint64_t>(std::llround(added));
}

}  // namespace mote::board
