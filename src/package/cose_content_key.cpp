#include "cose_content_key.hpp"

#include <algorithm>
#include <iterator>

#include "rsa.hpp"

namespace mote::package {
namespace {

using update::CborType;

constexpr auto kAead = ContentKind::aead;

// RFC 9053, sections 3 and 4.
constexpr ContentAlgorithm kContentAlgorithms[] = {
    {1, kAead, 16, 16, 12, Cipher::aes_gcm, {}},         {2, kAead, 24, 16, 12, Cipher::aes_gcm, {}},
    {3, kAead, 32, 16, 12, Cipher::aes_gcm, {}},         {4, ContentKind::hmac, 32, 8, 0, {}, Hash::sha256},
    {5, ContentKind::hmac, 32, 32, 0, {}, Hash::sha256}, {6, ContentKind::hmac, 48, 48, 0, {}, Hash::sha384},
    {7, ContentKind::hmac, 64, 64, 0, {}, Hash::sha512}, {10, kAead, 16, 8, 13, Cipher::aes_ccm, {}},
    {11, kAead, 32, 8, 13, Cipher::aes_ccm, {}},         {12, kAead, 16, 8, 7, Cipher::aes_ccm, {}},
    {13, kAead, 32, 8, 7, Cipher::aes_ccm, {}},          {14, ContentKind::cbc_mac, 16, 8, 0, {}, {}},
    {15, ContentKind::cbc_mac, 32, 8, 0, {}, {}},        {24, kAead, 32, 16, 12, Cipher::chacha20_poly1305, {}},
    {25, ContentKind::cbc_mac, 16, 16, 0, {}, {}},       {26, ContentKind::cbc_mac, 32, 16, 0, {}, {}},
    {30, kAead, 16, 16, 13, Cipher::aes_ccm, {}},        {31, kAead, 32, 16, 13, Cipher::aes_ccm, {}},
    {32, kAead, 16, 16, 7, Cipher::aes_ccm, {}},         {33, kAead, 32, 16, 7, Cipher::aes_ccm, {}},
};

enum class Secret { direct, shared_key, ephemeral_key, static_key };

// RFC 9053, section 6.
struct RecipientAlgorithm {
  std::int64_t number;
  Secret secret;
  std::optional<Hash> hash;  // of HKDF; none: HKDF with AES, or no derivation
  std::int64_t wrap;         // key wrap that the derived key is for; 0: the derived key is the content key
  bool derives;
};
constexpr RecipientAlgorithm kRecipientAlgorithms[] = {
    {-3, Secret::shared_key, std::nullopt, -3, false},    {-4, Secret::shared_key, std::nullopt, -4, false},
    {-5, Secret::shared_key, std::nullopt, -5, false},    {-6, Secret::direct, std::nullopt, 0, false},
    {-10, Secret::shared_key, Hash::sha256, 0, true},     {-11, Secret::shared_key, Hash::sha512, 0, true},
    {-12, Secret::shared_key, std::nullopt, 0, true},     {-13, Secret::shared_key, std::nullopt, 0, true},
    {-25, Secret::ephemeral_key, Hash::sha256, 0, true},  {-26, Secret::ephemeral_key, Hash::sha512, 0, true},
    {-27, Secret::static_key, Hash::sha256, 0, true},     {-28, Secret::static_key, Hash::sha512, 0, true},
    {-29, Secret::ephemeral_key, Hash::sha256, -3, true}, {-30, Secret::ephemeral_key, Hash::sha256, -4, true},
    {-31, Secret::ephemeral_key, Hash::sha256, -5, true}, {-32, Secret::static_key, Hash::sha256, -3, true},
    {-33, Secret::static_key, Hash::sha256, -4, true},    {-34, Secret::static_key, Hash::sha256, -5, true},
};

tl::unexpected<Error> malformed(std::string what) { return fail(Code::malformed, std::move(what)); }

/// Size of the key that an algorithm takes; 0: not known.
std::size_t key_bytes_for(std::int64_t number) {
  if (number >= -5 && number <= -3) return static_cast<std::size_t>(16 - 8 * (number + 3));
  const ContentAlgorithm* algorithm = content_algorithm(number);
  return algorithm != nullptr ? algorithm->key_bytes : 0;
}

/// Hash of RSA-OAEP (RFC 8230, section 3); none: another algorithm.
std::optional<Hash> oaep_hash(std::int64_t number) {
  return number == -40   ? std::optional(Hash::sha1)
         : number == -41 ? std::optional(Hash::sha256)
         : number == -42 ? std::optional(Hash::sha512)
                         : std::nullopt;
}

/// A COSE_Key in a header. y is a byte string, or which of two it is.
Result<CurveKey> curve_key_in(const CborValue& map) {
  const CborValue *curve = map.find(-1), *x = map.find(-2), *y = map.find(-3);
  if (curve == nullptr || x == nullptr || !curve->is(CborType::unsigned_int) || curve->number > 7)
    return malformed("no public key in the header");
  CoseKey key;
  key.curve = static_cast<std::int64_t>(curve->number);
  key.x = x->bytes;
  if (y != nullptr) key.y = y->bytes;
  MOTE_TRY(CurveKey out, curve_key_of(key));
  if (y != nullptr && y->is(CborType::simple)) out.y_is_odd = y->number == 21;
  return out;
}

Result<CurveKey> peer_of(const CoseHeader& header, Secret secret, const CoseContext& context) {
  if (const CborValue* key = header.find(secret == Secret::ephemeral_key ? -1 : -2)) return curve_key_in(*key);
  if (secret == Secret::static_key && context.sender) return curve_key_of(*context.sender);
  return malformed("the sender's public key is not known");
}

CborValue party(const CoseHeader& header, std::int64_t first_label, const Bytes& identity) {
  const auto item = [&](std::int64_t label, const Bytes& known) {
    const CborValue* found = header.find(label);
    if (found != nullptr) return *found;
    return known.empty() ? CborValue::null() : CborValue::bytes_of(known);
  };
  return CborValue::array({item(first_label, identity), item(first_label - 1, {}), item(first_label - 2, {})});
}

/// COSE_KDF_Context, section 5.2.
Bytes kdf_context(const CoseHeader& header, std::int64_t purpose, std::size_t key_bytes, const CoseContext& context) {
  std::vector<CborValue> public_info{CborValue::unsigned_int(8 * key_bytes),
                                     CborValue::bytes_of(header.protected_bytes)};
  if (context.public_other) public_info.push_back(CborValue::bytes_of(*context.public_other));
  std::vector<CborValue> items{CborValue::integer(purpose), party(header, -21, context.party_u),
                               party(header, -24, context.party_v), CborValue::array(std::move(public_info))};
  if (context.private_other) items.push_back(CborValue::bytes_of(*context.private_other));
  return write_cbor(CborValue::array(std::move(items)));
}

Result<Bytes> shared_secret(const CosePart& recipient, const RecipientAlgorithm& algorithm, const CoseKey& key,
                            const CoseContext& context) {
  if (algorithm.secret == Secret::shared_key) return key.symmetric;
  MOTE_TRY(const CurveKey own, curve_key_of(key));
  MOTE_TRY(const CurveKey peer, peer_of(recipient.header, algorithm.secret, context));
  auto shared = agree(own, peer);
  if (!shared) return malformed("the keys do not agree: another curve, or no point of it");
  return *std::move(shared);
}

}  // namespace

const ContentAlgorithm* content_algorithm(std::int64_t number) {
  const auto found = std::find_if(std::begin(kContentAlgorithms), std::end(kContentAlgorithms),
                                  [&](const ContentAlgorithm& a) { return a.number == number; });
  return found != std::end(kContentAlgorithms) ? &*found : nullptr;
}

Result<CurveKey> curve_key_of(const CoseKey& key) {
  static constexpr Curve kCurves[] = {Curve::p256, Curve::p384,    Curve::p521, Curve::x25519,
                                      Curve::x448, Curve::ed25519, Curve::ed448};
  if (key.curve < 1 || key.curve > 7)
    return fail(Code::unsupported, "curve " + std::to_string(key.curve) + " is not known");
  return CurveKey{kCurves[key.curve - 1], key.x, key.y, std::nullopt, key.secret};
}

Result<Bytes> find_content_key(const CosePart& recipient, std::int64_t purpose, const CoseKey& key,
                               const CoseContext& context) {
  const std::int64_t number = recipient.header.algorithm();
  if (const auto hash = oaep_hash(number)) {
    auto opened = decrypt_rsa_oaep({key.modulus, key.exponent, key.secret}, *hash, recipient.content);
    if (!opened) return malformed("the content key cannot be decrypted");
    return *std::move(opened);
  }
  const auto* algorithm = std::find_if(std::begin(kRecipientAlgorithms), std::end(kRecipientAlgorithms),
                                       [&](const RecipientAlgorithm& a) { return a.number == number; });
  if (algorithm == std::end(kRecipientAlgorithms))
    return fail(Code::unsupported, "recipient algorithm " + std::to_string(number) + " is not known");
  if (algorithm->secret == Secret::direct) return key.symmetric;

  Bytes secret;
  if (!recipient.recipients.empty()) {
    // The key that unwraps this one is itself sent to somebody.
    MOTE_TRY(secret, find_content_key(recipient.recipients[0], number, key, context));
  } else {
    MOTE_TRY(secret, shared_secret(recipient, *algorithm, key, context));
  }
  if (algorithm->derives) {
    const std::int64_t derived_for = algorithm->wrap != 0 ? algorithm->wrap : purpose;
    const std::size_t size = key_bytes_for(derived_for);
    if (size == 0) return fail(Code::unsupported, "algorithm " + std::to_string(derived_for) + " is not known");
    const Bytes info = kdf_context(recipient.header, derived_for, size, context);
    const CborValue* salt = recipient.header.find(-20);
    if (algorithm->hash) {
      secret = hkdf(*algorithm->hash, salt != nullptr ? ByteSpan(salt->bytes) : ByteSpan(), secret, info, size);
    } else {
      auto derived = hkdf_aes(secret, info, size);
      if (!derived) return malformed("the key has another size");
      secret = std::move(*derived);
    }
  }
  if (algorithm->wrap == 0) return secret;
  if (secret.size() != key_bytes_for(algorithm->wrap)) return malformed("the key that unwraps has another size");
  auto unwrapped = unwrap_key(secret, recipient.content);
  if (!unwrapped) return malformed("the content key cannot be unwrapped");
  return *std::move(unwrapped);
}

}  // namespace mote::package
