#include <gtest/gtest.h>

#include "mote/package/report.hpp"
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

TEST(Agent, reports_are_the_devices_own_and_each_is_new) {
  NativeModules modules(models().arena_bytes);
  const ScenarioSet set = make_scenarios(flashes()[0], models()).value();
  board::NorFlash nor = factory_flash(set, set.scenarios[1]);
  NativeDevice device(nor, set.scenarios[1].hardware, modules, models());
  ASSERT_EQ(device.start(), Status::ok);
  std::array<std::uint8_t, 32> key{};
  std::copy_n(device.agent().identity().device_key, 32, key.begin());
  const auto report = [&] {
    Bytes bytes(update::kMaxReportBytes);
    bytes.resize(device.agent().report({bytes.data(), bytes.size()}));
    return bytes;
  };
  const Bytes first = report(), second = report();
  const package::Report read = package::read_report(first, key, 0).value();
  EXPECT_EQ(read.active_sequence, 10u);
  EXPECT_EQ(read.active_digest.size(), 32u);
  EXPECT_EQ(read.keys_version, 1u);
  EXPECT_FALSE(read.is_stale);
  EXPECT_EQ(package::read_report(second, key, read.number).value().number, read.number + 1);
  EXPECT_NE(package::read_report(first, key, read.number).error().message().find("replayed"), std::string::npos);
  for (std::size_t bit = 0; bit < 8 * first.size(); ++bit) {
    Bytes changed = first;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(package::read_report(changed, key, 0)) << bit;
  }
  std::array<std::uint8_t, 32> other = key;
  other[0] ^= 1;
  EXPECT_NE(package::read_report(first, other, 0).error().message().find("bad_signature"), std::string::npos);
}

}  // namespace
}  // namespace mote::simulation
