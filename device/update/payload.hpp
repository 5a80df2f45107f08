#pragma once
// A bundle's payload on its way into a slot: read from its source, decrypted, decoded, as pieces of the module from
// front to back. The carried bytes were checked against the manifest's digest before.

#include "update/delta.hpp"
#include "update/encryption.hpp"
#include "update/port.hpp"

namespace mote::update {

class Payload {
 public:
  /// @param offset  of the payload's first byte in the source.
  /// @param base    the module that a delta was made against, in mapped flash; empty without.
  /// @return decryption_failed  no content key for this device.
  [[nodiscard]] Status begin(Source& source, std::uint32_t offset, const Plan& plan, const Identity& identity,
                             Bytes base);

  /// Fills `to` with the module's next bytes.
  /// @return waiting, flash_failed, or what the decoder says of the payload.
  [[nodiscard]] Status next(MutableBytes to);

 private:
  Status carried(MutableBytes to);  // the next bytes that travelled, decrypted
  Status decoded(MutableBytes to);

  Source* source_ = nullptr;
  std::uint32_t offset_ = 0;
  std::uint32_t at_ = 0;
  std::uint32_t bytes_ = 0;  // without a tag
  bool is_encrypted_ = false;
  ContentKey key_;
  bool is_delta_ = false;
  Bytes base_;
  DeltaDecoder decoder_;
};

}  // namespace mote::update
