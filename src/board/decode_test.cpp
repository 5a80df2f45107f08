// Holds our decoder against Capstone, an independent one, on every 16-bit encoding and on many 32-bit ones.

#include "decode.hpp"

#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "mote/base/rng.hpp"

namespace mote::board {
namespace {

class Oracle {
 public:
  Oracle() {
    EXPECT_EQ(cs_open(CS_ARCH_ARM, static_cast<cs_mode>(CS_MODE_THUMB | CS_MODE_MCLASS), &handle_), CS_ERR_OK);
    cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    instruction_ = cs_malloc(handle_);
  }
  ~Oracle() {
    cs_free(instruction_, 1);
    cs_close(&handle_);
  }
  /// nullptr when Capstone knows no such instruction.
  const cs_insn* disassemble(std::uint16_t first, std::uint16_t second) {
    const std::uint8_t bytes[4] = {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(first >> 8),
                                   static_cast<std::uint8_t>(second), static_cast<std::uint8_t>(second >> 8)};
    const std::uint8_t* at = bytes;
    std::size_t left = sizeof bytes;
    std::uint64_t address = 0;
    return cs_disasm_iter(handle_, &at, &left, &address, instruction_) ? instruction_ : nullptr;
  }

  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
};

bool starts_with(const cs_insn* i, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [i](const char* name) { return std::string_view(i->mnemonic).starts_with(name); });
}

bool is_exactly(const cs_insn* i, std::initializer_list<const char*> names) {
  std::string_view mnemonic = i->mnemonic;
  if (mnemonic.ends_with(".w")) mnemonic.remove_suffix(2);
  return std::any_of(names.begin(), names.end(), [mnemonic](const char* name) { return mnemonic == name; });
}

bool is_single_load(const cs_insn* i) {
  return is_exactly(i, {"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrt", "ldrbt", "ldrht", "ldrsbt", "ldrsht"});
}

bool writes_pc(const cs_insn* i) {
  const cs_arm& arm = i->detail->arm;
  return std::any_of(arm.operands, arm.operands + arm.op_count, [&](const cs_arm_op& op) {
    return op.type == ARM_OP_REG && op.reg == ARM_REG_PC && (op.access & CS_AC_WRITE) != 0;
  });
}

std::uint16_t core_bit(unsigned id) {
  switch (id) {
    case ARM_REG_SP:
      return 1u << 13;
    case ARM_REG_LR:
      return 1u << 14;
    case ARM_REG_R0:
    case ARM_REG_R1:
    case ARM_REG_R2:
    case ARM_REG_R3:
    case ARM_REG_R4:
    case ARM_REG_R5:
    case ARM_REG_R6:
    case ARM_REG_R7:
    case ARM_REG_R8:
    case ARM_REG_R9:
    case ARM_REG_R10:
    case ARM_REG_R11:
    case ARM_REG_R12:
      return static_cast<std::uint16_t>(1u << (id - ARM_REG_R0));
    default:
      return 0;
  }
}

/// Core registers of the operands that are memory addresses.
std::uint16_t address_registers(const cs_insn* i) {
  std::uint16_t set = 0;
  const cs_arm& arm = i->detail->arm;
  for (std::uint8_t n = 0; n < arm.op_count; ++n) {
    if (arm.operands[n].type != ARM_OP_MEM) continue;
    set = static_cast<std::uint16_t>(set | core_bit(static_cast<unsigned>(arm.operands[n].mem.base)) |
                                     core_bit(static_cast<unsigned>(arm.operands[n].mem.index)));
  }
  return set;
}

/// Half-precision floats and what Armv8-M added, which newer Capstones decode for every core.
bool is_beyond_armv7em(std::string_view mnemonic) {
  if (mnemonic.find(".16") != std::string_view::npos || mnemonic.find("f16") != std::string_view::npos) return true;
  for (const std::string_view added : {"csel", "csinc", "csinv", "csneg", "dls", "wls", "le", "bf", "vmovx", "vins",
                                       "lda", "stl", "sg", "tt", "esb", "crc32", "sb"}) {
    if (mnemonic == added || (added.size() > 2 && mnemonic.starts_with(added))) return true;
  }
  return false;
}

void compare(Oracle& oracle, std::uint16_t first, std::uint16_t second, std::size_t& compared) {
  const bool it_block = (first & 0xff00u) == 0xbf00u && (first & 15u) != 0;
  if (it_block) return;  // Capstone keeps state about it
  const bool other_profile = (first & 0xff10u) == 0xf900u || (first & 0xef00u) == 0xef00u;  // Advanced SIMD
  if (other_profile) return;
  const cs_insn* reference = oracle.disassemble(first, second);
  if (reference == nullptr || is_beyond_armv7em(reference->mnemonic)) return;
  const Instruction ours = decode(0, first, second);
  const std::string what = std::string(reference->mnemonic) + " " + reference->op_str;
  ++compared;
  ASSERT_EQ(ours.bytes, reference->size) << what;
  const bool pc_written = writes_pc(reference);
  EXPECT_EQ(ours.is(single_load), is_single_load(reference) && !pc_written) << what;
  const bool direct = starts_with(reference, {"b.", "bl", "cbz", "cbnz", "beq", "bne", "bhs", "blo", "bmi", "bpl",
                                              "bvs", "bvc", "bhi", "bge", "bgt", "ble"}) ||
                      is_exactly(reference, {"b", "blt", "bls"});
  const bool indirect = starts_with(reference, {"bx", "blx", "tbb", "tbh"});
  if (!indirect) {
    EXPECT_EQ(ours.is(direct_branch), direct) << what;
  }
  if (indirect) {
    EXPECT_TRUE(ours.is(indirect_branch)) << what;
  }
  if (is_single_load(reference) || starts_with(reference, {"str", "ldrd", "vldr", "vstr"})) {
    EXPECT_EQ(ours.address, address_registers(reference)) << what;
  }
  if (is_exactly(reference, {"udiv", "sdiv"})) {
    EXPECT_EQ(ours.cycles, 6) << what;
  }
  if (is_exactly(reference, {"ldrd", "strd"})) {
    EXPECT_EQ(ours.cycles, 3) << what;
  }
  if (starts_with(reference, {"vdiv.f32", "vsqrt.f32"})) {
    EXPECT_EQ(ours.cycles, 14) << what;
  }
  if (starts_with(reference, {"vmla.f32", "vmls.f32", "vfma.f32", "vfms.f32", "vnmla.f32", "vnmls.f32", "vfnma.f32",
                              "vfnms.f32"})) {
    EXPECT_EQ(ours.cycles, 3) << what;
  }
  if (is_exactly(reference, {"push", "pop", "ldm", "stm", "ldmdb", "stmdb"})) {
    const unsigned base = is_exactly(reference, {"push", "pop"}) ? 0 : 1;
    EXPECT_EQ(ours.cycles, 1 + reference->detail->arm.op_count - base) << what;
  }
}

TEST(Decode, agrees_with_capstone_on_every_16_bit_instruction) {
  Oracle oracle;
  std::size_t compared = 0;
  for (std::uint32_t w = 0; w < 0xe800; ++w) compare(oracle, static_cast<std::uint16_t>(w), 0xbf00, compared);
  EXPECT_GT(compared, 50'000u);
}

TEST(Decode, agrees_with_capstone_on_random_32_bit_instructions) {
  Oracle oracle;
  Rng rng(11);
  std::size_t compared = 0;
  for (int n = 0; n < 400'000; ++n) {
    compare(oracle, static_cast<std::uint16_t>(0xe800 + rng.below(0x1800)), static_cast<std::uint16_t>(rng.next()),
            compared);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(compared, 50'000u);
}

struct Reading {
  const char* text;
  std::uint16_t first, second;
  std::uint16_t reads, loads;
};

// Encodings from arm-none-eabi-as.
TEST(Decode, knows_what_instructions_need_at_once_and_what_they_load) {
  const auto r = [](std::initializer_list<unsigned> list) {
    std::uint16_t set = 0;
    for (const unsigned n : list) set = static_cast<std::uint16_t>(set | 1u << n);
    return set;
  };
  const Reading cases[] = {
      {"adds r0, r1, r2", 0x1888, 0, r({1, 2}), 0},
      {"adds r0, r1, #1", 0x1c48, 0, r({1}), 0},
      {"movs r3, #7", 0x2307, 0, 0, 0},
      {"cmp r3, #7", 0x2b07, 0, r({3}), 0},
      {"muls r1, r2", 0x4351, 0, r({1, 2}), 0},
      {"mvns r1, r2", 0x43d1, 0, r({2}), 0},
      {"negs r1, r2", 0x4251, 0, r({2}), 0},
      {"add r9, r10", 0x44d1, 0, r({9, 10}), 0},
      {"mov r9, r10", 0x46d1, 0, r({10}), 0},
      {"ldr r1, [r2, r3]", 0x58d1, 0, r({2, 3}), r({1})},
      {"strb r1, [r2, #1]", 0x7051, 0, r({2}), 0},
      {"pop {r4, lr}", 0xe8bd, 0x4010, r({13}), 0},
      {"push {r4, lr}", 0xb510, 0, r({13}), 0},
      {"cbz r2, .+6", 0xb10a, 0, r({2}), 0},
      {"smlad r7, r2, r3, r8", 0xfb22, 0x8703, r({2, 3, 8}), 0},
      {"smuad r7, r2, r3", 0xfb22, 0xf703, r({2, 3}), 0},
      {"smlal r0, r1, r2, r3", 0xfbc2, 0x0103, r({0, 1, 2, 3}), 0},
      {"smull r0, r1, r2, r3", 0xfb82, 0x0103, r({2, 3}), 0},
      {"sxtb16 r8, r2", 0xfa2f, 0xf882, r({2}), 0},
      {"sxtab16 r8, r4, r2", 0xfa24, 0xf882, r({2, 4}), 0},
      {"movw r0, #1", 0xf240, 0x0001, 0, 0},
      {"movt r0, #1", 0xf2c0, 0x0001, r({0}), 0},
      {"bfi r0, r1, #4, #4", 0xf361, 0x1007, r({0, 1}), 0},
      {"usat r0, #8, r1", 0xf381, 0x0008, r({1}), 0},
      {"ldrd r0, r1, [r2]", 0xe9d2, 0x0100, r({2}), 0},
      {"strd r0, r1, [r2]", 0xe9c2, 0x0100, r({2}), 0},
      {"ldr.w r0, [r1, #4]!", 0xf851, 0x0f04, r({1}), r({0})},
      {"ldr.w r0, [pc, #4]", 0xf8df, 0x0004, 0, r({0})},
      {"vmov s0, r3", 0xee00, 0x3a10, r({3}), 0},
      {"vmov r3, s0", 0xee10, 0x3a10, 0, 0},
      {"vldr s0, [r2]", 0xed92, 0x0a00, r({2}), 0},
      {"pkhbt r0, r1, r2", 0xeac1, 0x0002, r({1, 2}), 0},
  };
  for (const Reading& c : cases) {
    const Instruction i = decode(0, c.first, c.second);
    EXPECT_EQ(i.reads, c.reads) << c.text;
    EXPECT_EQ(i.loads, c.loads) << c.text;
  }
}

TEST(Decode, marks_32_bit_instructions_at_odd_halfwords_only) {
  EXPECT_FALSE(decode(0x100, 0xfb22, 0x8703).is(unaligned_wide));
  EXPECT_TRUE(decode(0x102, 0xfb22, 0x8703).is(unaligned_wide));
  EXPECT_FALSE(decode(0x102, 0x1888, 0).is(unaligned_wide));
}

TEST(Decode, knows_how_many_instructions_follow_an_it) {
  EXPECT_EQ(decode(0, 0xbf08, 0).it_length, 1);  // it eq
  EXPECT_EQ(decode(0, 0xbf04, 0).it_length, 2);  // itt eq
  EXPECT_EQ(decode(0, 0xbf0e, 0).it_length, 3);  // itee eq
  EXPECT_EQ(decode(0, 0xbf01, 0).it_length, 4);  // itttt eq
  EXPECT_EQ(decode(0, 0xbf00, 0).it_length, 0);  // nop
}

TEST(Decode, charges_the_m0plus_two_cycles_for_each_load_and_store) {
  const Instruction load = decode_cortex_m0plus(0, 0x58d1, 0), store = decode_cortex_m0plus(0, 0x7051, 0);
  EXPECT_EQ(load.cycles, 2);
  EXPECT_FALSE(load.is(single_load)) << "no load overlaps with another";
  EXPECT_EQ(store.cycles, 2);
  EXPECT_EQ(decode_cortex_m0plus(0, 0x1888, 0).cycles, 1);  // adds
  EXPECT_EQ(decode_cortex_m0plus(0, 0xb530, 0).cycles, 4);  // push {r4, r5, lr}
}

// Encodings from riscv64-unknown-elf-as.
TEST(Decode, knows_riscv_lengths_and_who_moves_the_stack_pointer) {
  struct Case {
    const char* text;
    std::uint32_t word;
    std::uint8_t bytes;
    bool moves;
  };
  const Case cases[] = {
      {"li a0, 5", 0x4515, 2, false},           {"mul a1, a0, a0", 0x02a505b3, 4, false},
      {"mv a2, a1", 0x862e, 2, false},          {"mv sp, a1", 0x812e, 2, true},
      {"lui sp, 0x20001", 0x20001137, 4, true}, {"addi sp, sp, -16", 0x1141, 2, true},
      {"addi sp, sp, -64", 0x7139, 2, true},    {"addi sp, sp, -1024", 0xc0010113, 4, true},
      {"sw a1, 0(sp)", 0xc02e, 2, false},       {"sw s2, 2(a0)", 0x01252123, 4, false},
      {"lw sp, 0(a0)", 0x00052103, 4, true},    {"j .+4", 0xa011, 2, false},
  };
  for (const Case& c : cases) {
    const Instruction i =
        decode_riscv32(0, static_cast<std::uint16_t>(c.word), static_cast<std::uint16_t>(c.word >> 16));
    EXPECT_EQ(i.bytes, c.bytes) << c.text;
    EXPECT_EQ(i.is(writes_sp), c.moves) << c.text;
    EXPECT_EQ(i.cycles, 1) << c.text;
  }
}

}  // namespace
}  // namespace mote::board
