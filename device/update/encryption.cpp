#include "update/encryption.hpp"

#include "update/cose.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kWrappedBytes = 40;       // a key of 32 bytes
constexpr std::size_t kMaxStructureBytes = 64;  // what is hashed beside keys and ciphertext
constexpr std::size_t kMaxProtectedBytes = 16;

struct EncryptHeader {
  Bytes protected_header;
  Bytes nonce;
};

struct Recipient {
  Bytes protected_header;
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

void read_header(CborReader& reader, EncryptHeader& out) {
  if (reader.tag() != kTagEncrypt) reader.fail(Status::malformed);
  reader.array(4);
  out.protected_header = reader.bytes();
  if (read_algorithm(reader, out.protected_header) != kAlgorithmChaCha20Poly1305)
    reader.fail(Status::unsupported_algorithm);
  reader.map(1);
  reader.number(5);
  out.nonce = reader.bytes(sizeof(ContentKey::nonce));
  reader.null();  // the ciphertext is the payload
}

/// RFC 9053, 6.2.1 and 6.4.1: key wrap protects its own header, so it has none; key agreement protects it by the KDF.
void read_recipient(CborReader& reader, Recipient& out) {
  reader.array(3);
  out.protected_header = reader.bytes();
  if (out.protected_header.size != 0) out.algorithm = read_algorithm(reader, out.protected_header);
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
  if (!agrees && (out.algorithm != kAlgorithmA128KW || out.protected_header.size != 0))
    reader.fail(Status::unsupported_algorithm);
  if (agrees != (out.ephemeral_key.size != 0)) reader.fail(Status::malformed);
}

/// COSE_KDF_Context of a recipient, RFC 9053, 5.2: [A128KW, [nil, nil, nil], [nil, nil, nil], [128, protected]].
Bytes key_wrap_context(Bytes protected_header, MutableBytes to) {
  CborWriter writer(to);
  writer.array(4);
  writer.integer(kAlgorithmA128KW);
  for (unsigned party = 0; party < 2; ++party) {
    writer.array(3);
    for (unsigned i = 0; i < 3; ++i) writer.null();
  }
  writer.array(2);
  writer.unsigned_int(128);
  writer.bytes(protected_header);
  return writer.written();
}

template <std::size_t N>
bool is_set(const std::uint8_t (&key)[N]) {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : key) any = static_cast<std::uint8_t>(any | byte);
  return any != 0;
}

bool unwrap(const Recipient& recipient, const Identity& identity, ContentKey& out) {
  if (recipient.algorithm == kAlgorithmA128KW)
    return is_set(identity.group_key) && aes_key_unwrap(out.key, identity.group_key, recipient.wrapped_key);
  if (!is_set(identity.agreement_key)) return false;
  std::uint8_t ephemeral[32], shared[32], kek[16], context[kMaxStructureBytes];
  copy(ephemeral, recipient.ephemeral_key);
  bool done = x25519(shared, identity.agreement_key, ephemeral);
  if (done) {
    hkdf_sha256(kek, {}, shared, key_wrap_context(recipient.protected_header, context));
    done = aes_key_unwrap(out.key, kek, recipient.wrapped_key);
  }
  wipe(shared);
  wipe(kek);
  return done;
}

Status find(Bytes encryption_info, const Identity& identity, EncryptHeader& header, ContentKey& out) {
  CborReader reader(encryption_info);
  read_header(reader, header);
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
  copy(out.nonce, header.nonce);
  return found ? Status::ok : Status::decryption_failed;
}

}  // namespace

Status find_content_key(Bytes encryption_info, const Identity& identity, ContentKey& out) {
  EncryptHeader header;
  return find(encryption_info, identity, header, out);
}

Status TagCheck::begin(const Plan& plan, const Identity& identity) {
  is_encrypted_ = plan.encryption_info.size != 0;
  tag_bytes_ = 0;
  if (!is_encrypted_) return Status::ok;
  if (plan.carried_bytes < kTagBytes) return Status::wrong_size;
  text_left_ = plan.carried_bytes - kTagBytes;
  EncryptHeader header;
  ContentKey key;
  const Status status = find(plan.encryption_info, identity, header, key);
  if (status == Status::ok) {
    // Enc_structure, RFC 9052, 5.3.
    std::uint8_t structure[kMaxStructureBytes];
    CborWriter writer(structure);
    writer.array(3);
    writer.text("Encrypt");
    writer.bytes(header.protected_header);
    writer.bytes({});
    check_.begin(key.key, key.nonce, writer.written());
  }
  wipe({key.key, sizeof(key.key)});
  return status;
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
