#include "mote/fleet/pouch.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "mote/fleet/courier.hpp"
#include "test_parcels.hpp"
#include "test_reports.hpp"

namespace mote::fleet {
namespace {

namespace fs = std::filesystem;
using update::Status;

/// A server that is cut off, lies, or both.
class Server : public RemoteParcels, public RemoteReports {
 public:
  explicit Server(ParcelFolder& parcels, ReportFolder* reports = nullptr) : parcels_(parcels), reports_(reports) {}
  Result<std::vector<ListedParcel>> list(const ParcelQuery& query) override {
    if (!answers()) return fail(Code::io, "gone");
    std::vector<ListedParcel> list = parcels_.list(query);
    if (change) change(list);
    return list;
  }
  Result<Bytes> read(const ListedParcel& parcel, std::uint64_t offset, std::size_t count) override {
    if (!answers()) return fail(Code::io, "gone");
    const auto stored = parcels_.find(parcel.name);
    if (!stored || offset + count > stored->bytes.size()) return fail(Code::not_found, "not here");
    Bytes bytes(stored->bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                stored->bytes.begin() + static_cast<std::ptrdiff_t>(offset + count));
    if (flips) bytes[0] ^= 1;
    sent += count;
    return bytes;
  }
  std::size_t best_read_bytes() const override { return 100; }
  Result<ReportReceipt> bring(ByteSpan report) override {
    if (!answers()) return fail(Code::io, "gone");
    auto receipt = reports_->take(report);
    // The report is kept, and the courier does not hear of it.
    if (!answers()) return fail(Code::io, "gone");
    return receipt;
  }

  std::size_t answers_left = 1'000'000, sent = 0;
  bool flips = false;
  std::function<void(std::vector<ListedParcel>&)> change;

 private:
  bool answers() { return answers_left != 0 && answers_left-- != 0; }
  ParcelFolder& parcels_;
  ReportFolder* reports_;
};

class PouchTest : public testing::Test {
 protected:
  PouchTest() : folder_(TemporaryFolder::create("pouch").value()), pouch(Pouch::open(folder_.path()).value()) {}
  static ParcelQuery a_class() {
    ParcelQuery query;
    query.vendor = bundle_options(1).vendor;
    query.klass = bundle_options(1).klass;
    return query;
  }
  [[nodiscard]] std::size_t files(const char* part) const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path() / part), {}));
  }

  TemporaryFolder folder_;
  TestFolder offered;
  TestReports place;
  Pouch pouch;
};

TEST_F(PouchTest, carries_the_newest_and_every_statement) {
  offered.add("old", bundle(bundle_options(5)));
  const Bytes newest = offered.add("new", bundle(bundle_options(6)));
  const Bytes time = offered.add("time", package::write_time({1'700'000'000, {}, 0}, test_key()));
  Server server(*offered.parcels);
  const PickUp first = pick_up(pouch, server, {a_class()}).value();
  EXPECT_EQ(first.parcels, 2u);
  EXPECT_EQ(first.bytes, newest.size() + time.size());
  EXPECT_TRUE(pouch.has_parcel(sha256(newest)));
  EXPECT_TRUE(pouch.has_parcel(sha256(time)));
  const PickUp second = pick_up(pouch, server, {a_class()}).value();
  EXPECT_EQ(second.parcels, 0u);
  EXPECT_EQ(second.known, 2u);
  EXPECT_EQ(server.sent, first.bytes);
}

TEST_F(PouchTest, goes_on_where_it_was_cut_off) {
  const Bytes parcel = offered.add("p", bundle(bundle_options(6)));
  Server server(*offered.parcels);
  unsigned tries = 0;
  for (; !pouch.has_parcel(sha256(parcel)); ++tries) {
    ASSERT_LT(tries, 20u);
    server.answers_left = 3;
    const auto picked = pick_up(pouch, server, {a_class()});
    EXPECT_TRUE(picked || picked.error().code() == Code::io);
    pouch = Pouch::open(folder_.path()).value();
  }
  EXPECT_GT(tries, 2u);
  EXPECT_EQ(server.sent, parcel.size()) << "no byte came twice";
  EXPECT_EQ(files("parcels"), 1u);
}

TEST_F(PouchTest, spoiled_pieces_of_a_parcel_are_read_anew_and_lies_are_named) {
  const Bytes parcel = offered.add("p", bundle(bundle_options(6)));
  Server server(*offered.parcels);
  std::ofstream(pouch.partial(sha256(parcel)), std::ios::binary) << "what a crash left";
  EXPECT_EQ(pick_up(pouch, server, {a_class()}).value().parcels, 1u);
  EXPECT_TRUE(pouch.has_parcel(sha256(parcel)));

  offered.add("q", bundle(bundle_options(7)));
  server.flips = true;
  const auto lied = pick_up(pouch, server, {a_class()});
  ASSERT_FALSE(lied);
  EXPECT_EQ(lied.error().message(), "q is not what the server says: its digest differs");
  server.flips = false;
  server.change = [](auto& list) { list[0].bytes = std::uint64_t{1} << 40; };
  EXPECT_EQ(pick_up(pouch, server, {a_class()}).error().code(), Code::malformed);
  server.change = [](auto& list) { list[0].name = "../../../../etc/passwd"; };
  EXPECT_FALSE(pick_up(pouch, server, {a_class()}));
  offered.add("noise", Bytes(100, 1));
  const auto noise = offered.listed("noise");
  server.change = [&](auto& list) { list = {noise}; };
  EXPECT_EQ(pick_up(pouch, server, {a_class()}).error().message(), "noise: it is no parcel that a device could read");
  EXPECT_EQ(files("parcels"), 1u) << "nothing of it stays";
}

TEST_F(PouchTest, a_file_that_the_disk_spoiled_is_not_handed_over) {
  const Bytes parcel = bundle(bundle_options(6));
  ASSERT_TRUE(pouch.add_parcel(parcel).value());
  EXPECT_FALSE(pouch.add_parcel(parcel).value()) << "it is there";
  ASSERT_EQ(pouch.parcels_for(a_class()).size(), 1u);
  const fs::path file = fs::directory_iterator(folder_.path() / "parcels")->path();
  Bytes spoiled = parcel;
  spoiled[parcel.size() - 1] ^= 1;
  ASSERT_TRUE(write_file(file, spoiled));
  EXPECT_TRUE(pouch.parcels_for(a_class()).empty());
  EXPECT_FALSE(pouch.has_parcel(sha256(parcel)));
  EXPECT_TRUE(pouch.add_parcel(parcel).value());
}

TEST_F(PouchTest, reports_are_brought_once_whatever_is_cut_off) {
  for (std::uint32_t number = 1; number <= 4; ++number) ASSERT_TRUE(pouch.add_report(report_of(1, number)).value());
  EXPECT_FALSE(pouch.add_report(report_of(1, 1)).value());
  Server server(*offered.parcels, place.reports.get());
  for (unsigned tries = 0; !pouch.reports().empty(); ++tries) {
    ASSERT_LT(tries, 20u);
    server.answers_left = 1 + tries % 3;
    const auto delivered = deliver(pouch, server);
    EXPECT_TRUE(delivered || delivered.error().code() == Code::io);
  }
  EXPECT_EQ(place.reports->devices()[0].reports, 4u);
  EXPECT_EQ(pouch.count(Pouch::Fate::delivered), 4u);
  EXPECT_FALSE(pouch.add_report(report_of(1, 2)).value()) << "it is delivered";
}

TEST_F(PouchTest, what_the_server_refuses_is_named_and_put_aside) {
  ASSERT_TRUE(pouch.add_report(report_of(1, 1, 2)).value());
  ASSERT_TRUE(pouch.add_report(report_of(9, 1)).value());
  Server server(*offered.parcels, place.reports.get());
  const Delivery delivery = deliver(pouch, server).value();
  ASSERT_EQ(delivery.refused.size(), 2u);
  EXPECT_EQ(delivery.refused[0].status, Status::bad_signature);
  EXPECT_EQ(delivery.refused[1].status, Status::unknown_key);
  EXPECT_EQ(delivery.kept, 1u) << "its key may come yet";
  EXPECT_EQ(pouch.reports().size(), 1u);
  EXPECT_EQ(pouch.count(Pouch::Fate::refused), 1u);
}

TEST_F(PouchTest, only_reports_of_the_device_that_gives_them_are_taken) {
  const package::Uuid one = device_id(1);
  EXPECT_EQ(pouch.add_report(report_of(2, 1), &one).error().code(), Code::malformed);
  EXPECT_EQ(pouch.add_report(Bytes(50, 1), &one).error().code(), Code::malformed);
  EXPECT_TRUE(pouch.add_report(report_of(1, 1), &one).value());
}

TEST_F(PouchTest, a_device_is_remembered_and_a_spoiled_note_is_forgotten) {
  PouchDevice device;
  device.who.device = device_id(3);
  device.who.tried_sequence = 12;
  device.who.active = sha256("x");
  for (std::uint64_t i = 0; i < 40; ++i)
    device.handovers.push_back({sha256(std::to_string(i)), i, Status::wrong_base, "state"});
  ASSERT_TRUE(pouch.remember(device));
  const PouchDevice read = pouch.device(device_id(3)).value();
  EXPECT_EQ(read.who.tried_sequence, 12u);
  EXPECT_EQ(read.who.active, device.who.active);
  ASSERT_EQ(read.handovers.size(), Pouch::kMostHandovers);
  EXPECT_EQ(read.handovers.back().sequence, 39u);
  EXPECT_EQ(read.handovers.back().status, Status::wrong_base);
  ASSERT_EQ(pouch.devices().size(), 1u);
  const fs::path file = fs::directory_iterator(folder_.path() / "devices")->path();
  const std::string text = read_text(file).value();
  for (std::size_t size = 0; size + 2 < text.size(); size += 97) {
    std::ofstream(file) << text.substr(0, size);
    EXPECT_FALSE(pouch.device(device_id(3))) << size;
  }
}

TEST_F(PouchTest, a_card_takes_parcels_along_and_brings_reports_back) {
  const TemporaryFolder card = TemporaryFolder::create("card").value();
  ASSERT_TRUE(pouch.add_parcel(bundle(bundle_options(6))));
  ASSERT_TRUE(pouch.add_parcel(bundle(bundle_options(11))));
  ASSERT_TRUE(pouch.add_parcel(package::write_time({1'700'000'000, {}, 0}, test_key())));
  CardExchange exchange = exchange_card(pouch, card.path()).value();
  EXPECT_EQ(exchange.parcels, 3u);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(card.path())) names.push_back(entry.path().filename().string());
  std::sort(names.rbegin(), names.rend());
  EXPECT_TRUE(names[0].starts_with("statement-"));
  EXPECT_TRUE(names[1].starts_with("sequence-000000000011-"));
  ASSERT_TRUE(write_file(card.path() / "d1.report", report_of(1, 1)));
  ASSERT_TRUE(write_file(card.path() / "torn.report", Bytes(30, 2)));
  ASSERT_TRUE(write_file(card.path() / "from-elsewhere.parcel", bundle(bundle_options(12))));
  exchange = exchange_card(pouch, card.path()).value();
  EXPECT_EQ(exchange.reports, 1u);
  EXPECT_EQ(exchange.passed_over, 1u);
  EXPECT_EQ(exchange.taken, 1u);
  EXPECT_EQ(exchange.parcels, 1u) << "what came from elsewhere, under its own name";
  EXPECT_EQ(exchange_card(pouch, card.path()).value().reports, 0u);
}

}  // namespace
}  // namespace mote::fleet
