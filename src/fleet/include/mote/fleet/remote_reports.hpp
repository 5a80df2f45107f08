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

/// @param url  as coap_parcels takes it. Reports that are longer than its blocks travel in several.
[[nodiscard]] Result<std::unique_ptr<RemoteReports>> coap_reports(std::string_view url,
                                                                  const CoapClientOptions& options = {});

/// JSON: {"status": NAME, "new": true}.
[[nodiscard]] std::string to_json(const ReportReceipt& receipt);
/// @error malformed
[[nodiscard]] Result<ReportReceipt> receipt_from_json(std::string_view text);
/// CBOR: [status as reports number it, 1 when it is new, else 0].
[[nodiscard]] Bytes to_cbor(const ReportReceipt& receipt);
/// @error malformed
[[nodiscard]] Result<ReportReceipt> receipt_from_cbor(ByteSpan bytes);

}  // namespace mote::fleet
