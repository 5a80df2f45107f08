#include "mote/simulation/attack.hpp"

#include <gtest/gtest.h>

#include <set>

#include "mote/board/board_spec.hpp"

namespace mote::simulation {
namespace {

const Models& models() {
  static const Models kModels = make_models(board::find_board("host").value()).value();
  return kModels;
}

TEST(Attack, every_attack_is_refused_or_detected_under_its_name) {
  const AttackReport report = attack(models()).value();
  EXPECT_GE(report.cases, 150u);
  EXPECT_EQ(report.refused + report.detected, report.cases);
  std::string failed;
  for (const AttackFailure& f : report.failed) failed += f.name + ": expected " + f.expected + ", got " + f.got + "\n";
  EXPECT_TRUE(report.failed.empty()) << failed;
  EXPECT_EQ(std::set<std::string>(report.names.begin(), report.names.end()).size(), report.cases);
}

TEST(Attack, a_part_is_chosen_by_name) {
  const AttackReport report = attack(models(), "report: replayed").value();
  EXPECT_EQ(report.cases, 2u);
  EXPECT_FALSE(attack(models(), "no such attack"));
}

}  // namespace
}  // namespace mote::simulation
