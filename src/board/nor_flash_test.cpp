#include "mote/board/nor_flash.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware_fixture.hpp"
#include "mote/base/rng.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::board {
namespace {

NorFlash small(std::uint32_t programs_per_unit = 0) {
  return NorFlash::create({4096, 1024, 8, programs_per_unit}).value();
}

int set_bits(ByteSpan bytes) {
  int count = 0;
  for (const std::uint8_t byte : bytes) count += __builtin_popcount(byte);
  return count;
}

TEST(NorFlash, begins_erased) { EXPECT_EQ(set_bits(small().bytes()), 4096 * 8); }

TEST(NorFlash, programming_only_clears_bits) {
  NorFlash flash = small();
  ASSERT_TRUE(flash.program(8, Bytes(8, 0xf0)));
  ASSERT_TRUE(flash.program(8, Bytes(8, 0x3c)));
  EXPECT_EQ(flash.bytes()[8], 0x30);
  EXPECT_EQ(flash.bytes()[7], 0xff);
  EXPECT_EQ(flash.bytes()[16], 0xff);
  EXPECT_EQ(flash.operations(), 2u);
}

TEST(NorFlash, erasing_sets_one_whole_sector) {
  NorFlash flash = small();
  ASSERT_TRUE(flash.program(0, Bytes(4096, 0)));
  ASSERT_TRUE(flash.erase_sector(1024));
  EXPECT_EQ(set_bits(flash.bytes().subspan(1024, 1024)), 1024 * 8);
  EXPECT_EQ(set_bits(flash.bytes().first(1024)) + set_bits(flash.bytes().subspan(2048)), 0);
}

TEST(NorFlash, refuses_what_does_not_fit_its_units) {
  NorFlash flash = small();
  EXPECT_EQ(flash.program(4, Bytes(8)).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.program(8, Bytes(7)).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.program(4096, Bytes(8)).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.program(0xfffffff8, Bytes(16)).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.erase_sector(8).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.erase_sector(4096).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.load(4090, Bytes(7)).error().code(), Code::invalid_argument);
  EXPECT_EQ(flash.operations(), 0u);
  EXPECT_FALSE(NorFlash::create({4096, 1000, 8, 0}));
  EXPECT_FALSE(NorFlash::create({4096, 1024, 0, 0}));
  EXPECT_FALSE(NorFlash::create({4096, 1024, 6, 0}));
}

TEST(NorFlash, flash_with_ecc_is_programmed_once_between_erases) {
  NorFlash flash = small(1);
  ASSERT_TRUE(flash.program(0, Bytes(16, 0xaa)));
  EXPECT_THAT(flash.program(8, Bytes(8, 0)).error().message(), testing::HasSubstr("byte 8"));
  ASSERT_TRUE(flash.erase_sector(0));
  EXPECT_TRUE(flash.program(8, Bytes(8, 0)));
}

TEST(NorFlash, what_a_factory_loads_counts_as_programmed) {
  NorFlash flash = small(1);
  ASSERT_TRUE(flash.load(0, Bytes(8, 1)));
  EXPECT_FALSE(flash.program(0, Bytes(8, 0)));
  EXPECT_TRUE(flash.program(8, Bytes(8, 0)));
}

TEST(NorFlash, a_cut_tears_the_operation_it_hits_and_nothing_works_until_power_is_back) {
  NorFlash flash = small();
  flash.cut_power_at({.operation = 2, .progress = 128, .seed = 9});
  const auto result = flash.program(0, Bytes(64, 0));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::io);
  EXPECT_FALSE(flash.powered());
  EXPECT_EQ(set_bits(flash.bytes().first(16)), 0) << "two units are whole";
  const int torn = set_bits(flash.bytes().subspan(16, 8));
  EXPECT_GT(torn, 10);
  EXPECT_LT(torn, 54);
  EXPECT_EQ(set_bits(flash.bytes().subspan(24, 40)), 40 * 8) << "the rest never began";
  EXPECT_FALSE(flash.program(64, Bytes(8)));
  EXPECT_FALSE(flash.erase_sector(0));
  flash.restore_power();
  EXPECT_TRUE(flash.erase_sector(0));
  EXPECT_TRUE(flash.program(0, Bytes(64, 0)));
}

TEST(NorFlash, a_cut_during_an_erase_leaves_a_mixture) {
  NorFlash flash = small();
  ASSERT_TRUE(flash.program(0, Bytes(1024, 0)));
  flash.cut_power_at({.operation = flash.operations(), .progress = 64, .seed = 3});
  EXPECT_FALSE(flash.erase_sector(0));
  EXPECT_NEAR(set_bits(flash.bytes().first(1024)), 1024 * 8 / 4, 200);
}

TEST(NorFlash, a_torn_program_never_clears_a_bit_that_the_data_keeps) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    NorFlash flash = small();
    Rng rng(seed);
    Bytes data(8);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(rng.next());
    flash.cut_power_at({.operation = 0, .progress = static_cast<std::uint8_t>(rng.next()), .seed = seed});
    EXPECT_FALSE(flash.program(0, data));
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(flash.bytes()[i] & data[i], data[i]);
  }
}

TEST(NorFlash, progress_0_does_nothing_and_255_all) {
  NorFlash nothing = small(), all = small();
  nothing.cut_power_at({.operation = 0, .progress = 0});
  all.cut_power_at({.operation = 0, .progress = 255});
  EXPECT_FALSE(nothing.program(0, Bytes(8, 0)));
  EXPECT_FALSE(all.program(0, Bytes(8, 0)));
  EXPECT_EQ(set_bits(nothing.bytes().first(8)), 64);
  EXPECT_EQ(set_bits(all.bytes().first(8)), 0);
}

TEST(NorFlash, a_copy_is_a_snapshot_and_the_same_cut_tears_the_same_bits) {
  const NorFlash before = small();
  const auto torn = [&] {
    NorFlash flash = before;
    flash.cut_power_at({.operation = 1, .seed = 5});
    EXPECT_FALSE(flash.program(0, Bytes(32, 0x12)));
    return Bytes(flash.bytes().begin(), flash.bytes().end());
  };
  EXPECT_EQ(torn(), torn());
  EXPECT_EQ(set_bits(before.bytes()), 4096 * 8);
}

// --- through the board's flash controller
// ------------------------------------------------------------------------------------------

/// Takes one command byte, answers with one: 'e' erases the sector at 0x20000, 'p' programs a function there that
/// returns the next byte sent, 'c' calls it.
const Bytes& updating_firmware() {
  static const Bytes elf = Toolchain::instance().build_program(R"(
    #include "boards/flash_controller.hpp"
    #include "boards/uart.hpp"
    extern "C" [[noreturn]] void mote_main();
    extern "C" void mote_main() {
      const mote::device::Uart uart;
      const mote::device::FlashController flash;
      constexpr std::uint32_t kSlot = 0x20000;
      uart.start();
      for (;;) {
        const std::uint8_t command = uart.read();
        if (command == 'e') uart.write(static_cast<std::uint8_t>('0' + static_cast<int>(flash.erase_sector(kSlot))));
        if (command == 'p') {
          // movs r0, #value; bx lr
          const std::uint32_t code[2] = {0x47702000u | uart.read(), 0xbf00bf00u};
          uart.write(static_cast<std::uint8_t>('0' + static_cast<int>(flash.program(kSlot, code, 8))));
        }
        if (command == 'c') uart.write(static_cast<std::uint8_t>(reinterpret_cast<int (*)()>(kSlot + 1)()));
        if (command == 'g') uart.write(static_cast<std::uint8_t>(flash.present() && flash.sector_bytes() == 4096 && flash.write_unit_bytes() == 8 ? 'y' : 'n'));
      }
    })");
  return elf;
}

std::string say(VirtualBoard& board, std::string_view text) {
  const auto reply = board.exchange(as_bytes(text));
  return reply ? std::string(reply->begin(), reply->end()) : "error: " + reply.error().message();
}

TEST(FlashController, a_program_rewrites_flash_and_runs_the_new_code) {
  auto board = VirtualBoard::create(find_board("nucleo-l4r5zi").value(), updating_firmware()).value();
  EXPECT_EQ(say(board, "g"), "y");
  EXPECT_EQ(say(board, "pAc"), "0A");
  EXPECT_EQ(say(board, "pB"), "1") << "programmed once between erases";
  EXPECT_EQ(say(board, "epBc"), "00B") << "old translations of the code are gone";
  EXPECT_EQ(say(board, "epCcepDc"), "00C00D");
}

TEST(FlashController, flash_survives_a_reset_and_a_cut_stops_the_board) {
  auto board = VirtualBoard::create(find_board("nucleo-l4r5zi").value(), updating_firmware()).value();
  EXPECT_EQ(say(board, "pA"), "0");
  ASSERT_TRUE(board.reset());
  EXPECT_EQ(say(board, "c"), "A");
  board.flash().cut_power_at({.operation = board.flash().operations() + 1});
  EXPECT_THAT(say(board, "epB"), testing::HasSubstr("lost power"));
  EXPECT_THAT(say(board, "c"), testing::HasSubstr("power is off"));
  board.flash().restore_power();
  EXPECT_EQ(say(board, "epCc"), "00C");
}

}  // namespace
}  // namespace mote::board
