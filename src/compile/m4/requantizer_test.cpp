// The two-instruction form against the definition: at every step and beside it, and at random places.

#include "requantizer.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "mote/base/rng.hpp"

namespace mote::compile::m4 {
namespace {

ChannelRule random_rule(Rng& rng, std::int32_t shift, bool saturating) {
  ChannelRule rule;
  rule.multiplier = static_cast<std::int32_t>(rng.between(std::int64_t{1} << 30, (std::int64_t{1} << 31) - 1));
  rule.shift = -shift;
  rule.output_zero = saturating ? -128 : static_cast<std::int32_t>(rng.between(-127, 127));
  rule.bias = static_cast<std::int32_t>(rng.between(-20000, 20000));
  const std::int64_t reach = rng.between(1000, 2'000'000);
  rule.low = -reach;
  rule.high = rng.between(500, reach);
  return rule;
}

void expect_equal(const ChannelRule& rule, const LineForm& line, std::int32_t scale, std::int32_t shift, Rng& rng) {
  const auto same = [&](std::int64_t x) {
    if (x < rule.low || x > rule.high) return;
    ASSERT_EQ(on_line(line, x, scale, shift), requantized(rule, x))
        << x << " * " << rule.multiplier << " >> " << -rule.shift;
  };
  same(rule.low);
  same(rule.high);
  for (int i = 0; i < 2000; ++i) same(rng.between(rule.low, rule.high));
  // The steps lie where the definition changes: walk through the range that is not saturated.
  const auto reach = std::int64_t{1} << (10 - rule.shift);
  const std::int64_t from = std::max<std::int64_t>(rule.low, -rule.bias - 600),
                     to = std::min<std::int64_t>(rule.high, -rule.bias + reach);
  for (std::int64_t x = from; x <= to; ++x) same(x);
}

TEST(Requantizer, finds_the_line_of_every_saturating_channel_whose_shift_is_near_the_layers) {
  Rng rng(61);
  int found = 0, tried = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const auto least = static_cast<std::int32_t>(rng.between(3, 8));
    const auto more = static_cast<std::int32_t>(rng.between(0, 3));
    const ChannelRule rule = random_rule(rng, least + more, true);
    for (const bool high_part : {false, true}) {
      const std::int32_t scale = high_part ? 256 : 1;
      const std::int32_t shift = least - 1 + (high_part ? 8 : 0);
      const auto line = find_line(rule, scale, shift, !high_part);
      ++tried;
      if (!line) continue;
      ++found;
      expect_equal(rule, *line, scale, shift, rng);
    }
  }
  EXPECT_GT(found, tried * 98 / 100) << tried;
}

TEST(Requantizer, the_exact_form_is_the_definition_for_all_shifts_and_signs) {
  Rng rng(4);
  for (int i = 0; i < 3'000'000; ++i) {
    ChannelRule rule = random_rule(rng, static_cast<std::int32_t>(rng.between(kExactShiftLow, kExactShiftHigh)), false);
    // Small sums too, where ties and signs decide.
    const std::int64_t x = rng.between(-(1 << 29), 1 << 29) >> rng.below(29);
    ASSERT_EQ(exact_form(rule, x), requantized(rule, x))
        << x << " * " << rule.multiplier << " >> " << -rule.shift << " + " << rule.output_zero;
  }
}

TEST(Requantizer, shortest_multipliers_give_the_same_results_and_are_short) {
  Rng rng(63);
  int zeros = 0;
  constexpr int kTrials = 60;
  for (int trial = 0; trial < kTrials; ++trial) {
    // Two channels of one multiplier.
    ChannelRule rule = random_rule(rng, static_cast<std::int32_t>(rng.between(3, 12)), trial % 2 == 0);
    rule.low = -rng.between(1000, 100'000);
    ChannelRule other = rule;
    other.bias = static_cast<std::int32_t>(rng.between(-20000, 20000));
    const ChannelRule rules[] = {rule, other};
    ChannelRule shorter = rule, other_shorter = other;
    shorter.multiplier = other_shorter.multiplier = shortest_multiplier(rules);
    ASSERT_GE(shorter.multiplier, 1 << 30);
    zeros += std::countr_zero(static_cast<std::uint32_t>(shorter.multiplier));
    for (std::int64_t x = rule.low; x <= rule.high; x += rng.between(1, 60)) {
      ASSERT_EQ(requantized(shorter, x), requantized(rule, x)) << x << ": " << rule.multiplier;
      ASSERT_EQ(requantized(other_shorter, x), requantized(other, x)) << x << ": " << rule.multiplier;
    }
  }
  EXPECT_GE(zeros, 8 * kTrials);
}

TEST(Requantizer, never_claims_a_line_that_differs_where_results_go_below_zero) {
  Rng rng(62);
  for (int trial = 0; trial < 100; ++trial) {
    const auto shift = static_cast<std::int32_t>(rng.between(1, 9));
    const ChannelRule rule = random_rule(rng, shift, false);
    if (const auto line = find_line(rule, 1, shift - 1, true)) expect_equal(rule, *line, 1, shift - 1, rng);
    if (const auto line = find_line(rule, 256, shift + 7, false)) expect_equal(rule, *line, 256, shift + 7, rng);
  }
}

TEST(Requantizer, a_channel_without_live_weights_has_one_result) {
  Rng rng(63);
  for (int trial = 0; trial < 200; ++trial) {
    ChannelRule rule = random_rule(rng, static_cast<std::int32_t>(rng.between(1, 30)), trial % 2 == 0);
    rule.low = rule.high = 0;
    for (const std::int32_t scale : {1, 256}) {
      const std::int32_t shift = scale == 1 ? 6 : 14;
      const auto line = find_line(rule, scale, shift, scale == 1);
      ASSERT_TRUE(line.has_value());
      EXPECT_EQ(on_line(*line, 0, scale, shift), requantized(rule, 0));
    }
  }
}

TEST(Requantizer, refuses_sums_that_do_not_fit) {
  ChannelRule rule{1 << 30, -5, -128, -128, 127, 0, -(std::int64_t{1} << 24), std::int64_t{1} << 24};
  EXPECT_FALSE(find_line(rule, 256, 12, false).has_value());
}

}  // namespace
}  // namespace mote::compile::m4
