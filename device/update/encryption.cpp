#include "update/encryption.hpp"

#include "update/cose.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kWrappedBytes = 40;  // a key of 32 bytes
constexpr std::size_t kMaxProtectedBytes = 16;

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
std::int32_t read_algorithm(CborReader& outer, Bytes header) {
  CborReader reader(header);
  if (header.size > kMaxProtectedBytes) reader.fail(Status::malformed);
  reader.map(1);
  reader.number(1);
  const std::int32_t algorithm = reader.integer32();
  outer.fail(reader.finish());
  return algorithm;
}

/// COSE_Key of an X25519 public key: {1: 1, -1: 4, -2: x}.
Bytes read_ephemeral_key(CborReader& reader) {
  reader.map(3);
  reader.number(1);
  reader.number(1);
  if (reader.integer32() != -1) reader.fail(Status::malformed);
  reader.number(4);
  if (reader.integer32() != -2) reader.fail(Status::malformed);
  return reader.bytes(32);
}

/// @return the nonce.
Bytes read_header(CborReader& reader) {
  if (reader.tag() != kTagEncrypt) reader.fail(Status::malformed);
  reader.array(4);
  if (read_algorithm(reader, reader.bytes()) != kAlgorithmChaCha20Poly1305) reader.fail(Status::unsupported_algorithm);
  reader.map(1);
  reader.number(5);
  const Bytes nonce = reader.bytes(sizeof(ContentKey::nonce));
  reader.null();  // the ciphertext is the payload
  return nonce;
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
      out.ephemeral_key = read_ephemeral_key(reader);
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

/// A function of its own: what reading a header has on the stack and what the agreement has are not there together.
[[gnu::noinline]] bool unwrap(const Recipient& recipient, const Identity& identity, ContentKey& out) {
  if (recipient.algorithm == kAlgorithmA128KW)
    return is_set(identity.group_key) && aes_key_unwrap(out.key, identity.group_key, recipient.wrapped_key);
  if (!is_set(identity.agreement_key)) return false;
  std::uint8_t shared[32], kek[16];
  const auto& ephemeral = *reinterpret_cast<const std::uint8_t(*)[32]>(recipient.ephemeral_key.data);
  bool done = x25519(shared, identity.agreement_key, ephemeral);
  if (done) {
    hkdf_sha256(kek, {}, shared, kKeyWrapContext);
    done = aes_key_unwrap(out.key, kek, recipient.wrapped_key);
  }
  wipe(shared);
  wipe(kek);
  return done;
}

}  // namespace

Status find_content_key(Bytes encryption_info, const Identity& identity, ContentKey& out) {
  CborReader reader(encryption_info);
  const Bytes nonce = read_header(reader);
  const std::uint32_t count = reader.array();
  if (count > kMaxRecipients) reader.fail(Status::too_large);
  bool found = false;
  for (std::uint32_t i = 0; i < count && reader.status() == Status::ok; ++i) {
    Recipient recipient;
    read_recipient(reader, recipient);
    // The form of what follows is looked at all the same.
    if (reader.status() == Status::ok) found = found || unwrap(recipient, identity, out);
  }
  MOTE_UPDATE_TRY(reader.finish());
  copy(out.nonce, nonce);
  return found ? Status::ok : Status::decryption_failed;
}

Status TagCheck::begin(const Plan& plan, const Identity& identity, ContentKey& key) {
  is_encrypted_ = plan.encryption_info.size != 0;
  tag_bytes_ = 0;
  if (!is_encrypted_) return Status::ok;
  if (plan.carried_bytes < kTagBytes) return Status::wrong_size;
  text_left_ = plan.carried_bytes - kTagBytes;
  MOTE_UPDATE_TRY(find_content_key(plan.encryption_info, identity, key));
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
