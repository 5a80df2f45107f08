#include "mote/board/qemu_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "firmware_fixture.hpp"
#include "mote/base/rng.hpp"

namespace mote::board {
namespace {

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

BoardSpec an386() { return find_board("mps2-an386").value(); }

#define MOTE_NEEDS_QEMU() \
  if (find_program("qemu-system-arm").empty()) GTEST_SKIP() << "qemu-system-arm is not installed"

TEST(QemuBoard, answers_as_the_virtual_board_does) {
  MOTE_NEEDS_QEMU();
  auto qemu = QemuBoard::create(an386(), summing_firmware());
  ASSERT_TRUE(qemu) << qemu.error().message();
  auto board = VirtualBoard::create(find_board("nucleo-l4r5zi").value(), summing_firmware()).value();
  const auto identity = qemu->identify();
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(identity->arena_bytes, board.identify()->arena_bytes);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto output = qemu->infer(random_input(seed));
    ASSERT_TRUE(output) << output.error().message();
    ASSERT_EQ(*output, board.infer(random_input(seed)).value()) << seed;
  }
}

TEST(QemuBoard, the_uart_and_shared_memory_carry_the_same_input) {
  MOTE_NEEDS_QEMU();
  auto qemu = QemuBoard::create(an386(), summing_firmware()).value();
  EXPECT_EQ(qemu.infer_over_uart(random_input(5)).value(), qemu.infer(random_input(5)).value());
}

TEST(QemuBoard, refuses_as_the_virtual_board_does_and_goes_on) {
  MOTE_NEEDS_QEMU();
  auto qemu = QemuBoard::create(an386(), summing_firmware()).value();
  auto board = VirtualBoard::create(find_board("mps2-an386").value(), summing_firmware()).value();
  EXPECT_EQ(qemu.infer(random_input(1, 10)).error().message(), board.infer(random_input(1, 10)).error().message());
  EXPECT_EQ(qemu.infer_over_uart(random_input(1, 10)).error().message(),
            board.infer(random_input(1, 10)).error().message());
  EXPECT_EQ(qemu.infer(random_input(1)).value(), summed(random_input(1)));
}

TEST(QemuBoard, a_fault_names_its_pc) {
  MOTE_NEEDS_QEMU();
  TestModule module;
  module.source = R"(extern "C" std::int32_t invoke(void* arena) {
    return static_cast<std::int32_t>(*reinterpret_cast<volatile std::uint32_t*>(*static_cast<std::uint32_t*>(arena))); })";
  const Bytes firmware = Toolchain::instance().build_firmware(module);
  auto qemu = QemuBoard::create(an386(), firmware).value();
  auto board = VirtualBoard::create(find_board("mps2-an386").value(), firmware).value();
  const Bytes nowhere{0, 0, 0, 0x60};
  const std::string by_qemu = qemu.infer(nowhere).error().message(), by_us = board.infer(nowhere).error().message();
  const std::size_t at = by_us.find("pc 0x");
  ASSERT_NE(at, std::string::npos) << by_us;
  EXPECT_THAT(by_qemu, testing::HasSubstr(by_us.substr(at, 13)));
}

TEST(QemuBoard, silence_becomes_an_error) {
  MOTE_NEEDS_QEMU();
  TestModule module;
  module.source = "extern \"C\" std::int32_t invoke(void*) { for (;;) __asm__ volatile(\"\"); }";
  QemuOptions options;
  options.time_limit = std::chrono::milliseconds(1500);
  auto qemu = QemuBoard::create(an386(), Toolchain::instance().build_firmware(module), options).value();
  const auto output = qemu.infer(Bytes(4));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code(), Code::io);
  options.program = "no-such-qemu";
  EXPECT_EQ(QemuBoard::create(an386(), summing_firmware(), options).error().code(), Code::not_found);
}

/// Runs a firmware for a moment and returns QEMU's log of single instructions.
std::string log_of_instructions(const std::filesystem::path& folder, const std::vector<std::string>& single_step) {
  ProcessOptions options;
  options.folder = folder;
  // The log ends when QEMU is stopped; the program runs its inference right after boot and then idles.
  options.timeout = std::chrono::milliseconds(1500);
  std::vector<std::string> arguments{"qemu-system-arm", "-M",         "mps2-an386",  "-display", "none",
                                     "-monitor",        "none",       "-serial",     "null",     "-d",
                                     "exec,nochain",    "-D",         "counted.log", "-dfilter", "0x0..0x3fffff",
                                     "-kernel",         "counted.elf"};
  arguments.insert(arguments.end(), single_step.begin(), single_step.end());
  std::filesystem::remove(folder / "counted.log");
  static_cast<void>(run_process(arguments, options));
  return read_text(folder / "counted.log", std::uint64_t{1} << 30).value_or("");
}

/// Instructions that QEMU executes between the two markers.
std::size_t count_with_qemu(const Bytes& firmware) {
  const auto& folder = Toolchain::instance().folder();
  EXPECT_TRUE(write_file(folder / "counted.elf", firmware));
  const ElfFile elf = ElfFile::parse(firmware).value();
  // QEMU 8.1 renamed the option.
  std::string text = log_of_instructions(folder, {"-singlestep"});
  if (text.empty()) text = log_of_instructions(folder, {"-accel", "tcg,one-insn-per-tb=on"});
  std::istringstream log(text);
  const ElfSymbol& begin = *elf.find_symbol("mote_infer_begin");
  const std::uint32_t end = elf.find_symbol("mote_infer_end")->address;
  std::size_t counted = 0;
  bool begun = false;
  for (std::string line; std::getline(log, line);) {
    const std::size_t slash = line.find('/');
    if (line.rfind("Trace", 0) != 0 || slash == std::string::npos) continue;
    const auto pc = static_cast<std::uint32_t>(std::stoul(line.substr(slash + 1), nullptr, 16));
    if (pc == end) break;
    begun = begun || pc == begin.address;
    const bool in_marker = pc >= begin.address && pc < begin.address + begin.bytes;
    counted += begun && !in_marker ? 1 : 0;
  }
  return counted;
}

TEST(QemuBoard, executes_as_many_instructions_as_the_virtual_board_counts) {
  MOTE_NEEDS_QEMU();
  // IT blocks, conditional branches, loads: data-dependent work on pseudo-random numbers.
  const std::string source = R"(
    #include "boards/markers.hpp"
    #include "boards/uart.hpp"
    extern "C" [[noreturn]] void mote_main();
    static volatile unsigned seed = 1;
    [[gnu::noinline]] static unsigned work(unsigned n) {
      unsigned state = seed, odd = 0, best = 0;
      for (unsigned i = 0; i < n; ++i) {
        state = state * 1664525u + 1013904223u;
        if (state & 0x10000u) odd += state >> 28; else odd ^= 3;
        best = state > best ? state : best;
        if ((state >> 24) == 7) odd /= 3;
      }
      return odd + best;
    }
    extern "C" void mote_main() {
      const mote::device::Uart uart;
      uart.start();
      mote_infer_begin();
      const unsigned result = work(300);
      mote_infer_end();
      const unsigned char reply[13] = {'O', 0, 0, 0, 0, 4, 0, 0, 0};
      for (;;) {
        for (int i = 0; i < 5; ++i) uart.read();
        for (int i = 0; i < 4; ++i) uart.read();
        mote_infer_begin();
        const unsigned again = work(300);
        mote_infer_end();
        uart.write(reply, 9);
        uart.write_u32(again == result ? 0 : again);
      }
    })";
  const Bytes firmware = Toolchain::instance().build_program(source);
  auto board = VirtualBoard::create(find_board("mps2-an386").value(), firmware).value();
  const auto m = board.measure(Bytes(4));
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(m->counts.instructions, count_with_qemu(firmware));
}

}  // namespace
}  // namespace mote::board
