#include "mote/package/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cbor.hpp"
#include "mote/base/file.hpp"
#include "mote/package/check.hpp"
#include "update/report.hpp"

namespace mote::package {
namespace {

using testing::HasSubstr;
using update::Status;

constexpr ReportKey kKey{1, 2, 3};

Bytes report(std::uint32_t number, bool runs = true) {
  const Uuid device{0xab, 0xcd};
  const Bytes digest(32, 0x5a);
  update::ReportContent content;
  content.number = number;
  content.device = view(device);
  content.phase = update::Phase::trial;
  content.active_sequence = runs ? 11 : 0;
  if (runs) content.active_digest = view(digest);
  content.confirmed_sequence = 10;
  content.last_status = Status::wrong_base;
  content.last_sequence = 12;
  content.time_s = 1'700'000'000;
  content.keys_version = 2;
  content.is_stale = true;
  Bytes bytes(update::kMaxReportBytes);
  bytes.resize(update::write_report(content, view(kKey), {bytes.data(), bytes.size()}));
  return bytes;
}

CheckedMessage checked(ByteSpan bytes, bool with_key = true) {
  CheckOptions known;
  if (with_key) known.report_key = kKey;
  return check_parcel(bytes, known).front();
}

TEST(Report, what_it_says_is_one_sentence) {
  EXPECT_EQ(checked(report(7)).sentence,
            "number 7 of device abcd0000000000000000000000000000: runs sequence 11 (module 5a5a5a5a5a5a5a5a...), 10 is "
            "confirmed, its state is trial, the last update (sequence 12) ended wrong_base, its time is 1700000000, "
            "keys document "
            "2, and it has heard nothing new for longer than it should (stale); authentic");
  EXPECT_TRUE(checked(report(7)).is_verified);
  EXPECT_THAT(checked(report(7), false).sentence, HasSubstr("not verified"));
  EXPECT_FALSE(checked(report(7), false).is_verified);
  EXPECT_THAT(checked(report(7, false)).sentence, HasSubstr("runs no module"));
}

TEST(Report, each_changed_bit_is_named) {
  const Bytes good = report(7);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes changed = good;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    const CheckedMessage message = checked(changed);
    EXPECT_NE(message.status, Status::ok) << bit;
    EXPECT_FALSE(message.sentence.empty()) << bit;
  }
  for (std::size_t size = 1; size < good.size(); ++size)
    EXPECT_NE(checked(ByteSpan(good).first(size)).status, Status::ok) << size;
  Bytes longer = good;
  longer.push_back(0);
  Report out;
  EXPECT_EQ(parse_report(longer, out), Status::trailing_bytes);
  EXPECT_EQ(parse_report(Bytes(1000), out), Status::too_large);
}

TEST(Report, another_devices_key_is_noticed_and_the_same_number_is_a_replay) {
  ReportKey other = kKey;
  other[31] ^= 1;
  Report out;
  EXPECT_EQ(open_report(report(7), other, out), Status::bad_signature);
  EXPECT_EQ(open_report(report(7), kKey, out), Status::ok);
  EXPECT_EQ(out.number, 7u);
  EXPECT_TRUE(read_report(report(7), kKey, 6));
  EXPECT_THAT(read_report(report(7), kKey, 7).error().message(), testing::StartsWith("replayed"));
}

TEST(Report, a_key_is_read_as_it_was_written_and_nothing_else_is_one) {
  const TemporaryFolder folder = TemporaryFolder::create("report").value();
  const ReportKey key = new_report_key();
  ASSERT_TRUE(write_report_key(folder.path() / "k", key));
  EXPECT_EQ(read_report_key(folder.path() / "k").value(), key);
  EXPECT_FALSE(write_report_key(folder.path() / "k", key)) << "no key is replaced";
  ASSERT_TRUE(write_file(folder.path() / "short", std::string_view("abcd\n")));
  EXPECT_EQ(read_report_key(folder.path() / "short").error().code(), Code::malformed);
}

}  // namespace
}  // namespace mote::package
