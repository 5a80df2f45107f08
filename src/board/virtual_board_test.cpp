#include "mote/board/virtual_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware_fixture.hpp"
#include "mote/base/parallel.hpp"
#include "mote/base/rng.hpp"

namespace mote::board {
namespace {

using testing::HasSubstr;

BoardSpec spec() { return find_board("nucleo-l4r5zi").value(); }

Bytes random_input(std::uint64_t seed, std::size_t bytes = 1024) {
  Rng rng(seed);
  Bytes input(bytes);
  for (auto& byte : input) byte = static_cast<std::uint8_t>(rng.next());
  return input;
}

const Bytes& summing_firmware() {
  static const Bytes elf = Toolchain::instance().build_firmware(summing_module(), 2048);
  return elf;
}

/// A board whose module runs `body` as its invoke.
Result<VirtualBoard> board_with(const std::string& body, TestModule module = {}) {
  module.source = "extern \"C\" std::int32_t invoke(void* arena) { " + body + " }";
  const Bytes elf = Toolchain::instance().build_firmware(module);
  return VirtualBoard::create(spec(), elf);
}

TEST(VirtualBoard, runs_a_module_and_returns_its_output) {
  auto board = VirtualBoard::create(spec(), summing_firmware());
  ASSERT_TRUE(board) << board.error().message();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto output = board->infer(random_input(seed));
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(*output, summed(random_input(seed)));
  }
}

TEST(VirtualBoard, says_what_the_module_needs) {
  auto board = VirtualBoard::create(spec(), summing_firmware()).value();
  const auto identity = board.identify();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->arena_bytes, 1088u);
  EXPECT_EQ(identity->arena_capacity_bytes, 2048u);
  EXPECT_EQ(identity->input_bytes, 1024u);
  EXPECT_EQ(identity->output_bytes, 64u);
}

TEST(VirtualBoard, measured_and_fast_runs_give_the_same_output_in_any_order) {
  auto board = VirtualBoard::create(spec(), summing_firmware()).value();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const auto measured = board.measure(random_input(seed));
    ASSERT_TRUE(measured) << measured.error().message();
    EXPECT_EQ(measured->output, summed(random_input(seed)));
    EXPECT_EQ(board.infer(random_input(seed + 100)).value(), summed(random_input(seed + 100)));
  }
}

TEST(VirtualBoard, reads_input_from_the_sensor_port) {
  auto board = VirtualBoard::create(spec(), summing_firmware()).value();
  EXPECT_EQ(board.infer_from_sensor(random_input(7)).value(), summed(random_input(7)));
  EXPECT_THAT(board.infer_from_sensor(random_input(7, 10)).error().message(), HasSubstr("length"));
}

TEST(VirtualBoard, two_runs_count_the_same) {
  const auto measure = [](std::uint64_t before) {
    auto board = VirtualBoard::create(spec(), summing_firmware()).value();
    for (std::uint64_t i = 0; i < before; ++i) EXPECT_TRUE(board.infer(random_input(i)));
    return board.measure(random_input(42)).value();
  };
  const Measurement first = measure(0), second = measure(3);
  EXPECT_EQ(first.counts, second.counts);
  EXPECT_EQ(first.cycles, second.cycles);
  EXPECT_EQ(first.stack_bytes, second.stack_bytes);
  EXPECT_GT(first.counts.instructions, 64u * 16u);
}

TEST(VirtualBoard, boards_work_side_by_side_in_threads) {
  std::vector<Bytes> outputs(8);
  parallel_for(
      8,
      [&](std::size_t i, std::size_t) {
        auto board = VirtualBoard::create(spec(), summing_firmware()).value();
        for (int repeat = 0; repeat < 20; ++repeat) outputs[i] = board.infer(random_input(i)).value();
      },
      2);
  for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i], summed(random_input(i)));
}

TEST(VirtualBoard, counts_distinct_arena_bytes_and_their_extent_exactly) {
  TestModule module;
  module.arena_bytes = 256;
  // Reads 4 bytes at 0, writes 2 at 100 and 1 at 200, and 4 at 16 twice: 11 distinct, the highest at 200.
  auto board = board_with(R"(
    auto* bytes = static_cast<volatile std::uint8_t*>(arena);
    const auto value = *reinterpret_cast<volatile std::uint32_t*>(bytes);
    *reinterpret_cast<volatile std::uint16_t*>(bytes + 100) = static_cast<std::uint16_t>(value);
    bytes[200] = 1;
    *reinterpret_cast<volatile std::uint32_t*>(bytes + 16) = value;
    *reinterpret_cast<volatile std::uint32_t*>(bytes + 16) = value + 1;
    return 0;)",
                          module);
  ASSERT_TRUE(board) << board.error().message();
  const auto m = board->measure(random_input(1, 4));
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(m->arena_touched_bytes, 11u);
  EXPECT_EQ(m->arena_extent_bytes, 201u);
}

TEST(VirtualBoard, measures_the_peak_stack_to_the_byte) {
  TestModule module;
  module.source = R"(
    extern "C" [[gnu::naked]] std::int32_t invoke(void*) {
      // 8 bytes pushed, 200 reserved of which the lowest written lies 40 above the stack pointer; then 16 more pushed and popped.
      __asm__ volatile("push {r4, lr}\n sub sp, #200\n movs r3, #0\n str r3, [sp, #40]\n add sp, #200\n"
                       "push {r4, r5, r6, r7}\n pop {r4, r5, r6, r7}\n movs r0, #0\n pop {r4, pc}\n");
    })";
  auto board = VirtualBoard::create(spec(), Toolchain::instance().build_firmware(module));
  ASSERT_TRUE(board) << board.error().message();
  const auto m = board->measure(random_input(1, 4));
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(m->stack_bytes, 208u);
  EXPECT_EQ(m->stack_written_bytes, 168u);
}

TEST(VirtualBoard, measuring_finds_a_stack_that_grows_into_the_data_below_it) {
  TestModule module;
  module.source = R"(
    extern "C" [[gnu::naked]] std::int32_t invoke(void*) {
      __asm__ volatile("push {r4, lr}\n ldr r4, =1000000\n sub sp, r4\n add sp, r4\n movs r0, #0\n pop {r4, pc}\n .ltorg\n");
    })";
  auto board = VirtualBoard::create(spec(), Toolchain::instance().build_firmware(module));
  ASSERT_TRUE(board) << board.error().message();
  const auto m = board->measure(random_input(1, 4));
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().code(), Code::too_large);
  EXPECT_NE(m.error().message().find("RAM is too small"), std::string::npos) << m.error().message();
}

TEST(VirtualBoard, reports_each_call_of_watched_functions_in_order) {
  const BuiltModule module = Toolchain::instance().build_module(summing_module());
  auto board = VirtualBoard::create(spec(), Toolchain::instance().build_firmware(module.blob, 2048)).value();
  const ElfFile module_elf = ElfFile::parse(module.elf).value();
  board.add_symbols(module_elf, board.elf().find_symbol("mote_module")->address);
  const std::vector<std::string> watch{"weigh", "invoke"};
  const auto m = board.measure(random_input(3), watch);
  ASSERT_TRUE(m) << m.error().message();
  ASSERT_EQ(m->calls.size(), 65u);
  EXPECT_EQ(m->calls[0].function, "invoke");
  CycleCounts inner;
  for (std::size_t i = 1; i < m->calls.size(); ++i) {
    EXPECT_EQ(m->calls[i].function, "weigh");
    EXPECT_EQ(m->calls[i].depth, 1u);
    inner.instructions += m->calls[i].counts.instructions;
    EXPECT_EQ(m->calls[i].counts.instructions, m->calls[1].counts.instructions);
  }
  EXPECT_GT(m->calls[0].counts.instructions, inner.instructions);
  EXPECT_LT(m->calls[0].counts.instructions, m->counts.instructions);
  const std::vector<std::string> unknown{"nothing"};
  EXPECT_EQ(board.measure(random_input(3), unknown).error().code(), Code::not_found);
}

TEST(VirtualBoard, refuses_modules_that_do_not_fit_the_firmware) {
  struct Case {
    const char* expected;
    std::size_t field;  // offset in ModuleHeader
    std::uint32_t value;
  };
  const Case cases[] = {
      {"no module", 0, 1},
      {"ABI", 4, 0x00800002},
      {"points outside", 4, 0x00040001},
      {"points outside", 8, 100'000},
      {"another core", 16, 0},
      {"instructions", 20, 4},
      {"points outside", 28, 0},
      {"points outside", 28, 129},
      {"arena", 32, 5000},
      {"arena", 36, 24},
      {"points outside", 44, 0xfffffff0},
      {"points outside", 52, 2000},
      {"points outside", 56, 0xffffffff},
  };
  for (const Case& c : cases) {
    auto board = VirtualBoard::create(spec(), with_header_field(summing_firmware(), c.field, c.value));
    ASSERT_TRUE(board) << board.error().message();
    const auto output = board->infer(random_input(1));
    ASSERT_FALSE(output) << c.expected << c.field;
    EXPECT_THAT(output.error().message(), HasSubstr(c.expected)) << c.field;
    EXPECT_FALSE(board->infer(random_input(1))) << "both sides stay in step";
  }
}

TEST(VirtualBoard, refuses_a_wrong_input_length_and_goes_on) {
  auto board = VirtualBoard::create(spec(), summing_firmware()).value();
  EXPECT_THAT(board.infer(random_input(1, 1000)).error().message(), HasSubstr("length"));
  EXPECT_EQ(board.infer(random_input(1)).value(), summed(random_input(1)));
}

TEST(VirtualBoard, passes_on_the_status_that_a_module_returns) {
  auto board = board_with("static_cast<void>(arena); return 7;").value();
  EXPECT_THAT(board.infer(random_input(1, 4)).error().message(), HasSubstr("status 7"));
}

TEST(VirtualBoard, a_fault_names_what_was_accessed_and_where_and_the_board_comes_back) {
  TestModule module;
  auto board = board_with(R"(
    const auto where = *static_cast<volatile std::uint32_t*>(arena);
    if (where != 0) return static_cast<std::int32_t>(*reinterpret_cast<volatile std::uint32_t*>(where));
    return 0;)",
                          module)
                   .value();
  const Bytes bad{0, 0, 0, 0x60};
  const auto fault = board.infer(bad);
  ASSERT_FALSE(fault);
  EXPECT_EQ(fault.error().code(), Code::internal);
  EXPECT_THAT(fault.error().message(), testing::AllOf(HasSubstr("read 4 bytes at 0x60000000"), HasSubstr("pc 0x")));
  EXPECT_TRUE(board.infer(Bytes{0, 0, 0, 0}));
  EXPECT_EQ(board.measure(bad).error().message(), fault.error().message()) << "full speed names the same instruction";
}

TEST(VirtualBoard, writes_to_flash_bad_jumps_and_undefined_instructions_are_faults) {
  TestModule module;
  module.source = R"(
    extern "C" [[gnu::naked]] std::int32_t invoke(void*) {
      __asm__ volatile(
          "ldrb r0, [r0]\n tbb [pc, r0]\n"
          "9: .byte (1f - 9b) / 2, (2f - 9b) / 2, (3f - 9b) / 2, (4f - 9b) / 2, (5f - 9b) / 2, 0\n"
          "1: movs r0, #64\n str r0, [r0]\n"
          "2: movw r0, #1\n movt r0, #0x3000\n bx r0\n"
          "3: udf #1\n"
          "4: svc #1\n"
          "5: bkpt #1\n");
    })";
  auto board = VirtualBoard::create(spec(), Toolchain::instance().build_firmware(module)).value();
  const char* const expected[] = {"wrote 4 bytes at 0x00000040", "jumped to 0x30000000", "undefined instruction",
                                  "exception", "exception"};
  for (std::uint8_t which = 0; which < 5; ++which) {
    const Bytes input{which, 0, 0, 0};
    const auto fault = board.infer(input);
    ASSERT_FALSE(fault) << int{which};
    EXPECT_THAT(fault.error().message(), HasSubstr(expected[which]));
    EXPECT_EQ(board.measure(input).error().message(), fault.error().message());
  }
}

TEST(VirtualBoard, measuring_finds_a_misaligned_double_load_that_a_real_core_refuses) {
  auto board = board_with(R"(
    std::uint32_t low, high;
    __asm__ volatile("ldrd %0, %1, [%2]" : "=r"(low), "=r"(high) : "r"(static_cast<std::uint8_t*>(arena) + 2));
    return static_cast<std::int32_t>(low * 0 + high * 0);)")
                   .value();
  EXPECT_TRUE(board.infer(random_input(1, 4)));
  EXPECT_THAT(board.measure(random_input(1, 4)).error().message(), HasSubstr("divisible by 4"));
}

TEST(VirtualBoard, an_endless_loop_becomes_an_error_in_both_modes) {
  TestModule module;
  module.source = "extern \"C\" std::int32_t invoke(void*) { for (;;) __asm__ volatile(\"\"); }";
  VirtualBoardOptions options;
  options.time_limit = std::chrono::milliseconds(100);
  options.instruction_limit = 1'000'000;
  auto board = VirtualBoard::create(spec(), Toolchain::instance().build_firmware(module), options).value();
  EXPECT_THAT(board.infer(random_input(1, 4)).error().message(), HasSubstr("100 ms"));
  EXPECT_THAT(board.measure(random_input(1, 4)).error().message(), HasSubstr("1000000 instructions"));
  EXPECT_TRUE(board.identify()) << "a reset brings it back";
}

TEST(VirtualBoard, refuses_boards_it_cannot_emulate_and_firmware_that_does_not_fit) {
  BoardSpec small = spec();
  small.core = "cortex-a53";
  EXPECT_THAT(VirtualBoard::create(small, summing_firmware()).error().message(), HasSubstr("cortex-a53"));
  small = spec();
  small.flash_bytes = small.flash_sector_bytes = 512;
  EXPECT_EQ(VirtualBoard::create(small, summing_firmware()).error().code(), Code::too_large);
  small = spec();
  small.ram_bytes = 1024;
  EXPECT_EQ(VirtualBoard::create(small, summing_firmware()).error().code(), Code::too_large);
}

TEST(VirtualBoard, the_cycle_counter_shows_modelled_cycles) {
  TestModule module;
  module.output_bytes = 4;
  auto board = board_with(R"(
    auto* dwt = reinterpret_cast<volatile std::uint32_t*>(0xe0001000);
    dwt[0] = 1;
    dwt[1] = 0;
    const std::uint32_t first = dwt[1];
    for (int i = 0; i < 1000; ++i) __asm__ volatile("nop\n nop\n");
    static_cast<std::uint32_t*>(arena)[4] = dwt[1] - first;
    return 0;)",
                          module)
                   .value();
  const Measurement m = board.measure(random_input(1, 4)).value();
  ByteReader reader(m.output);
  const std::uint32_t ticks = reader.u32_le().value();
  // 1000 turns of nop, nop, subs, bne taken.
  EXPECT_GE(ticks, 5000u);
  EXPECT_LE(ticks, m.cycles);
}

TEST(VirtualBoard, memory_use_counts_module_code_and_arena) {
  const ElfFile elf = ElfFile::parse(summing_firmware()).value();
  const MemoryUse use = memory_use(elf);
  EXPECT_EQ(use.ram_arena_bytes, 2048u);
  EXPECT_EQ(use.ram_static_bytes, 0u);
  EXPECT_GE(use.flash_module_bytes, 128u);
  EXPECT_GT(use.flash_code_bytes, 500u);
  EXPECT_LT(use.flash_code_bytes, 4096u);
}

}  // namespace
}  // namespace mote::board
