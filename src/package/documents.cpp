#include "mote/package/documents.hpp"

#include <algorithm>

#include "cbor.hpp"
#include "mote/package/cbor_value.hpp"
#include "signatures.hpp"
#include "update/cose.hpp"
#include "update/suit.hpp"

namespace mote::package {
namespace {

using update::CborType;

constexpr std::size_t kKeyIdBytes = std::tuple_size_v<KeyId>;

/// Fields of a map with the keys 1, 2, ... and nothing else; the first thing that is wrong stays.
class Fields {
 public:
  Fields(const CborValue& map, std::size_t count) : map_(map) {
    if (!map.is(CborType::map) || map.items.size() != 2 * count) good_ = false;
  }

  std::uint64_t number(std::int64_t key) {
    const CborValue* value = find(key, CborType::unsigned_int);
    return value == nullptr ? 0 : value->number;
  }
  template <std::size_t N>
  void bytes(std::int64_t key, std::array<std::uint8_t, N>& to) {
    const CborValue* value = find(key, CborType::bytes);
    if (value == nullptr) return;
    good_ = good_ && value->bytes.size() == N;
    if (good_) std::copy_n(value->bytes.begin(), N, to.begin());
  }
  const CborValue* find(std::int64_t key, CborType type) {
    const CborValue* value = good_ ? map_.find(key) : nullptr;
    good_ = value != nullptr && value->is(type);
    return good_ ? value : nullptr;
  }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const CborValue& map_;
  bool good_ = true;
};

std::optional<KeyId> signer_of(const Bytes& protected_header) {
  update::CoseSignature signature;
  KeyId id{};
  if (update::read_protected(view(protected_header), signature) != update::Status::ok ||
      signature.key_id.size != kKeyIdBytes)
    return std::nullopt;
  std::copy_n(signature.key_id.data, kKeyIdBytes, id.begin());
  return id;
}

/// Public keys: [[algorithm, bytes], ...].
bool read_public_keys(const CborValue& list, std::vector<PublicKeyBytes>& out) {
  for (const CborValue& item : list.items) {
    if (!item.is(CborType::array) || item.items.size() != 2 || !item.items[0].is_integer(update::kAlgorithmEd25519) ||
        !item.items[1].is(CborType::bytes) || item.items[1].bytes.size() != std::tuple_size_v<PublicKeyBytes>)
      return false;
    std::copy(item.items[1].bytes.begin(), item.items[1].bytes.end(), out.emplace_back().begin());
  }
  return true;
}

/// [threshold, [indices of keys]].
bool read_role(const CborValue& value, const std::vector<PublicKeyBytes>& keys, RoleOptions& out) {
  if (!value.is(CborType::array) || value.items.size() != 2 || !value.items[0].is(CborType::unsigned_int) ||
      !value.items[1].is(CborType::array))
    return false;
  for (const CborValue& index : value.items[1].items) {
    if (!index.is(CborType::unsigned_int) || index.number >= keys.size()) return false;
    out.keys.push_back(keys[index.number]);
  }
  out.threshold = static_cast<unsigned>(std::min<std::uint64_t>(value.items[0].number, update::kMaxKeys + 1));
  return out.threshold != 0 && out.threshold <= out.keys.size();
}

bool read_keys_payload(ByteSpan payload, KeysOptions& out) {
  const auto value = read_cbor(payload);
  if (!value) return false;
  Fields fields(*value, 6);
  const std::uint64_t version = fields.number(1);
  const CborValue* roles = fields.find(2, CborType::map);
  const CborValue* keys = fields.find(3, CborType::array);
  out.not_after_s = fields.number(4);
  out.highest_sequence = fields.number(5);
  fields.bytes(6, out.vendor);
  std::vector<PublicKeyBytes> all;
  if (!fields.good() || version > 0xffffffff || !read_public_keys(*keys, all)) return false;
  out.version = static_cast<std::uint32_t>(version);
  Fields by_role(*roles, 3);
  for (const auto& [number, role] : {std::pair{1, &out.root}, std::pair{2, &out.release}, std::pair{3, &out.time}}) {
    const CborValue* found = by_role.find(number, CborType::array);
    if (found == nullptr || !read_role(*found, all, *role)) return false;
  }
  return true;
}

/// The four parts of a COSE_Sign or COSE_Sign1, as far as mote writes them: nothing protected for the whole of a
/// COSE_Sign, nothing unprotected, payload inside.
const std::vector<CborValue>* parts_of(const CborValue& message, std::uint64_t tag) {
  if (!message.is(CborType::tag) || message.number != tag) return nullptr;
  const CborValue& array = message.items[0];
  if (!array.is(CborType::array) || array.items.size() != 4 || !array.items[0].is(CborType::bytes) ||
      !array.items[1].is(CborType::map) || !array.items[1].items.empty() || !array.items[2].is(CborType::bytes))
    return nullptr;
  return &array.items;
}

bool read_signers(const CborValue& signatures, std::vector<KeyId>& out) {
  if (!signatures.is(CborType::array)) return false;
  for (const CborValue& item : signatures.items) {
    if (!item.is(CborType::array) || item.items.size() != 3) return false;
    const auto id = signer_of(item.items[0].bytes);
    if (!id) return false;
    out.push_back(*id);
  }
  return true;
}

tl::unexpected<Error> signed_already(const SigningKey& key) {
  return fail(Code::invalid_argument, "key " + to_hex(key.id()) + " has signed it already");
}

Result<Bytes> add_to_keys(ByteSpan message, const SigningKey& key) {
  MOTE_TRY(const KeysDocument document, read_keys(message));
  if (std::find(document.signers.begin(), document.signers.end(), key.id()) != document.signers.end())
    return signed_already(key);
  MOTE_TRY(CborValue value, read_cbor(message));
  std::vector<CborValue>& parts = value.items[0].items;
  MOTE_TRY(CborValue signature, read_cbor(sign_document(parts[2].bytes, kKeysAad, key)));
  parts[3].items.push_back(std::move(signature));
  return write_cbor(value);
}

Result<Bytes> add_to_bundle(ByteSpan message, const SigningKey& key) {
  update::BundleHead head;
  const update::Status status =
      update::read_bundle_head(view(message.first(std::min<std::size_t>(message.size(), update::kMaxHeadBytes))),
                               static_cast<std::uint32_t>(message.size()), head);
  if (status != update::Status::ok)
    return fail(Code::malformed, std::string("no bundle that a device reads: ") + update::name(status));
  if (head.payload_offset + std::size_t{head.payload_bytes} != message.size())
    return fail(Code::malformed, "something stands behind the bundle: it is signed before it goes into a parcel");
  for (unsigned i = 0; i < head.signature_count; ++i) {
    update::CoseSignature signature;
    update::Bytes payload;
    if (update::read_sign1(head.signatures[i], signature, payload) != update::Status::ok)
      return fail(Code::malformed, "one of the bundle's signatures is none");
    if (update::equal(signature.key_id, view(key.id()))) return signed_already(key);
  }
  if (head.signature_count == update::kMaxSigners)
    return fail(Code::too_large, "the bundle has " + std::to_string(update::kMaxSigners) + " signatures already");
  MOTE_TRY(CborValue value, read_cbor(message));
  CborValue& wrapper = *value.items[0].find(2);
  MOTE_TRY_VOID(unwrap(wrapper));
  const ByteSpan digest{head.digest_message.data, head.digest_message.size};
  wrapper.items[0].items.push_back(CborValue::bytes_of(sign1(digest, true, "", key)));
  Bytes written = write_cbor(value);
  const std::size_t head_bytes = written.size() - head.payload_bytes;
  if (head_bytes > update::kMaxHeadBytes)
    return fail(Code::too_large, "the bundle's head would have " + std::to_string(head_bytes) +
                                     " bytes, devices read " + std::to_string(update::kMaxHeadBytes));
  return written;
}

}  // namespace

Result<KeysDocument> read_keys(ByteSpan message) {
  KeysDocument out;
  const auto value = read_cbor(message);
  const std::vector<CborValue>* parts = value ? parts_of(*value, update::kTagSign) : nullptr;
  if (parts == nullptr || !(*parts)[0].bytes.empty() || !read_keys_payload((*parts)[2].bytes, out.content) ||
      !read_signers((*parts)[3], out.signers))
    return fail(Code::malformed, "no keys document (`mote keys document` makes one)");
  return out;
}

Result<TimeDocument> read_time(ByteSpan message) {
  const auto value = read_cbor(message);
  const std::vector<CborValue>* parts = value ? parts_of(*value, update::kTagSign1) : nullptr;
  const auto payload = parts != nullptr ? read_cbor((*parts)[2].bytes) : fail(Code::malformed, "");
  const auto signer = parts != nullptr ? signer_of((*parts)[0].bytes) : std::nullopt;
  if (!payload || !signer) return fail(Code::malformed, "no time statement (`mote keys time` makes one)");
  TimeDocument out;
  Fields fields(*payload, 3);
  out.content.time_s = fields.number(1);
  fields.bytes(2, out.content.klass);
  out.content.expected_sequence = fields.number(3);
  out.signer = *signer;
  if (!fields.good()) return fail(Code::malformed, "no time statement (`mote keys time` makes one)");
  return out;
}

Result<Bytes> add_signature(ByteSpan message, const SigningKey& key) {
  update::CborReader reader(view(message));
  const std::uint64_t tag = reader.tag();
  if (tag == update::kTagSuitEnvelope) return add_to_bundle(message, key);
  return add_to_keys(message, key);
}

}  // namespace mote::package
