#include "update/suit.hpp"

#include <cstddef>

#include "update/cose.hpp"
#include "update/crypto.hpp"

namespace mote::update {
namespace {

constexpr std::size_t kIdBytes = 16, kDigestBytes = 32;

// A manifest is read by tables: of its sections, its commands, its parameters and what the module requires. Keys and
// commands have the numbers of the draft's registries, section 11, and of draft-ietf-suit-update-management.

/// Where a command or a parameter may stand: for which component, in which sequence.
enum Place : std::uint8_t {
  of_carried = 1,
  of_slot = 2,
  in_shared = 4,
  in_install = 8,
  in_validate = 16,
  in_any = in_shared | in_install | in_validate,
  anywhere = in_any | of_carried | of_slot
};

/// What a value is. Numbers: how many bytes, and which of kLimits. Positive ones are not 0.
enum Kind : std::uint8_t {
  is_positive = 0x80,
  number = 0x04,
  short_number = 0x12,
  permille = 0x22,
  percent = 0x34 | is_positive,
  half_number = 0x44 | is_positive,  // below 2^31
  long_number = 0x58 | is_positive,

  identifier = 0x60,  // Bytes
  some_bytes,         // Bytes, not empty
  digest,             // Bytes
  schema,
  version_1,
  component_0,
  module_uri
};
constexpr std::uint64_t kLimits[] = {0xffffffff, 0xffff, 1000, 100, 0x7fffffff, ~std::uint64_t{0}};

/// A key of a map, or a command.
struct Row {
  std::int16_t key;
  std::uint8_t places;
  std::uint8_t kind;  ///< of a command: a fact that it needs
  std::uint16_t at;   ///< offset of the value; of a command: the other fact that it needs
};

struct Sections {
  std::uint64_t sequence = 0;
  Bytes sequences[3];  ///< common, later the shared one in it; install; validate
};
constexpr Row kSections[] = {
    {1, anywhere, version_1, 0},
    {2, anywhere, long_number, offsetof(Sections, sequence)},
    {3, anywhere, some_bytes, offsetof(Sections, sequences[0])},
    {7, anywhere, some_bytes, offsetof(Sections, sequences[2])},
    {20, anywhere, some_bytes, offsetof(Sections, sequences[1])},
};

constexpr Row kRequirements[] = {
    {1, anywhere, number, offsetof(Requirements, core)},
    {2, anywhere, number, offsetof(Requirements, isa_features)},
    {3, anywhere, number, offsetof(Requirements, abi)},
    {4, anywhere, number, offsetof(Requirements, op_set)},
    {5, anywhere, number, offsetof(Requirements, arena_bytes)},
    {6, anywhere, number, offsetof(Requirements, stack_bytes)},
    {7, anywhere, schema, offsetof(Requirements, sensor_schema)},
    {8, anywhere, schema, offsetof(Requirements, feature_schema)},
    {9, anywhere, number, offsetof(Requirements, firmware_version)},
    {10, anywhere, short_number, offsetof(Requirements, shadow_inferences)},
    {11, anywhere, permille, offsetof(Requirements, shadow_permille)},
    {12, anywhere, short_number, offsetof(Requirements, trial_inferences)},
};

// What a manifest has said and done so far are facts: bit i for row i of the parameters, bit kDid + i for row i of the
// commands. Each is said and done once: what a condition was asked about cannot be replaced afterwards.
constexpr unsigned kDid = 16;
enum Fact : std::uint8_t {
  has_vendor,
  has_class,
  has_device,
  has_expiry,
  has_battery,
  has_carried_digest,
  has_module_digest,
  has_carried_bytes,
  has_module_bytes,
  has_encryption_info,
  has_uri,
  has_source,
  has_requirements,
  has_delta,

  vendor_matched = kDid,
  class_matched,
  device_matched,
  not_expired,
  battery_matched,
  fetched,
  carried_matched,
  copied,
  module_matched,
  validated
};

constexpr Row kParameters[] = {
    {1, anywhere, identifier, offsetof(Plan, vendor)},
    {2, anywhere, identifier, offsetof(Plan, klass)},
    {24, anywhere, identifier, offsetof(Plan, device)},
    {4, anywhere, long_number, offsetof(Plan, use_before_s)},
    {26, anywhere, percent, offsetof(Plan, minimum_battery_percent)},
    {3, in_any | of_carried, digest, offsetof(Plan, carried_digest)},
    {3, in_any | of_slot, digest, offsetof(Plan, module_digest)},
    {14, in_any | of_carried, half_number, offsetof(Plan, carried_bytes)},
    {14, in_any | of_slot, half_number, offsetof(Plan, module_bytes)},
    {19, in_any | of_slot, some_bytes, offsetof(Plan, encryption_info)},
    {21, in_any | of_carried, module_uri, 0},
    {22, in_any | of_slot, component_0, 0},
    // Maps: as they are encoded until the manifest has ended.
    {-300, anywhere, some_bytes, offsetof(Plan, requirements)},
    {-301, in_any | of_slot, some_bytes, offsetof(Plan, base_digest)},
};

constexpr Row kCommands[] = {
    {1, anywhere, has_vendor, has_vendor},
    {2, anywhere, has_class, has_class},
    {24, anywhere, has_device, has_device},
    {4, anywhere, has_expiry, has_expiry},
    {26, anywhere, has_battery, has_battery},
    {21, in_install | of_carried, has_uri, has_carried_digest},
    {3, in_install | of_carried, fetched, fetched},
    {22, in_install | of_slot, has_source, carried_matched},
    {3, in_install | of_slot, copied, has_module_digest},
    {3, in_validate | of_slot, has_module_digest, has_module_digest},
};
constexpr std::int32_t kSetComponentIndex = 12, kOverrideParameters = 20;

constexpr std::uint32_t bit(unsigned fact) { return std::uint32_t{1} << fact; }
/// The first `count` facts.
constexpr std::uint32_t all(unsigned count) { return bit(count) - 1; }

struct Table {
  const Row* rows;
  unsigned count;

  template <unsigned N>
  constexpr Table(const Row (&all)[N]) : rows(all), count(N) {}

  /// @return the row of a key; `count`, and the reader fails: there is none at this place.
  unsigned find(CborReader& reader, std::int32_t key, unsigned place) const {
    Status why = Status::unsupported_command;
    for (unsigned i = 0; i < count; ++i) {
      if (rows[i].key != key) continue;
      if ((place & ~unsigned{rows[i].places}) == 0) return i;
      why = Status::malformed;
    }
    reader.fail(why);
    return count;
  }
};

constexpr auto kUnsupportedAlgorithm = static_cast<std::uint8_t>(Status::unsupported_algorithm);
constexpr auto kUnsupportedCommand = static_cast<std::uint8_t>(Status::unsupported_command);
constexpr auto kMalformed = static_cast<std::uint8_t>(Status::malformed);

/// [-16, bytes]: the only digest algorithm. What is wrong with it is wrong with what it stands in.
void read_digest(CborReader& outer, const Bytes& encoded, Bytes& out) {
  static constexpr std::uint8_t kForm[] = {0x82,         form::kElse, kUnsupportedAlgorithm, 0x2f, form::kBytesOf,
                                           kDigestBytes, form::kEnd};
  outer.match_whole(encoded, kForm, &out);
}

void read_value(CborReader& reader, unsigned kind, std::uint8_t* to) {
  if (kind == schema) {
    reader.copy_bytes({to, sizeof(Requirements::sensor_schema)});
  } else if (kind >= identifier && kind <= digest) {
    Bytes value = kind == identifier ? reader.bytes(kIdBytes) : reader.bytes();
    if (kind == digest) read_digest(reader, value, value);
    if (value.size == 0) reader.fail(Status::malformed);
    __builtin_memcpy(to, &value, sizeof(value));
  } else if (kind == module_uri) {
    static constexpr std::uint8_t kUri[] = {form::kElse, kUnsupportedCommand, 0x67, '#', 'm', 'o', 'd', 'u', 'l',
                                            'e',         form::kEnd};
    reader.match(kUri, nullptr);
  } else {
    const std::uint64_t value = reader.unsigned_int();
    if (kind == component_0) {
      if (value != 0) reader.fail(Status::unsupported_command);
    } else if (kind == version_1) {
      if (value != 1) reader.fail(Status::unsupported_version);
    } else {
      if (value > kLimits[kind >> 4 & 7]) reader.fail(Status::too_large);
      if (value == 0 && (kind & is_positive) != 0) reader.fail(Status::malformed);
      __builtin_memcpy(to, &value, kind & 15);  // little-endian, as all that runs this
    }
  }
}

/// A map with keys of a table, whose values go to `to`. Notes in `facts` which of them are there, once each.
void read_map(CborReader& reader, const Table& table, unsigned place, std::uint32_t& facts, void* to) {
  for (CborKeys keys(reader); keys.next();) {
    const unsigned i = table.find(reader, keys.key(), place);
    if (i == table.count) break;
    if ((facts & bit(i)) != 0) reader.fail(Status::malformed);
    facts |= bit(i);
    read_value(reader, table.rows[i].kind, static_cast<std::uint8_t*>(to) + table.rows[i].at);
  }
}

class Manifest {
 public:
  explicit Manifest(Plan& plan) : plan_(plan) {}

  Status read(const Bytes& manifest) {
    // The components [[h'00'], [h'01']], and the shared sequence.
    static constexpr std::uint8_t kCommon[] = {
        0xa2, 2,    form::kElse, kUnsupportedCommand, 0x82,       0x81, 0x41,         0,
        0x81, 0x41, 1,           form::kElse,         kMalformed, 4,    form::kBytes, form::kEnd};
    Sections sections;
    MOTE_UPDATE_TRY(read_whole(manifest, kSections, &sections));
    plan_.sequence = sections.sequence;
    CborReader reader({});
    reader.match_whole(sections.sequences[0], kCommon, &sections.sequences[0]);
    Status status = reader.status();
    for (unsigned i = 0; i < 3 && status == Status::ok; ++i) status = run(sections.sequences[i], in_shared << i);
    return status == Status::ok ? complete() : status;
  }

 private:
  /// A map, and nothing else, in which each key of the table is.
  static Status read_whole(const Bytes& encoded, const Table& table, void* to) {
    CborReader reader(encoded);
    std::uint32_t found = 0;
    read_map(reader, table, anywhere, found, to);
    if (found != all(table.count)) reader.fail(Status::malformed);
    return reader.finish();
  }

  Status run(const Bytes& commands, unsigned sequence) {
    CborReader reader(commands);
    const std::uint32_t count = reader.array();
    if (count % 2 != 0) reader.fail(Status::malformed);
    unsigned place = sequence | of_carried;
    for (std::uint32_t i = 0; i < count && reader.status() == Status::ok; i += 2) {
      const std::int32_t command = reader.integer32();
      if (command == kOverrideParameters && sequence != in_validate) {
        read_map(reader, kParameters, place, facts_, &plan_);
      } else if (command == kSetComponentIndex) {
        const std::uint32_t component = reader.unsigned_int(15);
        if (component > 1) reader.fail(Status::unsupported_command);
        place = sequence | (of_carried << component);
      } else {
        execute(reader, command, place);
      }
    }
    return reader.finish();
  }

  void execute(CborReader& reader, std::int32_t command, unsigned place) {
    const Table table(kCommands);
    const unsigned i = table.find(reader, command, place);
    if (i == table.count) return;
    reader.unsigned_int(15);  // a reporting policy of four bits
    const std::uint32_t done = bit(kDid + i), needed = bit(table.rows[i].kind) | bit(table.rows[i].at);
    if ((facts_ & (done | needed)) != needed) reader.fail(Status::malformed);
    facts_ |= done;
  }

  Status complete() {
    constexpr std::uint32_t kNeeded = bit(vendor_matched) | bit(class_matched) | bit(fetched) | bit(carried_matched) |
                                      bit(copied) | bit(module_matched) | bit(validated) | bit(has_requirements) |
                                      bit(has_carried_bytes) | bit(has_module_bytes);
    // What has a parameter has its condition, too: one that is set and not asked about would be silently ignored.
    constexpr std::uint32_t kAsked = bit(has_device) | bit(has_expiry) | bit(has_battery);
    if ((facts_ & kNeeded) != kNeeded || ((facts_ >> kDid ^ facts_) & kAsked) != 0) return Status::malformed;
    Bytes requirements;
    __builtin_memcpy(&requirements, static_cast<const void*>(&plan_.requirements), sizeof(requirements));
    MOTE_UPDATE_TRY(read_whole(requirements, kRequirements, &plan_.requirements));
    plan_.is_delta = (facts_ & bit(has_delta)) != 0;
    if (!plan_.is_delta) return Status::ok;
    static constexpr std::uint8_t kDeltaInfo[] = {0xa3,         1, form::kNumber,       2,         form::kBytesOf,
                                                  kDigestBytes, 3, form::kPositiveHalf, form::kEnd};
    CborReader reader({});
    reader.match_whole(plan_.base_digest, kDeltaInfo, &plan_.delta_format);
    if (plan_.delta_format != 1) reader.fail(Status::unsupported_version);
    return reader.status();
  }

  Plan& plan_;
  std::uint32_t facts_ = 0;
};
static_assert(has_delta < kDid && sizeof(kParameters) == (has_delta + 1) * sizeof(Row) &&
                  sizeof(kCommands) == (validated - kDid + 1) * sizeof(Row),
              "a fact for each row");
static_assert(offsetof(Plan, base_digest) > offsetof(Plan, delta_format) &&
                  offsetof(Plan, base_bytes) > offsetof(Plan, base_digest),
              "in the order of the form");

/// The authentication wrapper: digest of the manifest, then who signed it.
void read_authentication(CborReader& outer, const Bytes& wrapper, BundleHead& out) {
  CborReader reader(wrapper);
  const std::uint32_t count = reader.array();
  if (count < 2) reader.fail(Status::threshold_not_met);
  if (count > 1 + kMaxSigners) reader.fail(Status::too_large);
  out.digest_message = reader.bytes();
  while (reader.status() == Status::ok && out.signature_count + 1 < count)
    out.signatures[out.signature_count++] = reader.bytes();
  outer.fail(reader.finish());
  read_digest(outer, out.digest_message, out.digest);
}

}  // namespace

Status read_bundle_head(Bytes head, std::uint32_t total_bytes, BundleHead& out) {
  out.clear();
  static constexpr std::uint8_t kEnvelope[] = {
      0xd8, kTagSuitEnvelope, 0xa3, 2, form::kBytes, 3, form::kItem, 0x67, '#', 'm', 'o', 'd', 'u', 'l',
      'e',  form::kEnd};
  struct {
    Bytes authentication, manifest_with_head;
  } parts;
  CborReader reader(head);
  reader.match(kEnvelope, &parts);
  const std::uint64_t payload_bytes = reader.bytes_head();
  if (reader.status() == Status::truncated && total_bytes > head.size) return Status::too_large;
  MOTE_UPDATE_TRY(reader.status());
  out.payload_offset = static_cast<std::uint32_t>(reader.offset());
  if (payload_bytes > total_bytes - out.payload_offset) return Status::truncated;
  out.payload_bytes = static_cast<std::uint32_t>(payload_bytes);

  read_authentication(reader, parts.authentication, out);
  MOTE_UPDATE_TRY(reader.status());
  Sha256 hash;
  hash.update(parts.manifest_with_head);
  std::uint8_t digest[kDigestBytes];
  hash.finish(digest);
  if (!equal(digest, out.digest)) return Status::digest_mismatch;

  CborReader wrapped(parts.manifest_with_head);
  return Manifest(out.plan).read(wrapped.bytes());
}

}  // namespace mote::update
