// Devices without a network, a server, and couriers between them: honest ones that are cut off, and hostile ones.

#include "mote/fleet/courier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "abi/module.hpp"
#include "module_for_test.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/fleet/http_server.hpp"
#include "mote/package/delta.hpp"
#include "mote/simulation/field_device.hpp"

namespace mote::simulation {
namespace {

namespace fs = std::filesystem;
using fleet::Pouch;
using package::SigningKey;
using update::Phase;
using update::Status;

constexpr std::uint64_t kSummer = 1'750'000'000, kDay = 86'400;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({0x6b, number}); }

/// Without vectors it is never called: courier and agent do not need it to be a model.
Bytes module_of(std::uint8_t version) {
  Rng rng(7);
  Bytes module(3000);
  for (auto& byte : module) byte = static_cast<std::uint8_t>(rng.below(256));
  std::fill_n(module.begin() + 1000, 40, version);
  return module_of_content(std::move(module));
}

/// A device and its serial line, which can be pulled out.
class Plugged : public fleet::ByteLine {
 public:
  Plugged(std::uint8_t number, const package::Uuid& vendor, const package::Uuid& klass) {
    package::FactoryOptions factory;
    factory.vendor = vendor;
    factory.klass = klass;
    factory.device = id = {0xde, number};
    factory.device_key = report_key = {0x4b, number};
    package::KeysOptions keys;
    keys.root = {1, {key(1).public_key()}};
    keys.release = {1, {key(2).public_key()}};
    keys.time = {1, {key(3).public_key()}};
    keys.not_after_s = kSummer + 1000 * kDay;
    keys.highest_sequence = 100;
    keys.vendor = vendor;
    const SigningKey root = key(1);
    factory.keys = package::write_keys(keys, std::span(&root, 1)).value();
    factory.module = module_of(1);
    factory.sequence = 1;
    const board::BoardSpec host = board::find_board("host").value();
    const BoardStorage storage{4096, 16 * 1024};
    device =
        make_field_device(host, storage, package::factory_image(layout_on(host, storage), factory).value()).value();
    MOTE_CHECK(device->start(update::ResetCause::power_on).has_value());
  }

  Result<void> write(ByteSpan bytes) override {
    if (bytes_until_end < bytes.size()) return fail(Code::io, "pulled out");
    bytes_until_end -= bytes.size();
    MOTE_TRY(const Bytes answer, device->serial(bytes));
    waiting_.insert(waiting_.end(), answer.begin(), answer.end());
    MOTE_TRY_VOID(device->step(50));
    return {};
  }
  Result<Bytes> read(std::chrono::milliseconds) override { return std::exchange(waiting_, {}); }

  /// Days pass: it works, and is switched off and on.
  void live() {
    MOTE_CHECK(device->step(2000).has_value());
    MOTE_CHECK(device->power_on(1).has_value());
    MOTE_CHECK(device->start(update::ResetCause::power_on).has_value());
  }
  [[nodiscard]] device::AgentState state() { return device->state().value(); }

  package::Uuid id{};
  package::ReportKey report_key{};
  std::unique_ptr<FieldDevice> device;
  std::size_t bytes_until_end = ~std::size_t{0};

 private:
  Bytes waiting_;
};

class Courier : public testing::Test {
 protected:
  Courier() {
    MOTE_CHECK(make_folder(path("bundles")).has_value() && make_folder(path("keys")).has_value());
    for (Plugged* device : {&one, &two, &three})
      MOTE_CHECK(
          package::write_report_key(path("keys") / (to_hex(device->id) + ".key"), device->report_key).has_value());
    parcels = fleet::ParcelFolder::open(path("bundles")).value();
    reports = fleet::ReportFolder::open(path("reports"), path("keys")).value();
    fleet::HttpServerOptions options;
    options.address = "127.0.0.1";
    options.reports = reports.get();
    server = fleet::HttpServer::start(*parcels, options).value();
    const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
    shop = fleet::http_parcels(url).value();
    office = fleet::http_reports(url).value();
  }

  [[nodiscard]] fs::path path(const char* name) const { return folder_.path() / name; }
  [[nodiscard]] package::BundleOptions options(std::uint64_t sequence) const {
    package::BundleOptions options;
    options.sequence = sequence;
    options.vendor = vendor;
    options.klass = klass;
    options.shadow_inferences = options.trial_inferences = 0;
    return options;
  }
  [[nodiscard]] Bytes bundle(const package::BundleOptions& options) const {
    const SigningKey release = key(2);
    return package::write_bundle(module_of(static_cast<std::uint8_t>(options.sequence)), options,
                                 std::span(&release, 1))
        .value();
  }
  Bytes offer(const char* name, Bytes parcel) {
    MOTE_CHECK(write_file(path("bundles") / name, parcel).has_value());
    return parcel;
  }
  [[nodiscard]] fleet::ParcelQuery a_class() const {
    fleet::ParcelQuery query;
    query.vendor = vendor;
    query.klass = klass;
    return query;
  }
  /// How the device ends a parcel that somebody gives it over the line.
  static Status given(Plugged& device, ByteSpan parcel) {
    return fleet::send_over_serial(device, parcel).value().status;
  }
  fleet::ReportedDevice known(const Plugged& device) {
    for (auto& reported : reports->devices())
      if (reported.latest.device == device.id) return reported;
    return {};
  }

  TemporaryFolder folder_ = TemporaryFolder::create("courier").value();
  const package::Uuid vendor = package::vendor_id("mote.example"), klass = package::class_id(vendor, "buoy");
  Plugged one{1, vendor, klass}, two{2, vendor, klass}, three{3, vendor, klass};
  std::unique_ptr<fleet::ParcelFolder> parcels;
  std::unique_ptr<fleet::ReportFolder> reports;
  std::unique_ptr<fleet::HttpServer> server;
  std::unique_ptr<fleet::RemoteParcels> shop;
  std::unique_ptr<fleet::RemoteReports> office;
};

TEST_F(Courier, models_go_out_and_reports_come_back_days_apart_and_from_device_to_device) {
  const Bytes whole = offer("v2", bundle(options(2)));
  offer("time", package::write_time({kSummer, klass, 0}, key(3)));
  Pouch pouch = Pouch::open(path("pouch")).value();
  ASSERT_EQ(fleet::pick_up(pouch, *shop, {a_class()}).value().parcels, 2u);

  // The first device gets all of it at once.
  fleet::Visit visit = fleet::visit(pouch, one).value();
  EXPECT_EQ(visit.device.device, one.id);
  ASSERT_EQ(visit.handovers.size(), 2u) << "the time, then the module";
  EXPECT_EQ(visit.handovers[0].sequence, 0u);
  EXPECT_EQ(visit.handovers[1].sequence, 2u);
  EXPECT_EQ(visit.reports, 2u);
  one.live();
  EXPECT_EQ(one.state().active_sequence, 2u);
  EXPECT_EQ(one.state().time_s, kSummer);

  // At the second one the plug is pulled out again and again.
  unsigned pulls = 0;
  for (;; ++pulls) {
    ASSERT_LT(pulls, 40u);
    two.bytes_until_end = 1500;
    const auto tried = fleet::visit(pouch, two);
    if (tried) break;
    EXPECT_EQ(tried.error().code(), Code::io);
    two.live();
    pouch = Pouch::open(path("pouch")).value();  // and the courier's phone was switched off
  }
  EXPECT_GT(pulls, 1u);
  two.bytes_until_end = ~std::size_t{0};
  two.live();
  EXPECT_EQ(two.state().active_sequence, 2u);

  // Nobody has been at the third one. Somebody else takes along what the first one holds.
  Pouch other = Pouch::open(path("other pouch")).value();
  fleet::VisitOptions options;
  options.take_held = true;
  EXPECT_TRUE(fleet::visit(other, one, options).value().took_parcel);
  EXPECT_TRUE(other.has_parcel(sha256(whole)));
  EXPECT_FALSE(fleet::visit(other, one, options).value().took_parcel) << "it has it";
  visit = fleet::visit(other, three).value();
  ASSERT_EQ(visit.handovers.size(), 1u);
  three.live();
  EXPECT_EQ(three.state().active_sequence, 2u);

  // Days later both bring what they were told; the second one first, and twice.
  EXPECT_EQ(fleet::deliver(other, *office).value().brought, 4u);
  EXPECT_EQ(fleet::deliver(other, *office).value().brought, 0u);
  const fleet::Delivery delivery = fleet::deliver(pouch, *office).value();
  EXPECT_GE(delivery.brought, 4u);
  EXPECT_TRUE(delivery.refused.empty());
  EXPECT_TRUE(pouch.reports().empty());
  EXPECT_EQ(known(one).latest.confirmed_sequence, 2u);
  EXPECT_EQ(known(one).missing, 0u);
  EXPECT_EQ(known(three).latest.number, 2u);

  // The next round: a delta, for the devices whose last report it fits.
  package::BundleOptions third = this->options(3);
  third.delta = package::Delta{package::encode_delta(module_of(2), module_of(3)).value(), module_of(2)};
  const Bytes delta = offer("v3-delta", bundle(third));
  const Bytes third_whole = offer("v3", bundle(this->options(3)));
  ASSERT_LT(delta.size() * 2, third_whole.size());
  EXPECT_EQ(fleet::pick_up(pouch, *shop).value().parcels, 2u);
  for (Plugged* device : {&one, &two}) {
    visit = fleet::visit(pouch, *device).value();
    ASSERT_EQ(visit.handovers.size(), 1u);
    EXPECT_EQ(visit.handovers[0].parcel, sha256(delta));
    device->live();
    EXPECT_EQ(device->state().active_sequence, 3u);
    visit = fleet::visit(pouch, *device).value();
    EXPECT_TRUE(visit.handovers.empty()) << "it needs nothing";
    EXPECT_EQ(visit.reports, 1u);
  }
  ASSERT_TRUE(fleet::deliver(pouch, *office));
  EXPECT_EQ(known(two).latest.confirmed_sequence, 3u);
  EXPECT_EQ(known(two).latest.last_status, Status::ok);
  EXPECT_EQ(known(three).latest.confirmed_sequence, 2u) << "what it said last";
}

TEST_F(Courier, a_hostile_one_is_refused_by_name_at_the_device) {
  const Bytes good = bundle(options(2));
  // It truncates: at the line, and what it calls a whole parcel.
  EXPECT_EQ(given(one, ByteSpan(good).first(good.size() - 1)), Status::truncated);
  EXPECT_EQ(given(one, ByteSpan(good).first(500)), Status::truncated);
  EXPECT_EQ(given(one, ByteSpan(good).first(100)), Status::truncated);
  // It changes: head, payload.
  Bytes changed = good;
  changed[300] ^= 1;
  EXPECT_NE(given(one, changed), Status::ok);
  changed = good;
  changed.back() ^= 1;
  EXPECT_EQ(given(one, changed), Status::digest_mismatch);
  // It swaps: another class's, another device's.
  package::BundleOptions other = options(2);
  other.klass = package::class_id(vendor, "thermometer");
  EXPECT_EQ(given(one, bundle(other)), Status::wrong_class);
  other = options(2);
  other.device = two.id;
  EXPECT_EQ(given(one, bundle(other)), Status::wrong_device);
  // It signs by itself.
  const SigningKey own = key(66);
  EXPECT_EQ(given(one, package::write_bundle(module_of(2), options(2), std::span(&own, 1)).value()),
            Status::unknown_key);
  EXPECT_EQ(given(one, package::write_time({kSummer, klass, 0}, own)), Status::unknown_key);
  EXPECT_EQ(one.state().active_sequence, 1u);
  // It replays: an older module, an older time, and what was taken already.
  EXPECT_EQ(given(one, package::write_time({kSummer, klass, 0}, key(3))), Status::ok);
  EXPECT_EQ(given(one, package::write_time({kSummer - kDay, klass, 0}, key(3))), Status::replayed);
  ASSERT_TRUE(fleet::send_over_serial(one, bundle(options(3))));
  one.live();
  ASSERT_EQ(one.state().active_sequence, 3u);
  EXPECT_EQ(given(one, good), Status::rollback);
  EXPECT_EQ(given(one, bundle(options(3))), Status::replayed);
  // It holds back: a time statement that names what the class should have makes it known.
  EXPECT_EQ(given(one, package::write_time({kSummer + kDay, klass, 5}, key(3))), Status::ok);
  EXPECT_EQ(given(one, bundle(options(4))), Status::stale);
  EXPECT_EQ(one.state().active_sequence, 3u);
}

TEST_F(Courier, a_hostile_one_is_refused_by_name_at_the_server) {
  const auto bring = [&](const Bytes& report) { return office->bring(report).value(); };
  const auto report = [](Plugged& device) { return device.device->report().value(); };
  const Bytes first = report(one), second = report(one), third = report(one), of_two = report(two);
  // It replays.
  EXPECT_EQ(bring(first).status, Status::ok);
  EXPECT_FALSE(bring(first).is_new);
  // It drops one: nobody can tell what it said, but that it is missing.
  EXPECT_EQ(bring(third).status, Status::ok);
  EXPECT_EQ(known(one).missing, 1u);
  EXPECT_EQ(bring(second).status, Status::ok) << "and comes after all";
  EXPECT_EQ(known(one).missing, 0u);
  EXPECT_EQ(known(one).latest.number, 3u) << "an older one does not count as the newest";
  // It truncates, changes.
  for (std::size_t size = 1; size < of_two.size(); size += 13)
    EXPECT_NE(bring(Bytes(of_two.begin(), of_two.begin() + static_cast<std::ptrdiff_t>(size))).status, Status::ok);
  Bytes changed = of_two;
  changed.back() ^= 1;
  EXPECT_EQ(bring(changed).status, Status::bad_signature);
  // It swaps: the name of one device in the report of another.
  changed = of_two;
  const auto place = std::search(changed.begin(), changed.end(), two.id.begin(), two.id.end());
  ASSERT_NE(place, changed.end());
  std::copy(one.id.begin(), one.id.end(), place);
  EXPECT_EQ(bring(changed).status, Status::bad_signature);
  std::copy_n(Bytes(16, 0x99).begin(), 16, place);
  EXPECT_EQ(bring(changed).status, Status::unknown_key);
  EXPECT_EQ(known(two).reports, 0u) << "nothing of it was kept";
  EXPECT_EQ(bring(of_two).status, Status::ok);
}

TEST_F(Courier, a_parcel_that_was_refused_is_not_given_again_before_the_device_has_changed) {
  package::BundleOptions wrong = options(2);
  wrong.delta = package::Delta{package::encode_delta(module_of(9), module_of(2)).value(), module_of(9)};
  Pouch pouch = Pouch::open(path("pouch")).value();
  const SigningKey own = key(66);
  ASSERT_TRUE(pouch.add_parcel(package::write_bundle(module_of(2), options(2), std::span(&own, 1)).value()));
  ASSERT_TRUE(pouch.add_parcel(bundle(wrong)));
  fleet::Visit visit = fleet::visit(pouch, one).value();
  ASSERT_EQ(visit.handovers.size(), 1u) << "a delta against another module is not even tried";
  EXPECT_EQ(visit.handovers[0].status, Status::unknown_key);
  EXPECT_TRUE(fleet::visit(pouch, one).value().handovers.empty());
  EXPECT_EQ(given(one, package::write_time({kSummer, klass, 0}, key(3))), Status::ok);
  EXPECT_EQ(fleet::visit(pouch, one).value().handovers.size(), 1u);
}

}  // namespace
}  // namespace mote::simulation
