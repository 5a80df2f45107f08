#pragma once
// How long the core waits for instructions from flash: the accelerator of STM32L4 and kin (RM0432, flash memory
// acceleration; the same text in RM0440 and RM0351). One read at a time, of `read_bytes`, which takes the wait states
// and a cycle more. An instruction cache in lines whose parts are filled read by read; least recently used goes first.
// The part that follows the one being executed is read ahead. Data reads share the flash and wait for a read under way.
//
// It knows no instructions: it is told which part runs from when on. Time is in cycles of the core, stalls included.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "mote/board/board_spec.hpp"

namespace mote::board {

class InstructionFlash {
 public:
  explicit InstructionFlash(const BoardSpec& board)
      : shift_(log2(board.flash_read_bytes())),
        line_shift_(log2(board.instruction_cache.line_bytes) - shift_),
        read_cycles_(board.flash_wait_states + 1),
        slot_of_line_((board.flash_bytes >> shift_ >> line_shift_) + 1, kNone),
        slots_(board.instruction_cache.lines) {}

  [[nodiscard]] bool present() const { return !slots_.empty(); }
  [[nodiscard]] std::uint32_t part_of(std::uint32_t address) const { return address >> shift_; }

  /// `part` is needed at `now`, and runs from then on. Returns for how many cycles it is missing.
  std::uint32_t enter(std::uint32_t part, std::uint64_t now) {
    Slot* slot = slot_of(part);
    if (slot != nullptr && (slot->filled & bit(part)) != 0) [[likely]] {
      slot->used = ++clock_;
      current_ = part;
      since_ = now;
      return 0;
    }
    return miss(part, now);
  }

  /// A data read begins at `now`. Returns for how many cycles the flash is busy with instructions.
  std::uint32_t read_data(std::uint64_t now);

  /// Instructions run from elsewhere: nothing is read ahead.
  void leave() { current_ = kNone; }
  void clear();

  [[nodiscard]] std::uint64_t reads() const { return reads_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static unsigned log2(std::uint32_t bytes) { return static_cast<unsigned>(std::countr_zero(std::max(bytes, 1u))); }
  struct Slot {
    std::uint32_t line = kNone;
    std::uint32_t filled = 0;  // a bit for each part
    std::uint64_t used = 0;
  };

  [[nodiscard]] std::uint32_t bit(std::uint32_t part) const { return 1u << (part & ((1u << line_shift_) - 1u)); }
  [[nodiscard]] Slot* slot_of(std::uint32_t part) {
    const std::uint32_t slot = slot_of_line_[part >> line_shift_];
    return slot == kNone ? nullptr : &slots_[slot];
  }
  [[nodiscard]] bool holds(std::uint32_t part) {
    const Slot* slot = slot_of(part);
    return slot != nullptr && (slot->filled & bit(part)) != 0;
  }
  std::uint32_t miss(std::uint32_t part, std::uint64_t now);
  void fill(std::uint32_t part);

  unsigned shift_, line_shift_;
  std::uint32_t read_cycles_;
  std::vector<std::uint32_t> slot_of_line_;
  std::vector<Slot> slots_;
  std::uint64_t clock_ = 0, reads_ = 0;
  std::uint32_t current_ = kNone;  // the part that runs
  std::uint64_t since_ = 0;        // and since when
  std::uint32_t ahead_ = kNone;    // the part that was read ahead while data was read
  std::uint64_t free_ = 0;         // when the flash has done what is known of
};

}  // namespace mote::board
