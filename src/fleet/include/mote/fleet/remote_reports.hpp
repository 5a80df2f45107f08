#pragma once
// The client's view of a server that takes reports.

#include "mote/fleet/remote_parcels.hpp"
#include "mote/fleet/report_folder.hpp"

namespace mote::fleet {

class RemoteReports {
 public:
  virtual ~RemoteReports() = default;
  /// @error io  no answer: it may have been kept or not; bringing it again is harmless.
  /// @error not_found  this server takes no reports.   @error malformed  an answer that makes no sense.
  [[nodiscard]] virtual Result<ReportReceipt> bring(ByteSpan report) = 0;
};

/// @param url  as http_parcels takes it.
[[nodiscard]] Result<std::unique_ptr<RemoteReports>> http_reports(std::string_view url,
                                                                  const HttpClientOptions& options = {});

/// JSON: {"status": NAME, "new": true}.
[[nodiscard]] std::string to_json(const ReportReceipt& receipt);
/// @error malformed
[[nodiscard]] Result<ReportReceipt> receipt_from_json(std::string_view text);

}  // namespace mote::fleet
