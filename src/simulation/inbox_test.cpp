#include "update/inbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "mote/simulation/flash_port.hpp"

namespace mote::simulation {
namespace {

using update::Announcement;
using update::Inbox;
using update::Status;

struct Setting {
  std::uint32_t sector_bytes, unit_bytes, programs;
  std::uint16_t block_bytes;
};

class InboxOn : public testing::TestWithParam<Setting> {
 protected:
  InboxOn()
      : layout(update::arrange(GetParam().sector_bytes, GetParam().unit_bytes, 512, 8000)),
        flash(
            board::NorFlash::create({layout.end(), GetParam().sector_bytes, GetParam().unit_bytes, GetParam().programs})
                .value()),
        parcel(2500) {
    Rng rng(3);
    for (auto& byte : parcel) byte = static_cast<std::uint8_t>(rng.below(256));
    std::fill_n(parcel.begin() + 100, 300, std::uint8_t{0xff});  // a block that looks erased
    announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
    announcement.block_bytes = GetParam().block_bytes;
  }

  update::Bytes block(const Inbox& inbox, std::uint32_t number) const {
    return {parcel.data() + std::size_t{number} * announcement.block_bytes, inbox.block_size(number)};
  }
  Bytes content(Inbox& inbox) const {
    Bytes all(parcel.size());
    EXPECT_EQ(inbox.read(0, {all.data(), all.size()}), Status::ok);
    return all;
  }

  update::Layout layout;
  board::NorFlash flash;
  Bytes parcel;
  Announcement announcement;
};

TEST_P(InboxOn, takes_blocks_in_any_order_and_gives_the_parcel_back) {
  FlashPort port(flash, layout);
  Inbox inbox;
  ASSERT_EQ(Inbox::check(layout, announcement), Status::ok);
  inbox.open(port, announcement);
  std::vector<std::uint32_t> order(inbox.block_count());
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(5);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  for (const std::uint32_t number : order) {
    EXPECT_FALSE(inbox.has(number));
    ASSERT_EQ(inbox.put(number, block(inbox, number)), Status::ok);
    EXPECT_TRUE(inbox.has(number));
  }
  EXPECT_EQ(inbox.missing_count(), 0u);
  EXPECT_EQ(content(inbox), parcel);
  const auto before = flash.operations();
  EXPECT_EQ(inbox.put(0, block(inbox, 0)), Status::ok);
  EXPECT_EQ(flash.operations(), before) << "a block that comes twice is not written twice";
}

TEST_P(InboxOn, refuses_blocks_that_do_not_belong) {
  FlashPort port(flash, layout);
  Inbox inbox;
  inbox.open(port, announcement);
  EXPECT_EQ(inbox.put(inbox.block_count(), {parcel.data(), announcement.block_bytes}), Status::malformed);
  EXPECT_EQ(inbox.put(0, {parcel.data(), announcement.block_bytes - 1u}), Status::malformed);
  EXPECT_EQ(inbox.put(0xffffffff, {parcel.data(), announcement.block_bytes}), Status::malformed);
  std::uint8_t byte = 0;
  EXPECT_EQ(inbox.read(0, {&byte, 1}), Status::waiting);
  EXPECT_EQ(inbox.read(2500, {&byte, 1}), Status::truncated);
  EXPECT_EQ(inbox.read(0xffffffff, {&byte, 1}), Status::truncated);
  for (const Announcement bad : {Announcement{{}, 0, 64}, Announcement{{}, 100, 15}, Announcement{{}, 100, 1025}})
    EXPECT_EQ(Inbox::check(layout, bad), Status::malformed);
  for (const std::uint32_t bytes : {layout.inbox_bytes, 0xffffffffu})
    EXPECT_EQ(Inbox::check(layout, {{}, bytes, 64}), Status::too_large);
}

TEST_P(InboxOn, a_power_cut_costs_at_most_the_block_being_written) {
  Rng rng(11);
  FlashPort port(flash, layout);
  std::uint32_t cuts = 0;
  Inbox inbox;
  inbox.open(port, announcement);
  std::uint32_t written = 0;
  while (inbox.missing_count() != 0) {
    if (cuts < 4 && rng.chance(0.3)) {  // as many as there are spare positions for sure
      flash.cut_power_at(
          {flash.operations() + rng.below(8), static_cast<std::uint8_t>(rng.below(256)), rng.next(), 128});
    }
    try {
      const std::uint32_t number = inbox.next_missing(static_cast<std::uint32_t>(rng.below(inbox.block_count())));
      if (number == inbox.block_count()) continue;
      ASSERT_EQ(inbox.put(number, block(inbox, number)), Status::ok);
      ++written;
    } catch (PowerLost) {
      ++cuts;
      flash.restore_power(rng.next());
      inbox.open(port, announcement);
      ASSERT_GE(inbox.block_count() - inbox.missing_count(), written);
      written = inbox.block_count() - inbox.missing_count();
    }
  }
  EXPECT_GT(cuts, 0u);
  EXPECT_EQ(content(inbox), parcel);
}

TEST_P(InboxOn, keeps_coded_rows_behind_the_blocks) {
  FlashPort port(flash, layout);
  Inbox inbox;
  inbox.open(port, announcement);
  const Bytes row(announcement.block_bytes, 0x5a);
  ASSERT_EQ(inbox.put(update::kCodedRows + 7, {row.data(), row.size()}), Status::ok);
  ASSERT_EQ(inbox.put(update::kCodedRows + 2, {row.data(), row.size()}), Status::ok);
  EXPECT_EQ(inbox.missing_count(), inbox.block_count());
  Inbox later;
  later.open(port, announcement);
  std::uint32_t position = 0, number = 0;
  ASSERT_TRUE(later.next_row(position, number));
  EXPECT_EQ(number, update::kCodedRows + 7);
  ASSERT_TRUE(later.next_row(position, number));
  EXPECT_EQ(number, update::kCodedRows + 2);
  ASSERT_TRUE(later.next_row(position, number)) << "the newest was written once more";
  EXPECT_EQ(number, update::kCodedRows + 2);
  EXPECT_FALSE(later.next_row(position, number));
  const auto before = flash.operations();
  later.open(port, announcement);
  EXPECT_EQ(flash.operations(), before) << "but not at each start";
  Bytes back(row.size());
  ASSERT_EQ(later.read_block(update::kCodedRows + 2, 0, {back.data(), back.size()}), Status::ok);
  EXPECT_EQ(back, row);
}

INSTANTIATE_TEST_SUITE_P(Settings, InboxOn,
                         testing::Values(Setting{2048, 8, 1, 256}, Setting{4096, 4, 2, 48}, Setting{512, 16, 1, 20},
                                         Setting{256, 1, 0, 250}, Setting{4096, 32, 1, 1024}));

}  // namespace
}  // namespace mote::simulation
