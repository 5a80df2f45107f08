#include "pipeline.hpp"

#include <algorithm>
#include <cmath>

namespace mote::board {

std::uint64_t Pipeline::fixed_point(double cycles) {
  return static_cast<std::uint64_t>(std::llround(std::ldexp(cycles, kFractionBits)));
}

Pipeline::Pipeline(const BoardSpec& board, Decoder decoder, Fetch fetch)
    : previous_(&nothing_),
      flash_bytes_(board.flash_bytes),
      flash_program_(board.flash_bytes / 2),
      ram_bytes_(board.ram_bytes),
      data_cache_(board.flash_data_cache),
      instruction_flash_(board),
      added_{fixed_point(board.calibration.flash_miss_cycles), fixed_point(board.calibration.unaligned_wide_cycles),
             fixed_point(board.calibration.load_use_cycles)},
      decode_(decoder),
      fetch_(std::move(fetch)) {}

Instruction& Pipeline::instruction_at(std::uint32_t address) {
  Instruction* slot = &nothing_;
  if (address < flash_bytes_) {
    slot = &flash_program_[address >> 1];
  } else if (address >= kRamBase && address - kRamBase < ram_bytes_) {
    if (ram_program_.empty()) ram_program_.resize(ram_bytes_ / 2);
    slot = &ram_program_[(address - kRamBase) >> 1];
  }
  // Code in RAM may have been replaced since; flash changes through forget_program.
  const bool known = slot->bytes != 0 && address < flash_bytes_;
  if (known) return *slot;
  const std::uint16_t mark = slot->flags & marked;
  const std::uint32_t halfwords = fetch_(address);
  *slot = decode_(address, static_cast<std::uint16_t>(halfwords), static_cast<std::uint16_t>(halfwords >> 16));
  slot->flags = static_cast<std::uint16_t>(slot->flags | mark);
  return *slot;
}

void Pipeline::account_for_gap(std::uint32_t address) {
  if (previous_->is(direct_branch)) {
    ++counts_.core_cycles;
  } else if (previous_->is(indirect_branch)) {
    counts_.core_cycles += 2;
  }
  const bool jumped = previous_->is(direct_branch) || previous_->is(indirect_branch);
  // Inside an IT block nothing jumps but its last instruction: what lies between is instructions whose condition
  // failed.
  for (; !jumped && it_left_ > 0 && expected_ != address; --it_left_) {
    const Instruction& skipped = instruction_at(expected_);
    ++counts_.instructions;
    ++counts_.core_cycles;
    counts_.unaligned_wide += skipped.is(unaligned_wide) ? 1 : 0;
    expected_ += skipped.bytes;
    skipped_.bytes = skipped.bytes;
    previous_ = &skipped_;
  }
  if (jumped) it_left_ = 0;
  expected_ = address;
}

void Pipeline::fetch_part(std::uint32_t part, std::uint32_t address) {
  fetched_ = part;
  if (!instruction_flash_.present()) return;
  if (address >= flash_bytes_) return instruction_flash_.leave();
  // An instruction that is jumped to may lie in two parts.
  const std::uint32_t first = instruction_flash_.part_of(address);
  const std::uint64_t reads = instruction_flash_.reads();
  if (first != part) counts_.fetch_stalls += instruction_flash_.enter(first, now());
  counts_.fetch_stalls += instruction_flash_.enter(part, now());
  counts_.fetch_misses += instruction_flash_.reads() - reads;
}

void Pipeline::read_flash(std::uint32_t address, std::uint32_t bytes) {
  const std::uint32_t first = data_cache_.line_of(address);
  const std::uint32_t last = data_cache_.line_of(address + bytes - 1);
  if (data_cache_.miss(first)) miss_data();
  if (last != first && data_cache_.miss(last)) miss_data();
}

void Pipeline::miss_data() {
  if (instruction_flash_.present()) counts_.fetch_stalls += instruction_flash_.read_data(now());
  ++counts_.flash_misses;
}

void Pipeline::clear_caches() {
  data_cache_.clear();
  instruction_flash_.clear();
  fraction_ = calibration() & ((1u << kFractionBits) - 1u);
  fetched_ = 0xffffffff;
}

void Pipeline::forget_program(std::uint32_t offset, std::uint32_t bytes) {
  // A 32-bit instruction may begin one halfword before the range.
  const std::size_t first = offset >= 2 ? offset / 2 - 1 : 0;
  const std::size_t end = std::min<std::size_t>((std::size_t{offset} + bytes + 1) / 2, flash_program_.size());
  for (std::size_t i = first; i < end; ++i) flash_program_[i] = {};
}

}  // namespace mote::board
