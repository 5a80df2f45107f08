#include "mote/simulation/torture.hpp"

#include <gtest/gtest.h>

namespace mote::simulation {
namespace {

const Models& models() {
  static const Models kModels = make_models(board::find_board("host").value()).value();
  return kModels;
}

std::string text_of(const TortureReport& report) {
  std::string text;
  for (const Finding& f : report.findings)
    text += f.what + ": " + f.flash + ", " + f.scenario + ", operation " + std::to_string(f.operation) + ": " +
            f.detail + "\n";
  return text;
}

TEST(Torture, no_power_cut_bricks_a_device_loses_an_update_or_brings_an_older_module_back) {
  TortureOptions options;
  options.stride = 79;
  options.threads = 2;
  const TortureReport report = torture(models(), options).value();
  EXPECT_GE(report.cuts, 50'000u);
  EXPECT_GE(report.second_cuts, 5'000u);
  EXPECT_GE(report.scenarios, 12u);
  EXPECT_GE(report.flashes, 12u);
  EXPECT_EQ(report.bricked, 0u) << text_of(report);
  EXPECT_EQ(report.lost_updates, 0u) << text_of(report);
  EXPECT_EQ(report.downgrades, 0u) << text_of(report);
}

TEST(Torture, finds_a_slot_that_is_marked_good_before_its_last_write) {
  TortureOptions options;
  options.planted = update::PlantedBug::good_before_last_write;
  options.scenario = "update from a card";
  options.flash = "STM32L4: ";
  options.stride = 3;
  const TortureReport report = torture(models(), options).value();
  EXPECT_GT(report.bricked + report.lost_updates + report.downgrades, 0u);
}

TEST(Torture, finds_trust_in_a_sector_that_only_looks_erased) {
  TortureOptions options;
  options.planted = update::PlantedBug::trusts_half_erased;
  options.scenario = "update from a card";
  options.flash = "LPC55";
  const TortureReport report = torture(models(), options).value();
  EXPECT_GT(report.bricked + report.lost_updates + report.downgrades, 0u);
}

}  // namespace
}  // namespace mote::simulation
