#include "update/message.hpp"

#include "update/cose.hpp"
#include "update/suit.hpp"

namespace mote::update {

Status read_message(Bytes start, std::uint32_t total_bytes, Message& out) {
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
