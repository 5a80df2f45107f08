#pragma once
// What the cycle model counts and how the counts become cycles. The model and its error band: docs/cycle-model.md.

#include <cstdint>

namespace mote::board {

/// Counts over a stretch of executed code. Exact and deterministic; only `Calibration` carries fitted numbers.
struct CycleCounts {
  std::uint64_t instructions = 0;    ///< executed, instructions of an IT block whose condition failed included
  std::uint64_t core_cycles = 0;     ///< Cortex-M4 TRM table with zero wait states
  std::uint64_t flash_misses = 0;    ///< flash data reads that the flash data cache did not hold, in cache lines
  std::uint64_t unaligned_wide = 0;  ///< 32-bit instructions at an address that is not a multiple of 4
  std::uint64_t load_uses = 0;       ///< instructions that read a register which the instruction before loaded
  std::uint64_t fetch_misses = 0;    ///< reads of the flash for instructions that no cache held
  std::uint64_t fetch_stalls = 0;    ///< cycles in which the core waited for those, or its data for them
  std::uint64_t loads = 0;           ///< data reads, one per access on the bus
  std::uint64_t stores = 0;          ///< data writes

  bool operator==(const CycleCounts&) const = default;
  CycleCounts& operator-=(const CycleCounts& earlier);
  friend CycleCounts operator-(CycleCounts later, const CycleCounts& earlier) { return later -= earlier; }
};

/// Cycles that a board adds to the core's own, per counted event. All zero: the core with zero wait states.
struct Calibration {
  double flash_miss_cycles = 0;
  double unaligned_wide_cycles = 0;
  double load_use_cycles = 0;
  bool fitted = false;  ///< fitted to published results of this very board; otherwise cycles are an estimate

  bool operator==(const Calibration&) const = default;
};

/// The core's cycles, those it waited for instructions, and the calibration's; rounded to whole cycles.
[[nodiscard]] std::uint64_t cycles(const CycleCounts& counts, const Calibration& calibration);

}  // namespace mote::board
