#include "mote/board/elf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware_fixture.hpp"
#include "mote/base/rng.hpp"
#include "mote/board/energy.hpp"

namespace mote::board {
namespace {

const Bytes& firmware() {
  static const Bytes elf = Toolchain::instance().build_firmware(summing_module());
  return elf;
}

TEST(Elf, reads_segments_sections_and_symbols) {
  const auto elf = ElfFile::parse(firmware());
  ASSERT_TRUE(elf) << elf.error().message();
  ASSERT_FALSE(elf->segments().empty());
  EXPECT_EQ(elf->segments()[0].load_address, 0u);
  EXPECT_EQ(elf->find_section(".arena")->bytes, 4096u);
  EXPECT_FALSE(elf->find_section(".arena")->has_content);
  EXPECT_TRUE(elf->find_symbol("mote_infer_begin")->is_function);
  EXPECT_EQ(elf->find_symbol("mote_infer_begin")->address & 1u, 0u);
  EXPECT_EQ(elf->find_symbol("mote_stack_top")->address, 0x20020000u);
  EXPECT_EQ(elf->find_symbol("nothing"), nullptr);
  EXPECT_EQ(elf->find_section("nothing"), nullptr);
}

TEST(Elf, refuses_every_truncation_or_reads_it_whole_but_never_crashes) {
  const Bytes& whole = firmware();
  for (std::size_t n = 0; n < whole.size(); n += 7) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(ElfFile::parse(part)) << n;
  }
}

TEST(Elf, survives_random_damage) {
  Rng rng(17);
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = firmware();
    for (int i = 0; i < 8; ++i) {
      // Headers and tables lie at the start and the end.
      const std::size_t place = rng.chance(0.5) ? rng.below(200) : damaged.size() - 1 - rng.below(1500);
      damaged[place] = static_cast<std::uint8_t>(rng.next());
    }
    const auto elf = ElfFile::parse(damaged);
    EXPECT_TRUE(elf.has_value() || !elf.error().message().empty());
  }
}

TEST(Elf, says_what_is_wrong_and_where) {
  EXPECT_THAT(ElfFile::parse(Bytes(100)).error().message(), testing::HasSubstr("not an ELF file"));
  EXPECT_EQ(ElfFile::parse({}).error().code(), Code::malformed);
  Bytes other = firmware();
  other[18] = 62;  // x86-64
  EXPECT_EQ(ElfFile::parse(other).error().code(), Code::unsupported);
}

TEST(Energy, is_volts_times_current_times_time) {
  BoardSpec board;
  board.clock_hz = 100'000'000;
  board.supply_volts = 3.0;
  board.run_current_ma = 10;
  board.calibration.fitted = true;
  const Energy e = energy(board, 1'000'000);
  EXPECT_DOUBLE_EQ(e.latency_ms, 10.0);
  EXPECT_DOUBLE_EQ(e.energy_uj, 300.0);
  EXPECT_TRUE(e.known);
  EXPECT_TRUE(e.estimated.empty());
}

TEST(Energy, says_what_is_estimated_and_what_is_unknown) {
  BoardSpec board = find_board("nucleo-l4r5zi").value();
  EXPECT_THAT(energy(board, 1000).estimated, testing::ElementsAre("energy_uj"));
  EXPECT_THAT(energy(find_board("nucleo-f446re").value(), 1000).estimated,
              testing::ElementsAre("latency_ms", "energy_uj"));
  EXPECT_FALSE(energy(find_board("mps2-an386").value(), 1000).known);
}

}  // namespace
}  // namespace mote::board
