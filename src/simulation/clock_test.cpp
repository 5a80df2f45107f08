// Devices with a clock that is right, slow, fast, wrong, lost with the power, or not there: what expires and what is
// fresh is then as docs/updates.md says.

#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "module_for_test.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/package/report.hpp"
#include "mote/simulation/scenario.hpp"

namespace mote::simulation {
namespace {

using package::SigningKey;
using update::Phase;
using update::Progress;
using update::Status;

constexpr std::uint64_t kNow = 1'800'000'000, kDay = 86'400, kYear = 365 * kDay;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({0x63, number}); }

Bytes module_of(std::uint8_t version) { return module_of_content(Bytes(1500, version)); }

class ClockTest : public testing::Test {
 protected:
  ClockTest()
      : layout_(update::arrange(4096, 8, 4096, 8192)),
        flash_(board::NorFlash::create({layout_.end(), 4096, 8, 1}).value()) {
    package::KeysOptions keys;
    keys.root = {1, {key(1).public_key()}};
    keys.release = {1, {key(2).public_key()}};
    keys.time = {1, {key(3).public_key()}};
    keys.not_after_s = kNow + 10 * kYear;
    keys.highest_sequence = 100;
    keys.vendor = vendor_;
    package::FactoryOptions factory;
    factory.vendor = vendor_;
    factory.klass = klass_;
    factory.device_key = device_key_;
    const SigningKey root = key(1);
    factory.keys = package::write_keys(keys, std::span(&root, 1)).value();
    factory.module = module_of(1);
    factory.sequence = 1;
    MOTE_CHECK(flash_.load(0, package::factory_image(layout_, factory).value()).has_value());
    policy_.stale_after_s = 7 * kDay;
    start(0);
  }

  /// @param clock_s  what its clock shows then; 0: it has none.
  void start(std::uint64_t clock_s) {
    agent_.reset();
    port_.emplace(flash_, layout_);
    port_->runtime_.arena_bytes = 1024;
    port_->runtime_.arena_align = 8;
    port_->clock = clock_s;
    agent_.emplace(*port_, policy_);
    ASSERT_EQ(agent_->start(update::ResetCause::power_on), Status::ok);
  }
  void shows(std::uint64_t clock_s) { port_->clock = clock_s; }

  Status give(const Bytes& parcel) {
    package::BytesSource card(parcel);
    EXPECT_EQ(agent_->offer(card), Status::ok);
    for (unsigned i = 0; i < 1000 && agent_->phase() != Phase::idle; ++i) agent_->step();
    return agent_->last_status();
  }
  Status offered(std::uint64_t sequence, std::uint64_t use_before_s) {
    package::BundleOptions options;
    options.sequence = sequence;
    options.vendor = vendor_;
    options.klass = klass_;
    options.use_before_s = use_before_s;
    options.shadow_inferences = options.trial_inferences = 0;
    const SigningKey release = key(2);
    return give(
        package::write_bundle(module_of(static_cast<std::uint8_t>(sequence)), options, std::span(&release, 1)).value());
  }
  Status told(std::uint64_t time_s) { return give(package::write_time({time_s, klass_, 0}, key(3))); }

  package::Report report() {
    Bytes bytes(update::kMaxReportBytes);
    bytes.resize(agent_->report({bytes.data(), bytes.size()}));
    return package::read_report(bytes, device_key_, 0).value();
  }

  update::Policy policy_;
  std::optional<update::Agent> agent_;

 private:
  const package::Uuid vendor_ = package::vendor_id("mote.example"), klass_ = package::class_id(vendor_, "clock");
  const package::ReportKey device_key_{1};
  update::Layout layout_;
  board::NorFlash flash_;
  std::optional<FlashPort> port_;
};

TEST_F(ClockTest, without_one_the_last_statement_is_the_time) {
  EXPECT_EQ(offered(2, kNow - kYear), Status::ok) << "nobody has told it that this is over";
  EXPECT_EQ(told(kNow), Status::ok);
  EXPECT_EQ(report().time_s, kNow);
  EXPECT_EQ(offered(3, kNow), Status::expired);
  EXPECT_EQ(offered(4, kNow + 1), Status::ok);
  start(0);
  EXPECT_EQ(report().time_s, kNow) << "it stays over a start";
  EXPECT_FALSE(report().is_stale) << "it cannot tell how long ago that was";
}

TEST_F(ClockTest, a_right_one_expires_bundles_to_the_second) {
  shows(kNow);
  EXPECT_EQ(offered(2, kNow), Status::expired);
  EXPECT_EQ(offered(3, kNow + 1), Status::ok);
}

TEST_F(ClockTest, a_slow_one_is_corrected_by_the_next_statement) {
  // 500 parts in a million behind for a year: more than four hours.
  const std::uint64_t shown = kNow - kYear * 500 / 1'000'000;
  shows(shown);
  EXPECT_EQ(offered(2, kNow - kDay / 8), Status::ok) << "over since three hours, and it takes it";
  EXPECT_EQ(told(kNow), Status::ok);
  EXPECT_EQ(report().time_s, kNow);
  EXPECT_EQ(offered(3, kNow - kDay / 8), Status::expired);
  shows(shown + kDay);
  EXPECT_EQ(report().time_s, shown + kDay) << "the clock counts where it is ahead of the statement";
}

TEST_F(ClockTest, a_fast_one_refuses_early_and_nothing_of_that_stays) {
  shows(kNow + kYear);
  EXPECT_EQ(offered(2, kNow + kDay), Status::expired);
  EXPECT_EQ(told(kNow), Status::ok) << "a statement is new by the statements before, not by the clock";
  EXPECT_EQ(offered(2, kNow + kDay), Status::expired);
  shows(kNow);
  EXPECT_EQ(report().time_s, kNow);
  EXPECT_EQ(offered(2, kNow + kDay), Status::ok) << "it is not remembered as failed";
}

TEST_F(ClockTest, one_that_is_lost_with_the_power_does_not_bring_old_times_back) {
  shows(kNow);
  EXPECT_EQ(told(kNow), Status::ok);
  for (const std::uint64_t after_power : {std::uint64_t{1}, std::uint64_t{946'684'800}, std::uint64_t{0}}) {
    start(after_power);
    EXPECT_EQ(report().time_s, kNow) << after_power;
    EXPECT_EQ(offered(2, kNow), Status::expired) << after_power;
    EXPECT_FALSE(report().is_stale) << "it has forgotten how long it heard nothing";
  }
  EXPECT_EQ(offered(2, kNow + 1), Status::ok);
}

TEST_F(ClockTest, drift_moves_the_day_on_which_a_device_says_that_it_is_stale) {
  EXPECT_EQ(told(kNow), Status::ok);
  const auto is_stale_after = [&](std::uint64_t true_s, double ppm) {
    shows(kNow + static_cast<std::uint64_t>(static_cast<double>(true_s) * (1 + ppm / 1e6)));
    return report().is_stale;
  };
  EXPECT_FALSE(is_stale_after(7 * kDay, 0));
  EXPECT_TRUE(is_stale_after(7 * kDay + 1, 0));
  // A crystal of 100 parts in a million: a minute in a week.
  EXPECT_TRUE(is_stale_after(7 * kDay, 100));
  EXPECT_FALSE(is_stale_after(7 * kDay - 61, 100));
  EXPECT_FALSE(is_stale_after(7 * kDay + 60, -100));
  EXPECT_TRUE(is_stale_after(7 * kDay + 62, -100));
}

TEST_F(ClockTest, one_that_is_set_back_gives_no_parcel_up) {
  shows(kNow);
  update::Announcement announcement;
  announcement.id[0] = 1;
  announcement.total_bytes = 2000;
  announcement.block_bytes = 256;
  ASSERT_EQ(agent_->announce(announcement), Status::waiting);
  while (agent_->phase() == Phase::preparing) agent_->step();
  for (const std::uint64_t clock : {kNow + kDay / 2, kNow - kYear, kNow - kYear + kDay / 2, kNow - kYear + kDay}) {
    shows(clock);
    agent_->step();
    EXPECT_EQ(agent_->phase(), Phase::receiving) << clock;
  }
  shows(kNow - kYear + kDay + 1);
  agent_->step();
  EXPECT_EQ(agent_->phase(), Phase::idle) << "a day since it was set, and nothing came";
  EXPECT_EQ(agent_->last_status(), Status::too_slow);
}

TEST_F(ClockTest, one_that_comes_to_life_starts_the_day_of_a_parcel) {
  update::Announcement announcement;
  announcement.id[0] = 1;
  announcement.total_bytes = 2000;
  announcement.block_bytes = 256;
  ASSERT_EQ(agent_->announce(announcement), Status::waiting);
  while (agent_->phase() == Phase::preparing) agent_->step();
  shows(kNow);
  agent_->step();
  EXPECT_EQ(agent_->phase(), Phase::receiving);
  shows(kNow + kDay);
  agent_->step();
  EXPECT_EQ(agent_->phase(), Phase::receiving);
  shows(kNow + kDay + 1);
  agent_->step();
  EXPECT_EQ(agent_->phase(), Phase::idle);
}

}  // namespace
}  // namespace mote::simulation
