#include "decode.hpp"

#include <bit>

namespace mote::board {
namespace {

constexpr unsigned kSp = 13, kLr = 14, kPc = 15;

constexpr unsigned field(unsigned word, unsigned low, unsigned bits) { return (word >> low) & ((1u << bits) - 1u); }
/// A register set; the program counter is never a dependency.
constexpr std::uint16_t reg(unsigned number) { return static_cast<std::uint16_t>(number == kPc ? 0u : 1u << number); }
constexpr std::uint16_t both(std::uint16_t a, std::uint16_t b) { return static_cast<std::uint16_t>(a | b); }
template <class... More>
constexpr std::uint16_t regs(unsigned number, More... more) {
  if constexpr (sizeof...(more) == 0) {
    return reg(number);
  } else {
    return both(reg(number), regs(more...));
  }
}

void add(Instruction& i, InstructionFlag flag) { i.flags = static_cast<std::uint16_t>(i.flags | flag); }

/// LDR, LDRB, ... of register `target` from `base` (+ `index`).
void make_load(Instruction& i, unsigned target, std::uint16_t address) {
  i.cycles = 2;
  i.reads = i.address = address;
  i.loads = reg(target);
  add(i, target == kPc ? indirect_branch : single_load);
  if (target == kSp) add(i, writes_sp);
}

void make_store(Instruction& i, std::uint16_t address, bool register_offset) {
  i.cycles = register_offset ? 2 : 1;
  i.address = i.reads = address;  // what is stored is needed only later
}

/// LDM, STM, PUSH, POP: 1 + N cycles.
void make_multiple(Instruction& i, unsigned base, unsigned list, bool load, bool writeback) {
  i.cycles = static_cast<std::uint8_t>(1 + std::popcount(list & 0xffffu));
  i.address = i.reads = reg(base);
  add(i, word_aligned);
  if (load && (list & 0x8000u) != 0) add(i, indirect_branch);
  if (base == kSp && writeback) add(i, writes_sp);
}

// --- 16 bits
// ---------------------------------------------------------------------------------------------------------------------

void shift_add_compare(Instruction& i, unsigned w) {
  if (field(w, 13, 1) == 0) {  // shifts by immediate; ADD, SUB of three registers or a 3-bit immediate
    i.reads = reg(field(w, 3, 3));
    const bool two_registers = field(w, 10, 4) == 0b0110;
    if (two_registers) i.reads = both(i.reads, reg(field(w, 6, 3)));
  } else if (field(w, 11, 2) != 0) {  // CMP, ADD, SUB with an 8-bit immediate; MOV reads nothing
    i.reads = reg(field(w, 8, 3));
  }
}

void data_processing_16(Instruction& i, unsigned w) {
  const unsigned operation = field(w, 6, 4);
  constexpr unsigned kRsb = 9, kMvn = 15;
  i.reads = reg(field(w, 3, 3));
  if (operation != kRsb && operation != kMvn) i.reads = both(i.reads, reg(field(w, 0, 3)));
}

void special_16(Instruction& i, unsigned w) {
  const unsigned operation = field(w, 8, 2);
  const unsigned source = field(w, 3, 4);
  const unsigned target = field(w, 0, 3) | field(w, 7, 1) << 3;
  i.reads = reg(source);
  if (operation == 3) return add(i, indirect_branch);  // BX, BLX
  const bool move = operation == 2, compare = operation == 1;
  if (!move) i.reads = both(i.reads, reg(target));
  if (!compare && target == kPc) add(i, indirect_branch);
  if (!compare && target == kSp) add(i, writes_sp);
}

void load_store_16(Instruction& i, unsigned w) {
  const unsigned target = field(w, 0, 3);
  if (field(w, 12, 4) == 0b0101) {  // register offset: STR STRH STRB LDRSB LDR LDRH LDRB LDRSH
    const std::uint16_t address = regs(field(w, 3, 3), field(w, 6, 3));
    return field(w, 9, 3) < 3 ? make_store(i, address, true) : make_load(i, target, address);
  }
  const bool stack_relative = field(w, 12, 4) == 0b1001;
  const std::uint16_t address = stack_relative ? reg(kSp) : reg(field(w, 3, 3));
  const unsigned value = stack_relative ? field(w, 8, 3) : target;
  return field(w, 11, 1) != 0 ? make_load(i, value, address) : make_store(i, address, false);
}

void miscellaneous_16(Instruction& i, unsigned w) {
  if ((w & 0xff00u) == 0xb000u) {  // ADD, SUB sp
    i.reads = reg(kSp);
    add(i, writes_sp);
  } else if ((w & 0xf500u) == 0xb100u) {  // CBZ, CBNZ
    i.reads = reg(field(w, 0, 3));
    add(i, direct_branch);
  } else if ((w & 0xff00u) == 0xb200u || (w & 0xff00u) == 0xba00u) {  // SXTH..., REV...
    i.reads = reg(field(w, 3, 3));
  } else if ((w & 0xfe00u) == 0xb400u) {
    make_multiple(i, kSp, field(w, 0, 8) | field(w, 8, 1) << kLr, false, true);
  } else if ((w & 0xfe00u) == 0xbc00u) {
    make_multiple(i, kSp, field(w, 0, 8) | field(w, 8, 1) << kPc, true, true);
  } else if ((w & 0xff00u) == 0xbf00u && (w & 15u) != 0) {
    add(i, if_then);
    i.it_length = static_cast<std::uint8_t>(4 - std::countr_zero(w & 15u));
  }
}

void decode_16(Instruction& i, unsigned w) {
  switch (field(w, 12, 4)) {
    case 0b0000:
    case 0b0001:
    case 0b0010:
    case 0b0011:
      return shift_add_compare(i, w);
    case 0b0100:
      if (field(w, 10, 2) == 0) return data_processing_16(i, w);
      if (field(w, 10, 2) == 1) return special_16(i, w);
      return make_load(i, field(w, 8, 3), 0);  // literal
    case 0b0101:
    case 0b0110:
    case 0b0111:
    case 0b1000:
    case 0b1001:
      return load_store_16(i, w);
    case 0b1010:  // ADR, ADD of sp
      i.reads = field(w, 11, 1) != 0 ? reg(kSp) : std::uint16_t{0};
      return;
    case 0b1011:
      return miscellaneous_16(i, w);
    case 0b1100:
      return make_multiple(i, field(w, 8, 3), field(w, 0, 8), field(w, 11, 1) != 0, true);
    case 0b1101:
      if (field(w, 8, 4) < 14) add(i, direct_branch);  // 14 is UDF, 15 SVC
      return;
    default:
      return add(i, direct_branch);  // B
  }
}

// --- 32 bits: a is the first halfword, b the second
// --------------------------------------------------------------------------------

void multiple_32(Instruction& i, unsigned a, unsigned b) {
  make_multiple(i, field(a, 0, 4), b, field(a, 4, 1) != 0, field(a, 5, 1) != 0);
}

void dual_exclusive_table(Instruction& i, unsigned a, unsigned b) {
  const unsigned base = field(a, 0, 4);
  const bool load = field(a, 4, 1) != 0;
  const bool dual = field(a, 8, 1) != 0 || field(a, 5, 1) != 0;
  if (dual) {
    i.cycles = 3;
    i.address = i.reads = reg(base);
    add(i, word_aligned);
    if (base == kSp && field(a, 5, 1) != 0) add(i, writes_sp);
    return;
  }
  const bool table = field(a, 7, 1) != 0 && load && field(b, 5, 3) == 0;
  if (table) {  // TBB, TBH
    i.cycles = 2;
    i.reads = i.address = regs(base, field(b, 0, 4));
    return add(i, indirect_branch);
  }
  i.cycles = 2;  // exclusives
  i.address = i.reads = reg(base);
  i.loads = load ? reg(field(b, 12, 4)) : std::uint16_t{0};
}

void note_sp_target(Instruction& i, unsigned target) {
  if (target == kSp) add(i, writes_sp);
}

void shifted_register(Instruction& i, unsigned a, unsigned b) {
  i.reads = regs(field(a, 0, 4), field(b, 0, 4));
  note_sp_target(i, field(b, 8, 4));
}

void modified_immediate(Instruction& i, unsigned a, unsigned b) {
  i.reads = reg(field(a, 0, 4));
  note_sp_target(i, field(b, 8, 4));
}

void plain_immediate(Instruction& i, unsigned a, unsigned b) {
  const unsigned operation = field(a, 4, 5), target = field(b, 8, 4);
  constexpr unsigned kMovw = 0b00100, kMovt = 0b01100, kBfi = 0b10110;
  if (operation == kMovw) {
    i.reads = 0;
  } else if (operation == kMovt) {
    i.reads = reg(target);
  } else if (operation == kBfi) {  // BFI inserts into its target; BFC has no source
    i.reads = regs(field(a, 0, 4), target);
  } else {
    i.reads = reg(field(a, 0, 4));
  }
  note_sp_target(i, target);
}

void branch_or_system(Instruction& i, unsigned a, unsigned b) {
  const bool conditional_or_system = (b & 0x5000u) == 0;
  if (!conditional_or_system) return add(i, direct_branch);  // B, BL
  const bool system = field(a, 7, 3) == 0b111;
  if (!system) return add(i, direct_branch);
  if (field(a, 5, 6) == 0b011100) i.reads = reg(field(a, 0, 4));  // MSR
}

void store_single(Instruction& i, unsigned a, unsigned b) {
  const unsigned base = field(a, 0, 4);
  const bool register_offset = field(a, 7, 1) == 0 && field(b, 11, 1) == 0;
  make_store(i, register_offset ? regs(base, field(b, 0, 4)) : reg(base), register_offset);
  const bool writeback = field(a, 7, 1) == 0 && field(b, 11, 1) != 0 && field(b, 8, 1) != 0;
  if (writeback) note_sp_target(i, base);
}

void load_single(Instruction& i, unsigned a, unsigned b) {
  const unsigned base = field(a, 0, 4), target = field(b, 12, 4);
  const bool literal = base == kPc;
  const bool register_offset = !literal && field(a, 7, 1) == 0 && field(b, 11, 1) == 0;
  const std::uint16_t address = register_offset ? regs(base, field(b, 0, 4)) : reg(base);
  const bool preload = target == kPc && field(a, 5, 2) != 2;
  if (preload) {
    i.reads = i.address = address;
    return;
  }
  make_load(i, target, address);
  const bool writeback = !literal && field(a, 7, 1) == 0 && field(b, 11, 1) != 0 && field(b, 8, 1) != 0;
  if (writeback) note_sp_target(i, base);
}

void long_multiply_or_divide(Instruction& i, unsigned a, unsigned b) {
  const unsigned operation = field(a, 4, 3);
  i.reads = regs(field(a, 0, 4), field(b, 0, 4));
  const bool divide = operation == 1 || operation == 3;
  if (divide) i.cycles = 6;
  const bool accumulates = operation >= 4;
  if (accumulates) i.reads = both(i.reads, regs(field(b, 12, 4), field(b, 8, 4)));
}

// --- floating point
// ------------------------------------------------------------------------------------------------------------------

std::uint8_t float_arithmetic_cycles(unsigned a, unsigned b) {
  const unsigned operation = field(a, 7, 1) << 2 | field(a, 4, 2);
  constexpr unsigned kMla = 0, kNmla = 1, kDiv = 4, kFnma = 5, kFma = 6, kOther = 7;
  switch (operation) {
    case kMla:
    case kNmla:
    case kFnma:
    case kFma:
      return 3;
    case kDiv:
      return 14;
    case kOther:
      return field(a, 0, 4) == 1 && field(b, 6, 2) == 3 ? std::uint8_t{14} : std::uint8_t{1};  // VSQRT
    default:
      return 1;
  }
}

void float_memory(Instruction& i, unsigned a, unsigned b) {
  const unsigned base = field(a, 0, 4);
  const bool load = field(a, 4, 1) != 0;
  const bool two_core_registers = (a & 0x01e0u) == 0x0040u;
  if (two_core_registers) {  // VMOV between two core registers and a double
    i.cycles = 2;
    i.reads = load ? std::uint16_t{0} : regs(field(b, 12, 4), base);
    return;
  }
  i.reads = i.address = reg(base);
  add(i, word_aligned);
  const bool single = field(a, 8, 1) != 0 && field(a, 5, 1) == 0;  // VLDR, VSTR
  const bool doubles = field(b, 8, 1) != 0;
  i.cycles = single ? (doubles ? std::uint8_t{3} : std::uint8_t{2}) : static_cast<std::uint8_t>(1 + field(b, 0, 8));
  if (!single && field(a, 5, 1) != 0) note_sp_target(i, base);
}

void coprocessor(Instruction& i, unsigned a, unsigned b) {
  const bool floating_point = field(b, 9, 3) == 0b101;
  if (!floating_point) return;
  if (field(a, 9, 1) == 0) return float_memory(i, a, b);
  if (field(b, 4, 1) == 0) {
    i.cycles = float_arithmetic_cycles(a, b);
  } else if (field(a, 4, 1) == 0) {  // VMOV, VMSR from a core register
    i.reads = reg(field(b, 12, 4));
  }
}

void decode_32(Instruction& i, unsigned a, unsigned b) {
  const unsigned op = field(a, 4, 7);
  switch (field(a, 11, 2)) {
    case 1:
      if ((op & 0x40u) != 0) return coprocessor(i, a, b);
      if ((op & 0x20u) != 0) return shifted_register(i, a, b);
      return (op & 4u) != 0 ? dual_exclusive_table(i, a, b) : multiple_32(i, a, b);
    case 2:
      if ((b & 0x8000u) != 0) return branch_or_system(i, a, b);
      return (op & 0x20u) != 0 ? plain_immediate(i, a, b) : modified_immediate(i, a, b);
    default:
      if ((op & 0x40u) != 0) return coprocessor(i, a, b);
      if ((op & 0x71u) == 0) return store_single(i, a, b);
      if ((op & 0x60u) == 0) return load_single(i, a, b);
      if ((op & 0x78u) == 0x38u) return long_multiply_or_divide(i, a, b);
      // Shifts by register, extensions, parallel arithmetic: two sources; multiplies: a third.
      i.reads = regs(field(a, 0, 4), field(b, 0, 4));
      if ((op & 0x78u) == 0x30u) i.reads = both(i.reads, reg(field(b, 12, 4)));
      return;
  }
}

}  // namespace

Instruction decode(std::uint32_t address, std::uint16_t first, std::uint16_t second) {
  Instruction i;
  const bool wide = (first >> 11) >= 0b11101;
  i.bytes = wide ? 4 : 2;
  if (!wide) {
    decode_16(i, first);
    return i;
  }
  decode_32(i, first, second);
  if ((address & 2u) != 0) add(i, unaligned_wide);
  return i;
}

Instruction decode_cortex_m0plus(std::uint32_t address, std::uint16_t first, std::uint16_t second) {
  Instruction i = decode(address, first, second);
  const bool single = i.address != 0 && !i.is(word_aligned);
  if (single) i.cycles = 2;
  i.flags = static_cast<std::uint16_t>(i.flags & ~single_load);
  return i;
}

Instruction decode_riscv32(std::uint32_t, std::uint16_t first, std::uint16_t second) {
  constexpr unsigned kStackPointer = 2;
  Instruction i;
  i.bytes = (first & 3u) == 3u ? 4 : 2;
  const unsigned word = first | static_cast<unsigned>(second) << 16;
  const unsigned target = field(word, 7, 5);
  if (i.bytes == 4) {
    const unsigned opcode = field(word, 2, 5);
    constexpr unsigned kStore = 0b01000, kBranch = 0b11000, kSystem = 0b11100;
    if (target == kStackPointer && opcode != kStore && opcode != kBranch && opcode != kSystem) add(i, writes_sp);
    return i;
  }
  // C.ADDI, C.ADDI16SP in quadrant 1; C.SLLI, C.LWSP, C.MV and C.ADD in quadrant 2. Stores and jumps have no target
  // there.
  const unsigned quadrant = field(word, 0, 2), function = field(word, 13, 3);
  const bool has_target =
      (quadrant == 1 && (function == 0b000 || function == 0b010 || function == 0b011)) ||
      (quadrant == 2 && (function == 0b000 || function == 0b010 || (function == 0b100 && field(word, 2, 5) != 0)));
  if (has_target && target == kStackPointer) add(i, writes_sp);
  return i;
}

Decoder decoder_of(const CoreSpec& core) {
  switch (core.cycles) {
    case CycleRule::cortex_m4:
      return decode;
    case CycleRule::cortex_m0plus:
      return decode_cortex_m0plus;
    case CycleRule::one_each:
      return decode_riscv32;
    case CycleRule::simavr:
    case CycleRule::none:
      break;
  }
  return decode;
}

}  // namespace mote::board
