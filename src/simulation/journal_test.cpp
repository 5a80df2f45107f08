#include "update/journal.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "mote/simulation/flash_port.hpp"

namespace mote::simulation {
namespace {

using update::Journal;
using update::Record;
using update::Status;

struct Flash {
  std::uint32_t sector_bytes, unit_bytes, programs;
};

update::Layout layout_of(const Flash& flash) { return update::arrange(flash.sector_bytes, flash.unit_bytes, 512, 0); }

board::NorFlash make(const Flash& flash) {
  return board::NorFlash::create({layout_of(flash).end(), flash.sector_bytes, flash.unit_bytes, flash.programs})
      .value();
}

Record numbered(std::uint32_t i) {
  Record record;
  record.confirmed_sequence = i;
  record.tried_sequence = ~std::uint64_t{i};
  return record;
}

Status commit(Journal& journal, const Record& record) {
  journal.edit() = record;
  return journal.commit();
}

class JournalOn : public testing::TestWithParam<Flash> {};

TEST_P(JournalOn, a_new_device_has_the_initial_record) {
  board::NorFlash flash = make(GetParam());
  FlashPort port(flash, layout_of(GetParam()));
  Journal journal;
  EXPECT_EQ(journal.mount(port), Status::malformed);
  EXPECT_EQ(journal.record().number, 0u);
  EXPECT_EQ(flash.operations(), 0u);
}

TEST_P(JournalOn, every_start_finds_the_last_record) {
  board::NorFlash flash = make(GetParam());
  FlashPort port(flash, layout_of(GetParam()));
  for (std::uint32_t i = 1; i <= 100; ++i) {
    Journal journal;
    static_cast<void>(journal.mount(port));
    ASSERT_EQ(journal.record().confirmed_sequence, i - 1);
    ASSERT_EQ(commit(journal, numbered(i)), Status::ok);
    if (i % 3 == 0) {
      ASSERT_EQ(commit(journal, numbered(i)), Status::ok);
    }
  }
}

TEST_P(JournalOn, starts_without_a_change_do_not_wear_the_flash) {
  board::NorFlash flash = make(GetParam());
  FlashPort port(flash, layout_of(GetParam()));
  Journal first;
  static_cast<void>(first.mount(port));
  for (std::uint32_t i = 1; i <= 3; ++i) ASSERT_EQ(commit(first, numbered(i)), Status::ok);
  static_cast<void>(Journal().mount(port));
  const auto before = flash.operations();
  for (int i = 0; i < 10; ++i) {
    Journal journal;
    ASSERT_EQ(journal.mount(port), Status::ok);
  }
  EXPECT_EQ(flash.operations(), before);
}

/// Starts, commits record `i`, and tells at each moment what may be relied on.
struct Outcome {
  std::uint32_t seen = 0;  // a start ended with this record: from here on nothing older may come back
  bool committed = false;
};

void start_and_commit(board::NorFlash& flash, const update::Layout& layout, std::uint32_t i, Outcome& run) {
  FlashPort port(flash, layout);
  Journal journal;
  const Status mounted = journal.mount(port);
  ASSERT_TRUE(mounted == Status::ok || mounted == Status::malformed);
  run.seen = static_cast<std::uint32_t>(journal.record().confirmed_sequence);
  ASSERT_EQ(commit(journal, numbered(i)), Status::ok);
  run.committed = true;
}

// Power fails at each operation of each commit, by one of several kinds of cut, then again during the start that
// follows; after any of it a record that a start ended with, or that was committed, never goes away.
TEST_P(JournalOn, two_power_cuts_never_bring_an_older_record_back) {
  const update::Layout layout = layout_of(GetParam());
  board::NorFlash flash = make(GetParam());
  struct Cut {
    std::uint8_t progress, unstable;
  };
  const Cut cuts[] = {{0, 0}, {20, 255}, {128, 128}, {230, 255}, {255, 60}, {255, 255}};
  std::uint64_t count = 0;
  Rng rng(7);
  for (std::uint32_t i = 1; i <= 18; ++i) {
    for (std::uint64_t at = flash.operations();; ++at) {
      const Cut& cut = cuts[rng.below(std::size(cuts))];
      board::NorFlash once = flash;
      once.cut_power_at({at, cut.progress, rng.next(), cut.unstable});
      Outcome first;
      try {
        start_and_commit(once, layout, i, first);
        break;  // no operation left to interrupt
      } catch (PowerLost) {
      }
      ASSERT_EQ(first.seen == i - 1 || first.seen == 0, true);
      // A second cut at one of the operations of the next start, then starts without a cut.
      board::NorFlash twice = once;
      twice.restore_power(rng.next());
      const Cut& second = cuts[rng.below(std::size(cuts))];
      twice.cut_power_at({twice.operations() + rng.below(40), second.progress, rng.next(), second.unstable});
      Outcome next;
      const std::uint32_t fresh = 1000 + i;
      try {
        start_and_commit(twice, layout, fresh, next);
      } catch (PowerLost) {
      }
      std::uint32_t least = std::max(first.seen, next.committed ? fresh : next.seen);
      for (int again = 0; again < 3; ++again) {
        twice.restore_power(rng.next());
        FlashPort port(twice, layout);
        Journal journal;
        static_cast<void>(journal.mount(port));
        const auto found = static_cast<std::uint32_t>(journal.record().confirmed_sequence);
        ASSERT_TRUE(found == i - 1 || found == i || found == fresh) << found;
        ASSERT_GE(found, least) << "commit " << i << ", operation " << at << ", progress " << int(cut.progress);
        least = found;
      }
      ++count;
    }
    Outcome whole;
    start_and_commit(flash, layout, i, whole);
  }
  EXPECT_GT(count, 100u);
  RecordProperty("cuts", std::to_string(count));
}

INSTANTIATE_TEST_SUITE_P(Flashes, JournalOn,
                         testing::Values(Flash{2048, 8, 1}, Flash{4096, 4, 2}, Flash{512, 16, 1}, Flash{256, 1, 0},
                                         Flash{4096, 32, 1}, Flash{16384, 4, 0}));

}  // namespace
}  // namespace mote::simulation
