// crypto.hpp with OpenSSL behind it, until the embedded library is built for the host as well.

#define OPENSSL_SUPPRESS_DEPRECATED  // SHA256_CTX is the one state that can be copied without a heap

#include <openssl/aes.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <cstring>
#include <memory>

#include "update/crypto.hpp"

namespace mote::update {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

SHA256_CTX* sha(std::uint64_t* state) {
  static_assert(sizeof(SHA256_CTX) <= 14 * sizeof(std::uint64_t));
  return reinterpret_cast<SHA256_CTX*>(state);
}

std::uint32_t load32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
         static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
}

}  // namespace

Sha256::Sha256() { SHA256_Init(sha(state_)); }
void Sha256::update(Bytes data) { SHA256_Update(sha(state_), data.data, data.size); }
void Sha256::finish(std::uint8_t (&digest)[32]) { SHA256_Final(digest, sha(state_)); }

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

bool verify_ed25519(const std::uint8_t (&key)[32], const std::uint8_t (&signature)[64], Bytes message) {
  const Key pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key, sizeof key));
  const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  return pkey && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature, sizeof signature, message.data, message.size) == 1;
}

bool verify_es256(const std::uint8_t (&key)[64], const std::uint8_t (&signature)[64],
                  const std::uint8_t (&digest)[32]) {
  std::uint8_t point[65] = {4};
  std::memcpy(point + 1, key, sizeof key);
  char group[] = "P-256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                                   OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
                                   OSSL_PARAM_construct_end()};
  const KeyContext loader(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* loaded = nullptr;
  if (EVP_PKEY_fromdata_init(loader.get()) != 1 ||
      EVP_PKEY_fromdata(loader.get(), &loaded, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters)) != 1) {
    return false;
  }
  const Key pkey(loaded);
  const std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(signature, 32, nullptr), BN_bin2bn(signature + 32, 32, nullptr));
  std::uint8_t der[80];
  std::uint8_t* end = der;
  const int der_bytes = i2d_ECDSA_SIG(pair.get(), &end);
  const KeyContext context(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  return EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_verify(context.get(), der, static_cast<std::size_t>(der_bytes), digest, sizeof digest) == 1;
}

namespace {

void chacha20_block_at(const std::uint8_t* key, const std::uint8_t* nonce, std::uint32_t counter, std::uint8_t* block) {
  std::uint8_t iv[16];
  for (unsigned i = 0; i < 4; ++i) iv[i] = static_cast<std::uint8_t>(counter >> (8 * i));
  std::memcpy(iv + 4, nonce, 12);
  const std::uint8_t zeros[64] = {};
  const CipherContext context(EVP_CIPHER_CTX_new());
  int written = 0;
  EVP_EncryptInit_ex(context.get(), EVP_chacha20(), nullptr, key, iv);
  EVP_EncryptUpdate(context.get(), block, &written, zeros, sizeof zeros);
}

}  // namespace

// Poly1305 in five limbs of 26 bits.
void ChaChaPolyCheck::begin(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], Bytes aad) {
  std::uint8_t once[64];
  chacha20_block_at(key, nonce, 0, once);
  r_[0] = load32(once) & 0x3ffffff;
  r_[1] = load32(once + 3) >> 2 & 0x3ffff03;
  r_[2] = load32(once + 6) >> 4 & 0x3ffc0ff;
  r_[3] = load32(once + 9) >> 6 & 0x3f03fff;
  r_[4] = load32(once + 12) >> 8 & 0x00fffff;
  for (unsigned i = 0; i < 4; ++i) s_[i] = load32(once + 16 + 4 * i);
  for (std::uint32_t& limb : h_) limb = 0;
  pending_bytes_ = 0;
  aad_bytes_ = static_cast<std::uint32_t>(aad.size);
  text_bytes_ = 0;
  wipe(once);
  absorb(aad);
  pad();
}

void ChaChaPolyCheck::block(std::uint32_t high_bit) {
  h_[0] += load32(pending_) & 0x3ffffff;
  h_[1] += load32(pending_ + 3) >> 2 & 0x3ffffff;
  h_[2] += load32(pending_ + 6) >> 4 & 0x3ffffff;
  h_[3] += load32(pending_ + 9) >> 6;
  h_[4] += load32(pending_ + 12) >> 8 | high_bit;
  std::uint64_t sum[5] = {};
  for (unsigned i = 0; i < 5; ++i) {
    for (unsigned j = 0; j < 5; ++j) {
      const std::uint64_t factor = i >= j ? r_[i - j] : std::uint64_t{5} * r_[i + 5 - j];
      sum[i] += h_[j] * factor;
    }
  }
  std::uint64_t carry = 0;
  for (unsigned i = 0; i < 5; ++i) {
    sum[i] += carry;
    h_[i] = static_cast<std::uint32_t>(sum[i]) & 0x3ffffff;
    carry = sum[i] >> 26;
  }
  const std::uint64_t low = h_[0] + 5 * carry;
  h_[0] = static_cast<std::uint32_t>(low) & 0x3ffffff;
  h_[1] += static_cast<std::uint32_t>(low >> 26);
  pending_bytes_ = 0;
}

void ChaChaPolyCheck::absorb(Bytes data) {
  for (std::size_t i = 0; i < data.size; ++i) {
    pending_[pending_bytes_++] = data[i];
    if (pending_bytes_ == 16) block(1u << 24);
  }
}

void ChaChaPolyCheck::pad() {
  if (pending_bytes_ == 0) return;
  while (pending_bytes_ < 16) pending_[pending_bytes_++] = 0;
  block(1u << 24);
}

void ChaChaPolyCheck::update(Bytes ciphertext) {
  text_bytes_ += static_cast<std::uint32_t>(ciphertext.size);
  absorb(ciphertext);
}

bool ChaChaPolyCheck::finish(const std::uint8_t (&tag)[16]) {
  pad();
  std::uint8_t lengths[16] = {};
  for (unsigned i = 0; i < 4; ++i) {
    lengths[i] = static_cast<std::uint8_t>(aad_bytes_ >> (8 * i));
    lengths[8 + i] = static_cast<std::uint8_t>(text_bytes_ >> (8 * i));
  }
  absorb(lengths);
  std::uint32_t carry = 0;
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < 5; ++i) {
      h_[i] += carry;
      carry = h_[i] >> 26;
      h_[i] &= 0x3ffffff;
    }
    carry *= 5;
  }
  h_[0] += carry;
  std::uint32_t reduced[5];
  carry = 5;
  for (unsigned i = 0; i < 5; ++i) {
    reduced[i] = h_[i] + carry;
    carry = reduced[i] >> 26;
    reduced[i] &= 0x3ffffff;
  }
  const std::uint32_t take = 0u - carry;  // all ones when h >= 2^130 - 5
  for (unsigned i = 0; i < 5; ++i) h_[i] = (h_[i] & ~take) | (reduced[i] & take);
  const std::uint32_t words[4] = {h_[0] | h_[1] << 26, h_[1] >> 6 | h_[2] << 20, h_[2] >> 12 | h_[3] << 14,
                                  h_[3] >> 18 | h_[4] << 8};
  std::uint8_t computed[16];
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < 4; ++i) {
    sum += std::uint64_t{words[i]} + s_[i];
    for (unsigned k = 0; k < 4; ++k) computed[4 * i + k] = static_cast<std::uint8_t>(sum >> (8 * k));
    sum >>= 32;
  }
  return equal_constant_time(computed, tag);
}

void chacha20_at(const std::uint8_t (&key)[32], const std::uint8_t (&nonce)[12], std::uint32_t offset,
                 MutableBytes in_place) {
  std::uint8_t block[64];
  for (std::size_t i = 0; i < in_place.size; ++i) {
    const std::uint32_t at = offset + static_cast<std::uint32_t>(i);
    if (i == 0 || at % 64 == 0) chacha20_block_at(key, nonce, 1 + at / 64, block);
    in_place.data[i] ^= block[at % 64];
  }
  wipe(block);
}

bool x25519(std::uint8_t (&shared)[32], const std::uint8_t (&private_key)[32], const std::uint8_t (&public_key)[32]) {
  std::memset(shared, 0, sizeof shared);
  const Key own(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, private_key, sizeof private_key));
  const Key other(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public_key, sizeof public_key));
  const KeyContext context(EVP_PKEY_CTX_new(own.get(), nullptr));
  std::size_t bytes = sizeof shared;
  if (EVP_PKEY_derive_init(context.get()) == 1 && EVP_PKEY_derive_set_peer(context.get(), other.get()) == 1 &&
      EVP_PKEY_derive(context.get(), shared, &bytes) == 1) {
    return true;
  }
  std::memset(shared, 0, sizeof shared);
  return false;
}

void hkdf_sha256(MutableBytes out, Bytes salt, Bytes secret, Bytes info) {
  HmacSha256 extract(salt);
  extract.update(secret);
  std::uint8_t key[32];
  extract.finish(key);
  std::uint8_t block[32];
  std::uint8_t count = 0;
  for (std::size_t at = 0; at < out.size; at += sizeof block) {
    HmacSha256 expand(key);
    if (count > 0) expand.update(block);
    expand.update(info);
    const std::uint8_t number[1] = {++count};
    expand.update(number);
    expand.finish(block);
    copy(out.data + at, Bytes(block).part(0, out.size - at));
  }
  wipe(block);
  wipe(key);
}

bool aes_key_unwrap(MutableBytes key, Bytes kek, Bytes wrapped) {
  for (std::size_t i = 0; i < key.size; ++i) key.data[i] = 0;
  if ((kek.size != 16 && kek.size != 32) || wrapped.size < 24 || wrapped.size > 40 || wrapped.size % 8 != 0 ||
      key.size != wrapped.size - 8) {
    return false;
  }
  AES_KEY schedule;
  AES_set_decrypt_key(kek.data, static_cast<int>(8 * kek.size), &schedule);
  const int bytes = AES_unwrap_key(&schedule, nullptr, key.data, wrapped.data, static_cast<unsigned>(wrapped.size));
  wipe({reinterpret_cast<std::uint8_t*>(&schedule), sizeof schedule});
  if (bytes == static_cast<int>(key.size)) return true;
  for (std::size_t i = 0; i < key.size; ++i) key.data[i] = 0;
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
