#include "primitives.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>

#include "mote/base/error.hpp"
#include "openssl_handles.hpp"
#include "update/crypto.hpp"

namespace mote::package {
namespace {

const char* group_of(Curve curve) {
  return curve == Curve::p256 ? "P-256" : curve == Curve::p384 ? "P-384" : curve == Curve::p521 ? "P-521" : nullptr;
}

int type_of(Curve curve) {
  return curve == Curve::x25519    ? EVP_PKEY_X25519
         : curve == Curve::x448    ? EVP_PKEY_X448
         : curve == Curve::ed448   ? EVP_PKEY_ED448
         : curve == Curve::ed25519 ? EVP_PKEY_ED25519
                                   : EVP_PKEY_NONE;
}

int size_of(ByteSpan bytes) { return static_cast<int>(bytes.size()); }

/// SEC 1 point: with y, or compressed.
std::optional<Bytes> point_of(const CurveKey& key) {
  const std::size_t size = field_bytes(key.curve);
  if (key.x.size() != size || (!key.y_is_odd && key.y.size() != size)) return std::nullopt;
  Bytes point;
  point.push_back(key.y_is_odd ? (*key.y_is_odd ? 3 : 2) : 4);
  point.insert(point.end(), key.x.begin(), key.x.end());
  if (!key.y_is_odd) point.insert(point.end(), key.y.begin(), key.y.end());
  return point;
}

Key weierstrass_key(const CurveKey& key, bool with_secret) {
  const auto point = point_of(key);
  if (!point || (with_secret && key.secret.empty())) return nullptr;
  ParameterBuilder builder(OSSL_PARAM_BLD_new());
  Number secret;
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group_of(key.curve), 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point->data(), point->size());
  if (with_secret) {
    secret.reset(BN_bin2bn(key.secret.data(), size_of(key.secret), nullptr));
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
  }
  Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, with_secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters.get()) !=
          1)
    return nullptr;
  return Key(made);
}

Key make_key(const CurveKey& key, bool with_secret) {
  if (group_of(key.curve) != nullptr) return weierstrass_key(key, with_secret);
  const Bytes& bytes = with_secret ? key.secret : key.x;
  return Key(with_secret ? EVP_PKEY_new_raw_private_key(type_of(key.curve), nullptr, bytes.data(), bytes.size())
                         : EVP_PKEY_new_raw_public_key(type_of(key.curve), nullptr, bytes.data(), bytes.size()));
}

const EVP_CIPHER* cipher_of(Cipher cipher, std::size_t key_bytes) {
  const bool is_gcm = cipher == Cipher::aes_gcm;
  if (cipher == Cipher::chacha20_poly1305) return key_bytes == 32 ? EVP_chacha20_poly1305() : nullptr;
  if (key_bytes == 16) return is_gcm ? EVP_aes_128_gcm() : EVP_aes_128_ccm();
  if (key_bytes == 24) return is_gcm ? EVP_aes_192_gcm() : EVP_aes_192_ccm();
  if (key_bytes == 32) return is_gcm ? EVP_aes_256_gcm() : EVP_aes_256_ccm();
  return nullptr;
}

const EVP_CIPHER* cbc_of(std::size_t key_bytes) {
  return key_bytes == 16 ? EVP_aes_128_cbc() : key_bytes == 32 ? EVP_aes_256_cbc() : nullptr;
}

const EVP_CIPHER* wrap_of(std::size_t kek_bytes) {
  return kek_bytes == 16   ? EVP_aes_128_wrap()
         : kek_bytes == 24 ? EVP_aes_192_wrap()
         : kek_bytes == 32 ? EVP_aes_256_wrap()
                           : nullptr;
}

/// Both directions of an AEAD. `tag` is written when sealing, compared when opening.
std::optional<Bytes> run_aead(bool sealing, Cipher cipher, ByteSpan key, ByteSpan nonce, ByteSpan aad, ByteSpan from,
                              std::span<std::uint8_t> tag) {
  const EVP_CIPHER* kind = cipher_of(cipher, key.size());
  if (kind == nullptr) return std::nullopt;
  CipherContext context(EVP_CIPHER_CTX_new());
  const int direction = sealing ? 1 : 0;
  const bool is_ccm = cipher == Cipher::aes_ccm;
  const int tag_bytes = static_cast<int>(tag.size());
  int done = 0;
  if (EVP_CipherInit_ex(context.get(), kind, nullptr, nullptr, nullptr, direction) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, size_of(nonce), nullptr) != 1)
    return std::nullopt;
  if ((!sealing || is_ccm) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, sealing ? nullptr : tag.data()) != 1)
    return std::nullopt;
  if (EVP_CipherInit_ex(context.get(), nullptr, nullptr, key.data(), nonce.data(), direction) != 1) return std::nullopt;
  if (is_ccm && EVP_CipherUpdate(context.get(), nullptr, &done, nullptr, size_of(from)) != 1) return std::nullopt;
  if (!aad.empty() && EVP_CipherUpdate(context.get(), nullptr, &done, aad.data(), size_of(aad)) != 1)
    return std::nullopt;
  Bytes to(from.size() + 16);
  // With CCM this is where the tag is compared; it wants a call even for no bytes.
  if (EVP_CipherUpdate(context.get(), to.data(), &done, from.empty() ? to.data() : from.data(), size_of(from)) != 1)
    return std::nullopt;
  if (!is_ccm && EVP_CipherFinal_ex(context.get(), to.data() + from.size(), &done) != 1) return std::nullopt;
  if (sealing && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.data()) != 1)
    return std::nullopt;
  to.resize(from.size());
  return to;
}

std::optional<Bytes> run_wrap(bool wrapping, ByteSpan kek, ByteSpan from) {
  const EVP_CIPHER* kind = wrap_of(kek.size());
  const std::size_t least = wrapping ? 16 : 24;
  if (kind == nullptr || from.size() < least || from.size() % 8 != 0) return std::nullopt;
  CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  Bytes to(from.size() + 16);
  int size = 0;
  if (EVP_CipherInit_ex(context.get(), kind, nullptr, kek.data(), nullptr, wrapping ? 1 : 0) != 1 ||
      EVP_CipherUpdate(context.get(), to.data(), &size, from.data(), size_of(from)) != 1)
    return std::nullopt;
  to.resize(static_cast<std::size_t>(size));
  return to;
}

}  // namespace

std::size_t field_bytes(Curve curve) {
  switch (curve) {
    case Curve::p256:
    case Curve::x25519:
    case Curve::ed25519:
      return 32;
    case Curve::p384:
      return 48;
    case Curve::p521:
      return 66;
    case Curve::x448:
      return 56;
    case Curve::ed448:
      return 57;
  }
  return 0;
}

void random_bytes(std::span<std::uint8_t> to) { MOTE_CHECK(RAND_bytes(to.data(), static_cast<int>(to.size())) == 1); }

Bytes hmac(Hash hash, ByteSpan key, ByteSpan message) {
  Bytes code(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  static constexpr std::uint8_t kNothing = 0;
  MOTE_CHECK(HMAC(digest_of(hash), key.empty() ? &kNothing : key.data(), size_of(key), message.data(), message.size(),
                  code.data(), &size) != nullptr);
  code.resize(size);
  return code;
}

std::optional<Bytes> cbc_mac(ByteSpan key, ByteSpan message, std::size_t size) {
  const EVP_CIPHER* kind = cbc_of(key.size());
  if (kind == nullptr || size > 16) return std::nullopt;
  Bytes padded(message.begin(), message.end());
  if (padded.empty()) padded.resize(16);
  padded.resize((padded.size() + 15) / 16 * 16);
  Bytes out(padded.size() + 16);
  const std::uint8_t zero[16] = {};
  int done = 0;
  CipherContext context(EVP_CIPHER_CTX_new());
  if (EVP_EncryptInit_ex(context.get(), kind, nullptr, key.data(), zero) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &done, padded.data(), size_of(padded)) != 1)
    return std::nullopt;
  const auto last = out.begin() + static_cast<std::ptrdiff_t>(padded.size() - 16);
  return Bytes(last, last + static_cast<std::ptrdiff_t>(size));
}

Bytes hkdf(Hash hash, ByteSpan salt, ByteSpan secret, ByteSpan info, std::size_t size) {
  // RFC 5869, by its definition.
  const Bytes zeros(static_cast<std::size_t>(EVP_MD_get_size(digest_of(hash))));
  const Bytes prk = hmac(hash, salt.empty() ? ByteSpan(zeros) : salt, secret);
  Bytes out, last;
  for (std::uint8_t counter = 1; out.size() < size; ++counter) {
    Bytes block = last;
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(counter);
    last = hmac(hash, prk, block);
    out.insert(out.end(), last.begin(), last.end());
  }
  out.resize(size);
  return out;
}

std::optional<Bytes> hkdf_aes(ByteSpan secret, ByteSpan info, std::size_t size) {
  Bytes out, last;
  for (std::uint8_t counter = 1; out.size() < size; ++counter) {
    Bytes block = last;
    block.insert(block.end(), info.begin(), info.end());
    block.push_back(counter);
    auto mac = cbc_mac(secret, block, 16);
    if (!mac) return std::nullopt;
    last = std::move(*mac);
    out.insert(out.end(), last.begin(), last.end());
  }
  out.resize(size);
  return out;
}

std::optional<Bytes> seal(Cipher cipher, std::size_t tag_bytes, ByteSpan key, ByteSpan nonce, ByteSpan aad,
                          ByteSpan text) {
  Bytes tag(tag_bytes);
  auto sealed = run_aead(true, cipher, key, nonce, aad, text, tag);
  if (sealed) sealed->insert(sealed->end(), tag.begin(), tag.end());
  return sealed;
}

std::optional<Bytes> open(Cipher cipher, std::size_t tag_bytes, ByteSpan key, ByteSpan nonce, ByteSpan aad,
                          ByteSpan sealed) {
  if (sealed.size() < tag_bytes) return std::nullopt;
  const ByteSpan text = sealed.first(sealed.size() - tag_bytes);
  Bytes tag(sealed.end() - static_cast<std::ptrdiff_t>(tag_bytes), sealed.end());
  return run_aead(false, cipher, key, nonce, aad, text, tag);
}

std::optional<Bytes> wrap_key(ByteSpan kek, ByteSpan key) { return run_wrap(true, kek, key); }
std::optional<Bytes> unwrap_key(ByteSpan kek, ByteSpan wrapped) { return run_wrap(false, kek, wrapped); }

std::optional<Bytes> x25519_public(ByteSpan secret) {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size()));
  Bytes out(32);
  std::size_t size = out.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1) return std::nullopt;
  return out;
}

std::optional<Bytes> agree(const CurveKey& own, const CurveKey& peer) {
  const Key mine = make_key(own, true), theirs = make_key(peer, false);
  if (!mine || !theirs || own.curve != peer.curve) return std::nullopt;
  KeyContext context(EVP_PKEY_CTX_new(mine.get(), nullptr));
  Bytes shared(field_bytes(own.curve));
  std::size_t size = shared.size();
  if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(context.get(), shared.data(), &size) != 1)
    return std::nullopt;
  return shared;
}

bool verify_ecdsa(const CurveKey& key, Hash hash, ByteSpan signature, ByteSpan message) {
  const std::size_t half = field_bytes(key.curve);
  if (group_of(key.curve) == nullptr || signature.size() != 2 * half) return false;
  const Key made = make_key(key, false);
  if (!made) return false;
  std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> parts(ECDSA_SIG_new());
  ECDSA_SIG_set0(parts.get(), BN_bin2bn(signature.data(), static_cast<int>(half), nullptr),
                 BN_bin2bn(signature.data() + half, static_cast<int>(half), nullptr));
  unsigned char* der = nullptr;
  const int der_size = i2d_ECDSA_SIG(parts.get(), &der);
  if (der_size <= 0) return false;
  const Bytes encoded(der, der + der_size);
  OPENSSL_free(der);
  DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, digest_of(hash), nullptr, made.get()) == 1 &&
         EVP_DigestVerify(context.get(), encoded.data(), encoded.size(), message.data(), message.size()) == 1;
}

bool verify_eddsa(const CurveKey& key, ByteSpan signature, ByteSpan message) {
  if (key.curve == Curve::ed25519) {
    // By the device's code: OpenSSL takes keys of small order, too, which devices refuse (docs/adr/0002).
    std::uint8_t point[32], parts[64];
    if (key.x.size() != sizeof(point) || signature.size() != sizeof(parts)) return false;
    std::copy(key.x.begin(), key.x.end(), point);
    std::copy(signature.begin(), signature.end(), parts);
    return update::verify_ed25519(point, parts, {message.data(), message.size()});
  }
  if (key.curve != Curve::ed448) return false;
  const Key made = make_key(key, false);
  DigestContext context(EVP_MD_CTX_new());
  return made && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, made.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace mote::package
