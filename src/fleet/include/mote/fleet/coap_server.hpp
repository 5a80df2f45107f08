#pragma once
// Serves a folder of parcels over CoAP (RFC 7252) in blocks (RFC 7959): GET of the same paths and queries as over HTTP.
// An answer depends on nothing but its request, so any block can be asked for at any time, and nothing is kept for a
// client. A parcel's ETag is the first 8 bytes of its SHA-256. POST /reports takes a device's report, which it keeps as
// the HTTP server does, in one block or in several (Block1); of reports that are not whole yet it remembers the last
// few senders'. Without DTLS: parcels and reports are signed.

#include <memory>
#include <string>

#include "mote/fleet/parcel_folder.hpp"
#include "mote/fleet/report_folder.hpp"

namespace mote::fleet {

struct CoapServerOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 0;  ///< 0: any free one
  unsigned most_sessions = 256;
  ReportFolder* reports = nullptr;  ///< where POST /reports puts them; borrowed. Null: none are taken
};

/// Serves until it is destroyed, in a thread of its own.
class CoapServer {
 public:
  /// @param folder  borrowed as long as the server lives.   @error io  the port is taken, or not ours.
  [[nodiscard]] static Result<std::unique_ptr<CoapServer>> start(ParcelFolder& folder,
                                                                 const CoapServerOptions& options);
  virtual ~CoapServer() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

}  // namespace mote::fleet
