#include "update/suit.hpp"

#include <cstddef>

#include "update/cose.hpp"
#include "update/crypto.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kIdBytes = 16, kDigestBytes = 32;

// Numbers of the draft's registries, section 11, and of draft-ietf-suit-update-management.
enum ManifestKey : std::int32_t { kVersion = 1, kSequence = 2, kCommon = 3, kValidate = 7, kInstall = 20 };
enum Condition : std::int32_t {
  kVendorCondition = 1,
  kClassCondition = 2,
  kImageMatch = 3,
  kUseBeforeCondition = 4,
  kDeviceCondition = 24,
  kBatteryCondition = 26
};
enum Directive : std::int32_t { kSetComponentIndex = 12, kOverrideParameters = 20, kFetch = 21, kCopy = 22 };
enum Parameter : std::int32_t {
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

/// What the manifest has said and done so far; each may be done once.
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
  has_uri = 1u << 10,
  has_source = 1u << 11,
  has_requirements = 1u << 12,
};

enum class Sequence { shared, install, validate };

constexpr std::uint8_t kModuleKey[] = {'#', 'm', 'o', 'd', 'u', 'l', 'e'};

/// [-16, bytes]: the only digest algorithm. What is wrong with it is wrong with what it stands in, `outer`.
Bytes read_digest(CborReader& outer, Bytes encoded) {
  CborReader reader(encoded);
  reader.array(2);
  if (reader.integer32() != kAlgorithmSha256) reader.fail(Status::unsupported_algorithm);
  const Bytes digest = reader.bytes(kDigestBytes);
  outer.fail(reader.finish());
  return digest;
}

/// Of the requirements that are numbers: where, and how large they may be. By key; the two without a limit are schemas.
struct NumberField {
  std::uint8_t offset;
  std::uint8_t is_short;
  std::uint16_t limit;  ///< of a short one
};
#define MOTE_LONG(field) \
  { offsetof(Requirements, field), 0, 0 }
#define MOTE_SHORT(field, limit) \
  { offsetof(Requirements, field), 1, limit }
constexpr NumberField kRequirementFields[] = {
    MOTE_LONG(core),
    MOTE_LONG(isa_features),
    MOTE_LONG(abi),
    MOTE_LONG(op_set),
    MOTE_LONG(arena_bytes),
    MOTE_LONG(stack_bytes),
    MOTE_LONG(sensor_schema),
    MOTE_LONG(feature_schema),
    MOTE_LONG(firmware_version),
    MOTE_SHORT(shadow_inferences, 0xffff),
    MOTE_SHORT(shadow_permille, 1000),
    MOTE_SHORT(trial_inferences, 0xffff),
};
#undef MOTE_LONG
#undef MOTE_SHORT
constexpr std::int32_t kSensorSchema = 7, kFeatureSchema = 8, kLastRequirement = 12;

void read_requirements(CborReader& outer, Bytes encoded, Requirements& out) {
  CborReader reader(encoded);
  unsigned count = 0;
  for (CborKeys keys(reader); keys.next(); ++count) {
    // A need that is not understood cannot be met.
    if (keys.key() < 1 || keys.key() > kLastRequirement) {
      reader.fail(Status::unsupported_command);
      break;
    }
    const NumberField& field = kRequirementFields[keys.key() - 1];
    std::uint8_t* const to = reinterpret_cast<std::uint8_t*>(&out) + field.offset;
    if (keys.key() == kSensorSchema || keys.key() == kFeatureSchema) {
      reader.copy_bytes({to, sizeof(out.sensor_schema)});
    } else if (field.is_short != 0) {
      *reinterpret_cast<std::uint16_t*>(to) = static_cast<std::uint16_t>(reader.unsigned_int(field.limit));
    } else {
      *reinterpret_cast<std::uint32_t*>(to) = reader.unsigned_int(0xffffffff);
    }
  }
  if (count != kLastRequirement) reader.fail(Status::malformed);
  outer.fail(reader.finish());
}

class Manifest {
 public:
  explicit Manifest(Plan& plan) : plan_(plan) {}

  Status read(Bytes manifest) {
    CborReader reader(manifest);
    Bytes common, validate, install;
    bool has_version = false;
    for (CborKeys keys(reader); keys.next();) {
      switch (keys.key()) {
        case kVersion:
          has_version = true;
          if (reader.unsigned_int() != 1) reader.fail(Status::unsupported_version);
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
    const bool whole =
        has_version && plan_.sequence != 0 && common.size != 0 && install.size != 0 && validate.size != 0;
    if (!whole) reader.fail(Status::malformed);
    MOTE_UPDATE_TRY(reader.finish());
    const Bytes shared = read_common(reader, common);
    MOTE_UPDATE_TRY(reader.status());
    MOTE_UPDATE_TRY(run(shared, Sequence::shared));
    MOTE_UPDATE_TRY(run(install, Sequence::install));
    MOTE_UPDATE_TRY(run(validate, Sequence::validate));
    return complete();
  }

 private:
  /// @return the shared sequence.
  static Bytes read_common(CborReader& outer, Bytes common) {
    CborReader reader(common);
    reader.map(2);
    reader.number(2);
    if (reader.array() != 2) reader.fail(Status::unsupported_command);
    for (std::uint8_t component = 0; component < 2; ++component) {
      if (reader.array() != 1) reader.fail(Status::unsupported_command);
      const Bytes id = reader.bytes(1);
      if (id.size != 0 && id[0] != component) reader.fail(Status::unsupported_command);
    }
    reader.number(4);
    const Bytes shared = reader.bytes();
    outer.fail(reader.finish());
    return shared;
  }

  Status run(Bytes commands, Sequence sequence) {
    CborReader reader(commands);
    const std::uint32_t count = reader.array();
    if (count % 2 != 0) reader.fail(Status::malformed);
    component_ = 0;
    for (std::uint32_t i = 0; i < count && reader.status() == Status::ok; i += 2) {
      const std::int32_t command = reader.integer32();
      if (command == kOverrideParameters && sequence != Sequence::validate) {
        override_parameters(reader);
        continue;
      }
      if (!is_known(command)) reader.fail(Status::unsupported_command);  // before its argument, which may be anything
      // An index, or a reporting policy of four bits.
      const std::uint32_t argument = reader.unsigned_int(15);
      if (command == kSetComponentIndex && argument <= 1) {
        component_ = argument;
      } else {
        execute(reader, command, sequence);
      }
    }
    return reader.finish();
  }

  static bool is_known(std::int32_t command) {
    constexpr std::uint32_t kKnown = 1u << kVendorCondition | 1u << kClassCondition | 1u << kImageMatch |
                                     1u << kUseBeforeCondition | 1u << kDeviceCondition | 1u << kBatteryCondition |
                                     1u << kSetComponentIndex | 1u << kFetch | 1u << kCopy;
    return command >= 0 && command < 32 && (kKnown >> command & 1) != 0;
  }

  /// @param ready  what has to be so before.
  void once(CborReader& reader, Fact fact, bool ready) {
    if (!ready || (facts_ & fact) != 0) reader.fail(Status::malformed);
    facts_ |= fact;
  }
  bool did(Fact fact) const { return (facts_ & fact) != 0; }

  void execute(CborReader& reader, std::int32_t command, Sequence sequence) {
    const bool install = sequence == Sequence::install;
    switch (command) {
      case kVendorCondition:
        return once(reader, vendor_matched, plan_.vendor.size != 0);
      case kClassCondition:
        return once(reader, class_matched, plan_.klass.size != 0);
      case kDeviceCondition:
        return once(reader, device_matched, plan_.device.size != 0);
      case kUseBeforeCondition:
        return once(reader, not_expired, plan_.use_before_s != 0);
      case kBatteryCondition:
        return once(reader, battery_matched, plan_.minimum_battery_percent != 0);
      case kFetch:
        return once(reader, fetched, install && component_ == 0 && did(has_uri) && plan_.carried_digest.size != 0);
      case kCopy:
        return once(reader, copied, install && component_ == 1 && did(has_source) && did(carried_matched));
      case kImageMatch:
        if (sequence == Sequence::validate)
          return once(reader, validated, component_ == 1 && plan_.module_digest.size != 0);
        if (component_ == 0) return once(reader, carried_matched, install && did(fetched));
        return once(reader, module_matched, install && did(copied) && plan_.module_digest.size != 0);
      default:
        reader.fail(Status::unsupported_command);
    }
  }

  // A parameter is set once: what a condition was asked about cannot be replaced afterwards.
  static void set(CborReader& reader, Bytes& to, Bytes value) {
    if (to.size != 0 || value.size == 0) reader.fail(Status::malformed);
    to = value;
  }
  static void set(CborReader& reader, std::uint32_t& to, std::uint32_t limit) {
    if (to != 0) reader.fail(Status::malformed);
    to = reader.unsigned_int(limit);
  }

  void override_parameters(CborReader& reader) {
    const bool carried = component_ == 0;
    for (CborKeys keys(reader); keys.next();) {
      switch (keys.key()) {
        case kVendorId:
          set(reader, plan_.vendor, reader.bytes(kIdBytes));
          break;
        case kClassId:
          set(reader, plan_.klass, reader.bytes(kIdBytes));
          break;
        case kDeviceId:
          set(reader, plan_.device, reader.bytes(kIdBytes));
          break;
        case kImageDigest:
          set(reader, carried ? plan_.carried_digest : plan_.module_digest, read_digest(reader, reader.bytes()));
          break;
        case kImageSize:
          set(reader, carried ? plan_.carried_bytes : plan_.module_bytes, 0x7fffffff);
          break;
        case kUseBefore:
          if (plan_.use_before_s != 0) reader.fail(Status::malformed);
          plan_.use_before_s = reader.unsigned_int();
          break;
        case kMinimumBattery:
          set(reader, plan_.minimum_battery_percent, 100);
          break;
        case kUri:
          once(reader, has_uri, carried);
          if (!equal(reader.text(), kModuleKey)) reader.fail(Status::unsupported_command);
          break;
        case kSourceComponent:
          once(reader, has_source, !carried);
          if (reader.unsigned_int() != 0) reader.fail(Status::unsupported_command);
          break;
        case kEncryptionInfo:
          if (carried) reader.fail(Status::malformed);
          set(reader, plan_.encryption_info, reader.bytes());
          break;
        case kRequirements:
          once(reader, has_requirements, true);
          read_requirements(reader, reader.bytes(), plan_.requirements);
          break;
        case kDeltaInfo:
          if (carried || plan_.is_delta) reader.fail(Status::malformed);
          read_delta_info(reader, reader.bytes());
          break;
        default:
          reader.fail(Status::unsupported_command);
          break;
      }
    }
  }

  void read_delta_info(CborReader& outer, Bytes encoded) {
    CborReader reader(encoded);
    reader.map(3);
    reader.number(1);
    plan_.delta_format = reader.unsigned_int(0xffffffff);
    reader.number(2);
    plan_.base_digest = reader.bytes(kDigestBytes);
    reader.number(3);
    plan_.base_bytes = reader.unsigned_int(0x7fffffff);
    plan_.is_delta = true;
    outer.fail(reader.finish());
    if (plan_.delta_format != 1) outer.fail(Status::unsupported_version);
  }

  Status complete() const {
    constexpr std::uint32_t kNeeded = vendor_matched | class_matched | fetched | carried_matched | copied |
                                      module_matched | validated | has_requirements;
    // What has a parameter has its condition, too: one that is set and not asked about would be silently ignored.
    const bool asked = (plan_.device.size != 0) == did(device_matched) &&
                       (plan_.use_before_s != 0) == did(not_expired) &&
                       (plan_.minimum_battery_percent != 0) == did(battery_matched);
    const bool sized = plan_.carried_bytes != 0 && plan_.module_bytes != 0;
    return (facts_ & kNeeded) == kNeeded && asked && sized ? Status::ok : Status::malformed;
  }

  Plan& plan_;
  std::uint32_t facts_ = 0;
  unsigned component_ = 0;
};

/// The authentication wrapper: digest of the manifest, then who signed it.
void read_authentication(CborReader& outer, Bytes wrapper, BundleHead& out) {
  CborReader reader(wrapper);
  const std::uint32_t count = reader.array();
  if (count < 2) reader.fail(Status::threshold_not_met);
  if (count > 1 + kMaxSigners) reader.fail(Status::too_large);
  out.digest_message = reader.bytes();
  while (reader.status() == Status::ok && out.signature_count + 1 < count)
    out.signatures[out.signature_count++] = reader.bytes();
  outer.fail(reader.finish());
  out.digest = read_digest(outer, out.digest_message);
}

}  // namespace

Status read_bundle_head(Bytes head, std::uint32_t total_bytes, BundleHead& out) {
  out.clear();
  CborReader reader(head);
  if (reader.tag() != kTagSuitEnvelope) reader.fail(Status::malformed);
  reader.map(3);
  reader.number(2);
  const Bytes authentication = reader.bytes();
  reader.number(3);
  const Bytes manifest_with_head = reader.wrapped_with_head();
  if (!equal(reader.text(), kModuleKey)) reader.fail(Status::malformed);
  const CborHead payload = reader.head();
  if (payload.type != CborType::bytes) reader.fail(Status::malformed);
  if (reader.status() == Status::truncated && total_bytes > head.size) return Status::too_large;
  MOTE_UPDATE_TRY(reader.status());
  out.payload_offset = static_cast<std::uint32_t>(reader.offset());
  if (payload.value > total_bytes - out.payload_offset) return Status::truncated;
  out.payload_bytes = static_cast<std::uint32_t>(payload.value);

  read_authentication(reader, authentication, out);
  MOTE_UPDATE_TRY(reader.status());
  Sha256 hash;
  hash.update(manifest_with_head);
  std::uint8_t digest[kDigestBytes];
  hash.finish(digest);
  if (!equal(digest, out.digest)) return Status::digest_mismatch;

  CborReader wrapped(manifest_with_head);
  return Manifest(out.plan).read(wrapped.bytes());
}

}  // namespace mote::update
