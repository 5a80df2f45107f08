#pragma once
// RSA of others' COSE messages (RFC 8230), behind OpenSSL. Keys below 2048 bits are not taken (section 6.1).

#include <optional>

#include "primitives.hpp"

namespace mote::package {

struct RsaKey {
  Bytes modulus, exponent;
  Bytes secret;  ///< private exponent; may be empty
};

/// PSS with a salt as long as the hash.
[[nodiscard]] bool verify_rsa_pss(const RsaKey& key, Hash hash, ByteSpan signature, ByteSpan message);
/// OAEP without a label.
[[nodiscard]] std::optional<Bytes> decrypt_rsa_oaep(const RsaKey& key, Hash hash, ByteSpan sealed);

}  // namespace mote::package
