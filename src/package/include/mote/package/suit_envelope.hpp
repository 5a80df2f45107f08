#pragma once
// SUIT envelopes of anybody (draft-ietf-suit-manifest-37, with the parts of update-management and trust-domains that
// concern their form): taken apart to the last command, held against their digests, verified. What a device accepts is
// a small part of it (update/suit.hpp). Absent: carrying out commands.

#include <vector>

#include "mote/package/cose_message.hpp"

namespace mote::package {

struct SuitEnvelope {
  /// Everything, byte strings that hold CBOR unwrapped, keys and commands named in comments.
  CborValue value;
  Bytes digest_message;                 ///< the encoded SUIT_Digest: what is signed
  std::vector<CoseMessage> signatures;  /// COSE_Sign1, COSE_Sign, COSE_Mac0 or COSE_Mac
  std::uint64_t sequence = 0;

  [[nodiscard]] Bytes encoded() const { return write_cbor(value); }
};

/// @error malformed    not an envelope; the manifest or a severable part is not the one that its digest is about.
/// @error unsupported  a version, a digest algorithm, a command or parameter that nobody has defined.
[[nodiscard]] Result<SuitEnvelope> read_suit(ByteSpan bytes);

/// Whether `key` signed the envelope.
/// @error malformed  none of the signatures is of that key; or as open_cose.
[[nodiscard]] Result<void> verify_suit(const SuitEnvelope& envelope, const CoseKey& key);

}  // namespace mote::package
