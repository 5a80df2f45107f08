#include "mote/compile/planner.hpp"

#include <gtest/gtest.h>

#include "mote/base/rng.hpp"

namespace mote::compile {
namespace {

void expect_no_overlap(const std::vector<Buffer>& buffers, const ArenaPlan& plan) {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % buffers[i].align, 0u);
    EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.arena_bytes);
    for (std::size_t k = 0; k < i; ++k) {
      const bool together = buffers[i].first <= buffers[k].last && buffers[k].first <= buffers[i].last;
      const bool apart = plan.offsets[i] + buffers[i].bytes <= plan.offsets[k] ||
                         plan.offsets[k] + buffers[k].bytes <= plan.offsets[i];
      const auto trailing = [&](std::size_t a, std::size_t b) {
        return buffers[a].trails && buffers[a].trails->buffer == b &&
               static_cast<std::ptrdiff_t>(plan.offsets[b]) - static_cast<std::ptrdiff_t>(plan.offsets[a]) >=
                   buffers[a].trails->distance;
      };
      EXPECT_TRUE(!together || apart || trailing(i, k) || trailing(k, i)) << i << " and " << k;
    }
  }
}

TEST(Planner, buffers_that_live_together_never_overlap) {
  Rng rng(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Buffer> buffers;
    const std::size_t count = 1 + rng.below(trial % 10 == 0 ? 40 : 8);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t first = rng.below(10);
      buffers.push_back({"b", 1 + rng.below(5000), first, first + rng.below(4), std::size_t{1} << rng.below(5)});
    }
    const auto plan = plan_arena(buffers);
    ASSERT_TRUE(plan);
    expect_no_overlap(buffers, *plan);
    EXPECT_GE(plan->arena_bytes, plan->peak_live_bytes);
  }
}

TEST(Planner, an_output_that_trails_its_input_shares_bytes_and_keeps_its_distance) {
  // A convolution that doubles the channels: the input lies in the upper half of the output.
  const std::vector<Buffer> growing{{"x", 18432, 0, 1}, {"y", 36864, 1, 2, 4, Buffer::Trail{0, 18432}}};
  EXPECT_EQ(plan_arena(growing)->arena_bytes, 36864u);
  const std::vector<Buffer> window{
      {"x", 16384, 0, 1}, {"y", 16384, 1, 2, 4, Buffer::Trail{0, 512}}, {"scratch", 1000, 1, 1}};
  EXPECT_EQ(plan_arena(window)->arena_bytes, 16384u + 512u + 1000u);
  EXPECT_EQ(plan_arena(window)->peak_live_bytes, 16384u + 512u + 1000u);
  Rng rng(5);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Buffer> chain;
    for (std::size_t i = 0; i < 1 + rng.below(12); ++i) {
      Buffer b{"b", 4 * (1 + rng.below(2000)), i, i + 1};
      if (i > 0 && rng.chance(0.7))
        b.trails = Buffer::Trail{i - 1, static_cast<std::ptrdiff_t>(rng.below(4000)) - 1000};
      chain.push_back(b);
    }
    const auto plan = plan_arena(chain);
    ASSERT_TRUE(plan);
    expect_no_overlap(chain, *plan);
  }
}

TEST(Planner, refuses_to_trail_what_lives_on) {
  EXPECT_FALSE(plan_arena(std::vector<Buffer>{{"x", 4, 0, 2}, {"y", 4, 1, 2, 4, Buffer::Trail{0, 0}}}));
  EXPECT_FALSE(plan_arena(std::vector<Buffer>{{"y", 4, 1, 2, 4, Buffer::Trail{7, 0}}}));
}

TEST(Planner, chain_needs_only_its_two_largest_neighbours) {
  const std::vector<Buffer> chain{
      {"a", 784, 0, 0}, {"b", 12544, 0, 1}, {"c", 3136, 1, 2}, {"d", 7840, 2, 3}, {"e", 1960, 3, 3}};
  const auto plan = plan_arena(chain);
  EXPECT_EQ(plan->arena_bytes, 12544u + 3136u);
  EXPECT_EQ(plan->peak_live_bytes, 12544u + 3136u);
  EXPECT_EQ(plan->peak_step, 1u);
  EXPECT_EQ(plan->peak_buffers.front(), 1u);
}

TEST(Planner, exact_search_beats_first_fit_where_order_matters) {
  // Found by random search: greedy orders leave a hole, a full search fills it.
  Rng rng(99);
  int better = 0;
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 7; ++i) {
      const std::size_t first = rng.below(6);
      buffers.push_back({"b", 4 * (1 + rng.below(30)), first, first + rng.below(4)});
    }
    const auto greedy = plan_arena(buffers, {0, 0});
    const auto exact = plan_arena(buffers, {9, 0});
    ASSERT_LE(exact->arena_bytes, greedy->arena_bytes);
    better += exact->arena_bytes < greedy->arena_bytes ? 1 : 0;
  }
  EXPECT_GT(better, 0);
}

TEST(Planner, moves_in_the_order_never_make_a_plan_worse) {
  Rng rng(12);
  int better = 0;
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 24; ++i) {
      const std::size_t first = rng.below(14);
      buffers.push_back({"b", 4 * (1 + rng.below(300)), first, first + rng.below(5)});
    }
    const auto quick = plan_arena(buffers), longer = plan_arena(buffers, {9, 400});
    expect_no_overlap(buffers, *longer);
    EXPECT_LE(longer->arena_bytes, quick->arena_bytes);
    better += longer->arena_bytes < quick->arena_bytes ? 1 : 0;
  }
  EXPECT_GT(better, 5);
}

TEST(Planner, refuses_a_life_that_ends_before_it_begins) {
  const std::vector<Buffer> bad{{"x", 4, 3, 2}};
  EXPECT_FALSE(plan_arena(bad));
  const std::vector<Buffer> odd{{"x", 4, 0, 2, 3}};
  EXPECT_FALSE(plan_arena(odd));
}

TEST(Planner, no_buffers_need_no_arena) { EXPECT_EQ(plan_arena({})->arena_bytes, 0u); }

}  // namespace
}  // namespace mote::compile
