#include "update/radio.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mote/fleet/radio_sender.hpp"
#include "mote/simulation/links.hpp"
#include "receiving_device.hpp"

namespace mote::simulation {
namespace {

using update::SessionSetup;
using update::Status;

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

TEST(RadioMessages, setup_has_the_standards_bytes) {
  // TS004-2.0.0, FragSessionSetupReq: FragSession, NbFrag, FragSize, Control, Padding, Descriptor, SessionCnt, MIC.
  const Bytes frame = from_hex("02256400144507112233440201deadbeef").value();
  SessionSetup setup;
  ASSERT_EQ(update::read_setup({frame.data(), frame.size()}, setup), Status::ok);
  EXPECT_EQ(setup.index, 2);
  EXPECT_EQ(setup.groups, 5);
  EXPECT_EQ(setup.fragments, 100);
  EXPECT_EQ(setup.fragment_bytes, 20);
  EXPECT_EQ(setup.control, 0x45);
  EXPECT_EQ(setup.padding, 7);
  EXPECT_EQ(setup.descriptor, 0x44332211u);
  EXPECT_EQ(setup.session_count, 0x0102);
  std::uint8_t again[update::kSessionSetupBytes];
  update::write_setup(setup, again);
  EXPECT_EQ(Bytes(std::begin(again), std::end(again)), frame);
  EXPECT_EQ(update::read_setup({frame.data(), frame.size() - 1}, setup), Status::malformed);
}

struct Case {
  std::size_t frame_bytes;
  RadioOptions radio;
  double cuts;  // share of the frames during which power is cut
};
class RadioDelivers : public testing::TestWithParam<Case> {};

TEST_P(RadioDelivers, whatever_is_lost_doubled_overtaken_or_cut) {
  const Case& c = GetParam();
  const Bytes parcel = random_bytes(5003, 1);
  fleet::RadioSenderOptions options;
  options.frame_bytes = c.frame_bytes;
  options.expected_loss = c.radio.loss;
  options.expected_burst = c.radio.burst;
  ReceivingDevice device(48 * 1024, 2048, 8);
  Radio radio(c.radio, 5);
  Rng rng(9);
  update::RadioReceiver<ReceivingDevice> receiver;
  Bytes scratch(256), got;
  unsigned cuts = 0, rounds = 0;
  for (; rounds < 6 && got.empty(); ++rounds) {
    const auto frames = fleet::radio_round(parcel, options, rounds);
    ASSERT_TRUE(frames) << frames.error().message();
    for (const Bytes& frame : *frames) {
      ASSERT_LE(frame.size(), c.frame_bytes);
      for (Bytes& arrived : radio.send(frame)) {
        if (rng.chance(c.cuts))
          device.flash.cut_power_at(
              {device.flash.operations() + rng.below(12), static_cast<std::uint8_t>(rng.below(256)), rng.next(), 128});
        try {
          const Status status =
              receiver.take(device, {arrived.data(), arrived.size()}, {scratch.data(), scratch.size()});
          EXPECT_TRUE(status == Status::ok || status == Status::waiting) << name(status);
          if (got.empty()) got = device.take_parcel();
        } catch (PowerLost) {
          ++cuts;
          device.flash.restore_power(rng.next());
          device.restart();
          receiver = {};
        }
      }
    }
  }
  EXPECT_EQ(got, parcel);
  EXPECT_LE(rounds, c.cuts > 0 ? 3u : 1u);
  EXPECT_TRUE(c.cuts == 0 || cuts > 5) << cuts;
  EXPECT_TRUE(c.cuts > 0 || device.sessions == 1u) << "an offer that comes again begins nothing anew";
}

INSTANTIATE_TEST_SUITE_P(Radios, RadioDelivers,
                         testing::Values(Case{20, {}, 0}, Case{250, {}, 0}, Case{51, {0.1, 0, 0, 0, 0}, 0},
                                         Case{51, {0.3, 0, 0.1, 0.1, 0}, 0}, Case{51, {0.3, 3, 0.1, 0.1, 0}, 0},
                                         Case{20, {0.4, 0, 0, 0.05, 0}, 0}, Case{51, {0.3, 3, 0.05, 0.05, 0}, 0.02},
                                         Case{20, {0.3, 0, 0.05, 0.05, 0}, 0.02}));

TEST(RadioReceiver, another_parcel_does_not_get_into_this_one) {
  const Bytes ours = random_bytes(900, 1), theirs = random_bytes(900, 2);
  const auto frames = fleet::radio_round(ours, {}, 0).value();
  const auto others = fleet::radio_round(theirs, {}, 0).value();
  ReceivingDevice device(16 * 1024, 2048, 8);
  update::RadioReceiver<ReceivingDevice> receiver;
  Bytes scratch(256), got;
  const auto take = [&](Bytes frame) {
    const Status status = receiver.take(device, {frame.data(), frame.size()}, {scratch.data(), scratch.size()});
    if (got.empty()) got = device.take_parcel();
    return status;
  };
  EXPECT_EQ(take(frames[0]), Status::ok);
  EXPECT_EQ(take(others[0]), Status::busy);
  // A sender of another parcel, stretch after stretch in turn with ours: its setups are not for us, and its fragments
  // are of the same FragIndex. What no setup announces last is not taken.
  EXPECT_EQ(take(others[1]), Status::ok);
  EXPECT_EQ(take(others[4]), Status::waiting);
  for (std::size_t i = 1; i < frames.size(); ++i) static_cast<void>(take(frames[i]));
  EXPECT_EQ(got, ours);
}

TEST(RadioReceiver, refuses_by_name) {
  ReceivingDevice device(16 * 1024, 2048, 8);
  update::RadioReceiver<ReceivingDevice> receiver;
  Bytes scratch(256);
  const auto take = [&](Bytes frame) {
    return receiver.take(device, {frame.data(), frame.size()}, {scratch.data(), scratch.size()});
  };
  const auto frames = fleet::radio_round(random_bytes(900, 1), {}, 0).value();
  EXPECT_EQ(take({}), Status::malformed);
  EXPECT_EQ(take(frames[1]), Status::waiting) << "no parcel yet";
  EXPECT_EQ(take(frames[4]), Status::waiting);
  EXPECT_EQ(take({0x80, 1, 2}), Status::malformed);
  EXPECT_EQ(take({0x80, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 48}), Status::too_large);
  EXPECT_EQ(take({0x80, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 15}), Status::malformed);
  EXPECT_EQ(take({0x01, 0}), Status::ok) << "another message of the package";
  ASSERT_EQ(take(frames[0]), Status::ok);
  Bytes setup = frames[1];
  setup[5] = 0x08;
  EXPECT_EQ(take(setup), Status::unsupported_algorithm);
  setup = frames[1];
  setup[2] = 200;  // more fragments than the parcel has; its padding then is wrong, too
  EXPECT_NE(take(setup), Status::waiting);
  EXPECT_EQ(take(frames[1]), Status::waiting);
  EXPECT_EQ(take({0x08, 1}), Status::malformed);
  EXPECT_EQ(take({0x08, 1, 0, 9}), Status::malformed);
  EXPECT_EQ(take({0x08, 1, 0x40, 9}), Status::ok) << "of another session";
  EXPECT_EQ(device.inbox()->missing_count(), device.inbox()->block_count());
}

TEST(RadioReceiver, a_setup_of_no_fragments_opens_nothing) {
  ReceivingDevice device(16 * 1024, 2048, 8);
  update::RadioReceiver<ReceivingDevice> receiver;
  Bytes scratch(256);
  const auto take = [&](Bytes frame) {
    return receiver.take(device, {frame.data(), frame.size()}, {scratch.data(), scratch.size()});
  };
  const auto frames = fleet::radio_round(random_bytes(900, 1), {}, 0).value();
  ASSERT_EQ(take(frames[0]), Status::ok);
  Bytes setup = frames[1];
  setup[2] = setup[3] = setup[6] = 0;  // NbFrag, and the padding that goes with it
  EXPECT_EQ(take(setup), Status::malformed);
  EXPECT_EQ(take(frames[4]), Status::waiting) << "a fragment of a stretch that was never opened";
  EXPECT_EQ(take(frames[1]), Status::waiting);
  EXPECT_EQ(take(frames[4]), Status::waiting);
  EXPECT_LT(device.inbox()->missing_count(), device.inbox()->block_count());
}

TEST(RadioSender, refuses_what_no_radio_takes) {
  const Bytes parcel(1000);
  EXPECT_FALSE(fleet::radio_round(parcel, {19, 96, 0.3, 0}, 0));
  EXPECT_FALSE(fleet::radio_round(parcel, {251, 96, 0.3, 0}, 0));
  EXPECT_FALSE(fleet::radio_round(parcel, {51, 0, 0.3, 0}, 0));
  EXPECT_FALSE(fleet::radio_round(parcel, {51, 96, 1.0, 0}, 0));
  EXPECT_FALSE(fleet::radio_round({}, {51, 96, 0.3, 0}, 0));
  EXPECT_FALSE(fleet::radio_round(Bytes(17 * 257), {20, 1, 0.3, 0}, 0));
}

}  // namespace
}  // namespace mote::simulation
