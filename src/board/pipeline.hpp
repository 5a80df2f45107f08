#pragma once
// The cycle model proper: is told of every executed instruction and data access, and counts. Knows neither the emulator
// nor what is measured. docs/cycle-model.md describes the rules; each is tested on hand-computed sequences.

#include <cstdint>
#include <functional>
#include <vector>

#include "decode.hpp"
#include "instruction_flash.hpp"
#include "line_cache.hpp"
#include "mote/board/cycle_model.hpp"

namespace mote::board {

class Pipeline {
 public:
  /// Reads the two halfwords at an address of the program.
  using Fetch = std::function<std::uint32_t(std::uint32_t address)>;

  Pipeline(const BoardSpec& board, Decoder decoder, Fetch fetch);

  /// The instruction at `address`, to be asked for its flags and then issued.
  const Instruction& lookup(std::uint32_t address) {
    const std::size_t index = address >> 1;
    if (index < flash_program_.size() && flash_program_[index].bytes != 0) [[likely]]
      return flash_program_[index];
    return instruction_at(address);
  }

  /// Charges what led to `address`: a taken branch, or instructions whose condition failed. `issue` does it too;
  /// calling it before makes `counts()` exclude the way to a function and include the way out.
  void arrive(std::uint32_t address) {
    if (address != expected_) [[unlikely]]
      account_for_gap(address);
  }

  /// Instruction `i` at `address` is about to run. Emulators report executed instructions only; those of an IT block
  /// whose condition failed are found here, in the gap.
  void issue(std::uint32_t address, const Instruction& i) {
    arrive(address);
    ++counts_.instructions;
    unsigned cost = i.cycles;
    pipelined_ = false;
    if (i.flags & (single_load | if_then)) {
      pipelined_ = i.is(single_load) && previous_->is(single_load) && (previous_->loads & i.address) == 0;
      const bool folded = i.is(if_then) && previous_->bytes == 2;
      cost -= (pipelined_ || folded) ? 1u : 0u;
    }
    counts_.core_cycles += cost;
    counts_.load_uses += (previous_->loads & i.reads) != 0 ? 1u : 0u;
    counts_.unaligned_wide += (i.flags & unaligned_wide) >> 4;
    if (it_left_ != 0) --it_left_;
    if (i.is(if_then)) it_left_ = i.it_length;
    const std::uint32_t part = instruction_flash_.part_of(address + i.bytes - 1u);
    if (part != fetched_) fetch_part(part, address);
    expected_ = address + i.bytes;
    previous_ = &i;
  }

  /// The instruction issued last reads or writes `bytes` at `address`.
  void access(std::uint32_t address, std::uint32_t bytes, bool write) {
    // TRM 3.3.2: an unaligned access is split; a word at a multiple of 2 into two transfers, at an odd address into
    // three.
    const std::uint32_t alignment = bytes < 4 ? bytes : 4;
    if ((address & (alignment - 1)) != 0) counts_.core_cycles += (alignment == 4 && (address & 1u) != 0) ? 2 : 1;
    // A load overlaps the one before it on the bus that both use: the one of the code's memory or the one of RAM.
    const bool by_code_bus = address < kRamBase;
    if (pipelined_ && by_code_bus != by_code_bus_) ++counts_.core_cycles;
    by_code_bus_ = by_code_bus;
    if (write) {
      ++counts_.stores;
      return;
    }
    ++counts_.loads;
    if (address < flash_bytes_ && data_cache_.present()) read_flash(address, bytes);
  }

  [[nodiscard]] const CycleCounts& counts() const { return counts_; }
  /// The instruction issued last.
  [[nodiscard]] const Instruction& previous() const { return *previous_; }

  /// Empties the caches.
  void clear_caches();
  /// Forgets decoded instructions of a range of flash whose bytes have changed, marks included.
  void forget_program(std::uint32_t offset, std::uint32_t bytes);
  /// The decoded instruction at `address`, to mark it.
  Instruction& instruction_at(std::uint32_t address);

 private:
  void account_for_gap(std::uint32_t address);
  void fetch_part(std::uint32_t part, std::uint32_t address);
  /// Whole cycles so far on this board.
  [[nodiscard]] std::uint64_t now() const {
    return counts_.core_cycles + counts_.fetch_stalls + ((calibration() - fraction_) >> kFractionBits);
  }
  [[nodiscard]] std::uint64_t calibration() const {
    return counts_.flash_misses * added_.flash_miss + counts_.unaligned_wide * added_.unaligned_wide +
           counts_.load_uses * added_.load_use;
  }
  void read_flash(std::uint32_t address, std::uint32_t bytes);
  void miss_data();
  static std::uint64_t fixed_point(double cycles);

  static constexpr std::uint32_t kRamBase = 0x20000000;
  static constexpr unsigned kFractionBits = 10;

  CycleCounts counts_;
  const Instruction* previous_;
  std::uint32_t expected_ = 0xffffffff;
  std::uint32_t it_left_ = 0;
  bool pipelined_ = false;              // the instruction issued last is a load that took one cycle less
  bool by_code_bus_ = false;            // the last access was
  std::uint32_t fetched_ = 0xffffffff;  // the part of flash that the instruction issued last ends in
  std::uint32_t flash_bytes_;
  std::vector<Instruction> flash_program_;  // by halfword
  std::vector<Instruction> ram_program_;    // by halfword from kRamBase; empty until something runs there
  std::uint32_t ram_bytes_;
  LineCache data_cache_;
  InstructionFlash instruction_flash_;
  struct {
    std::uint64_t flash_miss, unaligned_wide, load_use;
  } added_;  // the calibration in fixed point
  std::uint64_t fraction_ =
      0;  // of a cycle, from before the caches were cleared: what comes then does not depend on it
  Decoder decode_;
  Fetch fetch_;
  Instruction skipped_;  // an instruction whose condition failed: only its length matters to what follows
  Instruction nothing_;  // stands for what ran before the first instruction, and for addresses outside of all memory
};

}  // namespace mote::board
