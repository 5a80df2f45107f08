#pragma once
// A bundle's payload on its way into a slot: read from its source, decrypted, decoded, as pieces of the module from
// front to back. The carried bytes were checked before, against the manifest's digest and by a TagCheck.

#include "update/delta.hpp"
#include "update/encryption.hpp"
#include "update/port.hpp"

namespace mote::update {

class Payload {
 public:
  /// Of `plan`, plain values are read, and only here.
  /// @param offset  of the payload's first byte in the source.
  /// @param key     of an encrypted payload: the one that its TagCheck found. Borrowed.
  /// @param base    the module that a delta was made against, in mapped flash; empty without.
  Payload(Source& source, std::uint32_t offset, const Plan& plan, const ContentKey& key, Bytes base);

  /// Fills `to` with the module's next bytes.
  /// @return waiting, flash_failed, or what the decoder says of the payload.
  [[nodiscard]] Status next(MutableBytes to);

 private:
  Status carried(MutableBytes to);  // the next bytes that travelled, decrypted
  Status decoded(MutableBytes to);

  Source& source_;
  std::uint32_t offset_;
  std::uint32_t at_ = 0;
  std::uint32_t bytes_;  // without a tag
  const ContentKey* key_ = nullptr;
  Bytes base_;
  bool is_delta_;
  DeltaDecoder decoder_;
};

}  // namespace mote::update
