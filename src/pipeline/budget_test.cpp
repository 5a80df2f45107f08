#include "mote/pipeline/budget.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace mote::pipeline {
namespace {

Budget flash(double value) {
  return {"flash",        65536,
          value,          "B",
          Bound::at_most, {{"code", 12390}, {"weights of conv2", 32768}, {"tables", 10}, {"weights of conv1", 20000}}};
}

TEST(Budget, says_what_is_broken_by_how_much_and_by_whom) {
  EXPECT_EQ(sentence(flash(71234)),
            "flash: 69.6 KiB of 64 KiB, 5.56 KiB (8.7 %) too much; largest: weights of conv2 32 KiB, weights of conv1 "
            "19.5 KiB, code 12.1 KiB");
}

TEST(Budget, holds_exactly_at_its_limit) {
  EXPECT_TRUE(flash(65536).ok());
  EXPECT_FALSE(flash(65537).ok());
  EXPECT_EQ(sentence(flash(65536)), "flash: 64 KiB of 64 KiB");
  EXPECT_EQ(flash(65536).excess(), 0);
}

TEST(Budget, one_byte_too_much_is_visible) {
  EXPECT_NE(sentence(flash(65537)).find("1 B"), std::string::npos) << sentence(flash(65537));
}

TEST(Budget, a_floor_is_broken_from_below) {
  const Budget accuracy{"accuracy", 0.933, 0.929, "%", Bound::at_least, {}};
  EXPECT_FALSE(accuracy.ok());
  EXPECT_EQ(sentence(accuracy), "accuracy: 92.9 %, at least 93.3 %, 0.4 points too little");
}

TEST(Budget, what_could_not_be_measured_does_not_fit) {
  const Budget energy{"energy", 30, std::nan(""), "uJ", Bound::at_most, {}};
  EXPECT_FALSE(energy.ok());
  EXPECT_NE(sentence(energy).find("unknown"), std::string::npos);
}

TEST(Budget, all_broken_ones_are_named_in_one_sentence) {
  const Budget latency{"latency", 50, 60, "ms", Bound::at_most, {}};
  const std::vector<Budget> budgets{flash(71234), flash(10), latency};
  const auto all = require_all(budgets);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code(), Code::budget);
  EXPECT_NE(all.error().message().find("; latency: 60 ms of 50 ms, 10 ms (20 %) too much"), std::string::npos)
      << all.error().message();
  EXPECT_TRUE(require_all(std::vector<Budget>{flash(10)}));
}

TEST(Budget, json_has_the_documented_keys) {
  const auto list = nlohmann::json::parse(to_json(std::vector<Budget>{flash(71234)}));
  EXPECT_EQ(list[0]["name"], "flash");
  EXPECT_EQ(list[0]["limit"], 65536);
  EXPECT_EQ(list[0]["ok"], false);
  EXPECT_EQ(list[0]["contributors"][0]["name"], "weights of conv2");
}

}  // namespace
}  // namespace mote::pipeline
