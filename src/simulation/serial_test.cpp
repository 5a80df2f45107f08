#include "update/serial.hpp"

#include <gtest/gtest.h>

#include "mote/fleet/radio_sender.hpp"
#include "mote/fleet/serial_sender.hpp"
#include "mote/simulation/links.hpp"
#include "receiving_device.hpp"

namespace mote::simulation {
namespace {

using update::SerialLink;
using update::SlipReader;
using update::Status;

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

Bytes framed(const Bytes& payload) {
  Bytes line;
  const auto emit = [&](std::uint8_t byte) { line.push_back(byte); };
  update::SlipWriter writer(emit);
  writer.add({payload.data(), payload.size()});
  writer.end();
  return line;
}

std::vector<Bytes> frames_in(const Bytes& line, std::size_t buffer_bytes) {
  Bytes buffer(buffer_bytes);
  SlipReader reader({buffer.data(), buffer.size()});
  std::vector<Bytes> frames;
  for (const std::uint8_t byte : line) {
    const update::Bytes frame = reader.take(byte);
    if (frame.size != 0) frames.emplace_back(frame.data, frame.data + frame.size);
  }
  return frames;
}

TEST(Slip, a_frame_has_the_rfcs_bytes) {
  EXPECT_EQ(to_hex(framed({0x01, 0xc0, 0xdb, 0x02})).substr(0, 14), "c001dbdcdbdd02");
  EXPECT_EQ(framed({1}).back(), 0xc0);
}

TEST(Slip, any_bytes_come_back_and_too_long_ones_do_not) {
  for (const std::size_t size : {1u, 2u, 255u, 256u, 1020u}) {
    Bytes payload = random_bytes(size, size);
    EXPECT_EQ(frames_in(framed(payload), 1024), std::vector<Bytes>{payload});
    std::fill(payload.begin(), payload.end(), std::uint8_t{0xc0});
    EXPECT_EQ(frames_in(framed(payload), size + 4), std::vector<Bytes>{payload});
    EXPECT_TRUE(frames_in(framed(payload), size + 3).empty());
  }
  EXPECT_TRUE(frames_in({0xc0, 0xc0, 0xc0, 1, 2, 3, 4, 0xc0, 0xdb, 0xc0}, 64).empty());
}

TEST(Slip, every_changed_bit_costs_the_frame_and_never_the_next_one) {
  const Bytes first = random_bytes(40, 1), second = random_bytes(40, 2);
  const Bytes line = framed(first), next = framed(second);
  for (std::size_t i = 0; i < line.size() * 8; ++i) {
    Bytes both = line;
    both[i / 8] ^= static_cast<std::uint8_t>(1u << (i % 8));
    both.insert(both.end(), next.begin(), next.end());
    const auto frames = frames_in(both, 256);
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back(), second) << "bit " << i;
    EXPECT_LE(frames.size(), i < 8 || i >= line.size() * 8 - 8 ? 2u : 1u) << "bit " << i;
  }
}

/// A device at the other end of two lines of noise; power can be cut.
class NoisyLine : public fleet::ByteLine {
 public:
  NoisyLine(ReceivingDevice& device, const SerialOptions& noise, std::uint64_t seed, double share_of_cuts = 0)
      : down_(noise, seed), up_(noise, seed + 1), rng_(seed + 2), cuts_(share_of_cuts), device_(device), buffer_(300) {
    link_.emplace(device_, update::MutableBytes{buffer_.data(), buffer_.size()});
  }
  Result<void> write(ByteSpan bytes) override {
    if (bytes_until_end_ < bytes.size()) return fail(Code::io, "pulled out");
    bytes_until_end_ -= bytes.size();
    if (rng_.chance(cuts_))
      device_.flash.cut_power_at(
          {device_.flash.operations() + rng_.below(40), static_cast<std::uint8_t>(rng_.below(256)), rng_.next(), 128});
    Bytes answer;
    for (const std::uint8_t byte : down_.send(bytes)) {
      try {
        link_->take(byte, [&](std::uint8_t out) { answer.push_back(out); });
      } catch (PowerLost) {
        ++cuts;
        device_.flash.restore_power(rng_.next());
        device_.restart();
        link_.emplace(device_, update::MutableBytes{buffer_.data(), buffer_.size()});
      }
    }
    const Bytes arrived = up_.send(answer);
    waiting_.insert(waiting_.end(), arrived.begin(), arrived.end());
    if (parcel.empty()) parcel = device_.take_parcel();
    return {};
  }
  Result<Bytes> read(std::chrono::milliseconds) override {
    // In pieces, as a line's buffer is emptied.
    const std::size_t count = std::min<std::size_t>(waiting_.size(), 1 + rng_.below(64));
    Bytes piece(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    return piece;
  }
  void pull_out_after(std::size_t bytes) { bytes_until_end_ = bytes; }

  Bytes parcel;
  unsigned cuts = 0;

 private:
  SerialLine down_, up_;
  Rng rng_;
  double cuts_;
  ReceivingDevice& device_;
  Bytes buffer_, waiting_;
  std::optional<SerialLink<ReceivingDevice>> link_;
  std::size_t bytes_until_end_ = ~std::size_t{0};
};

TEST(Serial, delivers_over_a_quiet_line_without_repeating_anything) {
  const Bytes parcel = random_bytes(7001, 1);
  ReceivingDevice device(16 * 1024, 2048, 8);
  NoisyLine line(device, {}, 1);
  std::size_t reported = 0;
  fleet::SerialSenderOptions options;
  options.progress = [&](std::size_t stored, std::size_t) { reported = stored; };
  const auto outcome = fleet::send_over_serial(line, parcel, options);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(line.parcel, parcel);
  EXPECT_EQ(outcome->blocks_sent, 28u) << "blocks of 256";
  EXPECT_EQ(outcome->requests_repeated, 0u);
  EXPECT_EQ(outcome->status, Status::ok);
  EXPECT_EQ(reported, 28u);
}

TEST(Serial, delivers_through_noise_and_power_cuts) {
  const Bytes parcel = random_bytes(4000, 2);
  ReceivingDevice device(24 * 1024, 2048, 8);
  NoisyLine line(device, {0.0005, 0.0005, 0.0005}, 3, 0.3);
  const auto outcome = fleet::send_over_serial(line, parcel);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(line.parcel, parcel);
  EXPECT_GT(outcome->requests_repeated, 0u);
  EXPECT_GT(line.cuts, 0u);
}

TEST(Serial, goes_on_after_the_line_was_pulled_out_anywhere) {
  const Bytes parcel = random_bytes(3000, 3);
  ReceivingDevice device(16 * 1024, 2048, 8);
  Rng rng(4);
  std::size_t sent = 0, tries = 0;
  for (Bytes got; got.empty(); ++tries) {
    ASSERT_LT(tries, 100u);
    NoisyLine line(device, {}, tries);
    line.pull_out_after(rng.below(1500));
    std::size_t blocks = 0;
    fleet::SerialSenderOptions options;
    options.progress = [&](std::size_t, std::size_t) { ++blocks; };
    const auto outcome = fleet::send_over_serial(line, parcel, options);
    EXPECT_TRUE(outcome || outcome.error().code() == Code::io);
    sent += blocks;
    got = line.parcel;
    if (!got.empty()) {
      EXPECT_EQ(got, parcel);
    }
  }
  EXPECT_GT(tries, 2u);
  EXPECT_LE(sent, 12u) << "no block is sent twice";
}

TEST(Serial, goes_on_with_what_came_by_radio) {
  const Bytes parcel = random_bytes(2000, 5);
  ReceivingDevice device(16 * 1024, 2048, 8);
  update::RadioReceiver<ReceivingDevice> receiver;
  Bytes scratch(256);
  auto frames = fleet::radio_round(parcel, {}, 0).value();
  for (std::size_t i = 0; i < 20; ++i)
    static_cast<void>(receiver.take(device, {frames[i].data(), frames[i].size()}, {scratch.data(), scratch.size()}));
  const std::uint32_t missing = device.inbox()->missing_count();
  ASSERT_LT(missing, device.inbox()->block_count());
  NoisyLine line(device, {}, 1);
  const auto outcome = fleet::send_over_serial(line, parcel);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(line.parcel, parcel);
  EXPECT_EQ(outcome->blocks_sent, missing);
}

TEST(Serial, says_what_is_wrong) {
  ReceivingDevice device(8 * 1024, 2048, 8);
  NoisyLine line(device, {}, 1);
  auto outcome = fleet::send_over_serial(line, Bytes(20000));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), Code::too_large);
  ASSERT_EQ(device.announce(fleet::announcement_of(Bytes(100, 1), 50)), Status::ok);
  outcome = fleet::send_over_serial(line, Bytes(500));
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message().find("busy"), std::string::npos);
  NoisyLine dead(device, {0, 1, 0}, 1);
  outcome = fleet::send_over_serial(dead, Bytes(500));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), Code::io);
  EXPECT_FALSE(fleet::send_over_serial(line, {}));
}

TEST(Serial, malformed_requests_are_answered_with_a_name_or_not_at_all) {
  ReceivingDevice device(8 * 1024, 2048, 8);
  Bytes buffer(300);
  SerialLink<ReceivingDevice> link(device, {buffer.data(), buffer.size()});
  const auto ask = [&](const Bytes& request) {
    Bytes answer;
    for (const std::uint8_t byte : framed(request)) link.take(byte, [&](std::uint8_t out) { answer.push_back(out); });
    const auto frames = frames_in(answer, 300);
    return frames.empty() ? Bytes{} : frames[0];
  };
  const auto status = [&](const Bytes& request) { return static_cast<Status>(ask(request).at(2)); };
  EXPECT_TRUE(ask({9, 1}).empty());
  EXPECT_TRUE(ask({1}).empty());
  EXPECT_EQ(status({2, 7, 1, 2}), Status::malformed);
  EXPECT_EQ(status({3, 7, 0, 0, 0, 0, 1}), Status::waiting) << "nothing was announced";
  EXPECT_EQ(status({4, 7, 0, 0, 0, 0}), Status::waiting);
  EXPECT_EQ(status({2, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 0, 0x00, 0x04}), Status::too_large) << "blocks of 1,024";
  EXPECT_EQ(status({2, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 0, 32, 0}), Status::ok);
  EXPECT_EQ(status({3, 7, 8, 0, 0, 0, 1}), Status::malformed) << "there are eight blocks";
  EXPECT_EQ(status({3, 7, 0, 0, 0, 0, 1}), Status::malformed) << "one byte of 32";
  EXPECT_EQ(status({3, 7, 0, 0, 0, 0x80, 1}), Status::malformed) << "coded rows do not come by serial";
  EXPECT_EQ(status({4, 7, 8, 0, 0, 0}), Status::malformed);
  EXPECT_EQ(ask({4, 7, 0, 0, 0, 0}), (Bytes{0x84, 7, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace mote::simulation
