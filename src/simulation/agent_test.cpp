#include <gtest/gtest.h>

#include "mote/simulation/scenario.hpp"

namespace mote::simulation {
namespace {

using update::Status;

const Models& models() {
  static const Models kModels = make_models(board::find_board("host").value()).value();
  return kModels;
}

TEST(Agent, every_scenario_ends_as_it_has_to_on_every_flash) {
  NativeModules modules(models().arena_bytes);
  for (const Flash& flash : flashes()) {
    const ScenarioSet set = make_scenarios(flash, models()).value();
    for (const Scenario& scenario : set.scenarios) {
      board::NorFlash nor = factory_flash(set, scenario);
      NativeDevice device(nor, scenario.hardware, modules, models());
      const Status started = device.start();
      if (scenario.first_sequence != 0 && !scenario.damages_active) {
        ASSERT_EQ(started, Status::ok) << name(started);
      }
      EXPECT_TRUE(live(device, scenario, 1))
          << flash.name << ", " << scenario.name << ": stuck in " << name(device.agent().phase()) << ", last "
          << name(device.agent().last_status());
      const update::Record& record = device.agent().record();
      ASSERT_TRUE(device.agent().has_module()) << scenario.name;
      EXPECT_EQ(record.slot[record.active].sequence, scenario.last_sequence) << flash.name << ", " << scenario.name;
      EXPECT_EQ(record.last_status, scenario.arrivals.back().expected)
          << flash.name << ", " << scenario.name << ": " << name(record.last_status);
      EXPECT_TRUE(device.infer());
    }
  }
}

}  // namespace
}  // namespace mote::simulation
