#include "mote/fleet/report_folder.hpp"

#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "test_reports.hpp"

namespace mote::fleet {
namespace {

using update::Status;

class Reports : public testing::Test {
 protected:
  Status take(const Bytes& report) { return place.reports->take(report).value().status; }
  TestReports place;
};

TEST_F(Reports, an_authentic_one_is_kept_once) {
  const Bytes report = report_of(1, 7);
  EXPECT_TRUE(place.reports->take(report).value().is_new);
  const ReportReceipt again = place.reports->take(report).value();
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_FALSE(again.is_new);
  ASSERT_EQ(place.reports->devices().size(), 1u);
  EXPECT_EQ(place.reports->devices()[0].reports, 1u);
}

TEST_F(Reports, nothing_is_written_for_what_is_not_authentic) {
  const Bytes good = report_of(1, 7);
  for (std::size_t bit = 0; bit < 8 * good.size(); bit += 3) {
    Bytes changed = good;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_NE(take(changed), Status::ok) << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(take(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), Status::ok);
  EXPECT_EQ(take(report_of(9, 1)), Status::unknown_key) << "a device of somebody else";
  EXPECT_EQ(take(report_of(1, 1, 2)), Status::bad_signature) << "device 2 says that it is device 1";
  EXPECT_TRUE(std::filesystem::is_empty(place.path()));
}

TEST_F(Reports, late_and_lost_ones_are_told_apart) {
  for (const std::uint32_t number : {5u, 2u, 9u}) EXPECT_EQ(take(report_of(1, number)), Status::ok);
  EXPECT_EQ(take(report_of(2, 1)), Status::ok);
  auto devices = place.reports->devices();
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].latest.number, 9u);
  EXPECT_EQ(devices[0].missing, 6u);
  EXPECT_EQ(devices[1].missing, 0u);
  EXPECT_EQ(take(report_of(1, 4)), Status::ok) << "a slow courier's";
  EXPECT_EQ(place.reports->devices()[0].missing, 5u);
}

TEST_F(Reports, a_device_that_counts_anew_is_noticed) {
  EXPECT_EQ(take(report_of(1, 3)), Status::ok);
  EXPECT_EQ(take(report_of(1, 3, 1, 12)), Status::ok) << "the same number, and it says something else";
  EXPECT_EQ(place.reports->devices()[0].reports, 2u);
  EXPECT_EQ(place.reports->devices()[0].duplicates, 1u);
}

TEST_F(Reports, what_others_put_into_the_folder_does_not_count) {
  EXPECT_EQ(take(report_of(1, 3)), Status::ok);
  const std::filesystem::path own = place.path() / to_hex(device_id(1)), other = place.path() / to_hex(device_id(2));
  ASSERT_TRUE(write_file(own / "0000000009-0.report", std::string_view("no report")));
  ASSERT_TRUE(write_file(other / "0000000003-0.report", report_of(1, 3)));
  ASSERT_EQ(place.reports->devices().size(), 1u);
  EXPECT_EQ(place.reports->devices()[0].reports, 1u);
}

TEST_F(Reports, one_device_cannot_fill_the_disk) {
  const std::filesystem::path own = place.path() / to_hex(device_id(1));
  ASSERT_TRUE(make_folder(own));
  for (std::size_t i = 0; i < ReportFolder::kMostReportsADevice; ++i)
    std::ofstream(own / (std::to_string(i) + ".report"));
  EXPECT_EQ(take(report_of(1, 7)), Status::store_full);
  EXPECT_EQ(take(report_of(2, 7)), Status::ok);
}

TEST_F(Reports, a_folder_of_keys_is_needed) {
  const auto opened = ReportFolder::open(place.path(), place.path() / "nowhere");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::not_found);
}

}  // namespace
}  // namespace mote::fleet
