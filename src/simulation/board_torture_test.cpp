#include <gtest/gtest.h>

#include "mote/simulation/torture.hpp"

namespace mote::simulation {
namespace {

TEST(BoardTorture, a_sample_of_power_cuts_in_every_scenario_on_an_emulated_board) {
  TortureOptions options;
  options.most_cuts = 3 * 17;
  const board::BoardSpec board = board::find_board("nucleo-l4r5zi").value();
  const TortureReport report = torture_on(board, options).value();
  std::string text;
  for (const Finding& f : report.findings)
    text += f.what + ": " + f.scenario + ", operation " + std::to_string(f.operation) + ": " + f.detail + "\n";
  EXPECT_GE(report.scenarios, 17u);
  EXPECT_GE(report.cuts, 3 * 17u);
  EXPECT_GT(report.second_cuts, 0u);
  EXPECT_EQ(report.bricked + report.lost_updates + report.downgrades, 0u) << text;
}

}  // namespace
}  // namespace mote::simulation
