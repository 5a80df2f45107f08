#pragma once
// For tests: the other side of update/crypto.hpp (signing, sealing, wrapping) by OpenSSL, and bytes to do it with.

#define OPENSSL_SUPPRESS_DEPRECATED  // AES_wrap_key, which is all that is wanted of it

#include <gtest/gtest.h>
#include <openssl/aes.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/rng.hpp"
#include "update/crypto.hpp"

namespace mote::update {

using Raw = std::vector<std::uint8_t>;

inline Bytes bytes(const Raw& raw) { return {raw.data(), raw.size()}; }
inline MutableBytes room(Raw& raw) { return {raw.data(), raw.size()}; }

inline Raw operator+(Raw a, const Raw& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Raw part(const Raw& raw, std::size_t begin, std::size_t end) {
  return Raw(raw.begin() + static_cast<std::ptrdiff_t>(begin), raw.begin() + static_cast<std::ptrdiff_t>(end));
}

inline Raw random_bytes(Rng& rng, std::size_t count) {
  Raw raw(count);
  for (auto& byte : raw) byte = static_cast<std::uint8_t>(rng.next());
  return raw;
}

inline Raw with_flipped_bit(Raw raw, Rng& rng) {
  const std::size_t bit = rng.next() % (8 * raw.size());
  raw[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  return raw;
}

inline Raw hex(std::string_view text) {
  Raw raw;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    raw.push_back(static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return raw;
}

/// An array of the size that crypto.hpp asks for.
template <std::size_t N>
struct Block {
  std::uint8_t bytes[N] = {};
  Block() = default;
  explicit Block(const Raw& raw) {
    EXPECT_EQ(raw.size(), N);
    std::memcpy(bytes, raw.data(), std::min(raw.size(), N));
  }
  explicit Block(std::string_view text) : Block(hex(text)) {}
  [[nodiscard]] Raw raw() const { return Raw(bytes, bytes + N); }
};

namespace reference {

struct Free {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(EVP_CIPHER_CTX* p) const { EVP_CIPHER_CTX_free(p); }
  void operator()(ECDSA_SIG* p) const { ECDSA_SIG_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

inline Owned<EVP_PKEY> private_key(int type, const Raw& key) {
  return Owned<EVP_PKEY>(EVP_PKEY_new_raw_private_key(type, nullptr, key.data(), key.size()));
}

inline Raw public_key(int type, const Raw& key) {
  Raw out(32);
  std::size_t size = out.size();
  EXPECT_EQ(EVP_PKEY_get_raw_public_key(private_key(type, key).get(), out.data(), &size), 1);
  return out;
}

inline Raw sign_ed25519(const Raw& key, const Raw& message) {
  const auto pkey = private_key(EVP_PKEY_ED25519, key);
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  Raw signature(64);
  std::size_t size = signature.size();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey.get()), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()), 1);
  return signature;
}

inline bool verify_ed25519(const Raw& key, const Raw& signature, const Raw& message) {
  const Owned<EVP_PKEY> pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  return pkey && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

struct Es256 {
  Raw key, signature;
};
/// By a key made for it: OpenSSL's own random one.
inline Es256 sign_es256(const Raw& digest) {
  const Owned<EVP_PKEY> pkey(EVP_EC_gen("P-256"));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  Raw der(80), point(65);
  std::size_t size = der.size();
  EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()), 1);
  const std::uint8_t* at = der.data();
  const Owned<ECDSA_SIG> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  Raw signature(64);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), signature.data(), 32), 32);
  EXPECT_EQ(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), signature.data() + 32, 32), 32);
  EXPECT_EQ(EVP_PKEY_get_octet_string_param(pkey.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size), 1);
  return {part(point, 1, 65), signature};
}

inline Raw x25519(const Raw& key, const Raw& other) {
  const auto own = private_key(EVP_PKEY_X25519, key);
  const Owned<EVP_PKEY> peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.data(), other.size()));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(own.get(), nullptr));
  Raw shared(32);
  std::size_t size = shared.size();
  EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_derive_set_peer(context.get(), peer.get()), 1);
  EXPECT_EQ(EVP_PKEY_derive(context.get(), shared.data(), &size), 1);
  return shared;
}

struct Sealed {
  Raw ciphertext, tag;
};
inline Sealed seal(const Raw& key, const Raw& nonce, const Raw& aad, const Raw& plain) {
  const Owned<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  Sealed sealed{Raw(plain.size()), Raw(16)};
  int size = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), EVP_chacha20_poly1305(), nullptr, key.data(), nonce.data()), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &size, aad.data(), static_cast<int>(aad.size())), 1);
  EXPECT_EQ(
      EVP_EncryptUpdate(context.get(), sealed.ciphertext.data(), &size, plain.data(), static_cast<int>(plain.size())),
      1);
  std::uint8_t rest[16];
  EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), rest, &size), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, sealed.tag.data()), 1);
  return sealed;
}

inline Raw wrap(const Raw& kek, const Raw& key) {
  AES_KEY schedule;
  EXPECT_EQ(AES_set_encrypt_key(kek.data(), static_cast<int>(8 * kek.size()), &schedule), 0);
  Raw wrapped(key.size() + 8);
  EXPECT_EQ(AES_wrap_key(&schedule, nullptr, wrapped.data(), key.data(), static_cast<unsigned>(key.size())),
            static_cast<int>(wrapped.size()));
  return wrapped;
}

inline Raw sha256(const Raw& message) {
  Raw digest(32);
  EXPECT_EQ(EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_sha256(), nullptr), 1);
  return digest;
}

inline Raw hmac(const Raw& key, const Raw& message) {
  Raw code(32);
  const std::uint8_t none = 0;
  HMAC(EVP_sha256(), key.empty() ? &none : key.data(), static_cast<int>(key.size()), message.data(), message.size(),
       code.data(), nullptr);
  return code;
}

/// By its definition over OpenSSL's HMAC: OpenSSL's own refuses empty secrets.
inline Raw hkdf(const Raw& salt, const Raw& secret, const Raw& info, std::size_t size) {
  const Raw key = hmac(salt, secret);
  Raw out, block;
  for (std::uint8_t count = 1; out.size() < size; ++count) {
    block = hmac(key, block + info + Raw{count});
    out = out + block;
  }
  out.resize(size);
  return out;
}

}  // namespace reference
}  // namespace mote::update
