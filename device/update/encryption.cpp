#include "update/encryption.hpp"

#include "update/cose.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kWrappedBytes = 40;  // a key of 32 bytes

// What is hashed beside keys and ciphertext. The protected headers in both have one encoding: {1: algorithm}.

/// Enc_structure, RFC 9052, 5.3: ["Encrypt", {1: 24}, h''].
constexpr std::uint8_t kEncStructure[] = {0x83, 0x67, 'E',  'n',  'c',  'r',  'y', 'p',
                                          't',  0x44, 0xa1, 0x01, 0x18, 0x18, 0x40};
/// COSE_KDF_Context of a recipient, RFC 9053, 5.2: [A128KW, [nil, nil, nil], [nil, nil, nil], [128, {1: -29}]].
constexpr std::uint8_t kKeyWrapContext[] = {0x84, 0x22, 0x83, 0xf6, 0xf6, 0xf6, 0x83, 0xf6, 0xf6,
                                            0xf6, 0x82, 0x18, 0x80, 0x44, 0xa1, 0x01, 0x38, 0x1c};

struct Recipient {
  std::int32_t algorithm = 0;
  Bytes ephemeral_key;
  Bytes wrapped_key;
};

/// {1: algorithm}, and nothing else.
std::int32_t read_algorithm(CborReader& outer, const Bytes& header) {
  static constexpr std::uint8_t kForm[] = {0xa1, 1, form::kInteger, form::kEnd};
  std::int32_t algorithm;
  outer.match_whole(header, kForm, &algorithm);
  return algorithm;
}

/// @return the nonce.
Bytes read_header(CborReader& reader) {
  static constexpr std::uint8_t kForm[] = {
      0xd8, kTagEncrypt, 0x84, form::kBytes, 0xa1, 5, form::kBytesOf, sizeof(ContentKey::nonce), 0xf6, form::kEnd};
  struct {
    Bytes protected_header, nonce;
  } parts;
  reader.match(kForm, &parts);  // the ciphertext is the payload
  if (read_algorithm(reader, parts.protected_header) != kAlgorithmChaCha20Poly1305)
    reader.fail(Status::unsupported_algorithm);
  return parts.nonce;
}

/// RFC 9053, 6.2.1 and 6.4.1: key wrap protects its own header, so it has none; key agreement protects it by the KDF.
void read_recipient(CborReader& reader, Recipient& out) {
  reader.array(3);
  const Bytes protected_header = reader.bytes();
  if (protected_header.size != 0) out.algorithm = read_algorithm(reader, protected_header);
  for (CborKeys keys(reader); keys.next();) {
    if (keys.key() == 1 && out.algorithm == 0) {
      out.algorithm = reader.integer32();
      if (out.algorithm != kAlgorithmA128KW) reader.fail(Status::unsupported_algorithm);
    } else if (keys.key() == 4) {
      reader.bytes();  // for people
    } else if (keys.key() == -1) {
      // COSE_Key of an X25519 public key: {1: 1, -1: 4, -2: x}.
      static constexpr std::uint8_t kForm[] = {0xa3, 1, 1, 0x20, 4, 0x21, form::kBytesOf, 32, form::kEnd};
      reader.match(kForm, &out.ephemeral_key);
    } else {
      reader.fail(Status::malformed);
    }
  }
  out.wrapped_key = reader.bytes(kWrappedBytes);
  const bool agrees = out.algorithm == kAlgorithmEcdhEsA128KW;
  if (!agrees && (out.algorithm != kAlgorithmA128KW || protected_header.size != 0))
    reader.fail(Status::unsupported_algorithm);
  if (agrees != (out.ephemeral_key.size != 0)) reader.fail(Status::malformed);
}

template <std::size_t N>
bool is_set(const std::uint8_t (&key)[N]) {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : key) any = static_cast<std::uint8_t>(any | byte);
  return any != 0;
}

bool unwrap(const Recipient& recipient, const Identity& identity, Agreement agreement, ContentKey& out) {
  if (recipient.algorithm == kAlgorithmA128KW)
    return is_set(identity.group_key) && aes_key_unwrap(out.key, identity.group_key, recipient.wrapped_key);
  std::uint8_t kek[16];
  const auto& ephemeral = *reinterpret_cast<const std::uint8_t(*)[32]>(recipient.ephemeral_key.data);
  const bool done = agreement != nullptr && agreement(identity, ephemeral, kek) &&
                    aes_key_unwrap(out.key, kek, recipient.wrapped_key);
  wipe(kek);
  return done;
}

}  // namespace

bool agree_by_x25519(const Identity& identity, const std::uint8_t (&ephemeral_key)[32], std::uint8_t (&kek)[16]) {
  if (!is_set(identity.agreement_key)) return false;
  std::uint8_t shared[32];
  const bool done = x25519(shared, identity.agreement_key, ephemeral_key);
  if (done) hkdf_sha256(kek, {}, shared, kKeyWrapContext);
  wipe(shared);
  return done;
}

Status find_content_key(Bytes encryption_info, const Identity& identity, ContentKey& out, Agreement agreement) {
  CborReader reader(encryption_info);
  const Bytes nonce = read_header(reader);
  const std::uint32_t count = reader.array();
  if (count > kMaxRecipients) reader.fail(Status::too_large);
  bool found = false;
  for (std::uint32_t i = 0; i < count && reader.status() == Status::ok; ++i) {
    Recipient recipient;
    read_recipient(reader, recipient);
    // The form of what follows is looked at all the same.
    if (reader.status() == Status::ok) found = found || unwrap(recipient, identity, agreement, out);
  }
  MOTE_UPDATE_TRY(reader.finish());
  copy(out.nonce, nonce);
  return found ? Status::ok : Status::decryption_failed;
}

Status TagCheck::begin(const Plan& plan, const Identity& identity, ContentKey& key, Agreement agreement) {
  is_encrypted_ = plan.encryption_info.size != 0;
  tag_bytes_ = 0;
  if (!is_encrypted_) return Status::ok;
  if (plan.carried_bytes < kTagBytes) return Status::wrong_size;
  text_left_ = plan.carried_bytes - kTagBytes;
  MOTE_UPDATE_TRY(find_content_key(plan.encryption_info, identity, key, agreement));
  check_.begin(key.key, key.nonce, kEncStructure);
  return Status::ok;
}

void TagCheck::update(Bytes carried) {
  if (!is_encrypted_) return;
  const Bytes text = carried.part(0, text_left_);
  check_.update(text);
  text_left_ -= static_cast<std::uint32_t>(text.size);
  for (std::size_t i = text.size; i < carried.size && tag_bytes_ < kTagBytes; ++i) tag_[tag_bytes_++] = carried[i];
}

Status TagCheck::finish() const {
  if (!is_encrypted_) return Status::ok;
  ChaChaPolyCheck whole = check_;
  return text_left_ == 0 && tag_bytes_ == kTagBytes && whole.finish(tag_) ? Status::ok : Status::decryption_failed;
}

}  // namespace mote::update
