// The board for images of others, with an image made here: vectors, clocks, UART and timer as STM32CubeMX's code uses
// them.

#include "mote/board/stm32_board.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware_fixture.hpp"

namespace mote::board {
namespace {

/// A raw image linked at 0x08000000. `body` runs after the clocks are up; `handler` is LPUART1's.
Bytes build_image(const std::string& body, const std::string& handler) {
  const std::string source = R"(
    #include <cstdint>
    static volatile std::uint32_t& reg(std::uint32_t address) { return *reinterpret_cast<volatile std::uint32_t*>(address); }
    constexpr std::uint32_t kClocks = 0x40021000, kUart = 0x40008000, kTimer = 0x40000c00;
    static void say(char c) {
      while ((reg(kUart + 0x1c) & 0x80) == 0) {}
      reg(kUart + 0x28) = static_cast<std::uint32_t>(c);
    }
    static void say(std::uint32_t number) {
      if (number >= 10) say(number / 10);
      say(static_cast<char>('0' + number % 10));
    }
    [[maybe_unused]] static void take(std::uint32_t address) { static_cast<void>(reg(address) + 0); }
    static std::uint32_t calls;
    extern "C" {
    void handle() {)" + handler +
                             R"(}
    void start() {
      reg(kClocks) |= 1u << 24;
      while ((reg(kClocks) & 1u << 25) == 0) {}
      reg(kClocks + 8) |= 3;
      while ((reg(kClocks + 8) & 0xc) != 0xc) {}
      reg(kTimer + 0x28) = 119;  // microseconds
      calls = 0;
    )" + body +
                             R"(
      __asm__ volatile("b .");
    }
    }
  )";
  const std::string vectors =
      "__asm__(\".section .vectors,\\\"a\\\"\\n .word 0x20008000, start\\n .zero 84 * 4\\n .word handle\\n "
      ".previous\");\n";
  return Toolchain::instance().build_image(source + vectors);
}

constexpr const char* kListen = "reg(kUart) |= 1u << 5;";

BoardSpec spec() { return find_board("nucleo-l4r5zi").value(); }

TEST(Stm32Board, boots_and_talks_over_the_uart) {
  const Bytes image =
      build_image(std::string("say('h'); say('i');") + kListen,
                  "const char c = static_cast<char>(reg(kUart + 0x24)); say(c); if (c == '%') say(++calls);");
  auto board = Stm32Board::create(spec(), image);
  ASSERT_TRUE(board) << board.error().message();
  EXPECT_EQ(board->exchange("ab%").value(), "hiab%1");
  EXPECT_EQ(board->exchange("%").value(), "%2");
}

TEST(Stm32Board, its_timer_counts_modelled_cycles) {
  const Bytes image = build_image(kListen, R"(
    take(kUart + 0x24);
    const std::uint32_t begin = reg(kTimer + 0x24);
    std::uint32_t n = 60000;
    __asm__ volatile(".balign 8\n 1: subs %0, #1\n nop\n nop\n bne 1b" : "+l"(n));
    say(reg(kTimer + 0x24) - begin);)");
  auto board = Stm32Board::create(spec(), image);
  ASSERT_TRUE(board) << board.error().message();
  EXPECT_EQ(board->exchange("x").value(), "2500") << "60,000 turns of 5 cycles at 120 MHz";
  const auto& looks = board->timer_looks();
  ASSERT_EQ(looks.size(), 2u);
  EXPECT_NEAR(static_cast<double>((looks[1] - looks[0]).core_cycles), 300'000, 20);
  EXPECT_NEAR(static_cast<double>((looks[1] - looks[0]).instructions), 240'000, 20);
}

TEST(Stm32Board, gives_the_handler_its_own_registers_and_the_program_its_own_back) {
  // The program counts in registers until the handler has run; were they not restored, it would leave its loop.
  const Bytes image =
      build_image(kListen, "take(kUart + 0x24); __asm__ volatile(\"movs r4, #1\" ::: \"r4\"); say(++calls);");
  auto board = Stm32Board::create(spec(), image).value();
  EXPECT_EQ(board.exchange("abc").value(), "123");
}

TEST(Stm32Board, reports_an_image_that_gives_up) {
  const auto board = Stm32Board::create(spec(), build_image("", "take(kUart + 0x24);"));
  ASSERT_FALSE(board);
  EXPECT_THAT(board.error().message(), testing::HasSubstr("gave up in a loop"));
}

TEST(Stm32Board, reports_a_reach_for_memory_that_is_not_there) {
  auto board = Stm32Board::create(spec(), build_image("reg(0x60000000) = 1;", ""));
  ASSERT_FALSE(board);
  EXPECT_THAT(board.error().message(), testing::HasSubstr("0x60000000"));
  board = Stm32Board::create(spec(), build_image(kListen, "take(kUart + 0x24); take(0x70000000);"));
  ASSERT_TRUE(board);
  EXPECT_THAT(board->exchange("x").error().message(), testing::HasSubstr("0x70000000"));
}

TEST(Stm32Board, stops_an_image_that_never_waits) {
  Stm32BoardOptions options;
  options.instruction_limit = 3'000'000;
  const auto board = Stm32Board::create(spec(), build_image("for (;;) take(kTimer);", ""), options);
  ASSERT_FALSE(board);
  EXPECT_THAT(board.error().message(), testing::HasSubstr("limit of instructions"));
}

TEST(Stm32Board, refuses_what_is_no_image) {
  EXPECT_EQ(Stm32Board::create(spec(), Bytes(1000, 0)).error().code(), Code::malformed);
  EXPECT_EQ(Stm32Board::create(spec(), Bytes(4, 0)).error().code(), Code::malformed);
  EXPECT_EQ(Stm32Board::create(spec(), Bytes((2 << 20) + 1, 0)).error().code(), Code::too_large);
  EXPECT_EQ(Stm32Board::create(find_board("mps2-an386").value(), Bytes(1000, 0)).error().code(), Code::unsupported);
}

}  // namespace
}  // namespace mote::board
