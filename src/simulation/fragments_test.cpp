#include "update/fragments.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "mote/fleet/fragment_encoder.hpp"
#include "mote/simulation/flash_port.hpp"
#include "mote/simulation/memory_store.hpp"

namespace mote::simulation {
namespace {

using fleet::FragmentEncoder;
using update::FragmentDecoder;
using update::Inbox;
using update::Status;
using update::Stretch;

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

std::set<std::uint32_t> line(std::uint32_t number, std::uint32_t columns, std::size_t scratch_bytes) {
  Bytes scratch(scratch_bytes);
  std::set<std::uint32_t> set;
  update::for_each_column(number, columns, {scratch.data(), scratch.size()},
                          [&](std::uint32_t column) { EXPECT_TRUE(set.insert(column).second); });
  return set;
}

TEST(Fragments, are_those_of_another_implementation) {
  // ChirpStack, lrwn/src/applayer/fragmentation/v2.rs, test_encode: bytes 0 to 99 in fragments of ten.
  const std::vector<Bytes> coded{{0x68, 0x69, 0x52, 0x53, 0x5c, 0x5d, 0x76, 0x77, 0x70, 0x71},
                                 {0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x6a, 0x6b, 0x7c, 0x7d},
                                 {0x5c, 0x5d, 0x6e, 0x6f, 0x10, 0x11, 0x02, 0x03, 0x04, 0x05},
                                 {0x6c, 0x6d, 0x6e, 0x6f, 0x60, 0x61, 0x42, 0x43, 0x54, 0x55},
                                 {0x12, 0x13, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x3a, 0x3b},
                                 {0x48, 0x49, 0x7a, 0x7b, 0x7c, 0x7d, 0x6e, 0x6f, 0x70, 0x71},
                                 {0x1c, 0x1d, 0x2e, 0x2f, 0x50, 0x51, 0x52, 0x53, 0x44, 0x45},
                                 {0x58, 0x59, 0x52, 0x53, 0x2c, 0x2d, 0x16, 0x17, 0x00, 0x01},
                                 {0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x30, 0x31, 0x22, 0x23},
                                 {0x00, 0x01, 0x3a, 0x3b, 0x44, 0x45, 0x7e, 0x7f, 0x68, 0x69}};
  Bytes data(100);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  const FragmentEncoder encoder = FragmentEncoder::create(data, 10).value();
  ASSERT_EQ(encoder.count(), 10);
  for (std::uint16_t n = 1; n <= 10; ++n)
    EXPECT_EQ(encoder.fragment(n), Bytes(data.begin() + (n - 1) * 10, data.begin() + n * 10));
  for (std::uint16_t i = 0; i < coded.size(); ++i)
    EXPECT_EQ(encoder.fragment(static_cast<std::uint16_t>(11 + i)), coded[i]);
}

TEST(Fragments, a_line_has_half_of_the_columns_and_little_scratch_gives_the_same) {
  for (const std::uint32_t columns : {1u, 2u, 3u, 16u, 20u, 63u, 64u, 65u, 255u, 256u, 1000u, 2730u}) {
    for (const std::uint32_t number : {1u, 2u, 77u, 16382u}) {
      const auto whole = line(number, columns, columns / 8 + 1);
      EXPECT_EQ(whole.size(), columns / 2);
      EXPECT_TRUE(whole.empty() || *whole.rbegin() < columns);
      EXPECT_EQ(line(number, columns, 16), whole) << columns << " columns, line " << number;
    }
  }
  EXPECT_EQ(line(5, update::kMaxFragments, 256), line(5, update::kMaxFragments, 2048));
}

TEST(Fragments, refuses_what_cannot_be_sent) {
  EXPECT_FALSE(FragmentEncoder::create({}, 20));
  EXPECT_FALSE(FragmentEncoder::create(Bytes(10), 0));
  EXPECT_FALSE(FragmentEncoder::create(Bytes(1000), 256));
  EXPECT_FALSE(FragmentEncoder::create(Bytes(16384), 1));
  EXPECT_TRUE(FragmentEncoder::create(Bytes(16383), 1));
}

TEST(Fragments, the_order_of_coded_ones_has_each_once) {
  for (const unsigned count : {1u, 20u, 64u, 300u}) {
    const auto order = fleet::coded_order(static_cast<std::uint16_t>(count), 80);
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 80u);
    EXPECT_GT(*std::min_element(order.begin(), order.end()), count);
  }
  EXPECT_EQ(fleet::coded_order(update::kMaxFragments - 3, 80).size(), 3u) << "there are no more numbers";
}

template <unsigned kMaxLost>
struct Receiver {
  Receiver(std::size_t bytes, std::uint32_t fragment_bytes)
      : store(static_cast<std::uint32_t>(bytes), fragment_bytes), scratch(256) {
    stretch.blocks = static_cast<std::uint16_t>((bytes - 1) / fragment_bytes + 1);
    EXPECT_EQ(decoder.open(store, stretch, all(scratch)), Status::waiting);
  }
  static update::MutableBytes all(Bytes& bytes) { return {bytes.data(), bytes.size()}; }
  Status take(std::uint16_t number, Bytes fragment) { return decoder.take(number, all(fragment), all(scratch)); }

  MemoryStore store;
  Bytes scratch;
  Stretch stretch;
  FragmentDecoder<MemoryStore, kMaxLost> decoder;
};

TEST(Fragments, memory_for_64_lost_is_what_the_standard_reckons) {
  using Decoder = FragmentDecoder<Inbox, 64>;
  EXPECT_LE(sizeof(Decoder), 400 - 4 + 2 * sizeof(void*) - 4) << "its pointer has 4 bytes on the device";
}

TEST(Fragments, rebuilds_in_any_order_with_late_ones_and_twice_the_same) {
  Rng rng(7);
  for (int round = 0; round < 60; ++round) {
    const std::size_t bytes = 400 + rng.below(1200);
    const std::uint32_t fragment_bytes = 17 + static_cast<std::uint32_t>(rng.below(20));
    const Bytes data = random_bytes(bytes, static_cast<std::uint64_t>(round));
    const FragmentEncoder encoder = FragmentEncoder::create(data, fragment_bytes).value();
    std::vector<std::uint16_t> numbers(encoder.count() * 3u);
    std::iota(numbers.begin(), numbers.end(), std::uint16_t{1});
    if (round % 2 == 0) rng.shuffle(std::span(numbers));  // else in order, and the uncoded ones again at the end
    for (std::uint16_t n = 1; n <= encoder.count(); ++n) numbers.push_back(n);
    Receiver<64> receiver(bytes, fragment_bytes);
    Status status = Status::waiting;
    for (const std::uint16_t n : numbers) {
      if (rng.chance(0.4)) continue;
      status = receiver.take(n, encoder.fragment(n));
      ASSERT_TRUE(status == Status::ok || status == Status::waiting) << name(status);
      if (rng.chance(0.1)) {
        ASSERT_EQ(receiver.take(n, encoder.fragment(n)), status);
      }
      if (status == Status::ok) break;
    }
    ASSERT_EQ(status, Status::ok) << "round " << round;
    EXPECT_EQ(receiver.store.content(), data);
    EXPECT_EQ(receiver.take(1, encoder.fragment(1)), Status::ok) << "afterwards nothing changes";
  }
}

TEST(Fragments, more_lost_than_memory_waits_for_uncoded_ones) {
  const Bytes data = random_bytes(2000, 3);
  const FragmentEncoder encoder = FragmentEncoder::create(data, 20).value();
  Receiver<16> receiver(data.size(), 20);
  for (std::uint16_t n = 1; n <= 60; ++n) ASSERT_EQ(receiver.take(n, encoder.fragment(n)), Status::waiting);
  for (std::uint16_t n = 101; n <= 300; ++n) ASSERT_EQ(receiver.take(n, encoder.fragment(n)), Status::waiting);
  EXPECT_EQ(receiver.store.row_count(), 0u) << "no flash is spent on them";
  for (std::uint16_t n = 61; n <= 84; ++n) ASSERT_EQ(receiver.take(n, encoder.fragment(n)), Status::waiting);
  Status status = Status::waiting;
  for (std::uint16_t n = 301; n <= 330 && status == Status::waiting; ++n)
    status = receiver.take(n, encoder.fragment(n));
  ASSERT_EQ(status, Status::ok);
  EXPECT_EQ(receiver.store.content(), data);
}

TEST(Fragments, malformed_ones_change_nothing) {
  Receiver<64> receiver(1000, 20);
  EXPECT_EQ(receiver.take(0, Bytes(20)), Status::malformed);
  EXPECT_EQ(receiver.take(0x4000, Bytes(20)), Status::malformed);
  EXPECT_EQ(receiver.take(1, Bytes(19)), Status::malformed);
  EXPECT_EQ(receiver.take(1, Bytes(21)), Status::malformed);
  Bytes scratch(256);
  FragmentDecoder<MemoryStore, 64> decoder;
  EXPECT_EQ(decoder.open(receiver.store, Stretch{0, 0, 0}, {scratch.data(), 256}), Status::malformed);
  EXPECT_EQ(decoder.open(receiver.store, Stretch{0, 0, 50}, {scratch.data(), 19}), Status::internal);
}

struct Setting {
  std::uint32_t sector_bytes, unit_bytes, programs, fragment_bytes;
};
class FragmentsInFlash : public testing::TestWithParam<Setting> {};

/// A parcel of several stretches, frames lost, power cut while flash is written, again and again.
TEST_P(FragmentsInFlash, power_cuts_cost_a_fragment_each_and_nothing_else) {
  const Setting setting = GetParam();
  constexpr std::uint16_t kStretchBlocks = 40;
  unsigned cuts = 0;
  for (std::uint64_t round = 0; round < 6; ++round) {
    Rng rng(round);
    const Bytes parcel =
        random_bytes(kStretchBlocks * setting.fragment_bytes * 2 + 5 * setting.fragment_bytes + 3, round);
    const update::Layout layout = update::arrange(setting.sector_bytes, setting.unit_bytes, 512,
                                                  static_cast<std::uint32_t>(parcel.size()) * 4 + 8192);
    board::NorFlash flash =
        board::NorFlash::create({layout.end(), setting.sector_bytes, setting.unit_bytes, setting.programs}).value();
    FlashPort port(flash, layout);
    update::Announcement announcement;
    announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
    announcement.block_bytes = static_cast<std::uint16_t>(setting.fragment_bytes);
    ASSERT_EQ(Inbox::check(layout, announcement), Status::ok);

    Inbox inbox;
    inbox.open(port, announcement);
    Bytes scratch(256);
    FragmentDecoder<Inbox, 40> decoder;
    const std::uint16_t blocks = static_cast<std::uint16_t>(inbox.block_count());
    for (std::uint16_t first = 0, number = 0; first < blocks;
         first = static_cast<std::uint16_t>(first + kStretchBlocks), ++number) {
      const Stretch stretch{static_cast<std::uint8_t>(number), first,
                            std::min<std::uint16_t>(kStretchBlocks, static_cast<std::uint16_t>(blocks - first))};
      const ByteSpan block =
          ByteSpan(parcel).subspan(std::size_t{first} * setting.fragment_bytes,
                                   std::min(std::size_t{stretch.blocks} * setting.fragment_bytes,
                                            parcel.size() - std::size_t{first} * setting.fragment_bytes));
      const FragmentEncoder encoder = FragmentEncoder::create(block, setting.fragment_bytes).value();
      Status status = decoder.open(inbox, stretch, {scratch.data(), scratch.size()});
      std::uint16_t n = 0;
      while (status == Status::waiting) {
        ASSERT_LT(n, 400) << "no end";
        ++n;
        if (rng.chance(0.3)) continue;
        if (rng.chance(0.15))
          flash.cut_power_at({flash.operations() + rng.below(2 + setting.fragment_bytes / setting.unit_bytes),
                              static_cast<std::uint8_t>(rng.below(256)), rng.next(), 128});
        Bytes fragment = encoder.fragment(n);
        try {
          status = decoder.take(n, {fragment.data(), fragment.size()}, {scratch.data(), scratch.size()});
        } catch (PowerLost) {
          ++cuts;
          flash.restore_power(rng.next());
          inbox = Inbox{};
          inbox.open(port, announcement);
          decoder = {};
          try {
            status = decoder.open(inbox, stretch, {scratch.data(), scratch.size()});
          } catch (PowerLost) {
            FAIL() << "no cut was armed";
          }
        }
      }
      ASSERT_EQ(status, Status::ok) << name(status) << " round " << round << " stretch " << number;
    }
    Bytes back(parcel.size());
    ASSERT_EQ(inbox.read(0, {back.data(), back.size()}), Status::ok);
    EXPECT_EQ(back, parcel) << "round " << round;
    EXPECT_EQ(inbox.missing_count(), 0u);
  }
  EXPECT_GT(cuts, 50u);
}

INSTANTIATE_TEST_SUITE_P(Settings, FragmentsInFlash,
                         testing::Values(Setting{2048, 8, 1, 48}, Setting{4096, 4, 2, 17}, Setting{512, 16, 1, 20},
                                         Setting{256, 1, 0, 24}, Setting{4096, 32, 1, 247}));

}  // namespace
}  // namespace mote::simulation
