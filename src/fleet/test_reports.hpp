#pragma once
// For tests: devices that report, and a server's folder for it.

#include <fstream>

#include "mote/base/file.hpp"
#include "mote/fleet/report_folder.hpp"
#include "update/report.hpp"

namespace mote::fleet {

inline package::Uuid device_id(std::uint8_t number) { return {0xd0, number}; }
inline package::ReportKey report_key(std::uint8_t number) { return {0x5e, number}; }

/// @param key  of another device: a forger's.
inline Bytes report_of(std::uint8_t device, std::uint32_t number, std::uint8_t key = 0, std::uint64_t sequence = 11) {
  const package::Uuid id = device_id(device);
  const package::ReportKey secret = report_key(key == 0 ? device : key);
  const Bytes digest(32, 7);
  update::ReportContent content;
  content.number = number;
  content.device = {id.data(), id.size()};
  content.active_sequence = content.confirmed_sequence = content.last_sequence = sequence;
  content.active_digest = {digest.data(), digest.size()};
  content.keys_version = 1;
  Bytes bytes(update::kMaxReportBytes);
  bytes.resize(update::write_report(content, {secret.data(), secret.size()}, {bytes.data(), bytes.size()}));
  return bytes;
}

/// Has the keys of devices 1 to 3.
class TestReports {
 public:
  TestReports() : keys_(TemporaryFolder::create("keys").value()), folder_(TemporaryFolder::create("reports").value()) {
    for (std::uint8_t number = 1; number <= 3; ++number)
      MOTE_CHECK(package::write_report_key(keys_.path() / (to_hex(device_id(number)) + ".key"), report_key(number)));
    reports = ReportFolder::open(path(), keys_.path()).value();
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] const std::filesystem::path& keys() const { return keys_.path(); }

 private:
  TemporaryFolder keys_, folder_;

 public:
  std::unique_ptr<ReportFolder> reports;
};

}  // namespace mote::fleet
