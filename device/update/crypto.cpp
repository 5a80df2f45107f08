#include "update/crypto.hpp"

namespace mote::update {

Sha256::Sha256() { mote_hash_begin(&state_, sizeof(state_.block)); }
void Sha256::update(Bytes data) { mote_hash_update(&state_, data.data, data.size); }
void Sha256::finish(std::uint8_t (&digest)[32]) { mote_hash_end(&state_, digest); }

HmacSha256::HmacSha256(Bytes key) {
  std::uint8_t block[64] = {};
  if (key.size > sizeof block) {
    Sha256 hash;
    hash.update(key);
    std::uint8_t digest[32];
    hash.finish(digest);
    copy(block, digest);
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
  HmacSha256 extract(salt);
  extract.update(secret);
  extract.finish(key);
  std::uint8_t number[1] = {0};
  for (std::size_t at = 0; at < out.size; at += sizeof block) {
    HmacSha256 expand(key);
    if (at > 0) expand.update(block);
    expand.update(info);
    ++number[0];
    expand.update(number);
    expand.finish(block);
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
  mote_poly1305_update(&state_, aad.data, aad.size);
  aad_bytes_ = static_cast<std::uint32_t>(aad.size);
  ciphertext_bytes_ = 0;
}

void ChaChaPolyCheck::update(Bytes ciphertext) {
  while (ciphertext.size > 0) {
    const std::uint32_t pending = ciphertext_bytes_ % sizeof pending_;
    std::size_t taken = ciphertext.size & ~std::size_t{15};
    if (pending == 0 && taken > 0) {
      mote_poly1305_update(&state_, ciphertext.data, taken);
    } else {
      taken = ciphertext.size < sizeof pending_ - pending ? ciphertext.size : sizeof pending_ - pending;
      copy(pending_ + pending, ciphertext.part(0, taken));
      if (pending + taken == sizeof pending_) mote_poly1305_update(&state_, pending_, sizeof pending_);
    }
    ciphertext_bytes_ += static_cast<std::uint32_t>(taken);
    ciphertext = ciphertext.part(taken, ciphertext.size);
  }
}

bool ChaChaPolyCheck::finish(const std::uint8_t (&tag)[16]) {
  mote_poly1305_update(&state_, pending_, ciphertext_bytes_ % sizeof pending_);
  std::uint8_t lengths[16] = {};
  for (unsigned i = 0; i < 4; ++i) {
    lengths[i] = static_cast<std::uint8_t>(aad_bytes_ >> (8 * i));
    lengths[8 + i] = static_cast<std::uint8_t>(ciphertext_bytes_ >> (8 * i));
  }
  mote_poly1305_update(&state_, lengths, sizeof lengths);
  std::uint8_t computed[16];
  mote_poly1305_end(&state_, computed);
  return equal_constant_time(computed, tag);
}

void chacha20_at(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], std::uint32_t offset,
                 MutableBytes in_place) {
  std::uint32_t block = 1 + offset / 64;
  if (const std::uint32_t skipped = offset % 64; skipped != 0) {
    std::uint8_t stream[64] = {};
    mote_chacha20(key, nonce, block++, stream, sizeof stream);
    std::size_t i = 0;
    for (; i < in_place.size && skipped + i < sizeof stream; ++i) in_place.data[i] ^= stream[skipped + i];
    wipe(stream);
    in_place = {in_place.data + i, in_place.size - i};
  }
  mote_chacha20(key, nonce, block, in_place.data, in_place.size);
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
