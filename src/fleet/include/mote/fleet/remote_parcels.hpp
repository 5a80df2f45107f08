#pragma once
// The client's view of a server of parcels, whatever the protocol, and the loop that fills a device's inbox from it.
// For tests, virtual devices and gateways.

#include <chrono>
#include <filesystem>
#include <memory>

#include "mote/fleet/parcel_list.hpp"
#include "update/inbox.hpp"

namespace mote::fleet {

class RemoteParcels {
 public:
  virtual ~RemoteParcels() = default;

  /// @error io  no answer.   @error malformed  one that makes no sense.
  [[nodiscard]] virtual Result<std::vector<ListedParcel>> list(const ParcelQuery& query) = 0;

  /// Bytes [offset, offset + count) of just this parcel: one that the server replaced meanwhile is another.
  /// @error not_found  the server has it no more, or has other bytes under its name.   @error io, malformed
  [[nodiscard]] virtual Result<Bytes> read(const ListedParcel& parcel, std::uint64_t offset, std::size_t count) = 0;

  /// Bytes that are best asked for at once.
  [[nodiscard]] virtual std::size_t best_read_bytes() const = 0;
};

struct HttpClientOptions {
  std::chrono::milliseconds timeout{10'000};  ///< of each step
  /// Trust these certificates (PEM) for https, and no others; empty: those of the system.
  std::filesystem::path trusted;
};

/// @param url  "http://host:port" or "https://host:port".
/// @error invalid_argument  another form.   Connects with the first request.
[[nodiscard]] Result<std::unique_ptr<RemoteParcels>> http_parcels(std::string_view url,
                                                                  const HttpClientOptions& options = {});

struct CoapClientOptions {
  std::chrono::milliseconds timeout{10'000};  ///< of one block, retransmissions included
  unsigned block_exponent = 6;                ///< blocks of 2^(4 + this) bytes, 16 to 1,024
};

/// @param url  "coap://host:port".
/// @error invalid_argument  another form, or a host without address.
[[nodiscard]] Result<std::unique_ptr<RemoteParcels>> coap_parcels(std::string_view url,
                                                                  const CoapClientOptions& options = {});

enum class FetchOrder { ascending, descending, scattered };

/// Reads what an open inbox misses and puts it there. Whatever was stored stays stored when this fails.
/// @return blocks stored.   @error too_large  the inbox is full.   @error what `server.read` says.
[[nodiscard]] Result<std::size_t> fetch_missing(RemoteParcels& server, const ListedParcel& parcel, update::Inbox& inbox,
                                                FetchOrder order = FetchOrder::ascending);

}  // namespace mote::fleet
