#include "mote/package/check.hpp"

#include <algorithm>
#include <cstring>

#include "cbor.hpp"
#include "image_port.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/package/report.hpp"
#include "mote/package/suit_envelope.hpp"
#include "update/cose.hpp"
#include "update/message.hpp"
#include "update/payload.hpp"
#include "update/suit.hpp"
#include "update/trust.hpp"

namespace mote::package {
namespace {

using update::Status;

/// What is wrong, and where it is known more about it.
struct Verdict {
  Status status = Status::ok;
  std::string detail;
};

/// A device that was made with these keys.
class ImaginedDevice {
 public:
  explicit ImaginedDevice(const CheckOptions& options) : port_(layout_, image_) {
    FactoryOptions factory;
    if (options.keys) {
      factory.keys = *options.keys;
      factory.vendor = vendor_of(*options.keys);
    }
    if (options.group_key) factory.group_key = *options.group_key;
    if (options.agreement_secret) factory.agreement_key = *options.agreement_secret;
    auto image = factory_image(layout_, factory);
    status_ = image ? Status::ok : Status::too_large;
    if (image) image_ = *std::move(image);
    if (image && options.keys) status_ = trust_.load(port_, 0xff);
    update::copy(identity_.group_key, view(factory.group_key));
    update::copy(identity_.agreement_key, view(factory.agreement_key));
  }

  [[nodiscard]] Status status() const { return status_; }
  [[nodiscard]] const update::Trust& trust() const { return trust_; }
  [[nodiscard]] const update::Identity& identity() const { return identity_; }

 private:
  static Uuid vendor_of(const Bytes& keys) {
    Uuid vendor{};
    const auto value = read_cbor(keys);
    const auto message = value ? read_cose(*value, CoseKind::sign) : fail(Code::malformed, "");
    const auto payload = message && message->content ? read_cbor(*message->content) : fail(Code::malformed, "");
    const CborValue* id = payload ? payload->find(6) : nullptr;
    if (id != nullptr && id->bytes.size() == vendor.size())
      std::copy_n(id->bytes.begin(), vendor.size(), vendor.begin());
    return vendor;
  }

  update::Layout layout_ = update::arrange(4096, 8, 4096, 0);
  Bytes image_;
  ImagePort port_;
  update::Trust trust_;
  update::Identity identity_;
  Status status_ = Status::ok;
};

std::string hex_of(update::Bytes bytes) { return to_hex(ByteSpan(bytes.data, bytes.size)); }

std::string plural(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The host's reader says more than a status.
std::string detail_of(ByteSpan message) {
  const auto envelope = read_suit(message);
  return envelope ? std::string() : envelope.error().message();
}

Verdict check_module(ByteSpan module, const update::Plan& plan) {
  const auto own = requirements_of(module, BundleOptions{});
  if (!own) return {Status::malformed, own.error().message()};
  update::Requirements said = plan.requirements;
  // What the header says; the rest is the publisher's to choose.
  said.firmware_version = own->firmware_version;
  said.shadow_inferences = own->shadow_inferences;
  said.shadow_permille = own->shadow_permille;
  said.trial_inferences = own->trial_inferences;
  const auto fields = [](const update::Requirements& r) {
    return std::tuple(r.core, r.isa_features, r.abi, r.op_set, r.arena_bytes, r.stack_bytes, hex_of(r.sensor_schema),
                      hex_of(r.feature_schema));
  };
  if (fields(said) != fields(*own))
    return {Status::malformed, "it asks for something else than its module's header does"};
  return {};
}

/// Whether the module can be had from the payload, with what is known.
bool can_open(const update::Plan& plan, const CheckOptions& options) {
  const bool has_key = options.group_key || options.agreement_secret;
  return (plan.encryption_info.size == 0 || has_key) && (!plan.is_delta || options.base);
}

Verdict check_payload(ByteSpan payload, const update::Plan& plan, const CheckOptions& options,
                      const ImaginedDevice& device, bool& is_opened) {
  if (payload.size() != plan.carried_bytes) return {Status::wrong_size, ""};
  if (!equal(plan.carried_digest, view(sha256(payload).bytes)))
    return {Status::digest_mismatch, "the payload is not the one that was signed: its digest differs"};
  if (!can_open(plan, options)) return {};
  if (plan.is_delta && !equal(plan.base_digest, view(sha256(*options.base).bytes))) return {Status::wrong_base, ""};

  update::TagCheck tag;
  update::ContentKey key;
  if (const Status status = tag.begin(plan, device.identity(), key); status != Status::ok) return {status, ""};
  tag.update(view(payload));
  if (const Status status = tag.finish(); status != Status::ok) return {status, ""};
  constexpr std::uint32_t kMostModuleBytes = 1u << 28;
  if (plan.module_bytes > kMostModuleBytes) return {Status::module_too_large, ""};
  Bytes module(plan.module_bytes);
  BytesSource source(payload);
  update::Payload reader(source, 0, plan, key, options.base ? view(*options.base) : update::Bytes{});
  Status status = Status::ok;
  constexpr std::size_t kPage = update::kPageBytes;
  for (std::size_t at = 0; status == Status::ok && at < module.size(); at += kPage)
    status = reader.next({module.data() + at, std::min(kPage, module.size() - at)});
  if (status != Status::ok) return {status, "the module cannot be made of the payload"};
  if (!equal(plan.module_digest, view(sha256(module).bytes)))
    return {Status::digest_mismatch, "the module inside is not the one that was signed: its digest differs"};
  is_opened = true;
  return check_module(module, plan);
}

std::string what_is(const CheckedMessage& message, const update::Plan& plan) {
  std::string text = "sequence " + std::to_string(message.sequence) + ", ";
  if (message.is_encrypted) text += "encrypted, ";
  text += message.is_delta ? "a delta of " + plural(message.carried_bytes, "byte") + " for a module of "
                           : std::string("a module of ");
  text += plural(message.module_bytes, "byte") + ", class " + hex_of(plan.klass);
  if (plan.device.size != 0) text += ", device " + hex_of(plan.device);
  text += message.is_verified
              ? ", signed as the keys document asks"
              : ", " + plural(message.signers.size(), "signature") + " not verified (no keys document given)";
  if (!message.is_opened)
    text += message.is_encrypted ? ", module not looked at (no key given)" : ", module not looked at (no base given)";
  return text;
}

Verdict check_bundle(ByteSpan rest, const CheckOptions& options, const ImaginedDevice& device, CheckedMessage& out) {
  update::BundleHead head;
  const std::size_t head_bytes = std::min<std::size_t>(rest.size(), update::kMaxHeadBytes);
  const auto total = static_cast<std::uint32_t>(std::min<std::size_t>(rest.size(), 0xffffffff));
  const Status status = update::read_bundle_head(view(rest.first(head_bytes)), total, head);
  if (status != Status::ok) {
    update::CborReader whole(view(rest));
    whole.skip();
    if (whole.status() == Status::ok) out.bytes = whole.offset();
    return {status, whole.status() == Status::ok ? detail_of(rest.first(out.bytes)) : std::string()};
  }
  out.bytes = head.payload_offset + head.payload_bytes;
  out.head_bytes = head.payload_offset;
  out.sequence = head.plan.sequence;
  out.carried_bytes = head.plan.carried_bytes;
  out.module_bytes = head.plan.module_bytes;
  out.module_digest = hex_of(head.plan.module_digest);
  out.is_delta = head.plan.is_delta;
  out.is_encrypted = head.plan.encryption_info.size != 0;
  for (unsigned i = 0; i < head.signature_count; ++i) {
    update::CoseSignature signature;
    update::Bytes payload;
    if (const Status form = update::read_sign1(head.signatures[i], signature, payload); form != Status::ok)
      return {form, "signature " + std::to_string(i + 1) + " is no COSE_Sign1 as devices read it"};
    out.signers.push_back(hex_of(signature.key_id));
  }
  if (options.keys) {
    if (const Status trusted = device.trust().verify(head); trusted != Status::ok) return {trusted, ""};
    if (!equal(head.plan.vendor, device.trust().identity().vendor)) return {Status::wrong_vendor, ""};
    if (head.plan.sequence > device.trust().keys().highest_sequence)
      return {Status::out_of_range, "its sequence is above the highest that the keys document allows"};
    out.is_verified = true;
  }
  const Verdict payload =
      check_payload(rest.subspan(head.payload_offset, head.payload_bytes), head.plan, options, device, out.is_opened);
  if (payload.status == Status::ok) out.sentence = what_is(out, head.plan);
  return payload;
}

Verdict check_envelope(ByteSpan rest, const CoseKey& key, CheckedMessage& out) {
  update::CborReader whole(view(rest));
  whole.skip();
  if (whole.status() != Status::ok) return {whole.status(), ""};
  out.bytes = whole.offset();
  const auto envelope = read_suit(rest.first(out.bytes));
  if (!envelope)
    return {envelope.error().code() == Code::unsupported ? Status::unsupported_command : Status::malformed,
            envelope.error().message()};
  out.sequence = envelope->sequence;
  if (const auto verified = verify_suit(*envelope, key); !verified)
    return {Status::bad_signature, verified.error().message()};
  out.is_verified = true;
  out.sentence = "a SUIT envelope, sequence " + std::to_string(envelope->sequence) + ", signed by the key given";
  return {};
}

/// Whether as many of a document's own root keys signed it as it asks for. Its form has been judged.
Verdict check_own_signatures(const CoseMessage& message, const CborValue& document) {
  const CborValue *roles = document.find(2), *keys = document.find(3);
  const CborValue* root = roles != nullptr ? roles->find(1) : nullptr;
  if (root == nullptr || root->items.size() != 2 || keys == nullptr)
    return {Status::malformed, "it has no root role, or no keys"};
  CoseContext context;
  context.external_aad = Bytes{};
  const ByteSpan aad = as_bytes("mote keys 1");
  context.external_aad.assign(aad.begin(), aad.end());
  std::uint64_t valid = 0;
  for (const CborValue& index : root->items[1].items) {
    CoseKey key;
    key.curve = 6;
    key.x = keys->items[index.number].items[1].bytes;
    const auto first = std::find_if(keys->items.begin(), keys->items.end(),
                                    [&](const CborValue& item) { return item.items[1].bytes == key.x; });
    if (first - keys->items.begin() != static_cast<std::ptrdiff_t>(index.number)) continue;  // a device finds the first
    for (std::size_t part = 0; part < message.parts.size(); ++part) {
      if (!open_cose(message, key, context, part)) continue;
      ++valid;
      break;
    }
  }
  if (valid < root->items[0].number || valid == 0)
    return {Status::threshold_not_met, std::to_string(valid) + " of its root keys signed it, it asks for " +
                                           std::to_string(root->items[0].number)};
  return {};
}

Verdict check_keys(ByteSpan bytes, const CheckOptions& options, const ImaginedDevice& device, CheckedMessage& out) {
  const auto value = read_cbor(bytes);
  if (!value) return {Status::malformed, value.error().message()};
  const auto message = read_cose(*value, CoseKind::sign);
  if (!message) return {Status::malformed, message.error().message()};
  const auto document = message->content ? read_cbor(*message->content) : fail(Code::malformed, "it has no payload");
  if (!document) return {Status::malformed, document.error().message()};
  for (const CosePart& part : message->parts) {
    const CborValue* id = part.header.find(4);
    out.signers.push_back(id != nullptr ? to_hex(id->bytes) : "?");
  }
  // Its form by the device's reader, which takes any first one from the factory.
  CheckOptions as_first;
  as_first.keys.emplace(bytes.begin(), bytes.end());
  if (const Status form = ImaginedDevice(as_first).status(); form != Status::ok) return {form, ""};
  const Verdict own = check_own_signatures(*message, *document);
  if (own.status != Status::ok) return own;
  const bool is_the_given_one =
      options.keys && std::equal(bytes.begin(), bytes.end(), options.keys->begin(), options.keys->end());
  if (options.keys && !is_the_given_one) {
    if (const Status status = device.trust().verify_keys(view(bytes)); status != Status::ok) return {status, ""};
    out.is_verified = true;
  }
  const CborValue* version = document->find(1);
  out.sentence = "version " + (version != nullptr ? diagnostic(*version) : "?") + ", signed by " +
                 plural(out.signers.size(), "key");
  if (out.is_verified) out.sentence += ", follows the keys document given";
  return {};
}

Verdict check_time(ByteSpan bytes, const CheckOptions& options, const ImaginedDevice& device, CheckedMessage& out) {
  update::CoseSignature signature;
  update::Bytes payload;
  if (const Status status = update::read_sign1(view(bytes), signature, payload); status != Status::ok)
    return {status, ""};
  out.signers.push_back(hex_of(signature.key_id));
  const auto statement = read_cbor(ByteSpan(payload.data, payload.size));
  const CborValue* time = statement ? statement->find(1) : nullptr;
  if (time == nullptr) return {Status::malformed, "it says no time"};
  if (options.keys) {
    update::TimeStatement read;
    if (const Status status = device.trust().read_time(view(bytes), read); status != Status::ok) return {status, ""};
    out.is_verified = true;
  }
  out.sentence = diagnostic(*time) + " seconds since 1970, " +
                 (out.is_verified ? "signed by a time key" : "signature not verified (no keys document given)");
  return {};
}

Verdict check_report(ByteSpan bytes, const CheckOptions& options, CheckedMessage& out) {
  Report report;
  const Status status =
      options.report_key ? open_report(bytes, *options.report_key, report) : parse_report(bytes, report);
  if (status == Status::bad_signature)
    return {status, "it was changed, or is not of the device with the key given: its authentication code is wrong"};
  if (status == Status::too_large) return {status, "no report is as long as this"};
  if (status != Status::ok) return {status, ""};
  out.is_verified = options.report_key.has_value();
  out.sentence = describe(report) + (out.is_verified ? "; authentic" : "; not verified (no key of reports given)");
  return {};
}

Verdict check_message(ByteSpan rest, const CheckOptions& options, const ImaginedDevice& device, CheckedMessage& out) {
  update::CborReader tagged(view(rest));
  const std::uint64_t tag = tagged.peek() == update::CborType::tag ? tagged.tag() : 0;
  out.kind = tag == update::kTagSuitEnvelope ? "bundle"
             : tag == update::kTagSign       ? "keys"
             : tag == update::kTagSign1      ? "time"
             : tag == update::kTagMac0       ? "report"
                                             : "?";
  if (out.kind == "?") return {Status::malformed, "no message of a parcel begins like this"};
  if (out.kind == "bundle" && options.public_key) return check_envelope(rest, *options.public_key, out);
  if (out.kind == "bundle") return check_bundle(rest, options, device, out);
  update::CborReader whole(view(rest));
  whole.skip();
  if (whole.status() != Status::ok) return {whole.status(), ""};
  out.bytes = whole.offset();
  const ByteSpan message = rest.first(out.bytes);
  if (out.kind == "keys") return check_keys(message, options, device, out);
  if (out.kind == "time") return check_time(message, options, device, out);
  return check_report(message, options, out);
}

}  // namespace

std::string explain(Status status) {
  switch (status) {
    case Status::ok:
      return "nothing is wrong";
    case Status::truncated:
      return "it ends too early";
    case Status::malformed:
      return "its structure is not that of docs/formats/parcel.md";
    case Status::not_canonical:
      return "its encoding is not the deterministic one";
    case Status::trailing_bytes:
      return "there are bytes behind an end";
    case Status::too_large:
      return "it is larger than devices take";
    case Status::unsupported_version:
      return "its version is not known";
    case Status::unsupported_command:
      return "it has a command or parameter that devices do not carry out";
    case Status::unsupported_algorithm:
      return "its algorithm is not one that devices know";
    case Status::wrong_size:
      return "the payload is shorter or longer than the manifest says";
    case Status::unknown_key:
      return "it is signed by a key that the keys document does not have";
    case Status::wrong_role:
      return "it is signed by a key that may not sign this";
    case Status::threshold_not_met:
      return "fewer keys signed it than its role asks for";
    case Status::bad_signature:
      return "a signature is wrong";
    case Status::digest_mismatch:
      return "what is there is not what was signed: a digest differs";
    case Status::decryption_failed:
      return "it is encrypted for somebody else, or its ciphertext was changed";
    case Status::wrong_vendor:
      return "it is for devices of another vendor";
    case Status::replayed:
      return "it is not newer than the one given";
    case Status::out_of_range:
      return "it is further ahead than its keys may sign";
    case Status::module_too_large:
      return "the module is too large";
    case Status::wrong_base:
      return "the delta is against another module than the one given";
    case Status::waiting:
    case Status::wrong_class:
    case Status::wrong_device:
    case Status::rollback:
    case Status::expired:
    case Status::stale:
    case Status::wrong_core:
    case Status::wrong_abi:
    case Status::arena_too_large:
    case Status::wrong_sensor_schema:
    case Status::wrong_feature_schema:
    case Status::battery_low:
    case Status::wrong_dependency:
    case Status::self_test_failed:
    case Status::shadow_disagrees:
    case Status::failed_before:
    case Status::not_confirmed:
    case Status::module_damaged:
    case Status::flash_failed:
    case Status::store_full:
    case Status::busy:
    case Status::too_slow:
    case Status::internal:
      break;  // said by devices only
  }
  return update::name(status);
}

std::vector<CheckedMessage> check_parcel(ByteSpan parcel, const CheckOptions& options) {
  std::vector<CheckedMessage> messages;
  const ImaginedDevice device(options);
  if (device.status() != Status::ok) {
    CheckedMessage message;
    message.kind = "keys";
    message.status = device.status();
    message.sentence = "the keys document given is refused: " + explain(device.status());
    return {message};
  }
  std::size_t at = 0;
  do {
    CheckedMessage message;
    message.offset = at;
    const Verdict verdict = check_message(parcel.subspan(at), options, device, message);
    message.status = verdict.status;
    if (verdict.status != Status::ok)
      message.sentence = verdict.detail.empty() ? explain(verdict.status) : verdict.detail;
    messages.push_back(message);
    if (message.bytes == 0) break;  // nobody knows where the next one begins
    at += message.bytes;
  } while (at < parcel.size());
  return messages;
}

Result<std::string> describe_parcel(ByteSpan parcel) {
  std::string text;
  MOTE_TRY(std::vector<CborValue> values, read_cbor_sequence(parcel));
  for (CborValue& value : values) {
    if (auto envelope = read_suit(write_cbor(value)); envelope) {
      value = std::move(envelope->value);
    } else {
      name_headers(value);
      // Payloads of statements are CBOR.
      if (value.is(update::CborType::tag) && value.items[0].items.size() > 2)
        static_cast<void>(unwrap(value.items[0].items[2]));
    }
    text += diagnostic(value) + "\n";
  }
  return text;
}

}  // namespace mote::package
