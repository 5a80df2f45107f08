#pragma once
// Where a server keeps the reports that couriers bring. A report counts when its authentication code is right for a
// device whose key is here, and nothing is written before; so whoever has no key cannot fill it.

#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "mote/package/report.hpp"

namespace mote::fleet {

/// What became of a report.
struct ReportReceipt {
  /// ok: it is kept. unknown_key: nobody here has this device's key. bad_signature: changed, or another device's.
  /// store_full: this device has brought as many as are kept. What package::parse_report says of its form.
  update::Status status = update::Status::ok;
  bool is_new = false;  ///< false: it was here already
};

struct ReportedDevice {
  package::Report latest;      ///< the one with the highest number
  std::size_t reports = 0;     ///< that are kept
  std::uint32_t missing = 0;   ///< numbers below the highest one that nobody brought
  std::size_t duplicates = 0;  ///< kept under a number that another one has: the device began to count anew
};

class ReportFolder {
 public:
  static constexpr std::size_t kMostReportsADevice = 4096;

  /// @param folder  made when it is not there; DEVICE/NUMBER-DIGEST.report for each report.
  /// @param keys    has DEVICE.key for each device (package::write_report_key); both may change meanwhile.
  /// @error not_found  no folder of keys.   @error io
  [[nodiscard]] static Result<std::unique_ptr<ReportFolder>> open(const std::filesystem::path& folder,
                                                                  const std::filesystem::path& keys);

  /// Late ones and those out of order are kept as well: a courier may be slow. When this says ok, the report is on the
  /// disk. Thread-safe.
  /// @error io  it could not be written: it is not here.
  [[nodiscard]] Result<ReportReceipt> take(ByteSpan report);

  /// Every device that reported, by id; files that are no authentic reports are passed over.
  [[nodiscard]] std::vector<ReportedDevice> devices();

 private:
  ReportFolder(std::filesystem::path folder, std::filesystem::path keys)
      : folder_(std::move(folder)), keys_(std::move(keys)) {}

  std::filesystem::path folder_, keys_;
  std::mutex mutex_;
};

}  // namespace mote::fleet
