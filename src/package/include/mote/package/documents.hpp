#pragma once
// Reads back what parcel.hpp writes, and lets another key sign it: m of n people sign one after the other, each at
// home. Reading is not believing: check.hpp says whether a device would take it.

#include "mote/package/parcel.hpp"

namespace mote::package {

struct KeysDocument {
  KeysOptions content;
  std::vector<KeyId> signers;
};

/// @error malformed  no keys document.
[[nodiscard]] Result<KeysDocument> read_keys(ByteSpan message);

struct TimeDocument {
  TimeOptions content;
  KeyId signer{};
};

/// @error malformed  no time statement.
[[nodiscard]] Result<TimeDocument> read_time(ByteSpan message);

/// The same keys document or bundle with one signature more.
/// @error invalid_argument  this key has signed already.
/// @error malformed         neither of them, or more than one message.
/// @error too_large         more signatures than a device reads.
[[nodiscard]] Result<Bytes> add_signature(ByteSpan message, const SigningKey& key);

}  // namespace mote::package
