#pragma once
// The cycle model proper: is told of every executed instruction and data access, and counts. Knows neither the emulator
// nor what is measured. docs/cycle-model.md describes the rules; each is tested on hand-computed sequences.

#include <cstdint>
#include <functional>
#include <vector>

#include "decode.hpp"
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
    if (i.flags & (single_load | if_then)) {
      const bool pipelined = i.is(single_load) && previous_->is(single_load) && (previous_->loads & i.address) == 0;
      const bool folded = i.is(if_then) && previous_->bytes == 2;
      cost -= (pipelined || folded) ? 1u : 0u;
    }
    counts_.core_cycles += cost;
    counts_.load_uses += (previous_->loads & i.reads) != 0 ? 1u : 0u;
    counts_.unaligned_wide += (i.flags & unaligned_wide) >> 4;
    if (it_left_ != 0) --it_left_;
    if (i.is(if_then)) it_left_ = i.it_length;
    const std::uint32_t line = instruction_cache_.line_of(address);
    if (line != fetch_line_) [[unlikely]]
      fetch_line(line, address);
    expected_ = address + i.bytes;
    previous_ = &i;
  }

  /// The instruction issued last reads or writes `bytes` at `address`.
  void access(std::uint32_t address, std::uint32_t bytes, bool write) {
    // TRM 3.3.2: an unaligned access is split; a word at a multiple of 2 into two transfers, at an odd address into
    // three.
    const std::uint32_t alignment = bytes < 4 ? bytes : 4;
    if ((address & (alignment - 1)) != 0) counts_.core_cycles += (alignment == 4 && (address & 1u) != 0) ? 2 : 1;
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
  void fetch_line(std::uint32_t line, std::uint32_t address);
  void read_flash(std::uint32_t address, std::uint32_t bytes);

  CycleCounts counts_;
  const Instruction* previous_;
  std::uint32_t expected_ = 0xffffffff;
  std::uint32_t it_left_ = 0;
  std::uint32_t fetch_line_ = 0xffffffff;
  std::uint32_t flash_bytes_;
  std::vector<Instruction> flash_program_;  // by halfword
  std::vector<Instruction> ram_program_;    // by halfword from kRamBase; empty until something runs there
  std::uint32_t ram_bytes_;
  LineCache data_cache_;
  LineCache instruction_cache_;
  Decoder decode_;
  Fetch fetch_;
  Instruction skipped_;  // an instruction whose condition failed: only its length matters to what follows
  Instruction nothing_;  // stands for what ran before the first instruction, and for addresses outside of all memory
};

}  // namespace mote::board
