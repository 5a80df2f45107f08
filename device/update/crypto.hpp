#pragma once
// The cryptography of an update, as far as a device does it: hashes and message authentication, one signature check of
// each kind, decryption, key agreement, key unwrapping. In front of an implementation (docs/adr/0002) that no
// header of ours names. No heap, no globals, no random numbers. Absent: signing, encrypting, certificates.
//
// What takes a secret takes the same time whatever its value, on cores whose multiplication does (not a Cortex-M3's to
// 64 bits); verifying does not, because nothing in it is secret. What was worked with stays on the stack.

#include "update/bytes.hpp"
#include "update/crypto/parts.h"

namespace mote::update {

/// SHA-256 (FIPS 180-4). Fresh when constructed; a copy goes on from where the original stands.
class Sha256 {
 public:
  Sha256();
  void update(Bytes data);
  /// Afterwards the object is fresh again.
  void finish(std::uint8_t (&digest)[32]);

 private:
  mote_sha256 state_;
};

/// HMAC-SHA-256 (RFC 2104).
class HmacSha256 {
 public:
  explicit HmacSha256(Bytes key) { begin(key); }
  /// Once more, after finish(), with another key.
  void begin(Bytes key);
  void update(Bytes data) { inner_.update(data); }
  void finish(std::uint8_t (&code)[32]);

 private:
  Sha256 inner_, outer_;
};

/// Ed25519 (RFC 8032, 5.1.7, without cofactor). False for a scalar that is not below the group's order, for a point
/// that is not encoded in its one way, for a key of small order, and for whatever was not signed: `message`, `rest`.
[[nodiscard]] bool verify_ed25519(const std::uint8_t (&key)[32], const std::uint8_t (&signature)[64], Bytes message,
                                  Bytes rest = {});

/// ECDSA on P-256 over a SHA-256 digest. `key` is x and y, `signature` r and s, big endian. False also for a point that
/// does not lie on the curve.
[[nodiscard]] bool verify_es256(const std::uint8_t (&key)[64], const std::uint8_t (&signature)[64],
                                const std::uint8_t (&digest)[32]);

/// The tag of ChaCha20-Poly1305 (RFC 8439), for a ciphertext that is read piece by piece and decrypted only afterwards
/// (chacha20_at). Nothing is decrypted here.
class ChaChaPolyCheck {
 public:
  /// `aad` is used within the call.
  void begin(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], Bytes aad);
  /// Pieces of any size, in order.
  void update(Bytes ciphertext);
  [[nodiscard]] bool finish(const std::uint8_t (&tag)[16]);

 private:
  void end_part();

  mote_poly1305 state_;
  std::uint8_t pending_[16];  ///< the block that has begun
  std::uint32_t aad_bytes_, ciphertext_bytes_;
};

/// Decrypts (or encrypts) `in_place`, which begins `offset` bytes behind the first byte of the message, as
/// ChaCha20-Poly1305 does. Offsets need not be multiples of anything.
void chacha20_at(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], std::uint32_t offset,
                 MutableBytes in_place);

/// X25519 (RFC 7748). False, and zeros, where the result would be all zeros: the other side sent a point of small
/// order.
[[nodiscard]] bool x25519(std::uint8_t (&shared)[32], const std::uint8_t (&private_key)[32],
                          const std::uint8_t (&public_key)[32]);

/// HKDF with SHA-256 (RFC 5869), at most 255 * 32 bytes.
void hkdf_sha256(MutableBytes out, Bytes salt, Bytes secret, Bytes info);

/// AES key unwrap (RFC 3394): a key-encryption key of 16 or 32 bytes; `wrapped` is 8 bytes longer than `key`, a
/// multiple of 8, from 24 to 40 bytes. False, and zeros in `key`, for sizes that do not fit and when the integrity
/// check fails.
[[nodiscard]] bool aes_key_unwrap(MutableBytes key, Bytes kek, Bytes wrapped);

/// Whether two secrets are equal, without saying where they differ. False when their sizes differ.
[[nodiscard]] bool equal_constant_time(Bytes a, Bytes b);

/// Overwrites a secret with zeros, also where the compiler sees no later use.
void wipe(MutableBytes secret);

}  // namespace mote::update
