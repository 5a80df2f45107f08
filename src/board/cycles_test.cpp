// The cycle model on sequences small enough to add up by hand. Each is a function `run` of a module; its call ends with
// bx lr, which costs 3.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware_fixture.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::board {
namespace {

constexpr std::uint64_t kReturn = 3;  // bx lr: 1, and 2 to refill the pipeline

struct Sequence {
  const char* name;
  const char* code;            // r0 points to 4-aligned RAM; r1 = 1, r2 = 2, r3 = 3 on entry
  std::uint64_t instructions;  // without bx lr
  std::uint64_t core_cycles;   // without bx lr
  std::uint64_t load_uses = 0;
  std::uint64_t unaligned_wide = 0;
  std::uint64_t flash_misses = 0;
};

const Sequence kSequences[] = {
    {"alu", "adds r1, r2\n subs r1, r3\n ands r1, r2\n", 3, 3},
    {"multiply", "mul r1, r2, r3\n mla r1, r2, r3, r1\n smull r1, r2, r3, r3\n", 3, 3},
    {"divide", "udiv r1, r2, r3\n", 1, 6},
    {"dsp", "smlad r1, r2, r3, r1\n sxtb16 r2, r3\n usat r3, #8, r2\n", 3, 3},
    {"one_load", "ldr r1, [r0]\n", 1, 2},
    {"two_loads_pipeline", "ldr r1, [r0]\n ldr r2, [r0, #4]\n", 2, 3},
    {"four_loads_pipeline", "ldr r1, [r0]\n ldrb r2, [r0, #4]\n ldrsh r3, [r0, #8]\n ldr r12, [r0, #12]\n", 4, 5},
    {"a_dependent_load_does_not_pipeline", "str r0, [r0]\n ldr r1, [r0]\n ldr r2, [r1]\n", 3, 5, 1},
    {"loads_with_alu_between_do_not_pipeline", "ldr r1, [r0]\n movs r3, #1\n ldr r2, [r0, #4]\n", 3, 5},
    {"a_load_after_ldrd_does_not_pipeline", "ldrd r2, r3, [r0]\n ldr r1, [r0]\n", 2, 5},
    {"loads_from_two_memories_do_not_pipeline",
     "ldr r1, [r0]\n ldr r2, 1f\n ldr r3, [r0]\n b 2f\n .balign 4\n1: .word 7\n2:\n", 4, 2 + 2 + 2 + 2, 0, 0, 1},
    {"loads_from_the_code_pipeline", "ldr r2, 1f\n ldr r3, 1f\n b 2f\n .balign 4\n1: .word 7\n2:\n", 3, 2 + 1 + 2, 0, 0,
     1},
    {"load_use", "ldr r1, [r0]\n adds r1, #1\n", 2, 3, 1},
    {"load_then_other_use", "ldr r1, [r0]\n adds r2, #1\n adds r1, #1\n", 3, 4},
    {"storing_what_was_loaded_is_no_use", "ldr r1, [r0]\n str r1, [r0, #4]\n", 2, 3},
    {"a_store_to_a_loaded_address_is_one", "str r0, [r0]\n ldr r1, [r0]\n str r2, [r1, #4]\n", 3, 4, 1},
    {"multiple_and_double_loads_are_no_uses", "ldm r0, {r1, r2}\n adds r2, #1\n ldrd r2, r3, [r0]\n adds r3, #1\n", 4,
     3 + 1 + 3 + 1, 0, 1},
    {"store_immediate", "str r1, [r0]\n strb r1, [r0, #1]\n strh r1, [r0, #2]\n", 3, 3},
    {"store_register", "lsls r2, r2, #1\n str r1, [r0, r2]\n", 2, 3},
    {"store_dual", "strd r1, r2, [r0]\n", 1, 3},
    {"multiple", "push {r4, r5, r6}\n pop {r4, r5, r6}\n ldm r0, {r1, r2}\n", 3, 4 + 4 + 3},
    {"branch_taken", "b 1f\n nop\n1:\n", 1, 2},
    {"branch_not_taken", "cmp r1, r1\n bne 1f\n nop\n1:\n", 3, 3},
    {"compare_and_branch_taken", "movs r1, #0\n cbz r1, 1f\n nop\n1:\n", 2, 3},
    {"loop_of_three_turns", "movs r1, #3\n1: subs r1, #1\n bne 1b\n", 7, 1 + 3 * 2 + 2},
    {"call_and_return", "mov r3, lr\n bl 1f\n mov lr, r3\n b 2f\n1: bx lr\n2:\n", 5, 1 + 2 + 1 + 2 + 3, 0, 1},
    {"if_then_folds_behind_16_bits", "cmp r1, r1\n it eq\n moveq r1, #1\n", 3, 1 + 0 + 1},
    {"if_then_costs_one_behind_32_bits", "cmp.w r1, r1\n it eq\n moveq r1, #1\n", 3, 1 + 1 + 1},
    {"failed_condition_costs_one", "cmp r1, r1\n it ne\n movne r1, #1\n", 3, 1 + 0 + 1},
    {"failed_load_costs_one", "cmp r1, r1\n it ne\n ldrne r1, [r0]\n", 3, 1 + 0 + 1},
    {"four_failed", "cmp r1, r1\n itttt ne\n movne r1, #1\n movne r2, #1\n movne r3, #1\n ldrne r1, [r0]\n", 6,
     1 + 0 + 4},
    {"half_failed_first", "cmp r1, r1\n itete ne\n movne r1, #1\n moveq r2, #1\n movne r3, #1\n moveq r3, #1\n", 6,
     1 + 0 + 4},
    {"half_failed_last", "cmp r1, r1\n itete eq\n moveq r1, #1\n movne r2, #1\n moveq r3, #1\n movne r3, #1\n", 6,
     1 + 0 + 4},
    {"branch_in_it_block_taken", "cmp r1, r1\n itt eq\n moveq r1, #1\n beq.w 1f\n nop\n1:\n", 4, 1 + 0 + 1 + 2, 0, 1},
    {"branch_in_it_block_not_taken", "cmp r1, r1\n it ne\n bne.w 1f\n nop\n1:\n", 4, 1 + 0 + 1 + 1},
    {"unaligned_wide", ".balign 4\n nop\n add.w r1, r2, r3\n add.w r1, r2, r3\n nop\n", 4, 4, 0, 2},
    {"aligned_wide", ".balign 4\n add.w r1, r2, r3\n add.w r1, r2, r3\n", 2, 2},
    {"unaligned_wide_that_failed", ".balign 4\n cmp r1, r1\n nop\n it ne\n addne.w r1, r2, r3\n nop\n nop\n", 6,
     1 + 1 + 0 + 1 + 1 + 1, 0, 1},
    {"unaligned_word_in_two_parts", "ldr.w r1, [r0, #2]\n", 1, 2 + 1},
    {"unaligned_word_in_three_parts", "ldr.w r1, [r0, #1]\n", 1, 2 + 2},
    {"unaligned_halfword", "ldrh.w r1, [r0, #1]\n", 1, 2 + 1},
    {"float_arithmetic", "vadd.f32 s0, s1, s2\n vmul.f32 s0, s1, s2\n vmov s3, r1\n", 3, 3},
    {"float_multiply_add", "vmov s1, r1\n vmla.f32 s0, s1, s2\n vfma.f32 s0, s1, s2\n", 3, 1 + 3 + 3},
    {"float_divide_and_root", "vmov.f32 s1, #1.0\n vdiv.f32 s0, s1, s1\n vsqrt.f32 s0, s1\n", 3, 1 + 14 + 14},
    {"float_memory", "vldr s0, [r0]\n vstr s0, [r0, #4]\n vpush {s0-s3}\n vpop {s0-s3}\n", 4, 2 + 2 + 5 + 5},
    {"table_branch", "movs r1, #0\n tbb [pc, r1]\n1: .byte (2f - 1b) / 2, 0\n2:\n", 2, 1 + 4, 0, 1, 1},
    {"jump_by_pop", "adr r1, 1f\n adds r1, #1\n push {r1}\n pop {pc}\n nop\n .balign 4\n1:\n", 4, 1 + 1 + 2 + 2 + 2},
};

/// One module with all sequences; the first input byte chooses which one runs.
TestModule all_sequences() {
  TestModule module;
  module.source = "extern \"C\" {\n";
  std::string table;
  int n = 0;
  for (const Sequence& s : kSequences) {
    std::string code = s.code;
    for (std::size_t at = 0; (at = code.find('\n', at)) != std::string::npos; at += 2) code.replace(at, 1, "\\n");
    module.source += "[[gnu::naked, gnu::noinline, gnu::aligned(8)]] void " + std::string(s.name) +
                     "(void*, int, int, int) { __asm__ volatile(\"" + code + " bx lr\\n .ltorg\"); }\n";
    table += "    case " + std::to_string(n++) + ": " + s.name + "(static_cast<char*>(arena) + 32, 1, 2, 3); break;\n";
  }
  module.source += "std::int32_t invoke(void* arena) {\n  switch (*static_cast<volatile std::uint8_t*>(arena)) {\n" +
                   table + "  }\n  return 0;\n}\n}\n";
  module.arena_bytes = 128;
  return module;
}

class Cycles : public testing::TestWithParam<std::size_t> {
 public:
  static VirtualBoard& board() {
    static VirtualBoard board = [] {
      const BuiltModule module = Toolchain::instance().build_module(all_sequences());
      auto made =
          VirtualBoard::create(find_board("nucleo-l4r5zi").value(), Toolchain::instance().build_firmware(module.blob))
              .value();
      made.add_symbols(ElfFile::parse(module.elf).value(), made.elf().find_symbol("mote_module")->address);
      return made;
    }();
    return board;
  }
};

TEST_P(Cycles, are_what_a_person_adds_up) {
  const Sequence& s = kSequences[GetParam()];
  const std::vector<std::string> watch{s.name};
  const auto m = board().measure(Bytes{static_cast<std::uint8_t>(GetParam()), 0, 0, 0}, watch);
  ASSERT_TRUE(m) << m.error().message();
  ASSERT_EQ(m->calls.size(), 1u);
  const CycleCounts& counts = m->calls[0].counts;
  EXPECT_EQ(counts.instructions, s.instructions + 1);
  EXPECT_EQ(counts.core_cycles, s.core_cycles + kReturn);
  EXPECT_EQ(counts.load_uses, s.load_uses);
  EXPECT_EQ(counts.unaligned_wide, s.unaligned_wide);
  EXPECT_EQ(counts.flash_misses, s.flash_misses);
}

std::vector<std::size_t> all_indices() {
  std::vector<std::size_t> indices(std::size(kSequences));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = i;
  return indices;
}

INSTANTIATE_TEST_SUITE_P(Sequences, Cycles, testing::ValuesIn(all_indices()),
                         [](const auto& sequence) { return std::string(kSequences[sequence.param].name); });

TEST(CycleModel, adds_the_calibration_to_the_core) {
  CycleCounts counts;
  counts.core_cycles = 1000;
  counts.flash_misses = 100;
  counts.unaligned_wide = 200;
  counts.load_uses = 300;
  EXPECT_EQ(cycles(counts, {}), 1000u);
  EXPECT_EQ(cycles(counts, {3.95, 0.245, 0.47, true}), 1000u + 395 + 49 + 141);
  counts.fetch_stalls = 7;
  EXPECT_EQ(cycles(counts, {3.95, 0.245, 0.47, true}), 1000u + 7 + 395 + 49 + 141);
}

/// Measures reading `count` words of flash in a row, `rounds` times over.
CycleCounts stream_flash(const BoardSpec& spec, std::uint8_t count, std::uint8_t rounds) {
  static const Bytes firmware = [] {
    TestModule module;
    module.source = R"(
      alignas(32) extern const unsigned weights[256] = {1};
      extern "C" std::int32_t invoke(void* arena) {
        const auto* arguments = static_cast<const std::uint8_t*>(arena);
        unsigned sum = 0;
        for (unsigned r = 0; r < arguments[1]; ++r) {
          for (unsigned i = 0; i < arguments[0]; ++i) sum += static_cast<const volatile unsigned*>(weights)[i];
        }
        static_cast<unsigned*>(arena)[4] = sum;
        return 0;
      })";
    return Toolchain::instance().build_firmware(module);
  }();
  auto board = VirtualBoard::create(spec, firmware).value();
  return board.measure(Bytes{count, rounds, 0, 0}).value().counts;
}

TEST(CycleModel, flash_data_misses_are_lines_that_the_cache_does_not_hold) {
  const BoardSpec spec = find_board("nucleo-l4r5zi").value();  // 32 lines of 8 bytes
  // Constants of the code itself take a few lines.
  const std::uint64_t own = stream_flash(spec, 0, 1).flash_misses;
  EXPECT_LE(own, 4u);
  const auto misses = [&](std::uint8_t count, std::uint8_t rounds) {
    return stream_flash(spec, count, rounds).flash_misses - own;
  };
  EXPECT_NEAR(static_cast<double>(misses(240, 1)), 120, 2) << "8 bytes a line";
  EXPECT_NEAR(static_cast<double>(misses(50, 10)), 25, 2) << "25 lines stay";
  EXPECT_NEAR(static_cast<double>(misses(80, 10)), 400, 2) << "40 lines in turn never hit";
}

/// The same 25,600 additions as a loop of 800 bytes, and unrolled to 4 KiB.
TestModule additions() {
  TestModule module;
  module.source = R"(
    extern "C" {
    [[gnu::naked, gnu::noinline, gnu::aligned(32)]] void looped() {
      __asm__ volatile("mov.w r0, #128\n 1: .rept 200\n add.w r1, r2, r3\n .endr\n subs r0, #1\n bne.w 1b\n bx lr");
    }
    [[gnu::naked, gnu::noinline, gnu::aligned(32)]] void unrolled() {
      __asm__ volatile("mov.w r0, #25\n 1: .rept 1024\n add.w r1, r2, r3\n .endr\n subs r0, #1\n bne.w 1b\n bx lr");
    }
    [[gnu::naked, gnu::noinline, gnu::aligned(32)]] void straight() {
      __asm__ volatile(".rept 64\n add.w r1, r2, r3\n .endr\n bx lr");
    }
    std::int32_t invoke(void*) {
      looped();
      unrolled();
      straight();
      straight();
      return 0;
    }
    })";
  return module;
}

Measurement measure_additions(const BoardSpec& spec) {
  const BuiltModule module = Toolchain::instance().build_module(additions());
  auto board = VirtualBoard::create(spec, Toolchain::instance().build_firmware(module.blob)).value();
  board.add_symbols(ElfFile::parse(module.elf).value(), board.elf().find_symbol("mote_module")->address);
  const std::vector<std::string> watch{"looped", "unrolled", "straight"};
  return board.measure(Bytes{0, 0, 0, 0}, watch).value();
}

TEST(CycleModel, unrolled_code_pays_for_its_fetches) {
  const Measurement m = measure_additions(find_board("nucleo-l4r5zi").value());
  ASSERT_EQ(m.calls.size(), 4u);
  const CallCost &looped = m.calls[0], &unrolled = m.calls[1];
  EXPECT_LT(unrolled.counts.core_cycles, looped.counts.core_cycles) << "what a core without wait states says";
  // The loop is read once: 103 parts of 8 bytes.
  EXPECT_LE(looped.counts.fetch_misses, 103u);
  EXPECT_LE(looped.cycles, looped.counts.core_cycles + 103 * 5 + 100);
  // Unrolled, every 8 bytes take the 6 cycles of a read, in each of 25 turns.
  EXPECT_GE(unrolled.counts.fetch_misses, 25u * 512);
  EXPECT_NEAR(static_cast<double>(unrolled.cycles), 25.0 * 512 * 6, 0.02 * 25 * 512 * 6);
  EXPECT_GT(unrolled.cycles, 2 * looped.cycles);
}

TEST(CycleModel, straight_code_takes_the_time_of_its_reads_once) {
  const Measurement m = measure_additions(find_board("nucleo-l4r5zi").value());
  // 64 additions in 32 parts, and bx lr in another: the wait states of the jump, then 6 cycles a read of which two
  // work.
  EXPECT_EQ(m.calls[2].counts.fetch_misses, 33u);
  EXPECT_EQ(m.calls[2].counts.fetch_stalls, 5u + 32 * 4);
  EXPECT_EQ(m.calls[3].counts.fetch_misses, 0u);
  EXPECT_EQ(m.calls[3].counts.fetch_stalls, 0u);
}

TEST(CycleModel, instructions_come_at_once_without_wait_states) {
  const Measurement m = measure_additions(find_board("mps2-an386").value());
  EXPECT_EQ(m.counts.fetch_misses, 0u);
  EXPECT_EQ(m.counts.fetch_stalls, 0u);
  EXPECT_EQ(m.cycles, m.counts.core_cycles);
}

TEST(CycleModel, a_board_without_flash_cache_counts_no_misses) {
  EXPECT_EQ(stream_flash(find_board("mps2-an386").value(), 240, 1).flash_misses, 0u);
}

}  // namespace
}  // namespace mote::board
