#pragma once
// Cryptography of the host, behind OpenSSL: what writing encrypted bundles needs, and what foreign COSE messages use.
// Sizes that do not fit an algorithm give false or nothing, never a crash.

#include <optional>
#include <span>

#include "mote/base/bytes.hpp"

namespace mote::package {

enum class Hash { sha1, sha256, sha384, sha512 };  ///< SHA-1 only as RSA-OAEP's default
enum class Curve { p256, p384, p521, x25519, x448, ed25519, ed448 };
enum class Cipher { chacha20_poly1305, aes_gcm, aes_ccm };

/// Bytes of a coordinate or of a private key.
[[nodiscard]] std::size_t field_bytes(Curve curve);

/// An elliptic-curve key as COSE_Key has it. One coordinate on Edwards and Montgomery curves.
struct CurveKey {
  Curve curve = Curve::p256;
  Bytes x, y;
  std::optional<bool> y_is_odd;  ///< instead of y
  Bytes secret;                  ///< may be empty
};

/// From the system's random numbers.
void random_bytes(std::span<std::uint8_t> to);

[[nodiscard]] Bytes hmac(Hash hash, ByteSpan key, ByteSpan message);
/// Last block of AES-CBC with zero IV and zero padding (RFC 9053, 3.2), cut to `size`.
[[nodiscard]] std::optional<Bytes> cbc_mac(ByteSpan key, ByteSpan message, std::size_t size);
/// @param salt  empty: none.
[[nodiscard]] Bytes hkdf(Hash hash, ByteSpan salt, ByteSpan secret, ByteSpan info, std::size_t size);
/// HKDF-Expand with AES-CBC-MAC for a hash (RFC 9053, 5.1); the secret is an AES key.
[[nodiscard]] std::optional<Bytes> hkdf_aes(ByteSpan secret, ByteSpan info, std::size_t size);

/// Ciphertext with its tag behind it.
[[nodiscard]] std::optional<Bytes> seal(Cipher cipher, std::size_t tag_bytes, ByteSpan key, ByteSpan nonce,
                                        ByteSpan aad, ByteSpan text);
/// Nothing: sizes, or the tag.
[[nodiscard]] std::optional<Bytes> open(Cipher cipher, std::size_t tag_bytes, ByteSpan key, ByteSpan nonce,
                                        ByteSpan aad, ByteSpan sealed);

/// RFC 3394.
[[nodiscard]] std::optional<Bytes> wrap_key(ByteSpan kek, ByteSpan key);
[[nodiscard]] std::optional<Bytes> unwrap_key(ByteSpan kek, ByteSpan wrapped);

/// Public half of a secret.
[[nodiscard]] std::optional<Bytes> x25519_public(ByteSpan secret);
[[nodiscard]] std::optional<Bytes> agree(const CurveKey& own, const CurveKey& peer);

/// `signature` is r and s for ECDSA.
[[nodiscard]] bool verify_ecdsa(const CurveKey& key, Hash hash, ByteSpan signature, ByteSpan message);
[[nodiscard]] bool verify_eddsa(const CurveKey& key, ByteSpan signature, ByteSpan message);

}  // namespace mote::package
