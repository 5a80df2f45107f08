#include "update/crypto.hpp"

namespace mote::update {

Sha256::Sha256() { mote_hash_begin(&state_, sizeof(state_.block)); }
void Sha256::update(Bytes data) { mote_hash_update(&state_, data.data, data.size); }
void Sha256::finish(std::uint8_t (&digest)[32]) { mote_hash_end(&state_, digest); }

void HmacSha256::begin(Bytes key) {
  std::uint8_t block[64] = {};
  if (key.size > sizeof block) {
    inner_.update(key);
    inner_.finish(*reinterpret_cast<std::uint8_t(*)[32]>(block));
  } else {
    copy(block, key);
  }
  for (std::uint8_t& byte : block) byte ^= 0x36;
  inner_.update(block);
  for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  outer_.update(block);
  wipe(block);
}

void HmacSha256::finish(std::uint8_t (&code)[32]) {
  inner_.finish(code);
  outer_.update(code);
  outer_.finish(code);
}

void hkdf_sha256(MutableBytes out, Bytes salt, Bytes secret, Bytes info) {
  std::uint8_t key[32], block[32];
  HmacSha256 mac(salt);  // one for all: two would take twice the stack
  mac.update(secret);
  mac.finish(key);
  std::uint8_t number[1] = {0};
  for (std::size_t at = 0; at < out.size; at += sizeof block) {
    mac.begin(key);
    if (at > 0) mac.update(block);
    mac.update(info);
    ++number[0];
    mac.update(number);
    mac.finish(block);
    copy(out.data + at, Bytes(block).part(0, out.size - at));
  }
  wipe(block);
  wipe(key);
}

bool verify_ed25519(const std::uint8_t (&key)[32], const std::uint8_t (&signature)[64], Bytes message, Bytes rest) {
  return mote_verify_ed25519(key, signature, message.data, message.size, rest.data, rest.size) != 0;
}

bool verify_es256(const std::uint8_t (&key)[64], const std::uint8_t (&signature)[64],
                  const std::uint8_t (&digest)[32]) {
  return mote_verify_es256(key, signature, digest) != 0;
}

void ChaChaPolyCheck::begin(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], Bytes aad) {
  std::uint8_t once[32] = {};
  mote_chacha20(key, nonce, 0, once, sizeof once);
  mote_poly1305_begin(&state_, once);
  wipe(once);
  ciphertext_bytes_ = 0;
  update(aad);
  end_part();
  aad_bytes_ = ciphertext_bytes_;
  ciphertext_bytes_ = 0;
}

void ChaChaPolyCheck::update(Bytes ciphertext) {
  for (std::size_t i = 0; i < ciphertext.size; ++i) {
    const std::uint32_t pending = ciphertext_bytes_++ % sizeof pending_;
    pending_[pending] = ciphertext[i];
    if (pending + 1 == sizeof pending_) mote_poly1305_update(&state_, pending_, sizeof pending_);
  }
}

void ChaChaPolyCheck::end_part() { mote_poly1305_update(&state_, pending_, ciphertext_bytes_ % sizeof pending_); }

bool ChaChaPolyCheck::finish(const std::uint8_t (&tag)[16]) {
  end_part();
  const std::uint32_t lengths[4] = {aad_bytes_, 0, ciphertext_bytes_, 0};
  mote_poly1305_update(&state_, reinterpret_cast<const std::uint8_t*>(lengths), sizeof lengths);
  std::uint8_t computed[16];
  mote_poly1305_end(&state_, computed);
  return equal_constant_time(computed, tag);
}

void chacha20_at(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], std::uint32_t offset,
                 MutableBytes in_place) {
  mote_chacha20(key, nonce, 64 + offset, in_place.data, in_place.size);  // block 0 is the tag's
}

bool x25519(std::uint8_t (&shared)[32], const std::uint8_t (&private_key)[32], const std::uint8_t (&public_key)[32]) {
  return mote_x25519(shared, private_key, public_key) != 0;
}

bool aes_key_unwrap(MutableBytes key, Bytes kek, Bytes wrapped) {
  const bool fits = (kek.size == 16 || kek.size == 32) && wrapped.size >= 24 && wrapped.size <= 40 &&
                    wrapped.size % 8 == 0 && key.size == wrapped.size - 8;
  if (fits && mote_aes_unwrap(key.data, static_cast<unsigned>(key.size / 8), kek.data, kek.size, wrapped.data) != 0) {
    return true;
  }
  wipe(key);
  return false;
}

bool equal_constant_time(Bytes a, Bytes b) {
  if (a.size != b.size) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size; ++i) different |= static_cast<unsigned>(a[i] ^ b[i]);
  return different == 0;
}

void wipe(MutableBytes secret) {
  volatile std::uint8_t* bytes = secret.data;
  for (std::size_t i = 0; i < secret.size; ++i) bytes[i] = 0;
}

}  // namespace mote::update
