#include "mote/package/cose_message.hpp"

#include <algorithm>
#include <iterator>

#include "cose_content_key.hpp"
#include "hash_signature.hpp"
#include "rsa.hpp"

namespace mote::package {
namespace {

using update::CborType;

constexpr int kMaxRecipientDepth = 4;

tl::unexpected<Error> malformed(std::string what) { return fail(Code::malformed, std::move(what)); }

/// Parameters that may be marked critical, because they are looked at or change nothing here.
bool is_known(const CborValue& label, const std::vector<CborValue>& understood) {
  static constexpr std::int64_t kKnown[] = {1, 2, 3, 4, 5, 6};
  return std::any_of(std::begin(kKnown), std::end(kKnown),
                     [&](std::int64_t known) { return label.is_integer(known); }) ||
         std::find(understood.begin(), understood.end(), label) != understood.end();
}

Result<CoseHeader> read_header(const CborValue& protected_item, const CborValue& unprotected,
                               const std::vector<CborValue>& understood) {
  if (!protected_item.is(CborType::bytes) || !unprotected.is(CborType::map))
    return malformed("no pair of headers: a byte string and a map");
  CoseHeader header;
  header.protected_bytes = protected_item.bytes;
  header.unprotected = unprotected;
  header.protected_map.type = CborType::map;
  if (!header.protected_bytes.empty()) {
    MOTE_TRY(header.protected_map, read_cbor(header.protected_bytes));
    if (!header.protected_map.is(CborType::map)) return malformed("the protected header is no map");
  }
  const CborValue& map = header.protected_map;
  if (map.items.empty()) header.protected_bytes.clear();  // RFC 9052, 4.4: an empty map is signed as no bytes
  for (std::size_t i = 0; i < map.items.size(); i += 2) {
    for (std::size_t j = 0; j < unprotected.items.size(); j += 2) {
      if (map.items[i] == unprotected.items[j])
        return malformed("header parameter " + diagnostic(map.items[i]) + " is there twice");
    }
  }
  if (const CborValue* critical = map.find(2)) {
    for (const CborValue& label : critical->items) {
      if (!is_known(label, understood))
        return fail(Code::unsupported, "the critical header parameter " + diagnostic(label) + " is not known");
    }
  }
  return header;
}

Result<std::vector<CosePart>> read_parts(const CborValue& list, const std::vector<CborValue>& understood, int depth);

Result<CosePart> read_part(const CborValue& item, const std::vector<CborValue>& understood, int depth) {
  const std::size_t size = item.items.size();
  if (!item.is(CborType::array) || (size != 3 && size != 4)) return malformed("a signer or recipient is no array of 3");
  CosePart part;
  MOTE_TRY(part.header, read_header(item.items[0], item.items[1], understood));
  if (!item.items[2].is(CborType::bytes) && !item.items[2].is_null())
    return malformed("a signer's or recipient's content is no byte string");
  part.content = item.items[2].bytes;
  if (size == 4) {
    MOTE_TRY(part.recipients, read_parts(item.items[3], understood, depth + 1));
  }
  return part;
}

Result<std::vector<CosePart>> read_parts(const CborValue& list, const std::vector<CborValue>& understood, int depth) {
  if (depth > kMaxRecipientDepth) return malformed("recipients of recipients are nested too deeply");
  if (!list.is(CborType::array) || list.items.empty()) return malformed("no list of signers or recipients");
  std::vector<CosePart> parts;
  for (const CborValue& item : list.items) {
    MOTE_TRY(CosePart part, read_part(item, understood, depth));
    parts.push_back(std::move(part));
  }
  return parts;
}

bool has_code(CoseKind kind) { return kind == CoseKind::sign1 || kind == CoseKind::mac0 || kind == CoseKind::mac; }
bool has_parts(CoseKind kind) { return kind == CoseKind::sign || kind == CoseKind::mac || kind == CoseKind::encrypt; }

Result<CoseKind> kind_of(const CborValue& value, std::optional<CoseKind> untagged) {
  if (!value.is(CborType::tag)) {
    if (!untagged) return malformed("no COSE message: it has no tag");
    return *untagged;
  }
  const auto kind = static_cast<CoseKind>(value.number);
  for (const CoseKind known :
       {CoseKind::encrypt0, CoseKind::mac0, CoseKind::sign1, CoseKind::encrypt, CoseKind::mac, CoseKind::sign}) {
    if (kind == known && (!untagged || *untagged == kind)) return kind;
  }
  return malformed("tag " + std::to_string(value.number) + " is that of another message");
}

/// Sig_structure, MAC_structure and Enc_structure, RFC 9052, 4.4, 5.3, 6.3.
Bytes structure(std::string_view context, std::vector<Bytes> parts) {
  std::vector<CborValue> items{CborValue::text(context)};
  for (const Bytes& part : parts) items.push_back(CborValue::bytes_of(part));
  return write_cbor(CborValue::array(std::move(items)));
}

enum class Scheme { ecdsa, eddsa, rsa_pss, hss };

// RFC 9053, section 2; RFC 9864; RFC 8230; RFC 8778.
struct SignatureAlgorithm {
  std::int64_t number;
  Scheme scheme;
  Hash hash;
  std::optional<Curve> curve;  // none: any of its kind
};
constexpr SignatureAlgorithm kSignatureAlgorithms[] = {
    {-7, Scheme::ecdsa, Hash::sha256, std::nullopt},    {-35, Scheme::ecdsa, Hash::sha384, std::nullopt},
    {-36, Scheme::ecdsa, Hash::sha512, std::nullopt},   {-9, Scheme::ecdsa, Hash::sha256, Curve::p256},
    {-51, Scheme::ecdsa, Hash::sha384, Curve::p384},    {-52, Scheme::ecdsa, Hash::sha512, Curve::p521},
    {-8, Scheme::eddsa, Hash::sha512, std::nullopt},    {-19, Scheme::eddsa, Hash::sha512, Curve::ed25519},
    {-53, Scheme::eddsa, Hash::sha512, Curve::ed448},   {-37, Scheme::rsa_pss, Hash::sha256, std::nullopt},
    {-38, Scheme::rsa_pss, Hash::sha384, std::nullopt}, {-39, Scheme::rsa_pss, Hash::sha512, std::nullopt},
    {-46, Scheme::hss, Hash::sha256, std::nullopt},
};

Result<bool> holds(const SignatureAlgorithm& algorithm, const CoseKey& key, ByteSpan signature, ByteSpan message) {
  if (algorithm.scheme == Scheme::rsa_pss)
    return verify_rsa_pss({key.modulus, key.exponent, {}}, algorithm.hash, signature, message);
  if (algorithm.scheme == Scheme::hss) return verify_hss(key.hash_tree, signature, message);
  MOTE_TRY(const CurveKey curve_key, curve_key_of(key));
  if (algorithm.curve && *algorithm.curve != curve_key.curve) return malformed("the key is of another curve");
  return algorithm.scheme == Scheme::eddsa ? verify_eddsa(curve_key, signature, message)
                                           : verify_ecdsa(curve_key, algorithm.hash, signature, message);
}

Result<void> verify(std::int64_t number, const CoseKey& key, ByteSpan signature, ByteSpan message) {
  const auto* algorithm = std::find_if(std::begin(kSignatureAlgorithms), std::end(kSignatureAlgorithms),
                                       [&](const SignatureAlgorithm& a) { return a.number == number; });
  if (algorithm == std::end(kSignatureAlgorithms))
    return fail(Code::unsupported, "signature algorithm " + std::to_string(number) + " is not known");
  MOTE_TRY(const bool is_right, holds(*algorithm, key, signature, message));
  if (!is_right) return malformed("the signature is wrong");
  return {};
}

Result<Bytes> open_signed(const CoseMessage& message, const CoseKey& key, const CoseContext& context,
                          const Bytes& payload, std::size_t part) {
  const Bytes& body = message.header.protected_bytes;
  if (message.kind == CoseKind::sign1) {
    MOTE_TRY_VOID(verify(message.header.algorithm(), key, message.code,
                         structure("Signature1", {body, context.external_aad, payload})));
    return payload;
  }
  const CosePart& signer = message.parts[part];
  MOTE_TRY_VOID(verify(signer.header.algorithm(), key, signer.content,
                       structure("Signature", {body, signer.header.protected_bytes, context.external_aad, payload})));
  return payload;
}

Result<Bytes> open_mac(const CoseMessage& message, ByteSpan key, const CoseContext& context, const Bytes& payload) {
  const ContentAlgorithm* algorithm = content_algorithm(message.header.algorithm());
  if (algorithm == nullptr || algorithm->kind == ContentKind::aead)
    return fail(Code::unsupported, "MAC algorithm " + std::to_string(message.header.algorithm()) + " is not known");
  const Bytes covered = structure(message.kind == CoseKind::mac ? "MAC" : "MAC0",
                                  {message.header.protected_bytes, context.external_aad, payload});
  Bytes code;
  if (algorithm->kind == ContentKind::hmac) {
    code = hmac(algorithm->hash, key, covered);
    code.resize(algorithm->tag_bytes);
  } else if (auto computed = cbc_mac(key, covered, algorithm->tag_bytes); computed) {
    code = std::move(*computed);
  }
  if (code != message.code) return malformed("the authentication code is wrong");
  return payload;
}

Result<Bytes> nonce_of(const CoseHeader& header, const ContentAlgorithm& algorithm, const CoseContext& context) {
  const auto sized = [&](const Bytes& nonce) -> Result<Bytes> {
    if (nonce.size() != algorithm.nonce_bytes)
      return malformed("the IV has " + std::to_string(nonce.size()) + " bytes, not " +
                       std::to_string(algorithm.nonce_bytes));
    return nonce;
  };
  if (const CborValue* iv = header.find(5)) return sized(iv->bytes);
  const CborValue* partial = header.find(6);
  if (partial == nullptr) return malformed("no IV");
  Bytes nonce = context.base_iv;
  if (partial->bytes.size() > nonce.size()) return malformed("the partial IV is longer than the IV");
  // RFC 9052, 3.1: padded with zeros on the left, then XOR.
  const std::size_t from = nonce.size() - partial->bytes.size();
  for (std::size_t i = 0; i < partial->bytes.size(); ++i)
    nonce[from + i] = static_cast<std::uint8_t>(nonce[from + i] ^ partial->bytes[i]);
  return sized(nonce);
}

Result<Bytes> decrypt(const CoseMessage& message, ByteSpan key, const CoseContext& context, const Bytes& ciphertext) {
  const ContentAlgorithm* algorithm = content_algorithm(message.header.algorithm());
  if (algorithm == nullptr || algorithm->kind != ContentKind::aead)
    return fail(Code::unsupported,
                "content encryption algorithm " + std::to_string(message.header.algorithm()) + " is not known");
  if (key.size() != algorithm->key_bytes) return malformed("the content key has another size");
  MOTE_TRY(const Bytes nonce, nonce_of(message.header, *algorithm, context));
  const Bytes bound = structure(message.kind == CoseKind::encrypt ? "Encrypt" : "Encrypt0",
                                {message.header.protected_bytes, context.external_aad});
  auto text = open(algorithm->cipher, algorithm->tag_bytes, key, nonce, bound, ciphertext);
  if (!text) return malformed("the authentication tag is wrong");
  return *std::move(text);
}

void name_parameters(CborValue& map) {
  static constexpr std::pair<std::int64_t, const char*> kNames[] = {
      {1, "algorithm"}, {2, "critical"},   {3, "content-type"},  {4, "key-id"},
      {5, "iv"},        {6, "partial-iv"}, {-1, "ephemeral-key"}};
  for (std::size_t i = 0; map.is(CborType::map) && i < map.items.size(); i += 2) {
    for (const auto& [label, name] : kNames) {
      if (map.items[i].is_integer(label)) map.items[i].comment = name;
    }
  }
}

/// Headers, content, and perhaps a list of parts, which look the same.
void name_headers_of(CborValue& body, int depth) {
  if (!body.is(CborType::array) || body.items.size() < 3 || depth > kMaxRecipientDepth) return;
  CborValue& header = body.items[0];
  if (header.is(CborType::bytes) && !header.bytes.empty() && unwrap(header)) name_parameters(header.items[0]);
  name_parameters(body.items[1]);
  if (!body.items.back().is(CborType::array)) return;
  for (CborValue& part : body.items.back().items) name_headers_of(part, depth + 1);
}

}  // namespace

void name_headers(CborValue& message) {
  if (message.is(CborType::tag)) name_headers_of(message.items[0], 0);
}

const CborValue* CoseHeader::find(std::int64_t label) const {
  const CborValue* found = protected_map.find(label);
  return found != nullptr ? found : unprotected.find(label);
}

std::int64_t CoseHeader::algorithm() const {
  const CborValue* found = find(1);
  if (found == nullptr || found->number >> 62 != 0) return 0;
  const auto number = static_cast<std::int64_t>(found->number);
  return found->is(CborType::unsigned_int) ? number : found->is(CborType::negative_int) ? -1 - number : 0;
}

Result<CoseMessage> read_cose(const CborValue& value, std::optional<CoseKind> untagged,
                              const std::vector<CborValue>& understood) {
  CoseMessage message;
  MOTE_TRY(message.kind, kind_of(value, untagged));
  const CborValue& body = value.is(CborType::tag) ? value.items[0] : value;
  const std::size_t size = 3 + (has_code(message.kind) ? 1 : 0) + (has_parts(message.kind) ? 1 : 0);
  if (!body.is(CborType::array) || body.items.size() != size)
    return malformed("no array of " + std::to_string(size) + " elements");
  MOTE_TRY(message.header, read_header(body.items[0], body.items[1], understood));
  if (body.items[2].is(CborType::bytes)) {
    message.content = body.items[2].bytes;
  } else if (!body.items[2].is_null()) {
    return malformed("the content is no byte string");
  }
  if (has_code(message.kind)) {
    if (!body.items[3].is(CborType::bytes)) return malformed("the signature or code is no byte string");
    message.code = body.items[3].bytes;
  }
  if (has_parts(message.kind)) {
    MOTE_TRY(message.parts, read_parts(body.items.back(), understood, 0));
  }
  return message;
}

Result<Bytes> open_cose(const CoseMessage& message, const CoseKey& key, const CoseContext& context, std::size_t part) {
  const std::optional<Bytes>& content = message.content ? message.content : context.detached;
  if (!content) return malformed("the content is detached, and not at hand");
  if (has_parts(message.kind) && part >= message.parts.size()) return malformed("no such signer or recipient");
  if (message.kind == CoseKind::sign1 || message.kind == CoseKind::sign)
    return open_signed(message, key, context, *content, part);
  Bytes content_key = key.symmetric;
  if (has_parts(message.kind)) {
    MOTE_TRY(content_key, find_content_key(message.parts[part], message.header.algorithm(), key, context));
  }
  if (message.kind == CoseKind::mac || message.kind == CoseKind::mac0)
    return open_mac(message, content_key, context, *content);
  return decrypt(message, content_key, context, *content);
}

}  // namespace mote::package
