#pragma once
// Reads what devices say of themselves (COSE_Mac0, docs/formats/parcel.md), and keeps the keys that tell whether it is
// theirs. Devices write reports: device/update/report.hpp.

#include <array>
#include <filesystem>
#include <string>

#include "mote/package/parcel.hpp"
#include "update/journal.hpp"

namespace mote::package {

/// A report as read.
struct Report {
  std::uint32_t number = 0;
  Uuid device{};
  update::Phase phase = update::Phase::idle;
  std::uint64_t active_sequence = 0;  ///< 0: no module runs
  Bytes active_digest;
  std::uint64_t confirmed_sequence = 0;
  update::Status last_status = update::Status::ok;
  std::uint64_t last_sequence = 0;
  std::uint64_t time_s = 0;
  std::uint32_t keys_version = 0;
  bool is_stale = false;
};

/// The device's own symmetric key: with it it signs reports, and whoever has it can tell that they are its own.
using ReportKey = std::array<std::uint8_t, 32>;
[[nodiscard]] ReportKey new_report_key();
/// 64 hexadecimal digits.  @error malformed  no such key.   @error io, not_found
[[nodiscard]] Result<ReportKey> read_report_key(const std::filesystem::path& file);
/// @error io  the file is there already, or cannot be written.
[[nodiscard]] Result<void> write_report_key(const std::filesystem::path& file, const ReportKey& key);

/// What a report says, whoever wrote it: believe it when `open_report` does.
/// @return ok, or what is wrong with its form.
[[nodiscard]] update::Status parse_report(ByteSpan report, Report& out);

/// @param device_key   of the device that is said to have written it.
/// @return bad_signature  it is not this device's, or was changed; what parse_report returns.
[[nodiscard]] update::Status open_report(ByteSpan report, const ReportKey& device_key, Report& out);

/// @param last_number  of the newest report seen from it; 0: none.
/// @error malformed    not a report, or not this device's: bad_signature, replayed, ... is the first word.
[[nodiscard]] Result<Report> read_report(ByteSpan report, const ReportKey& device_key, std::uint32_t last_number);

/// What it says, as the end of a sentence: "number 7: runs sequence 11, ...".
[[nodiscard]] std::string describe(const Report& report);

}  // namespace mote::package
