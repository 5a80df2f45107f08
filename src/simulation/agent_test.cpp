#include <gtest/gtest.h>

#include "mote/package/report.hpp"
#include "mote/simulation/field_trial.hpp"
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

/// A device that takes one update by a radio that loses 30 %, a frame a minute.
DeviceOutcome in_a_world(const WorldOptions& world, unsigned cuts = 0) {
  FieldTrialOptions options;
  options.modules = {models().first.module, models().second.module};
  options.cuts = cuts;
  options.world = world;
  DeviceOutcome outcome = run_in_field(board::find_board("host").value(), options, 0).value();
  EXPECT_FALSE(outcome.bricked);
  EXPECT_FALSE(outcome.downgraded);
  return outcome;
}

TEST(Field, clocks_that_drift_are_wrong_or_lost_and_a_battery_that_sinks) {
  constexpr unsigned kDay = 86'400;
  WorldOptions world;
  world.valid_s = kDay;
  world.statements = true;

  world.clock = Clock::kept;
  world.drift_ppm = 5000;  // seven minutes a day, which no crystal does
  DeviceOutcome outcome = in_a_world(world);
  EXPECT_EQ(outcome.updates[0].status, "ok");
  EXPECT_GT(outcome.clock_error_s, 0);
  const auto days = static_cast<double>(outcome.true_time_s - 1'800'000'000) / kDay;
  EXPECT_NEAR(static_cast<double>(outcome.clock_error_s), days * kDay * 5e-3, 2);

  world.clock_error_s = 2 * kDay;
  outcome = in_a_world(world);
  EXPECT_EQ(outcome.updates[0].status, "expired") << "by its clock";
  EXPECT_EQ(outcome.active_sequence, 1u);

  world.clock_error_s = -400 * std::int64_t{kDay};
  outcome = in_a_world(world);
  EXPECT_EQ(outcome.updates[0].status, "ok");
  EXPECT_LE(outcome.clock_error_s, 0);
  EXPECT_GT(outcome.clock_error_s, -std::int64_t{kDay}) << "it believes the statement";

  world.clock_error_s = 0;
  world.clock = Clock::lost;
  outcome = in_a_world(world, 5);
  EXPECT_EQ(outcome.updates[0].status, "ok");
  EXPECT_GT(outcome.updates[0].cuts, 0u);
  EXPECT_TRUE(outcome.knows_time);
  EXPECT_LE(outcome.clock_error_s, 0) << "since the statement it has not counted";

  world.clock = Clock::none;
  world.battery_low_percent = 0;
  world.minimum_battery_percent = 99;
  world.valid_s = 0;
  outcome = in_a_world(world);
  EXPECT_EQ(outcome.updates[0].status, "ok");
  EXPECT_GT(outcome.true_time_s, 1'800'000'000 + kDay) << "it waited until it was charged";
}

TEST(Field, bits_that_flip_are_found_and_every_device_ends_with_the_module_it_confirmed_last_whole) {
  FieldTrialOptions options;
  options.modules = {models().first.module, models().second.module, models().third.module};
  options.flips.count = 8;
  DamageOutcome total;
  for (unsigned number = 0; number < 12; ++number) {
    SCOPED_TRACE(number);
    options.carrier = number % 3 == 0 ? Carrier::network : number % 3 == 1 ? Carrier::radio : Carrier::card;
    options.cuts = number % 2 == 0 ? 4 : 0;
    const auto run = run_in_field(board::find_board("host").value(), options, number);
    ASSERT_TRUE(run) << run.error().message();
    const DeviceOutcome& outcome = *run;
    EXPECT_FALSE(outcome.bricked);
    EXPECT_FALSE(outcome.downgraded);
    EXPECT_FALSE(outcome.damaged);
    for (const UpdateOutcome& update : outcome.updates) {
      const DamageOutcome& damage = update.damage;
      EXPECT_EQ(damage.flips(), 8u);
      total.replaced += damage.replaced;
      total.lost += damage.lost;
      total.fetched += damage.fetched;
    }
  }
  EXPECT_GT(total.replaced, 0u);
  EXPECT_GT(total.lost, 0u);
  EXPECT_GT(total.fetched, 0u);
}

}  // namespace
}  // namespace mote::simulation
