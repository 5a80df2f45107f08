#pragma once
// The messages of a parcel, told apart by their CBOR tags.

#include "update/bytes.hpp"
#include "update/status.hpp"

namespace mote::update {

enum class MessageKind : std::uint8_t { keys, time, bundle };

struct Message {
  MessageKind kind = MessageKind::bundle;
  std::uint32_t bytes = 0;  ///< of the whole message; 0 for a bundle, whose head tells
};

/// @param start        the first bytes of the message.
/// @param total_bytes  from there to the end of the parcel.
/// @return too_large  a statement that does not fit into `start`.   @return malformed  no message of a parcel.
[[nodiscard]] Status read_message(Bytes start, std::uint32_t total_bytes, Message& out);

}  // namespace mote::update
