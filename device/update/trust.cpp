#include "update/trust.hpp"

#include "update/cose.hpp"
#include "update/crc32.hpp"
#include "update/crypto.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kKeysMagic = 0x31534b4d;  // "MKS1"
constexpr std::size_t kMaxStatementBytes = 64;
constexpr std::size_t kMaxKeysBytes = 704;      // payload of a keys document
constexpr std::size_t kMaxStructureBytes = 96;  // of a Sig_structure without its payload

/// First bytes of a keys area; the message follows.
struct StoredKeys {
  std::uint32_t magic;
  std::uint32_t bytes;
  std::uint32_t crc;
  std::uint32_t reserved[5];
};
static_assert(sizeof(StoredKeys) == 32, "a multiple of every write unit");

template <class T>
Bytes bytes_of(const T& value, std::size_t count = sizeof(T)) {
  return {reinterpret_cast<const std::uint8_t*>(&value), count};
}

Status read_key(CborReader& reader, PublicKey& out) {
  if (reader.array() != 2) reader.fail(Status::malformed);
  if (reader.integer() != kAlgorithmEd25519) reader.fail(Status::unsupported_algorithm);
  const Bytes key = reader.bytes(sizeof(out.bytes));
  MOTE_UPDATE_TRY(reader.status());
  copy(out.bytes, key);
  Sha256 hash;
  hash.update(key);
  std::uint8_t digest[32];
  hash.finish(digest);
  copy(out.id, {digest, sizeof(out.id)});
  return Status::ok;
}

Status read_role(CborReader& reader, RoleRecord& out) {
  if (reader.array() != 2) reader.fail(Status::malformed);
  out.threshold = static_cast<std::uint8_t>(reader.unsigned_int(kMaxKeys));
  const std::uint64_t members = reader.array();
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < members && reader.status() == Status::ok; ++i) {
    const auto bit = static_cast<std::uint16_t>(1u << reader.unsigned_int(kMaxKeys - 1));
    if ((out.members & bit) != 0) reader.fail(Status::malformed);
    out.members = static_cast<std::uint16_t>(out.members | bit);
    ++count;
  }
  if (out.threshold == 0 || out.threshold > count) reader.fail(Status::threshold_not_met);
  return reader.status();
}

/// The payload of a keys message: docs/formats/parcel.md.
Status read_keys(Bytes payload, Bytes vendor, Keys& out) {
  out = Keys{};
  CborReader reader(payload);
  if (reader.map() != 6) reader.fail(Status::malformed);
  const auto key = [&](std::uint64_t expected) {
    if (reader.unsigned_int() != expected) reader.fail(Status::malformed);
  };
  key(1);
  out.version = static_cast<std::uint32_t>(reader.unsigned_int(0xffffffff));
  key(2);
  if (reader.map() != 3) reader.fail(Status::malformed);
  for (unsigned role = 1; role <= 3 && reader.status() == Status::ok; ++role) {
    key(role);
    MOTE_UPDATE_TRY(read_role(reader, out.roles[role]));
  }
  key(3);
  const std::uint64_t count = reader.array();
  if (count > kMaxKeys) reader.fail(Status::too_large);
  for (; out.count < count && reader.status() == Status::ok; ++out.count)
    MOTE_UPDATE_TRY(read_key(reader, out.keys[out.count]));
  key(4);
  out.not_after_s = reader.unsigned_int();
  key(5);
  out.highest_sequence = reader.unsigned_int();
  key(6);
  const Bytes whose = reader.bytes(16);
  MOTE_UPDATE_TRY(reader.finish());
  if (!equal(whose, vendor)) return Status::wrong_vendor;
  for (unsigned role = 1; role <= 3; ++role) {
    if ((out.roles[role].members >> out.count) != 0) return Status::malformed;  // a key that is not there
  }
  return Status::ok;
}

/// A COSE_Sign: [protected, {}, payload, [signatures]].
struct SignedDocument {
  Bytes body_protected;
  Bytes payload;
  Bytes signatures;  // from the array's head to the end of the message
};

Status read_sign(Bytes message, SignedDocument& out) {
  CborReader reader(message);
  if (reader.tag() != kTagSign) reader.fail(Status::malformed);
  if (reader.array() != 4) reader.fail(Status::malformed);
  out.body_protected = reader.bytes(0);
  if (reader.map() != 0) reader.fail(Status::malformed);
  out.payload = reader.bytes();
  out.signatures = reader.rest();
  reader.skip();
  return reader.finish();
}

/// Counts the distinct keys of a role that signed, and keeps the first reason why one did not count.
class Count {
 public:
  Count(const Keys& keys, Role role) : keys_(keys), role_(keys.roles[static_cast<unsigned>(role)]) {}

  /// Verifies no more after enough are right or one is wrong: whoever changes signatures on the way makes a device
  /// verify one more than were right, not ten.
  void add(const CoseSignature& signature, Bytes signed_bytes) {
    if (has_wrong_ || is_met()) return;
    const Status status = judge(signature, signed_bytes);
    has_wrong_ = status == Status::bad_signature;
    if (status != Status::ok && first_ == Status::ok) first_ = status;
  }

  Status result() const {
    if (is_met()) return Status::ok;
    return first_ != Status::ok ? first_ : Status::threshold_not_met;
  }

 private:
  Status judge(const CoseSignature& signature, Bytes signed_bytes) {
    if (signature.algorithm != kAlgorithmEd25519) return Status::unsupported_algorithm;
    unsigned index = 0;
    while (index < keys_.count && !equal(keys_.keys[index].id, signature.key_id)) ++index;
    if (index == keys_.count) return Status::unknown_key;
    const auto bit = static_cast<std::uint16_t>(1u << index);
    if ((role_.members & bit) == 0) return Status::wrong_role;
    if ((valid_ & bit) != 0) return Status::ok;  // twice is once
    std::uint8_t bytes[64];
    if (signature.signature.size != sizeof(bytes)) return Status::malformed;
    copy(bytes, signature.signature);
    if (!verify_ed25519(keys_.keys[index].bytes, bytes, signed_bytes)) return Status::bad_signature;
    valid_ = static_cast<std::uint16_t>(valid_ | bit);
    return Status::ok;
  }

  bool is_met() const {
    unsigned valid = 0;
    for (std::uint16_t bits = valid_; bits != 0; bits = static_cast<std::uint16_t>(bits & (bits - 1))) ++valid;
    return valid >= role_.threshold && role_.threshold != 0;
  }

  const Keys& keys_;
  const RoleRecord& role_;
  std::uint16_t valid_ = 0;
  Status first_ = Status::ok;
  bool has_wrong_ = false;
};

Status count_document(const SignedDocument& document, const Keys& keys) {
  Count count(keys, Role::root);
  CborReader reader(document.signatures);
  const std::uint64_t signers = reader.array();
  if (signers > kMaxKeys) return Status::too_large;
  for (std::uint64_t i = 0; i < signers; ++i) {
    if (reader.array() != 3) reader.fail(Status::malformed);
    const Bytes header = reader.bytes();
    if (reader.map() != 0) reader.fail(Status::malformed);
    CoseSignature signature;
    signature.signature = reader.bytes();
    MOTE_UPDATE_TRY(reader.status());
    MOTE_UPDATE_TRY(read_protected(header, signature));
    std::uint8_t structure[kMaxKeysBytes + kMaxStructureBytes];
    MutableBytes to_verify(structure);
    MOTE_UPDATE_TRY(to_be_signed(&document.body_protected, signature, "mote keys 1", document.payload, to_verify));
    count.add(signature, to_verify);
  }
  MOTE_UPDATE_TRY(reader.finish());
  return count.result();
}

}  // namespace

Status Trust::load(Port& port, std::uint8_t keys_area) {
  const Layout& layout = port.layout();
  port.read(layout.identity, {reinterpret_cast<std::uint8_t*>(&identity_), sizeof(identity_)});
  if (identity_.magic != kIdentityMagic || identity_.version != 1) return Status::malformed;
  const Bytes first{port.map(layout.identity + sizeof(Identity)), identity_.keys_bytes};
  if (sizeof(Identity) + first.size > layout.journal - layout.identity) return Status::malformed;
  if (crc32(first, crc32(bytes_of(identity_, sizeof(Identity) - sizeof(identity_.crc)))) != identity_.crc)
    return Status::malformed;
  Bytes message = first;
  if (keys_area < 2) {
    const std::uint32_t area = layout.keys + keys_area * layout.keys_area_bytes;
    StoredKeys stored;
    port.read(area, {reinterpret_cast<std::uint8_t*>(&stored), sizeof(stored)});
    const Bytes later{port.map(area + sizeof(StoredKeys)), stored.bytes};
    // A damaged area falls back to the factory's keys: a parcel brings the whole chain again.
    if (stored.magic == kKeysMagic && stored.bytes <= layout.keys_area_bytes - sizeof(StoredKeys) &&
        crc32(later) == stored.crc)
      message = later;
  }
  SignedDocument document;
  MOTE_UPDATE_TRY(read_sign(message, document));
  return read_keys(document.payload, identity_.vendor, keys_);
}

Status Trust::verify(const BundleHead& head) const {
  Count count(keys_, Role::release);
  for (unsigned i = 0; i < head.signature_count; ++i) {
    CoseSignature signature;
    Bytes payload;
    MOTE_UPDATE_TRY(read_sign1(head.signatures[i], signature, payload));
    if (payload.data != nullptr) return Status::malformed;  // SUIT's are detached
    std::uint8_t structure[kMaxStructureBytes + 40];
    MutableBytes to_verify(structure);
    MOTE_UPDATE_TRY(to_be_signed(nullptr, signature, "", head.digest_message, to_verify));
    count.add(signature, to_verify);
  }
  return count.result();
}

Status Trust::read_time(Bytes message, TimeStatement& statement) const {
  CoseSignature signature;
  Bytes payload;
  MOTE_UPDATE_TRY(read_sign1(message, signature, payload));
  if (payload.size > kMaxStatementBytes) return Status::too_large;
  std::uint8_t structure[kMaxStructureBytes + kMaxStatementBytes];
  MutableBytes to_verify(structure);
  MOTE_UPDATE_TRY(to_be_signed(nullptr, signature, "mote time 1", payload, to_verify));
  Count count(keys_, Role::time);
  count.add(signature, to_verify);
  MOTE_UPDATE_TRY(count.result());

  CborReader reader(payload);
  statement = TimeStatement{};
  if (reader.map() != 3) reader.fail(Status::malformed);
  if (reader.unsigned_int() != 1) reader.fail(Status::malformed);
  statement.time_s = reader.unsigned_int();
  if (reader.unsigned_int() != 2) reader.fail(Status::malformed);
  const Bytes klass = reader.bytes(16);
  if (reader.unsigned_int() != 3) reader.fail(Status::malformed);
  statement.expected_sequence = reader.unsigned_int();
  MOTE_UPDATE_TRY(reader.finish());
  if (statement.time_s > keys_.not_after_s || statement.expected_sequence > keys_.highest_sequence)
    return Status::out_of_range;
  if (!equal(klass, identity_.klass)) statement.expected_sequence = 0;
  return Status::ok;
}

Status Trust::verify_keys(Bytes message) const {
  SignedDocument document;
  MOTE_UPDATE_TRY(read_sign(message, document));
  if (document.payload.size > kMaxKeysBytes) return Status::too_large;
  Keys next;
  MOTE_UPDATE_TRY(read_keys(document.payload, identity_.vendor, next));
  if (next.version <= keys_.version) return Status::replayed;
  if (next.version != keys_.version + 1) return Status::out_of_range;
  MOTE_UPDATE_TRY(count_document(document, keys_));
  return count_document(document, next);
}

Status Trust::store_keys(Port& port, std::uint8_t area_index, Bytes message) const {
  const Layout& layout = port.layout();
  if (message.size > layout.keys_area_bytes - sizeof(StoredKeys)) return Status::too_large;
  const std::uint32_t area = layout.keys + area_index * layout.keys_area_bytes;
  for (std::uint32_t at = 0; at < layout.keys_area_bytes; at += layout.sector_bytes) {
    if (!port.erase_sector(area + at)) return Status::flash_failed;
  }
  const StoredKeys stored{kKeysMagic, static_cast<std::uint32_t>(message.size), crc32(message), {}};
  if (!port.program(area, bytes_of(stored))) return Status::flash_failed;
  for (std::size_t at = 0; at < message.size; at += 32) {
    std::uint8_t piece[32];
    for (std::uint8_t& byte : piece) byte = 0xff;
    copy(piece, message.part(at, sizeof(piece)));
    if (!port.program(area + static_cast<std::uint32_t>(sizeof(StoredKeys) + at), piece)) return Status::flash_failed;
  }
  return equal({port.map(area + sizeof(StoredKeys)), message.size}, message) ? Status::ok : Status::flash_failed;
}

}  // namespace mote::update
