// The flash accelerator's waits, added up by hand: 5 wait states, 8 bytes a read, 32 lines of 32 bytes.

#include "instruction_flash.hpp"

#include <gtest/gtest.h>

namespace mote::board {
namespace {

BoardSpec l4() {
  BoardSpec spec;
  spec.flash_bytes = 1 << 20;
  spec.flash_wait_states = 5;
  spec.flash_data_cache = {32, 8};
  spec.instruction_cache = {32, 32};
  return spec;
}

TEST(InstructionFlash, a_jump_waits_for_the_wait_states) {
  InstructionFlash flash(l4());
  EXPECT_EQ(flash.enter(7, 100), 5u);
  EXPECT_EQ(flash.enter(1000, 200), 5u);
  EXPECT_EQ(flash.reads(), 2u);
}

TEST(InstructionFlash, straight_code_waits_for_what_is_read_ahead) {
  InstructionFlash flash(l4());
  ASSERT_EQ(flash.enter(0, 100), 5u);       // runs from 105 on, and part 1 is read until 111
  EXPECT_EQ(flash.enter(1, 107), 4u);       // two cycles' work was done
  EXPECT_EQ(flash.enter(2, 111 + 5), 1u);   // five
  EXPECT_EQ(flash.enter(3, 117 + 20), 0u);  // more than a read takes
  EXPECT_EQ(flash.enter(4, 137 + 6), 0u);
}

TEST(InstructionFlash, what_was_read_stays) {
  InstructionFlash flash(l4());
  std::uint64_t now = 100;
  for (std::uint32_t part = 0; part < 128; ++part) now += 2 + flash.enter(part, now);  // 1 KiB
  const std::uint64_t reads = flash.reads();
  EXPECT_EQ(reads, 128u);
  for (int turn = 0; turn < 3; ++turn) {
    for (std::uint32_t part = 0; part < 128; ++part) EXPECT_EQ(flash.enter(part, now += 2), 0u);
  }
  EXPECT_EQ(flash.reads(), reads);
}

TEST(InstructionFlash, a_loop_of_one_line_more_than_the_cache_never_hits) {
  InstructionFlash flash(l4());
  std::uint64_t now = 100;
  for (int turn = 0; turn < 3; ++turn) {
    for (std::uint32_t part = 0; part < 33 * 4; ++part) now += 2 + flash.enter(part, now);
  }
  EXPECT_EQ(flash.reads(), 3u * 33 * 4);
}

TEST(InstructionFlash, a_line_is_filled_read_by_read) {
  InstructionFlash flash(l4());
  ASSERT_EQ(flash.enter(0, 100), 5u);
  ASSERT_EQ(flash.enter(500, 200), 5u);
  EXPECT_EQ(flash.enter(0, 300), 0u);
  EXPECT_EQ(flash.enter(2, 400), 5u) << "of the same line";
}

TEST(InstructionFlash, data_waits_for_instructions_under_way) {
  InstructionFlash flash(l4());
  ASSERT_EQ(flash.enter(0, 100), 5u);   // part 1 is being read until 111
  EXPECT_EQ(flash.read_data(106), 5u);  // and then the data, until 117
  EXPECT_EQ(flash.enter(1, 120), 0u);   // it has been there since 111
  EXPECT_EQ(flash.enter(40, 121), 5u);
}

TEST(InstructionFlash, instructions_wait_for_data_under_way) {
  InstructionFlash flash(l4());
  ASSERT_EQ(flash.enter(0, 100), 5u);
  ASSERT_EQ(flash.enter(1, 120), 0u);
  ASSERT_EQ(flash.enter(0, 140), 0u);
  EXPECT_EQ(flash.read_data(141), 0u) << "part 1 is there, so nothing is read ahead";
  EXPECT_EQ(flash.enter(60, 144), 3u + 5u);  // the data is read until 147
}

TEST(InstructionFlash, forgets_all_when_cleared) {
  InstructionFlash flash(l4());
  ASSERT_EQ(flash.enter(0, 100), 5u);
  flash.clear();
  EXPECT_EQ(flash.enter(0, 200), 5u);
}

TEST(InstructionFlash, is_absent_without_an_instruction_cache) {
  BoardSpec spec = l4();
  spec.instruction_cache = {};
  EXPECT_FALSE(InstructionFlash(spec).present());
  spec = l4();
  spec.flash_data_cache = {8, 16};  // STM32F4: a line is one read of 128 bits
  spec.instruction_cache = {64, 16};
  InstructionFlash f4(spec);
  EXPECT_EQ(f4.part_of(0x35), 3u);
  EXPECT_EQ(f4.enter(3, 100), 5u);
}

}  // namespace
}  // namespace mote::board
