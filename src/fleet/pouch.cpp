#include "mote/fleet/pouch.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mote/base/file.hpp"
#include "mote/package/report.hpp"
#include "status_names.hpp"
#include "update/report.hpp"

namespace mote::fleet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMostDeviceBytes = 64 * 1024;

/// Half of the digest names a file: a whole one and an ending are longer than a folder of parcels serves.
std::string parcel_name(const Digest& parcel) { return parcel.hex().substr(0, 32) + ".parcel"; }

template <std::size_t N>
bool read_hex(const Json& json, const char* key, std::array<std::uint8_t, N>& to) {
  if (!json.contains(key) || !json[key].is_string()) return false;
  const auto bytes = from_hex(json[key].get<std::string>());
  if (!bytes || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), to.begin());
  return true;
}

template <class T>
bool read_number(const Json& json, const char* key, T& to) {
  if (!json.contains(key) || !json[key].is_number_unsigned()) return false;
  to = static_cast<T>(json[key].get<std::uint64_t>());
  return true;
}

Json to_json(const PouchDevice& device) {
  Json handovers = Json::array();
  for (const Handover& handover : device.handovers) {
    handovers.push_back({{"parcel", handover.parcel.hex()},
                         {"sequence", handover.sequence},
                         {"status", update::name(handover.status)},
                         {"state", handover.state}});
  }
  const DeviceIdentity& who = device.who;
  return {{"device", to_hex(who.device)},
          {"vendor", to_hex(who.vendor)},
          {"class", to_hex(who.klass)},
          {"active", who.active.hex()},
          {"active_sequence", who.active_sequence},
          {"confirmed_sequence", who.confirmed_sequence},
          {"tried_sequence", who.tried_sequence},
          {"keys_version", who.keys_version},
          {"time", who.time_s},
          {"handovers", std::move(handovers)}};
}

std::optional<PouchDevice> device_from(const Json& json) {
  PouchDevice device;
  DeviceIdentity& who = device.who;
  if (!json.is_object() || !read_hex(json, "device", who.device) || !read_hex(json, "vendor", who.vendor) ||
      !read_hex(json, "class", who.klass) || !read_hex(json, "active", who.active.bytes) ||
      !read_number(json, "active_sequence", who.active_sequence) ||
      !read_number(json, "confirmed_sequence", who.confirmed_sequence) ||
      !read_number(json, "tried_sequence", who.tried_sequence) ||
      !read_number(json, "keys_version", who.keys_version) || !read_number(json, "time", who.time_s) ||
      !json.contains("handovers") || !json["handovers"].is_array())
    return std::nullopt;
  for (const Json& item : json["handovers"]) {
    Handover handover;
    if (!item.is_object() || !read_hex(item, "parcel", handover.parcel.bytes) ||
        !read_number(item, "sequence", handover.sequence) || !item.contains("status") || !item["status"].is_string() ||
        !item.contains("state") || !item["state"].is_string())
      return std::nullopt;
    const auto status = status_named(item["status"].get<std::string>());
    if (!status) return std::nullopt;
    handover.status = *status;
    handover.state = item["state"].get<std::string>();
    device.handovers.push_back(std::move(handover));
  }
  return device;
}

std::optional<PouchDevice> read_device(const fs::path& file) {
  const auto text = read_text(file, kMostDeviceBytes);
  return text ? device_from(Json::parse(*text, nullptr, false)) : std::nullopt;
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == extension) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

const char* folder_of(Pouch::Fate fate) { return fate == Pouch::Fate::delivered ? "delivered" : "refused"; }

}  // namespace

Result<Pouch> Pouch::open(const fs::path& folder) {
  for (const char* part : {"parcels", "reports", "delivered", "refused", "devices"})
    MOTE_TRY_VOID(make_folder(folder / part));
  MOTE_TRY(std::shared_ptr<ParcelFolder> parcels, ParcelFolder::open(folder / "parcels"));
  return Pouch(folder, std::move(parcels));
}

std::vector<PouchDevice> Pouch::devices() const {
  std::vector<PouchDevice> devices;
  for (const fs::path& file : files_in(folder_ / "devices", ".json")) {
    if (auto device = read_device(file)) devices.push_back(*std::move(device));
  }
  return devices;
}

std::optional<PouchDevice> Pouch::device(const package::Uuid& id) const {
  return read_device(folder_ / "devices" / (to_hex(id) + ".json"));
}

Result<void> Pouch::remember(const PouchDevice& device) {
  PouchDevice kept = device;
  if (kept.handovers.size() > kMostHandovers)
    kept.handovers.erase(kept.handovers.begin(), kept.handovers.end() - static_cast<std::ptrdiff_t>(kMostHandovers));
  return write_file(folder_ / "devices" / (to_hex(device.who.device) + ".json"), to_json(kept).dump(2) + "\n");
}

Result<bool> Pouch::add_parcel(ByteSpan parcel) {
  const Digest digest = sha256(parcel);
  if (has_parcel(digest)) return false;
  if (!is_parcel(parcel)) return fail(Code::malformed, "it is no parcel that a device could read");
  MOTE_TRY_VOID(write_file(folder_ / "parcels" / parcel_name(digest), parcel));
  return true;
}

bool Pouch::has_parcel(const Digest& parcel) const {
  const auto stored = parcels_->find(parcel_name(parcel));
  return stored && stored->digest == parcel;
}

std::vector<std::shared_ptr<const StoredParcel>> Pouch::parcels_for(const ParcelQuery& query) {
  std::vector<std::shared_ptr<const StoredParcel>> parcels;
  for (const ListedParcel& listed : parcels_->list(query)) {
    auto parcel = parcels_->find(listed.name);
    if (!parcel) continue;
    if (listed.name == parcel_name(parcel->digest)) {
      parcels.push_back(std::move(parcel));
    } else if (listed.name.ends_with(".parcel")) {
      std::error_code ignored;  // the disk lost something; a server still has it
      fs::remove(folder_ / "parcels" / listed.name, ignored);
    }
  }
  return parcels;
}

std::vector<std::shared_ptr<const StoredParcel>> Pouch::parcels() {
  std::vector<std::shared_ptr<const StoredParcel>> all;
  for (const fs::path& file : files_in(folder_ / "parcels", ".parcel")) {
    auto parcel = parcels_->find(file.filename().string());
    if (parcel && parcel->is_parcel && parcel->name == parcel_name(parcel->digest)) all.push_back(std::move(parcel));
  }
  return all;
}

fs::path Pouch::partial(const Digest& parcel) const { return folder_ / "parcels" / ("." + parcel.hex() + ".part"); }

Result<bool> Pouch::add_report(ByteSpan bytes, const package::Uuid* device) {
  package::Report report;
  if (const auto status = package::parse_report(bytes, report); status != update::Status::ok)
    return fail(Code::malformed, std::string("it is no report: ") + update::name(status));
  if (device != nullptr && report.device != *device)
    return fail(Code::malformed,
                "the report of device " + to_hex(*device) + " names another one, " + to_hex(report.device));
  char number[16];
  std::snprintf(number, sizeof(number), "-%010u-", static_cast<unsigned>(report.number));
  const std::string name = to_hex(report.device) + number + sha256(bytes).hex().substr(0, 16) + ".report";
  std::error_code error;
  for (const char* place : {"reports", "delivered", "refused"}) {
    if (fs::exists(folder_ / place / name, error)) return false;
  }
  if (files_in(folder_ / "reports", ".report").size() >= kMostReports)
    return fail(Code::too_large, "the pouch holds " + std::to_string(kMostReports) + " reports: deliver them first");
  MOTE_TRY_VOID(write_file(folder_ / "reports" / name, bytes));
  return true;
}

std::vector<PouchReport> Pouch::reports() const {
  std::vector<PouchReport> reports;
  for (const fs::path& file : files_in(folder_ / "reports", ".report")) {
    auto bytes = read_file(file, update::kMaxReportBytes);
    if (bytes) reports.push_back({file, *std::move(bytes)});
  }
  return reports;
}

Result<void> Pouch::settle(const PouchReport& report, Fate fate) {
  std::error_code error;
  fs::rename(report.file, folder_ / folder_of(fate) / report.file.filename(), error);
  if (error) return fail(Code::io, report.file.string() + ": " + error.message());
  return {};
}

std::size_t Pouch::count(Fate fate) const { return files_in(folder_ / folder_of(fate), ".report").size(); }

}  // namespace mote::fleet
