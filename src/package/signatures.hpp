#pragma once
// COSE signatures in the one form that devices read (update/cose.hpp).

#include "mote/package/signing_key.hpp"

namespace mote::package {

constexpr const char* kKeysAad = "mote keys 1";
constexpr const char* kTimeAad = "mote time 1";

/// COSE_Sign1. @param detached  the payload is not repeated in the message.
[[nodiscard]] Bytes sign1(ByteSpan payload, bool detached, const char* external_aad, const SigningKey& key);

/// A COSE_Signature: one signer's part of a COSE_Sign whose own protected header is empty.
[[nodiscard]] Bytes sign_document(ByteSpan payload, const char* external_aad, const SigningKey& key);

}  // namespace mote::package
