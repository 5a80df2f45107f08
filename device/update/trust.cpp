#include "update/trust.hpp"

#include <cstddef>

#include "update/cose.hpp"
#include "update/crc32.hpp"
#include "update/crypto.hpp"
#include "update/flash.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kKeysMagic = 0x31534b4d;  // "MKS1"
constexpr std::size_t kMaxStatementBytes = 64;
constexpr std::size_t kMaxKeysBytes = 704;      // payload of a keys document
constexpr std::size_t kMaxStructureBytes = 96;  // of a Sig_structure without its payload
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyItemBytes = 4 + kKeyBytes;  // with the heads of array, algorithm and byte string
constexpr std::size_t kKeyIdBytes = 8;
using Signature = std::uint8_t[64];

/// First bytes of a keys area; the message follows.
struct StoredKeys {
  std::uint32_t magic;
  std::uint32_t bytes;
  std::uint32_t crc;
  std::uint32_t reserved[5];
};
static_assert(sizeof(StoredKeys) == 32, "a multiple of every write unit");

void read_role(CborReader& reader, RoleRecord& out) {
  reader.array(2);
  out.threshold = static_cast<std::uint8_t>(reader.unsigned_int(kMaxKeys));
  unsigned count = 0;
  for (std::uint32_t members = reader.array(); count < members && reader.status() == Status::ok; ++count) {
    const auto bit = static_cast<std::uint16_t>(1u << reader.unsigned_int(kMaxKeys - 1));
    if ((out.members & bit) != 0) reader.fail(Status::malformed);
    out.members = static_cast<std::uint16_t>(out.members | bit);
  }
  if (out.threshold == 0 || out.threshold > count) reader.fail(Status::threshold_not_met);
}

void read_key_items(CborReader& reader, Keys& out) {
  out.count = reader.array();
  if (out.count > kMaxKeys) reader.fail(Status::too_large);
  out.items = reader.rest();
  for (unsigned i = 0; i < out.count && reader.status() == Status::ok; ++i) {
    static constexpr std::uint8_t kForm[] = {0x82,
                                             form::kElse,
                                             static_cast<std::uint8_t>(Status::unsupported_algorithm),
                                             ~kAlgorithmEd25519 | 0x20,
                                             form::kBytesOf,
                                             kKeyBytes,
                                             form::kEnd};
    Bytes key;
    reader.match(kForm, &key);
  }
}

/// The payload of a keys message: docs/formats/parcel.md.
Status read_keys(Bytes payload, Bytes vendor, Keys& out) {
  out = Keys{};
  CborReader reader(payload);
  static constexpr std::uint8_t kBefore[] = {0xa6, 1, form::kNumber, 2, 0xa3, form::kEnd};
  static constexpr std::uint8_t kBetween[] = {3, form::kEnd};
  static constexpr std::uint8_t kBounds[] = {4, form::kLongNumber, 5, form::kLongNumber, form::kEnd};
  static constexpr std::uint8_t kVendor[] = {6, form::kBytesOf, 16, form::kEnd};
  reader.match(kBefore, &out.version);
  for (unsigned role = 1; role <= 3; ++role) {
    reader.number(role);
    read_role(reader, out.roles[role]);
  }
  reader.match(kBetween, nullptr);
  read_key_items(reader, out);
  reader.match(kBounds, &out.not_after_s);
  Bytes whose;
  reader.match(kVendor, &whose);
  MOTE_UPDATE_TRY(reader.finish());
  if (!equal(whose, vendor)) return Status::wrong_vendor;
  for (unsigned role = 1; role <= 3; ++role) {
    if ((out.roles[role].members >> out.count) != 0) return Status::malformed;  // a key that is not there
  }
  return Status::ok;
}

/// A COSE_Sign: [protected, {}, payload, [signatures]].
struct SignedDocument {
  Bytes payload;
  Bytes signatures;  // an array
};

Status read_sign(Bytes message, SignedDocument& out) {
  static constexpr std::uint8_t kForm[] = {0xd8, kTagSign, 0x84, 0x40, 0xa0, form::kBytes, form::kItem, form::kEnd};
  CborReader reader(message);
  reader.match(kForm, &out);
  return reader.finish();
}

/// Counts the distinct keys of a role that signed, and keeps the first reason why one did not count.
class Count {
 public:
  Count(const Keys& keys, Role role, const char* external_aad)
      : keys_(keys), role_(role), external_aad_(external_aad) {}

  /// Verifies no more after enough are right or one is wrong: whoever changes signatures on the way makes a device
  /// verify one more than were right, not ten.
  void add(const CoseSignature& signature, Bytes payload) {
    if (has_wrong_ || is_met()) return;
    const Status status = judge(signature, payload);
    has_wrong_ = status == Status::bad_signature;
    if (first_ == Status::ok) first_ = status;
  }

  Status result() const {
    if (is_met()) return Status::ok;
    return first_ != Status::ok ? first_ : Status::threshold_not_met;
  }

 private:
  const RoleRecord& role() const { return keys_.roles[static_cast<unsigned>(role_)]; }

  /// Index of the key with this id; keys_.count: none.
  unsigned find(Bytes id) const {
    unsigned index = 0;
    for (; index < keys_.count; ++index) {
      Sha256 hash;
      hash.update(keys_.key(index));
      std::uint8_t digest[32];
      hash.finish(digest);
      if (equal({digest, kKeyIdBytes}, id)) break;
    }
    return index;
  }

  Status judge(const CoseSignature& signature, Bytes payload) {
    if (signature.algorithm != kAlgorithmEd25519) return Status::unsupported_algorithm;
    const unsigned index = find(signature.key_id);
    if (index == keys_.count) return Status::unknown_key;
    const unsigned bit = 1u << index;
    if ((role().members & bit) == 0) return Status::wrong_role;
    if ((valid_ & bit) != 0) return Status::ok;  // twice is once
    if (signature.signature.size != sizeof(Signature)) return Status::malformed;
    const auto& bytes = *reinterpret_cast<const Signature*>(signature.signature.data);
    std::uint8_t structure[kMaxStructureBytes];
    MutableBytes before(structure);
    MOTE_UPDATE_TRY(to_be_signed(role_ == Role::root, signature, external_aad_, payload.size, before));
    if (!verify_ed25519(keys_.key(index), bytes, before, payload)) return Status::bad_signature;
    valid_ |= bit;
    return Status::ok;
  }

  bool is_met() const {
    unsigned valid = 0;
    for (unsigned bits = valid_; bits != 0; bits &= bits - 1) ++valid;
    return valid >= role().threshold && role().threshold != 0;
  }

  const Keys& keys_;
  Role role_;
  const char* external_aad_;
  unsigned valid_ = 0;
  Status first_ = Status::ok;
  bool has_wrong_ = false;
};

Status count_document(const SignedDocument& document, const Keys& keys) {
  Count count(keys, Role::root, "mote keys 1");
  CborReader reader(document.signatures);
  const std::uint32_t signers = reader.array();
  if (signers > kMaxKeys) return Status::too_large;
  for (std::uint32_t i = 0; i < signers; ++i) {
    static constexpr std::uint8_t kForm[] = {0x83, form::kBytes, 0xa0, form::kBytes, form::kEnd};
    struct {
      Bytes header, signature;
    } parts;
    reader.match(kForm, &parts);
    MOTE_UPDATE_TRY(reader.status());
    CoseSignature signature;
    signature.signature = parts.signature;
    MOTE_UPDATE_TRY(read_protected(parts.header, signature));
    count.add(signature, document.payload);
  }
  MOTE_UPDATE_TRY(reader.finish());
  return count.result();
}

}  // namespace

const std::uint8_t (&Keys::key(unsigned index) const)[32] {
  return *reinterpret_cast<const std::uint8_t(*)[kKeyBytes]>(items.data + kKeyItemBytes * (index + 1) - kKeyBytes);
}

Status Trust::load(Port& port, std::uint8_t keys_area) {
  const Layout& layout = port.layout();
  identity_ = reinterpret_cast<const Identity*>(port.map(layout.identity));
  if (identity_->magic != kIdentityMagic || identity_->version != 1) return Status::malformed;
  Bytes message{reinterpret_cast<const std::uint8_t*>(identity_ + 1), identity_->keys_bytes};
  if (sizeof(Identity) + message.size > layout.journal - layout.identity) return Status::malformed;
  if (crc32(message, crc32(bytes_of(*identity_, offsetof(Identity, crc)))) != identity_->crc) return Status::malformed;
  if (keys_area < 2) {
    const auto& stored =
        *reinterpret_cast<const StoredKeys*>(port.map(layout.keys + keys_area * layout.keys_area_bytes));
    const Bytes later{reinterpret_cast<const std::uint8_t*>(&stored + 1), stored.bytes};
    // A damaged area falls back to the factory's keys: a parcel brings the whole chain again.
    if (stored.magic == kKeysMagic && stored.bytes <= layout.keys_area_bytes - sizeof(StoredKeys) &&
        crc32(later) == stored.crc)
      message = later;
  }
  SignedDocument document;
  MOTE_UPDATE_TRY(read_sign(message, document));
  return read_keys(document.payload, identity_->vendor, keys_);
}

Status Trust::verify(const BundleHead& head) const {
  Count count(keys_, Role::release, "");
  for (unsigned i = 0; i < head.signature_count; ++i) {
    CoseSignature signature;
    Bytes payload;
    MOTE_UPDATE_TRY(read_sign1(head.signatures[i], signature, payload));
    if (payload.data != nullptr) return Status::malformed;  // SUIT's are detached
    count.add(signature, head.digest_message);
  }
  return count.result();
}

Status Trust::read_time(Bytes message, TimeStatement& statement) const {
  CoseSignature signature;
  Bytes payload;
  MOTE_UPDATE_TRY(read_sign1(message, signature, payload));
  if (payload.size > kMaxStatementBytes) return Status::too_large;
  Count count(keys_, Role::time, "mote time 1");
  count.add(signature, payload);
  MOTE_UPDATE_TRY(count.result());

  static constexpr std::uint8_t kForm[] = {0xa3, 1, form::kLongNumber, 2,         form::kBytesOf,
                                           16,   3, form::kLongNumber, form::kEnd};
  struct {
    std::uint64_t time_s;
    Bytes klass;
    std::uint64_t expected_sequence;
  } said;
  CborReader reader(payload);
  reader.match(kForm, &said);
  MOTE_UPDATE_TRY(reader.finish());
  statement = {said.time_s, said.expected_sequence};
  if (statement.time_s > keys_.not_after_s || statement.expected_sequence > keys_.highest_sequence)
    return Status::out_of_range;
  if (!equal(said.klass, identity_->klass)) statement.expected_sequence = 0;
  return Status::ok;
}

Status Trust::verify_keys(Bytes message) const {
  SignedDocument document;
  MOTE_UPDATE_TRY(read_sign(message, document));
  if (document.payload.size > kMaxKeysBytes) return Status::too_large;
  Keys next;
  MOTE_UPDATE_TRY(read_keys(document.payload, identity_->vendor, next));
  if (next.version <= keys_.version) return Status::replayed;
  if (next.version != keys_.version + 1) return Status::out_of_range;
  MOTE_UPDATE_TRY(count_document(document, keys_));
  return count_document(document, next);
}

Status Trust::store_keys(Port& port, std::uint8_t area_index, Bytes message) const {
  const Layout& layout = port.layout();
  if (message.size > layout.keys_area_bytes - sizeof(StoredKeys)) return Status::too_large;
  const std::uint32_t area = layout.keys + area_index * layout.keys_area_bytes;
  if (!erase(port, area, layout.keys_area_bytes)) return Status::flash_failed;
  const StoredKeys stored{kKeysMagic, static_cast<std::uint32_t>(message.size), crc32(message), {}};
  if (!port.program(area, bytes_of(stored)) || !program_padded(port, area + sizeof(StoredKeys), message))
    return Status::flash_failed;
  return equal({port.map(area + sizeof(StoredKeys)), message.size}, message) ? Status::ok : Status::flash_failed;
}

}  // namespace mote::update
