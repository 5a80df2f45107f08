#pragma once
// Serves a folder of parcels over HTTP/1.1, plain or with TLS: GET and HEAD of
//   /parcels?vendor=...&class=...&sequence=...&base=...   what a device can use, as JSON
//   /parcels/NAME                                         a parcel, whole or a range of it; its ETag is its SHA-256
// and where it takes reports, POST of one to
//   /reports                                              what became of it, as JSON
// Bounded in everything: connections, header bytes, requests a connection, and time for each step of one.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "mote/fleet/parcel_folder.hpp"
#include "mote/fleet/report_folder.hpp"

namespace mote::fleet {

struct TlsFiles {
  std::filesystem::path certificate;  ///< PEM, the chain
  std::filesystem::path key;          ///< PEM
};

struct HttpServerOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 0;  ///< 0: any free one
  std::optional<TlsFiles> tls;
  ReportFolder* reports = nullptr;                    ///< borrowed as long as the server lives; null: takes none
  std::size_t most_connections = 256;                 ///< further ones are closed at once
  std::size_t most_requests = 1000;                   ///< of one connection
  std::chrono::milliseconds request_timeout{10'000};  ///< for TLS's handshake, and for a whole header, waiting included
  std::chrono::milliseconds write_timeout{20'000};    ///< for each 16 KiB of an answer
};

/// Serves until it is destroyed, in a thread of its own.
class HttpServer {
 public:
  /// @param folder  borrowed as long as the server lives.
  /// @error io  the port is taken, or not ours.   @error malformed  certificate and key are not to be used.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(ParcelFolder& folder,
                                                                 const HttpServerOptions& options);
  virtual ~HttpServer() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
};

}  // namespace mote::fleet
