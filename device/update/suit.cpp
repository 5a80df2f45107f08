#include "update/suit.hpp"

#include "update/cose.hpp"
#include "update/crypto.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kIdBytes = 16, kDigestBytes = 32;

// Numbers of the draft's registries, section 11, and of draft-ietf-suit-update-management.
enum ManifestKey : std::int64_t { kVersion = 1, kSequence = 2, kCommon = 3, kValidate = 7, kInstall = 20 };
enum Condition : std::int64_t {
  kVendorCondition = 1,
  kClassCondition = 2,
  kImageMatch = 3,
  kUseBeforeCondition = 4,
  kDeviceCondition = 24,
  kBatteryCondition = 26
};
enum Directive : std::int64_t { kSetComponentIndex = 12, kOverrideParameters = 20, kFetch = 21, kCopy = 22 };
enum Parameter : std::int64_t {
  kVendorId = 1,
  kClassId = 2,
  kImageDigest = 3,
  kUseBefore = 4,
  kImageSize = 14,
  kEncryptionInfo = 19,
  kUri = 21,
  kSourceComponent = 22,
  kDeviceId = 24,
  kMinimumBattery = 26,
  kRequirements = -300,
  kDeltaInfo = -301
};

/// What a sequence has done so far; each may be done once.
enum Fact : std::uint32_t {
  vendor_matched = 1u << 0,
  class_matched = 1u << 1,
  device_matched = 1u << 2,
  fetched = 1u << 3,
  carried_matched = 1u << 4,
  copied = 1u << 5,
  module_matched = 1u << 6,
  validated = 1u << 7,
  not_expired = 1u << 8,
  battery_matched = 1u << 9,
};

enum class Sequence { shared, install, validate };

/// [-16, bytes]: the only digest algorithm.
Bytes read_digest(Bytes encoded, Status& status) {
  CborReader reader(encoded);
  if (reader.array() != 2) reader.fail(Status::malformed);
  if (reader.integer() != kAlgorithmSha256) reader.fail(Status::unsupported_algorithm);
  const Bytes digest = reader.bytes(kDigestBytes);
  if (status == Status::ok) status = reader.finish();
  return digest;
}

Status read_requirements(Bytes encoded, Requirements& out) {
  CborReader reader(encoded);
  std::uint32_t present = 0;
  for (CborKeys keys(reader); keys.next();) {
    constexpr std::uint64_t k32 = 0xffffffff, k16 = 0xffff;
    if (keys.key() >= 1 && keys.key() <= 12) present |= 1u << keys.key();
    switch (keys.key()) {
      case 1:
        out.core = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 2:
        out.isa_features = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 3:
        out.abi = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 4:
        out.op_set = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 5:
        out.arena_bytes = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 6:
        out.stack_bytes = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 7:
        copy(out.sensor_schema, reader.bytes(sizeof(out.sensor_schema)));
        break;
      case 8:
        copy(out.feature_schema, reader.bytes(sizeof(out.feature_schema)));
        break;
      case 9:
        out.firmware_version = static_cast<std::uint32_t>(reader.unsigned_int(k32));
        break;
      case 10:
        out.shadow_inferences = static_cast<std::uint16_t>(reader.unsigned_int(k16));
        break;
      case 11:
        out.shadow_permille = static_cast<std::uint16_t>(reader.unsigned_int(1000));
        break;
      case 12:
        out.trial_inferences = static_cast<std::uint16_t>(reader.unsigned_int(k16));
        break;
      default:
        reader.fail(Status::unsupported_command);  // a need that is not understood cannot be met
        break;
    }
  }
  if (present != 0x1ffe) reader.fail(Status::malformed);
  return reader.finish();
}

class Manifest {
 public:
  explicit Manifest(Plan& plan) : plan_(plan) {}

  Status read(Bytes manifest) {
    CborReader reader(manifest);
    Bytes common, validate, install;
    for (CborKeys keys(reader); keys.next();) {
      switch (keys.key()) {
        case kVersion:
          version_ = reader.unsigned_int();
          if (version_ != 1) reader.fail(Status::unsupported_version);
          break;
        case kSequence:
          plan_.sequence = reader.unsigned_int();
          break;
        case kCommon:
          common = reader.bytes();
          break;
        case kValidate:
          validate = reader.bytes();
          break;
        case kInstall:
          install = reader.bytes();
          break;
        default:
          reader.fail(Status::unsupported_command);
          break;
      }
    }
    MOTE_UPDATE_TRY(reader.finish());
    if (version_ != 1 || plan_.sequence == 0) return Status::malformed;
    if (common.size == 0 || install.size == 0 || validate.size == 0) return Status::malformed;
    MOTE_UPDATE_TRY(read_common(common));
    MOTE_UPDATE_TRY(run(install, Sequence::install));
    MOTE_UPDATE_TRY(run(validate, Sequence::validate));
    return complete();
  }

 private:
  Status read_common(Bytes common) {
    CborReader reader(common);
    if (reader.map() != 2) reader.fail(Status::malformed);
    if (reader.unsigned_int() != 2) reader.fail(Status::malformed);
    if (reader.array() != 2) reader.fail(Status::unsupported_command);
    for (std::uint8_t component = 0; component < 2; ++component) {
      if (reader.array() != 1) reader.fail(Status::unsupported_command);
      const Bytes id = reader.bytes(1);
      if (reader.status() == Status::ok && id[0] != component) reader.fail(Status::unsupported_command);
    }
    if (reader.unsigned_int() != 4) reader.fail(Status::malformed);
    const Bytes shared = reader.bytes();
    MOTE_UPDATE_TRY(reader.finish());
    return run(shared, Sequence::shared);
  }

  Status run(Bytes commands, Sequence sequence) {
    CborReader reader(commands);
    const std::uint64_t count = reader.array();
    if (count % 2 != 0) return Status::malformed;
    component_ = 0;
    for (std::uint64_t i = 0; i < count && reader.status() == Status::ok; i += 2) {
      const std::int64_t command = reader.integer();
      if (reader.status() != Status::ok) break;
      if (command == kOverrideParameters && sequence != Sequence::validate) {
        MOTE_UPDATE_TRY(override_parameters(reader));
        continue;
      }
      if (!is_known(command)) return Status::unsupported_command;  // before its argument, which may be anything
      // An index, or a reporting policy of four bits.
      const std::uint64_t argument = reader.unsigned_int(15);
      if (reader.status() != Status::ok) break;
      MOTE_UPDATE_TRY(command == kSetComponentIndex ? select(argument) : execute(command, sequence));
    }
    return reader.finish();
  }

  static bool is_known(std::int64_t command) {
    switch (command) {
      case kVendorCondition:
      case kClassCondition:
      case kImageMatch:
      case kUseBeforeCondition:
      case kDeviceCondition:
      case kBatteryCondition:
      case kSetComponentIndex:
      case kFetch:
      case kCopy:
        return true;
      default:
        return false;
    }
  }

  Status select(std::uint64_t index) {
    if (index > 1) return Status::unsupported_command;
    component_ = static_cast<unsigned>(index);
    return Status::ok;
  }

  Status once(Fact fact, bool ready) {
    if (!ready || (facts_ & fact) != 0) return Status::malformed;
    facts_ |= fact;
    return Status::ok;
  }
  bool did(Fact fact) const { return (facts_ & fact) != 0; }

  Status execute(std::int64_t command, Sequence sequence) {
    const bool install = sequence == Sequence::install;
    switch (command) {
      case kVendorCondition:
        return once(vendor_matched, plan_.vendor.size != 0);
      case kClassCondition:
        return once(class_matched, plan_.klass.size != 0);
      case kDeviceCondition:
        return once(device_matched, plan_.device.size != 0);
      case kUseBeforeCondition:
        return once(not_expired, plan_.use_before_s != 0);
      case kBatteryCondition:
        return once(battery_matched, plan_.minimum_battery_percent != 0);
      case kFetch:
        return once(fetched, install && component_ == 0 && has_uri_ && plan_.carried_digest.size != 0);
      case kCopy:
        return once(copied, install && component_ == 1 && has_source_ && did(carried_matched));
      case kImageMatch:
        if (sequence == Sequence::validate) return once(validated, component_ == 1 && plan_.module_digest.size != 0);
        if (component_ == 0) return once(carried_matched, install && did(fetched));
        return once(module_matched, install && did(copied) && plan_.module_digest.size != 0);
      default:
        return Status::unsupported_command;
    }
  }

  /// A parameter is set once: what a condition was asked about cannot be replaced afterwards.
  Status set_bytes(Bytes& to, Bytes value) {
    if (to.size != 0 || value.size == 0) return Status::malformed;
    to = value;
    return Status::ok;
  }

  Status override_parameters(CborReader& reader) {
    Status status = Status::ok;
    for (CborKeys keys(reader); keys.next();) {
      switch (keys.key()) {
        case kVendorId:
          status = set_bytes(plan_.vendor, reader.bytes(kIdBytes));
          break;
        case kClassId:
          status = set_bytes(plan_.klass, reader.bytes(kIdBytes));
          break;
        case kDeviceId:
          status = set_bytes(plan_.device, reader.bytes(kIdBytes));
          break;
        case kImageDigest: {
          const Bytes encoded = reader.bytes();
          if (reader.status() != Status::ok) return reader.status();
          const Bytes digest = read_digest(encoded, status);
          if (status == Status::ok)
            status = set_bytes(component_ == 0 ? plan_.carried_digest : plan_.module_digest, digest);
          break;
        }
        case kImageSize: {
          std::uint32_t& size = component_ == 0 ? plan_.carried_bytes : plan_.module_bytes;
          if (size != 0) return Status::malformed;
          size = static_cast<std::uint32_t>(reader.unsigned_int(0x7fffffff));
          break;
        }
        case kUseBefore:
          if (plan_.use_before_s != 0) return Status::malformed;
          plan_.use_before_s = reader.unsigned_int();
          break;
        case kMinimumBattery:
          if (plan_.minimum_battery_percent != 0) return Status::malformed;
          plan_.minimum_battery_percent = static_cast<unsigned>(reader.unsigned_int(100));
          break;
        case kUri:
          if (component_ != 0 || has_uri_) return Status::malformed;
          has_uri_ = true;
          if (const Bytes uri = reader.text(); reader.status() == Status::ok && !equal(uri, kModuleUri))
            return Status::unsupported_command;
          break;
        case kSourceComponent:
          if (component_ != 1 || has_source_) return Status::malformed;
          has_source_ = true;
          if (reader.unsigned_int() != 0) return Status::unsupported_command;
          break;
        case kEncryptionInfo:
          if (component_ != 1) return Status::malformed;
          status = set_bytes(plan_.encryption_info, reader.bytes());
          break;
        case kRequirements: {
          const Bytes encoded = reader.bytes();
          if (reader.status() != Status::ok) return reader.status();
          if (has_requirements_) return Status::malformed;
          has_requirements_ = true;
          status = read_requirements(encoded, plan_.requirements);
          break;
        }
        case kDeltaInfo: {
          const Bytes encoded = reader.bytes();
          if (reader.status() != Status::ok) return reader.status();
          if (component_ != 1 || plan_.is_delta) return Status::malformed;
          status = read_delta_info(encoded);
          break;
        }
        default:
          return reader.status() != Status::ok ? reader.status() : Status::unsupported_command;
      }
      if (reader.status() != Status::ok) return reader.status();
      MOTE_UPDATE_TRY(status);
    }
    return reader.status();
  }

  Status read_delta_info(Bytes encoded) {
    CborReader reader(encoded);
    if (reader.map() != 3) reader.fail(Status::malformed);
    if (reader.unsigned_int() != 1) reader.fail(Status::malformed);
    plan_.delta_format = static_cast<std::uint32_t>(reader.unsigned_int(0xffffffff));
    if (reader.unsigned_int() != 2) reader.fail(Status::malformed);
    plan_.base_digest = reader.bytes(kDigestBytes);
    if (reader.unsigned_int() != 3) reader.fail(Status::malformed);
    plan_.base_bytes = static_cast<std::uint32_t>(reader.unsigned_int(0x7fffffff));
    MOTE_UPDATE_TRY(reader.finish());
    plan_.is_delta = true;
    return plan_.delta_format == 1 ? Status::ok : Status::unsupported_version;
  }

  Status complete() const {
    constexpr std::uint32_t kNeeded =
        vendor_matched | class_matched | fetched | carried_matched | copied | module_matched | validated;
    // What has a parameter has its condition, too: one that is set and not asked about would be silently ignored.
    const bool asked = (plan_.device.size != 0) == did(device_matched) &&
                       (plan_.use_before_s != 0) == did(not_expired) &&
                       (plan_.minimum_battery_percent != 0) == did(battery_matched);
    const bool sized = plan_.carried_bytes != 0 && plan_.module_bytes != 0;
    return (facts_ & kNeeded) == kNeeded && asked && sized && has_requirements_ ? Status::ok : Status::malformed;
  }

  static constexpr std::uint8_t kModuleUri[] = {'#', 'm', 'o', 'd', 'u', 'l', 'e'};

  Plan& plan_;
  std::uint64_t version_ = 0;
  std::uint32_t facts_ = 0;
  unsigned component_ = 0;
  bool has_uri_ = false, has_source_ = false, has_requirements_ = false;
};

/// The authentication wrapper: digest of the manifest, then who signed it.
Status read_authentication(Bytes wrapper, BundleHead& out) {
  CborReader reader(wrapper);
  const std::uint64_t count = reader.array();
  if (count < 2) reader.fail(Status::threshold_not_met);
  if (count > 1 + kMaxSigners) reader.fail(Status::too_large);
  out.digest_message = reader.bytes();
  for (std::uint64_t i = 1; i < count && reader.status() == Status::ok; ++i)
    out.signatures[out.signature_count++] = reader.bytes();
  return reader.finish();
}

}  // namespace

Status read_bundle_head(Bytes head, std::uint32_t total_bytes, BundleHead& out) {
  out = BundleHead{};
  CborReader reader(head);
  if (reader.tag() != kTagSuitEnvelope) reader.fail(Status::malformed);
  if (reader.map() != 3) reader.fail(Status::malformed);
  if (reader.unsigned_int() != 2) reader.fail(Status::malformed);
  const Bytes authentication = reader.bytes();
  if (reader.unsigned_int() != 3) reader.fail(Status::malformed);
  const Bytes manifest_with_head = reader.wrapped_with_head();
  const Bytes key = reader.text();
  static constexpr std::uint8_t kModuleKey[] = {'#', 'm', 'o', 'd', 'u', 'l', 'e'};
  if (reader.status() == Status::ok && !equal(key, kModuleKey)) reader.fail(Status::malformed);
  const CborHead payload = reader.head();
  if (reader.status() == Status::ok && payload.type != CborType::bytes) reader.fail(Status::malformed);
  if (reader.status() == Status::truncated && total_bytes > head.size) return Status::too_large;
  MOTE_UPDATE_TRY(reader.status());
  out.payload_offset = static_cast<std::uint32_t>(reader.offset());
  if (payload.value > total_bytes - out.payload_offset) return Status::truncated;
  out.payload_bytes = static_cast<std::uint32_t>(payload.value);

  MOTE_UPDATE_TRY(read_authentication(authentication, out));
  Status status = Status::ok;
  out.digest = read_digest(out.digest_message, status);
  MOTE_UPDATE_TRY(status);
  Sha256 hash;
  hash.update(manifest_with_head);
  std::uint8_t digest[kDigestBytes];
  hash.finish(digest);
  if (!equal(digest, out.digest)) return Status::digest_mismatch;

  CborReader wrapped(manifest_with_head);
  return Manifest(out.plan).read(wrapped.bytes());
}

}  // namespace mote::update
