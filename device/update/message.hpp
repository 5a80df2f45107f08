#pragma once
// The messages of a parcel, told apart by their CBOR tags.

#include "update/cose.hpp"
#include "update/port.hpp"
#include "update/suit.hpp"

namespace mote::update {

enum class MessageKind : std::uint8_t { keys, time, bundle };

struct Message {
  MessageKind kind = MessageKind::bundle;
  std::uint32_t bytes = 0;  ///< of the whole message; 0 for a bundle, whose head tells
};

/// @param start        the first bytes of the message.
/// @param total_bytes  from there to the end of the parcel.
/// @return too_large  a statement that does not fit into `start`.   @return malformed  no message of a parcel.
[[nodiscard]] inline Status read_message(Bytes start, std::uint32_t total_bytes, Message& out) {
  CborReader reader(start);
  const std::uint64_t tag = reader.tag();
  MOTE_UPDATE_TRY(reader.status());
  if (tag == kTagSuitEnvelope) {
    out = {MessageKind::bundle, 0};
    return Status::ok;
  }
  if (tag != kTagSign && tag != kTagSign1) return Status::malformed;
  reader.skip();
  if (reader.status() == Status::truncated && total_bytes > start.size) return Status::too_large;
  MOTE_UPDATE_TRY(reader.status());
  out = {tag == kTagSign ? MessageKind::keys : MessageKind::time, static_cast<std::uint32_t>(reader.offset())};
  return Status::ok;
}

}  // namespace mote::update
