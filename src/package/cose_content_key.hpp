#pragma once
// How a recipient of a COSE message comes by the content key: RFC 9053, sections 5 and 6.

#include "mote/package/cose_message.hpp"
#include "primitives.hpp"

namespace mote::package {

enum class ContentKind { hmac, cbc_mac, aead };

/// What a content key is for.
struct ContentAlgorithm {
  std::int64_t number = 0;
  ContentKind kind = ContentKind::aead;
  std::size_t key_bytes = 0;
  std::size_t tag_bytes = 0;
  std::size_t nonce_bytes = 0;
  Cipher cipher = Cipher::aes_gcm;
  Hash hash = Hash::sha256;
};

/// Null pointer: not known.
[[nodiscard]] const ContentAlgorithm* content_algorithm(std::int64_t number);

/// @error unsupported  no such curve.
[[nodiscard]] Result<CurveKey> curve_key_of(const CoseKey& key);

/// @param purpose  the algorithm that the key is for: one of the content, or that of the recipient around this one.
[[nodiscard]] Result<Bytes> find_content_key(const CosePart& recipient, std::int64_t purpose, const CoseKey& key,
                                             const CoseContext& context);

}  // namespace mote::package
