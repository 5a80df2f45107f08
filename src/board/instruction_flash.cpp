#include "instruction_flash.hpp"

namespace mote::board {

std::uint32_t InstructionFlash::miss(std::uint32_t part, std::uint64_t now) {
  // What follows is read ahead from the moment on at which the part before it begins to run.
  const bool follows = current_ != kNone && part == current_ + 1;
  std::uint64_t ready = now;
  if (part != ahead_) {
    ready = std::max(follows ? since_ : now, free_) + read_cycles_;
    // A read that begins when it is needed costs the wait states: its last cycle is the fetch itself.
    if (!follows) --ready;
    free_ = ready;
  }
  ahead_ = kNone;
  ++reads_;
  fill(part);
  current_ = part;
  since_ = std::max(now, ready);
  return static_cast<std::uint32_t>(since_ - now);
}

std::uint32_t InstructionFlash::read_data(std::uint64_t now) {
  std::uint64_t begin = std::max(now, free_);
  if (current_ != kNone && current_ + 1 != ahead_ && !holds(current_ + 1)) {
    const std::uint64_t done = std::max(since_, free_) + read_cycles_;
    begin = std::max(begin, done);
    ahead_ = current_ + 1;
  }
  free_ = begin + read_cycles_;
  return static_cast<std::uint32_t>(begin - now);
}

void InstructionFlash::fill(std::uint32_t part) {
  Slot* slot = slot_of(part);
  if (slot == nullptr) {
    slot =
        &*std::min_element(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) { return a.used < b.used; });
    if (slot->line != kNone) slot_of_line_[slot->line] = kNone;
    slot->line = part >> line_shift_;
    slot->filled = 0;
    slot_of_line_[slot->line] = static_cast<std::uint32_t>(slot - slots_.data());
  }
  slot->filled |= bit(part);
  slot->used = ++clock_;
}

void InstructionFlash::clear() {
  for (Slot& slot : slots_) {
    if (slot.line != kNone) slot_of_line_[slot.line] = kNone;
    slot = {};
  }
  current_ = ahead_ = kNone;
  free_ = 0;
}

}  // namespace mote::board
