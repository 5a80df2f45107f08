#pragma once
// Thumb-2 instructions as the cycle model sees them: what each costs before pipelining and branches, which registers it
// reads, which it loads. Encodings: Armv7-M Architecture Reference Manual, chapter A5. A test holds it against
// Capstone.

#include <cstdint>

#include "mote/board/core.hpp"

namespace mote::board {

enum InstructionFlag : std::uint16_t {
  single_load = 1u << 0,      // LDR and kin: a second one right behind costs one cycle less
  direct_branch = 1u << 1,    // B, BL, CBZ
  indirect_branch = 1u << 2,  // BX, BLX, POP {pc}, LDR pc, MOV pc, TBB
  if_then = 1u << 3,          // IT
  unaligned_wide = 1u << 4,   // 32 bits at an address that is not a multiple of 4
  word_aligned =
      1u << 5,  // faults on an address that is not a multiple of 4 (LDRD, LDM, VLDR, exclusives and the stores)
  writes_sp = 1u << 6,
  marked = 1u << 7,  // the meter wants to know when it is reached
};

struct Instruction {
  std::uint16_t reads = 0;    // core registers r0-r14 that are needed at once, a bit each; not what a store stores
  std::uint16_t loads = 0;    // core register that a single load brings; 0 for multiple and double loads
  std::uint16_t address = 0;  // core registers that make the address of a load or store
  std::uint16_t flags = 0;
  std::uint8_t cycles = 1;
  std::uint8_t bytes = 0;      // 2 or 4
  std::uint8_t it_length = 0;  // IT: instructions that depend on it, 1-4

  [[nodiscard]] bool is(InstructionFlag flag) const { return (flags & flag) != 0; }
};

/// Decodes the instruction at `address` whose first halfwords are `first` and `second` (the latter is ignored for a
/// 16-bit one). An undefined encoding costs 1 cycle; the emulator refuses it before its cost matters.
[[nodiscard]] Instruction decode(std::uint32_t address, std::uint16_t first, std::uint16_t second);

/// The same with the costs of the Cortex-M0+ (Technical Reference Manual, table 3-1): loads and stores take two cycles,
/// and loads do not overlap.
[[nodiscard]] Instruction decode_cortex_m0plus(std::uint32_t address, std::uint16_t first, std::uint16_t second);

/// RV32IMC, a cycle each. Only what a meter needs is told: the length, and whether the stack pointer is written.
[[nodiscard]] Instruction decode_riscv32(std::uint32_t address, std::uint16_t first, std::uint16_t second);

using Decoder = Instruction (*)(std::uint32_t address, std::uint16_t first, std::uint16_t second);
[[nodiscard]] Decoder decoder_of(const CoreSpec& core);

}  // namespace mote::board
