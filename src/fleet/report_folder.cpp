#include "mote/fleet/report_folder.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "update/report.hpp"

namespace mote::fleet {
namespace {

namespace fs = std::filesystem;
using package::Report;
using update::Status;

std::string file_name(const Report& report, ByteSpan bytes) {
  char number[16];
  std::snprintf(number, sizeof(number), "%010u-", static_cast<unsigned>(report.number));
  return number + sha256(bytes).hex().substr(0, 16) + ".report";
}

std::vector<fs::path> reports_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".report") files.push_back(it->path());
  }
  return files;
}

}  // namespace

Result<std::unique_ptr<ReportFolder>> ReportFolder::open(const fs::path& folder, const fs::path& keys) {
  std::error_code error;
  if (!fs::is_directory(keys, error))
    return fail(Code::not_found, keys.string() + " is not a folder of devices' keys (DEVICE.key)");
  MOTE_TRY_VOID(make_folder(folder));
  return std::unique_ptr<ReportFolder>(new ReportFolder(folder, keys));
}

Result<ReportReceipt> ReportFolder::take(ByteSpan bytes) {
  Report report;
  if (const Status status = package::parse_report(bytes, report); status != Status::ok)
    return ReportReceipt{status, false};
  const std::string device = to_hex(report.device);
  const auto key = package::read_report_key(keys_ / (device + ".key"));
  if (!key) return ReportReceipt{Status::unknown_key, false};
  if (const Status status = package::open_report(bytes, *key, report); status != Status::ok)
    return ReportReceipt{status, false};

  const std::lock_guard lock(mutex_);
  const fs::path folder = folder_ / device, file = folder / file_name(report, bytes);
  std::error_code error;
  if (fs::exists(file, error)) return ReportReceipt{Status::ok, false};
  if (reports_in(folder).size() >= kMostReportsADevice) return ReportReceipt{Status::store_full, false};
  MOTE_TRY_VOID(write_file(file, bytes));
  return ReportReceipt{Status::ok, true};
}

std::vector<ReportedDevice> ReportFolder::devices() {
  const std::lock_guard lock(mutex_);
  std::vector<ReportedDevice> devices;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const auto key = package::read_report_key(keys_ / (it->path().filename().string() + ".key"));
    if (!key) continue;
    ReportedDevice device;
    std::set<std::uint32_t> numbers;
    for (const fs::path& file : reports_in(it->path())) {
      const auto bytes = read_file(file, update::kMaxReportBytes);
      Report report;
      if (!bytes || package::open_report(*bytes, *key, report) != Status::ok ||
          to_hex(report.device) != it->path().filename())
        continue;
      ++device.reports;
      if (!numbers.insert(report.number).second) ++device.duplicates;
      if (report.number >= device.latest.number) device.latest = std::move(report);
    }
    device.missing = device.latest.number - static_cast<std::uint32_t>(numbers.size());
    if (device.reports != 0) devices.push_back(std::move(device));
  }
  std::sort(devices.begin(), devices.end(),
            [](const ReportedDevice& a, const ReportedDevice& b) { return a.latest.device < b.latest.device; });
  return devices;
}

}  // namespace mote::fleet
