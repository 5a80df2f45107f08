#include "mote/simulation/board_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/rng.hpp"
#include "mote/fleet/courier.hpp"
#include "mote/package/report.hpp"
#include "mote/simulation/field_trial.hpp"
#include "mote/simulation/models.hpp"

namespace mote::simulation {
namespace {

using update::Phase;
using update::Status;

const board::BoardSpec& spec() {
  static const board::BoardSpec kBoard = board::find_board("nucleo-l4r5zi").value();
  return kBoard;
}
const Models& models() {
  static const Models kModels = make_models(spec()).value();
  return kModels;
}

package::SigningKey key(std::uint8_t number) { return package::SigningKey::from_seed({number}); }

class UpdateOnBoard : public testing::Test {
 protected:
  UpdateOnBoard() {
    vendor_ = package::vendor_id("mote.example");
    klass_ = package::class_id(vendor_, "board");
    storage_ = {static_cast<std::uint32_t>(2 * models().first.module.size()), 24 * 1024};
    package::KeysOptions keys;
    keys.root = {1, {key(1).public_key()}};
    keys.release = {1, {key(2).public_key()}};
    keys.time = {1, {key(3).public_key()}};
    keys.not_after_s = 2'000'000'000;
    keys.highest_sequence = 100;
    keys.vendor = vendor_;
    package::FactoryOptions factory;
    factory.vendor = vendor_;
    factory.klass = klass_;
    factory.device_key.fill(9);
    const package::SigningKey roots[] = {key(1)};
    factory.keys = package::write_keys(keys, roots).value();
    factory.module = models().first.module;
    factory.sequence = 1;
    image_ = package::factory_image(layout_on(spec(), storage_), factory).value();
  }

  Bytes bundle(const Model& model, std::uint64_t sequence) const {
    package::BundleOptions options;
    options.sequence = sequence;
    options.vendor = vendor_;
    options.klass = klass_;
    options.shadow_inferences = 8;
    options.shadow_permille = 800;
    options.trial_inferences = 8;
    const package::SigningKey signer = key(2);
    return package::write_bundle(model.module, options, std::span(&signer, 1)).value();
  }

  ByteSpan input(std::size_t i) const {
    const std::size_t count = models().inputs.size() / models().input_bytes;
    return ByteSpan(models().inputs).subspan(i % count * models().input_bytes, models().input_bytes);
  }

  package::Uuid vendor_, klass_;
  BoardStorage storage_;
  Bytes image_;
};

/// Runs a device until it is idle, with inferences between the steps. @return false  power failed.
bool run(BoardDevice& device, const std::function<ByteSpan(std::size_t)>& input, device::AgentState& state) {
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto stepped = device.step(8);
    if (!stepped) return false;
    state = *stepped;
    if (state.phase == static_cast<std::uint8_t>(Phase::idle)) return true;
    const auto output = device.infer(input(i));
    if (!output) return false;
    EXPECT_FALSE(output->empty()) << "an inference was missed";
  }
  ADD_FAILURE() << "stuck in phase " << int(state.phase);
  return true;
}

TEST_F(UpdateOnBoard, a_module_from_a_card_is_installed_proves_itself_and_runs) {
  BoardDevice device = BoardDevice::create(spec(), storage_, image_).value();
  device::AgentState state = device.start(update::ResetCause::power_on).value();
  EXPECT_EQ(state.answer, static_cast<std::uint8_t>(Status::ok)) << name(static_cast<Status>(state.answer));
  ASSERT_EQ(state.active_sequence, 1u);
  const Bytes before = device.infer(input(0)).value();
  const Bytes parcel = bundle(models().second, 2);
  ASSERT_EQ(device.offer(parcel).value().answer, 0);
  ASSERT_TRUE(run(
      device, [&](std::size_t i) { return input(i); }, state));
  EXPECT_EQ(state.active_sequence, 2u) << name(static_cast<Status>(state.last_status));
  EXPECT_EQ(state.confirmed_sequence, 2u);
  const Digest digest = sha256(models().second.module);
  EXPECT_TRUE(std::equal(digest.bytes.begin(), digest.bytes.end(), state.active_digest));
  EXPECT_EQ(before.size(), 4u);
  std::array<std::uint8_t, 32> device_key{};
  device_key.fill(9);
  EXPECT_EQ(package::read_report(device.report().value(), device_key, 0).value().active_sequence, 2u);
}

TEST_F(UpdateOnBoard, a_courier_at_the_serial_line_of_the_firmware) {
  class Line : public fleet::ByteLine {
   public:
    explicit Line(BoardDevice& device) : device_(device) {}
    Result<void> write(ByteSpan bytes) override {
      MOTE_TRY(waiting_, device_.serial(bytes));
      MOTE_TRY_VOID(device_.step(8));
      return {};
    }
    Result<Bytes> read(std::chrono::milliseconds) override { return std::exchange(waiting_, {}); }

   private:
    BoardDevice& device_;
    Bytes waiting_;
  };
  BoardDevice device = BoardDevice::create(spec(), storage_, image_).value();
  device::AgentState state = device.start(update::ResetCause::power_on).value();
  const TemporaryFolder folder = TemporaryFolder::create("pouch").value();
  fleet::Pouch pouch = fleet::Pouch::open(folder.path()).value();
  const Bytes parcel = bundle(models().second, 2);
  ASSERT_TRUE(pouch.add_parcel(parcel).value());
  Line line(device);
  const auto visit = fleet::visit(pouch, line);
  ASSERT_TRUE(visit) << visit.error().message();
  ASSERT_EQ(visit->handovers.size(), 1u);
  EXPECT_EQ(visit->handovers[0].status, Status::waiting) << name(visit->handovers[0].status);
  ASSERT_TRUE(run(
      device, [&](std::size_t i) { return input(i); }, state));
  EXPECT_EQ(state.confirmed_sequence, 2u);
  EXPECT_EQ(fleet::take_held(line, 1 << 20).value(), parcel) << "for the next device";
  ASSERT_TRUE(fleet::visit(pouch, line));
  std::array<std::uint8_t, 32> device_key{};
  device_key.fill(9);
  ASSERT_EQ(pouch.reports().size(), 3u);
  EXPECT_EQ(package::read_report(pouch.reports()[2].bytes, device_key, 2).value().confirmed_sequence, 2u);
}

TEST_F(UpdateOnBoard, a_module_whose_self_test_fails_is_rolled_back_by_name) {
  BoardDevice device = BoardDevice::create(spec(), storage_, image_).value();
  device::AgentState state = device.start(update::ResetCause::power_on).value();
  const Bytes parcel = bundle(models().untrue, 2);
  ASSERT_EQ(device.offer(parcel).value().answer, 0);
  ASSERT_TRUE(run(
      device, [&](std::size_t i) { return input(i); }, state));
  EXPECT_EQ(state.active_sequence, 1u);
  EXPECT_EQ(static_cast<Status>(state.last_status), Status::self_test_failed);
}

TEST_F(UpdateOnBoard, blocks_in_any_order_while_power_fails_now_and_then) {
  Rng rng(4);
  BoardDevice device = BoardDevice::create(spec(), storage_, image_).value();
  ASSERT_TRUE(device.start(update::ResetCause::power_on));
  const Bytes parcel = bundle(models().second, 2);
  update::Announcement announcement;
  const Digest digest = sha256(parcel);
  std::copy_n(digest.bytes.begin(), 8, announcement.id);
  announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
  announcement.block_bytes = 200;
  const std::uint32_t blocks = (announcement.total_bytes + 199) / 200;
  unsigned cuts = 0;
  device::AgentState state{};
  for (unsigned round = 0; round < 5000; ++round) {
    if (cuts < 12 && rng.chance(0.1))
      device.flash().cut_power_at({device.flash().operations() + rng.below(60),
                                   static_cast<std::uint8_t>(rng.below(256)), rng.next(),
                                   static_cast<std::uint8_t>(rng.below(256))});
    const auto said = device.step(2);
    if (said) state = *said;
    auto went_on = said.has_value();
    if (went_on && state.confirmed_sequence == 2 && state.phase == 0) break;
    if (went_on && (state.phase == static_cast<std::uint8_t>(Phase::idle)))
      went_on = device.announce(announcement).has_value();
    if (went_on && state.phase == static_cast<std::uint8_t>(Phase::receiving)) {
      const auto number = static_cast<std::uint32_t>(rng.below(blocks));
      const std::size_t offset = std::size_t{number} * 200;
      went_on = device.put(number, ByteSpan(parcel).subspan(offset, std::min<std::size_t>(200, parcel.size() - offset)))
                    .has_value();
    }
    if (went_on) went_on = device.infer(input(round)).has_value();
    if (went_on) continue;
    ASSERT_FALSE(device.flash().powered()) << "it failed for another reason than power";
    ++cuts;
    ASSERT_TRUE(device.power_on(rng.next()));
    state = device.start(update::ResetCause::power_on).value();
    ASSERT_GE(state.active_sequence, 1u) << "after cut " << cuts;
  }
  EXPECT_EQ(state.active_sequence, 2u) << name(static_cast<Status>(state.last_status)) << ", phase "
                                       << int(state.phase);
  EXPECT_GE(cuts, 3u);
}

// An inference that falls due while the agent works waits for one step.
TEST_F(UpdateOnBoard, no_step_takes_longer_than_a_signature) {
  BoardDevice device = BoardDevice::create(spec(), storage_, image_).value();
  ASSERT_TRUE(device.start(update::ResetCause::power_on));
  device.measure();
  const Bytes parcel = bundle(models().second, 2);
  ASSERT_EQ(device.offer(parcel).value().answer, 0);
  std::map<Phase, std::uint32_t> longest;
  for (std::size_t i = 0; i < 3000; ++i) {
    const device::AgentState state = device.step(1).value();
    auto& cycles = longest[static_cast<Phase>(state.phase)];
    cycles = std::max(cycles, state.longest_step_cycles);
    if (state.phase == static_cast<std::uint8_t>(Phase::idle)) break;
    if (i % 8 == 0 || state.progress != 1) {
      ASSERT_FALSE(device.infer(input(i)).value().empty());
    }
  }
  for (const auto& [phase, cycles] : longest) {
    RecordProperty(name(phase), std::to_string(cycles));
    std::printf("longest step into %-10s %9u cycles, %.2f ms\n", name(phase), cycles, cycles / 120e3);
    EXPECT_LT(cycles, 6'000'000u) << name(phase);
    EXPECT_GT(cycles, 0u) << name(phase);
  }
  EXPECT_GT(longest[Phase::installing] / double(spec().clock_hz), spec().flash_erase_ms / 1e3)
      << "no erase is waited for";
}

TEST(FieldTrial, two_updates_by_a_radio_that_loses_a_third_while_power_fails) {
  FieldTrialOptions options;
  options.modules = {models().first.module, models().second.module, models().third.module};
  options.cuts = 6;
  for (const bool encrypted : {false, true}) {
    options.encrypted = encrypted;
    const DeviceOutcome outcome = run_in_field(spec(), options, 0).value();
    EXPECT_EQ(outcome.active_sequence, 3u);
    EXPECT_FALSE(outcome.bricked);
    EXPECT_FALSE(outcome.downgraded);
    ASSERT_EQ(outcome.updates.size(), 2u);
    for (const UpdateOutcome& update : outcome.updates) {
      EXPECT_EQ(update.status, "ok");
      EXPECT_GT(update.cuts, 0u);
      EXPECT_GT(update.frames_lost, 0u);
      EXPECT_EQ(update.missed, 0u);
      EXPECT_TRUE(update.is_delta);
    }
  }
}

TEST(FieldTrial, a_module_that_fails_its_own_test_does_not_stay_by_any_way) {
  FieldTrialOptions options;
  options.modules = {models().first.module, models().untrue.module};
  for (const Carrier carrier : {Carrier::network, Carrier::radio, Carrier::card}) {
    options.carrier = carrier;
    const DeviceOutcome outcome = run_in_field(spec(), options, 1).value();
    EXPECT_EQ(outcome.active_sequence, 1u);
    EXPECT_EQ(outcome.updates.at(0).status, "self_test_failed") << name(carrier);
  }
}

TEST(FieldTrial, native_devices_end_as_emulated_ones_do) {
  static const Models kHost = make_models(board::find_board("host").value()).value();
  FieldTrialOptions options;
  options.modules = {kHost.first.module, kHost.second.module, kHost.untrue.module, kHost.third.module};
  options.cuts = 6;
  for (unsigned device = 0; device < 6; ++device) {
    const DeviceOutcome outcome = run_in_field(board::find_board("host").value(), options, device).value();
    EXPECT_FALSE(outcome.bricked);
    EXPECT_FALSE(outcome.downgraded);
    EXPECT_EQ(outcome.active_sequence, 4u);
    EXPECT_EQ(outcome.updates.at(1).status, "self_test_failed");
  }
}

TEST(FieldTrial, damaged_modules_run_on_the_core_until_they_are_found_and_are_repaired) {
  FieldTrialOptions options;
  options.modules = {models().first.module, models().second.module};
  options.carrier = Carrier::network;
  options.flips.count = 6;
  options.flips.slot = options.flips.journal = false;
  unsigned found = 0;
  for (unsigned device = 0; device < 3; ++device) {
    const auto outcome = run_in_field(spec(), options, device);
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_FALSE(outcome->bricked);
    EXPECT_FALSE(outcome->downgraded);
    EXPECT_FALSE(outcome->damaged);
    EXPECT_EQ(outcome->active_sequence, 2u);
    EXPECT_EQ(outcome->updates[0].damage.module_flips, 6u);
    found += outcome->updates[0].damage.found() + outcome->updates[0].damage.faults;
  }
  EXPECT_GT(found, 0u);
}

}  // namespace
}  // namespace mote::simulation
