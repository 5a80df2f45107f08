#pragma once
// Which parcels a device can use: the question that it asks a server, and the answer. JSON over HTTP, CBOR over CoAP;
// docs/links.md has both.

#include <optional>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/parcel.hpp"

namespace mote::fleet {

/// What is not said does not narrow the answer; a device should say all of it.
struct ParcelQuery {
  std::optional<package::Uuid> vendor, klass, device;
  std::uint64_t sequence = 0;  ///< of the newest module that the device has tried: only higher ones are of use
  std::optional<Digest> base;  ///< of the module it runs: deltas against it are of use, others are not
};

struct ListedParcel {
  std::string name;
  std::uint64_t sequence = 0;  ///< 0: it brings no module, but keys or a time
  std::uint64_t bytes = 0;
  Digest digest;
  std::optional<Digest> base;  ///< of a delta
};

/// @param text  "vendor=...&class=...&sequence=...&base=...&device=...": UUIDs as 32 hexadecimal digits, with or
/// without
///              dashes; the base as 64. Other keys are passed over.
/// @error malformed  a value that is none.
[[nodiscard]] Result<ParcelQuery> parse_query(std::string_view text);
[[nodiscard]] std::string print_query(const ParcelQuery& query);

[[nodiscard]] std::string to_json(const std::vector<ListedParcel>& parcels);
/// @error malformed
[[nodiscard]] Result<std::vector<ListedParcel>> parcels_from_json(std::string_view text);

[[nodiscard]] Bytes to_cbor(const std::vector<ListedParcel>& parcels);
/// @error malformed
[[nodiscard]] Result<std::vector<ListedParcel>> parcels_from_cbor(ByteSpan bytes);

}  // namespace mote::fleet
