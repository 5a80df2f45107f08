// The cryptography of update/crypto.hpp without its mathematics, linked instead of it by the device_* targets: what a
// parser does behind a digest or a signature is reached by any bytes, and at the speed of the parser. Everything that
// would be read is touched, so that the sanitizers see where a piece ends. Sizes are checked as the real one does.
//
// A hash is 32 times kDigest; that of 32 bytes, which is a key, 32 times its first byte. Signatures, tags, points and
// wrapped keys are right when their first byte is odd.

#include "assumed_crypto.hpp"

#include <cstring>

#include "update/crypto.hpp"

namespace mote::update {
namespace {

bool is_right(std::uint8_t first) { return (first & 1u) != 0; }

unsigned touch(Bytes bytes) {
  if (bytes.size == 0) return 0;
  return bytes[0] + *const_cast<const volatile std::uint8_t*>(&bytes.data[bytes.size - 1]);
}

/// What is kept of the bytes to be hashed, whatever the state is made of.
struct Seen {
  std::uint32_t bytes;
  std::uint8_t first;
};
template <class State>
Seen seen_of(const State& state) {
  static_assert(sizeof(State) >= sizeof(Seen));
  Seen seen;
  std::memcpy(&seen, &state, sizeof(seen));
  return seen;
}

}  // namespace

Sha256::Sha256() { std::memset(&state_, 0, sizeof(state_)); }
void Sha256::update(Bytes data) {
  touch(data);
  Seen seen = seen_of(state_);
  if (seen.bytes == 0 && data.size != 0) seen.first = data[0];
  seen.bytes += static_cast<std::uint32_t>(data.size);
  std::memcpy(&state_, &seen, sizeof(seen));
}
void Sha256::finish(std::uint8_t (&digest)[32]) {
  const Seen seen = seen_of(state_);
  std::memset(digest, seen.bytes == 32 ? seen.first : fuzz::kDigest, sizeof(digest));
  std::memset(&state_, 0, sizeof(state_));
}

void HmacSha256::begin(Bytes key) { touch(key); }
void HmacSha256::finish(std::uint8_t (&code)[32]) { std::memset(code, fuzz::kDigest, sizeof(code)); }

bool verify_ed25519(const std::uint8_t (&)[32], const std::uint8_t (&signature)[64], Bytes message, Bytes rest) {
  touch(message);
  touch(rest);
  touch(signature);
  return is_right(signature[0]);
}

bool verify_es256(const std::uint8_t (&)[64], const std::uint8_t (&signature)[64], const std::uint8_t (&)[32]) {
  return is_right(signature[0]);
}

void ChaChaPolyCheck::begin(const std::uint8_t (&)[32], const std::uint8_t (&)[12], Bytes aad) { touch(aad); }
void ChaChaPolyCheck::update(Bytes ciphertext) { touch(ciphertext); }
bool ChaChaPolyCheck::finish(const std::uint8_t (&tag)[16]) { return is_right(tag[0]); }

void chacha20_at(const std::uint8_t (&)[32], const std::uint8_t (&)[12], std::uint32_t, MutableBytes in_place) {
  touch(in_place);
}

bool x25519(std::uint8_t (&shared)[32], const std::uint8_t (&)[32], const std::uint8_t (&public_key)[32]) {
  std::memset(shared, public_key[31], sizeof(shared));
  return is_right(public_key[0]);
}

void hkdf_sha256(MutableBytes out, Bytes salt, Bytes secret, Bytes info) {
  touch(salt);
  touch(secret);
  touch(info);
  std::memset(out.data, fuzz::kDigest, out.size);
}

bool aes_key_unwrap(MutableBytes key, Bytes kek, Bytes wrapped) {
  std::memset(key.data, 0, key.size);
  touch(wrapped);
  const bool fits = (kek.size == 16 || kek.size == 32) && wrapped.size >= 24 && wrapped.size <= 40 &&
                    wrapped.size % 8 == 0 && key.size == wrapped.size - 8;
  return fits && is_right(wrapped[0]);
}

bool equal_constant_time(Bytes a, Bytes b) { return equal(a, b); }

void wipe(MutableBytes secret) { std::memset(secret.data, 0, secret.size); }

}  // namespace mote::update
