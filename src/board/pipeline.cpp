#include "pipeline.hpp"

#include <algorithm>

namespace mote::board {
namespace {
constexpr std::uint32_t kRamBase = 0x20000000;
}

Pipeline::Pipeline(const BoardSpec& board, Decoder decoder, Fetch fetch)
    : previous_(&nothing_),
      flash_bytes_(board.flash_bytes),
      flash_program_(board.flash_bytes / 2),
      ram_bytes_(board.ram_bytes),
      data_cache_(board.flash_data_cache),
      instruction_cache_(board.instruction_cache),
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

void Pipeline::fetch_line(std::uint32_t line, std::uint32_t address) {
  fetch_line_ = line;
  if (instruction_cache_.present() && address < flash_bytes_ && instruction_cache_.miss(line)) ++counts_.fetch_misses;
}

void Pipeline::read_flash(std::uint32_t address, std::uint32_t bytes) {
  const std::uint32_t first = data_cache_.line_of(address);
  const std::uint32_t last = data_cache_.line_of(address + bytes - 1);
  if (data_cache_.miss(first)) ++counts_.flash_misses;
  if (last != first && data_cache_.miss(last)) ++counts_.flash_misses;
}

void Pipeline::clear_caches() {
  data_cache_.clear();
  instruction_cache_.clear();
  fetch_line_ = 0xffffffff;
}

void Pipeline::forget_program(std::uint32_t offset, std::uint32_t bytes) {
  // A 32-bit instruction may begin one halfword before the range.
  const std::size_t first = offset >= 2 ? offset / 2 - 1 : 0;
  const std::size_t end = std::min<std::size_t>((std::size_t{offset} + bytes + 1) / 2, flash_program_.size());
  for (std::size_t i = first; i < end; ++i) flash_program_[i] = {};
}

}  // namespace mote::board
