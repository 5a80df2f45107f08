// Each step of the ladder is faster than the one before, and computes the same bytes.

#include "ladder.hpp"

#include <gtest/gtest.h>

#include "mote/base/process.hpp"

namespace mote::ladder {
namespace {

class Ladders : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Ladders, get_faster_with_every_step_and_give_the_same_bytes) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  const Ladder ladder = ladders()[GetParam()];
  Measured before;
  for (const Rung& rung : ladder.rungs) {
    const auto m = measure(ladder.graph, rung, board);
    ASSERT_TRUE(m.has_value()) << rung.name << ": " << m.error().message();
    if (before.cycles > 0) {
      EXPECT_LT(m->cycles, before.cycles) << ladder.title << ": " << rung.name;
      EXPECT_EQ(m->output_sha256, before.output_sha256) << ladder.title << ": " << rung.name;
    }
    before = *m;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Ladders, ::testing::Range<std::size_t>(0, 4));

}  // namespace
}  // namespace mote::ladder
