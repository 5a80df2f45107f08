#pragma once
// What a device tells over its serial line besides taking parcels: who it is, its report, the parcel that it holds. For
// couriers (courier.hpp). Nothing of it is authentic but the report, for whoever has the device's key.

#include "mote/base/hash.hpp"
#include "mote/fleet/serial_sender.hpp"
#include "mote/package/parcel.hpp"

namespace mote::fleet {

struct DeviceIdentity {
  package::Uuid vendor{}, klass{}, device{};
  Digest active;                         ///< of the module that runs; zeros: none
  std::uint64_t active_sequence = 0;     ///< 0: none
  std::uint64_t confirmed_sequence = 0;  ///< highest that proved itself
  std::uint64_t tried_sequence = 0;      ///< highest that was installed, confirmed or not
  std::uint32_t keys_version = 0;
  std::uint64_t time_s = 0;  ///< 0: it knows none
  update::Phase phase = update::Phase::idle;
};

/// @error io  no answer, or not to this question: older firmware.   @error malformed  an answer that makes no sense.
[[nodiscard]] Result<DeviceIdentity> ask_who(ByteLine& line, const SerialSenderOptions& options = {});

/// A new report. An answer that gets lost costs a number: the next report has a higher one.
/// @error io, malformed  as above.
[[nodiscard]] Result<Bytes> ask_report(ByteLine& line, const SerialSenderOptions& options = {});

/// The parcel that the device's inbox holds, byte for byte as it came, if it holds one whole. Empty: it does not.
/// @param most_bytes  longer ones are not read.
/// @error io, malformed  as above.   @error too_large
[[nodiscard]] Result<Bytes> take_held(ByteLine& line, std::size_t most_bytes, const SerialSenderOptions& options = {});

}  // namespace mote::fleet
