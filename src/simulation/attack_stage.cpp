#include "attack_stage.hpp"

#include <algorithm>
#include <cstring>

#include "abi/module.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/bytes_source.hpp"
#include "update/cose.hpp"
#include "update/suit.hpp"

namespace mote::simulation {
namespace {

using update::CborType;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({0x61, 0x74, 0x6b, number}); }

/// Order of deterministic encoding: by the bytes of the keys.
bool before(const CborValue& a, const CborValue& b) { return package::write_cbor(a) < package::write_cbor(b); }

}  // namespace

// ---- keys

Cast::Cast()
    : vendor(package::vendor_id("mote.example")),
      klass(package::class_id(vendor, "simulated")),
      other_vendor(package::vendor_id("other.example")),
      other_class(package::class_id(vendor, "another")),
      root1(key(1)),
      root2(key(2)),
      root3(key(3)),
      release(key(4)),
      time(key(5)),
      later_release(key(6)),
      outsider(key(7)) {
  device_key.fill(0x17);
  agreement_secret.fill(0x29);
  group_key.fill(0x3b);
}

package::KeysOptions Cast::keys(std::uint32_t version) const {
  package::KeysOptions options;
  options.version = version;
  options.root = {2, {root1.public_key(), root2.public_key()}};
  options.release = {1, {release.public_key()}};
  options.time = {1, {time.public_key()}};
  options.not_after_s = kNotAfter;
  options.highest_sequence = kHighestSequence;
  options.vendor = vendor;
  return options;
}

package::KeysOptions Cast::rotated(std::uint32_t version) const {
  package::KeysOptions options = keys(version);
  options.release = {1, {later_release.public_key()}};
  return options;
}

Bytes Cast::keys_message(const package::KeysOptions& options, const std::vector<SigningKey>& signers) const {
  return package::write_keys(options, signers).value();
}

Bytes Cast::time_message(std::uint64_t time_s, std::uint64_t expected_sequence) const {
  return package::write_time({time_s, klass, expected_sequence}, time);
}

// ---- manifests

CborValue& Manifest::inside(std::int64_t key) {
  CborValue* found = map.find(key);
  MOTE_CHECK(found != nullptr);
  if (found->items.empty()) MOTE_CHECK(package::unwrap(*found).has_value());
  return found->items[0];
}

CborValue& Manifest::shared() {
  CborValue* found = common().find(4);
  MOTE_CHECK(found != nullptr);
  if (found->items.empty()) MOTE_CHECK(package::unwrap(*found).has_value());
  return found->items[0];
}

CborValue& Manifest::parameters(CborValue& sequence, std::size_t n) {
  for (std::size_t i = 0; i + 1 < sequence.items.size(); i += 2) {
    if (sequence.items[i].is_integer(20) && n-- == 0) return sequence.items[i + 1];
  }
  MOTE_CHECK(false);
  return sequence;
}

CborValue& Manifest::requirements() {
  CborValue* found = parameters(shared()).find(-300);
  MOTE_CHECK(found != nullptr);
  if (found->items.empty()) MOTE_CHECK(package::unwrap(*found).has_value());
  return found->items[0];
}

void Manifest::carry(Bytes other, bool as_module) {
  payload = std::move(other);
  for (const std::size_t component : {std::size_t{0}, std::size_t{1}}) {
    if (component == 1 && !as_module) continue;
    CborValue& values = parameters(install(), component);
    set(values, 3, CborValue::bytes_of(digest_item(payload)));
    set(values, 14, CborValue::unsigned_int(payload.size()));
  }
}

package::UnsignedBundle Manifest::unsigned_bundle() const {
  return {package::write_cbor(CborValue::bytes_of(package::write_cbor(map))), payload};
}

void set(CborValue& map, std::int64_t key, CborValue value, bool ordered) {
  if (CborValue* found = map.find(key)) {
    *found = std::move(value);
    return;
  }
  const CborValue name = CborValue::integer(key);
  std::size_t at = map.items.size();
  if (ordered) {
    at = 0;
    while (at < map.items.size() && before(map.items[at], name)) at += 2;
  }
  map.items.insert(map.items.begin() + static_cast<std::ptrdiff_t>(at), {name, std::move(value)});
}

void remove(CborValue& map, std::int64_t key) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (!map.items[i].is_integer(key)) continue;
    const auto at = map.items.begin() + static_cast<std::ptrdiff_t>(i);
    map.items.erase(at, at + 2);
    return;
  }
  MOTE_CHECK(false);
}

// ---- signatures

CborValue map_of(std::vector<CborValue> keys_and_values) {
  return {CborType::map, 0, {}, std::move(keys_and_values), {}};
}

Bytes protected_header(const SigningKey& key, std::int64_t algorithm) {
  return package::write_cbor(map_of({CborValue::unsigned_int(1), CborValue::integer(algorithm),
                                     CborValue::unsigned_int(4), CborValue::bytes_of(key.id())}));
}

Sign1::Sign1(const SigningKey& key, std::int64_t algorithm)
    : protected_header(simulation::protected_header(key, algorithm)), unprotected(map_of({})) {}

Bytes Sign1::write(const SigningKey& key) const {
  const CborValue structure =
      CborValue::array({CborValue::text("Signature1"), CborValue::bytes_of(protected_header),
                        CborValue::bytes_of(as_bytes(external_aad)), CborValue::bytes_of(signed_payload)});
  const CborValue message = CborValue::array({CborValue::bytes_of(protected_header), unprotected, payload,
                                              CborValue::bytes_of(key.sign(package::write_cbor(structure)))});
  return package::write_cbor(tagged ? CborValue{CborType::tag, update::kTagSign1, {}, {message}, {}} : message);
}

Bytes digest_item(ByteSpan content, std::int64_t algorithm) {
  return package::write_cbor(
      CborValue::array({CborValue::integer(algorithm), CborValue::bytes_of(sha256(content).bytes)}));
}

Bytes envelope(const package::UnsignedBundle& bundle, const std::vector<Bytes>& signatures,
               std::int64_t digest_algorithm) {
  std::vector<CborValue> wrapper{CborValue::bytes_of(digest_item(bundle.manifest, digest_algorithm))};
  for (const Bytes& signature : signatures) wrapper.push_back(CborValue::bytes_of(signature));
  const CborValue map = map_of({CborValue::unsigned_int(2),
                                CborValue::bytes_of(package::write_cbor(CborValue::array(std::move(wrapper)))),
                                CborValue::unsigned_int(3), package::read_cbor(bundle.manifest).value(),
                                CborValue::text("#module"), CborValue::bytes_of(bundle.payload)});
  return package::write_cbor({CborType::tag, update::kTagSuitEnvelope, {}, {map}, {}});
}

// ---- the stage

Stage::Stage(const Models& all, NativeModules& modules)
    : good_module(all.third.module), models(all), modules_(modules) {
  geometry_ = {0, 2048, 8, 1};
  hardware.layout = update::arrange(geometry_.sector_bytes, geometry_.write_unit_bytes, models.module_bytes,
                                    2 * models.module_bytes + 8192);
  geometry_.bytes = hardware.layout.end();
  hardware.runtime = native_runtime(models);
  factory.vendor = cast.vendor;
  factory.klass = cast.klass;
  factory.device = cast.device;
  factory.device_key = cast.device_key;
  factory.agreement_key = cast.agreement_secret;
  factory.group_key = cast.group_key;
  factory.keys = cast.keys_message(cast.keys(1), {cast.root1, cast.root2});
  factory.module = models.first.module;
  factory.sequence = kFactorySequence;
}

package::BundleOptions Stage::options(std::uint64_t sequence) const {
  package::BundleOptions options;
  options.sequence = sequence;
  options.vendor = cast.vendor;
  options.klass = cast.klass;
  options.shadow_inferences = 8;
  options.shadow_permille = 500;
  options.trial_inferences = 8;
  return options;
}

Bytes Stage::bundle(ByteSpan module, const package::BundleOptions& options) const {
  return bundle(module, options, {cast.release});
}

Bytes Stage::bundle(ByteSpan module, const package::BundleOptions& options,
                    const std::vector<SigningKey>& signers) const {
  return package::write_bundle(module, options, signers).value();
}

Manifest Stage::manifest(const package::BundleOptions& options) const {
  const package::UnsignedBundle bundle = package::write_manifest(models.second.module, options).value();
  Manifest manifest;
  CborValue wrapped = package::read_cbor(bundle.manifest).value();
  manifest.map = package::read_cbor(wrapped.bytes).value();
  manifest.payload = bundle.payload;
  return manifest;
}

Bytes Stage::changed(const std::function<void(Manifest&)>& change) const {
  Manifest made = manifest(options(11));
  change(made);
  return package::sign_bundle(made.unsigned_bundle(), std::span(&cast.release, 1));
}

Bytes Stage::module(const std::function<void(device::ModuleHeader&)>& change) const {
  Bytes module = models.second.module;
  device::ModuleHeader header;
  std::memcpy(&header, module.data(), sizeof(header));
  change(header);
  std::memset(header.digest, 0, sizeof(header.digest));
  std::memcpy(module.data(), &header, sizeof(header));
  const Digest digest = sha256(module);
  std::copy_n(digest.bytes.begin(), sizeof(header.digest), header.digest);
  std::memcpy(module.data(), &header, sizeof(header));
  return module;
}

Status Stage::power_on() {
  flash_ = board::NorFlash::create(geometry_).value();
  MOTE_CHECK(flash_->load(0, package::factory_image(hardware.layout, factory).value()).has_value());
  return restart();
}

Status Stage::restart(update::ResetCause cause) {
  device_.emplace(*flash_, hardware, modules_, models);
  return device_->start(cause);
}

void Stage::tamper(std::uint32_t offset, const std::function<void(Bytes&)>& change, std::size_t bytes) {
  const ByteSpan there = flash_->bytes().subspan(offset, bytes);
  Bytes content(there.begin(), there.end());
  change(content);
  MOTE_CHECK(flash_->load(offset, content).has_value());
}

Status Stage::announce(ByteSpan parcel, std::uint16_t block_bytes) {
  update::Announcement announcement;
  const Digest digest = sha256(parcel);
  std::copy_n(digest.bytes.begin(), sizeof(announcement.id), announcement.id);
  announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
  announcement.block_bytes = block_bytes;
  return agent().announce(announcement);
}

void Stage::run(unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) {
    const update::Progress progress = agent().step();
    if (agent().phase() == update::Phase::idle) return;
    if (progress != update::Progress::waiting) continue;
    if (agent().phase() != update::Phase::trial && agent().phase() != update::Phase::shadowing) return;
    device().infer();
  }
}

Status Stage::give(ByteSpan parcel, Delivery delivery) {
  constexpr std::uint16_t kBlock = 256;
  package::BytesSource card(parcel);
  if (delivery == Delivery::card) {
    if (const Status status = agent().offer(card); status != Status::ok) return status;
  } else {
    const Status status = announce(parcel, kBlock);
    if (status != Status::ok && status != Status::waiting) return status;
    while (agent().phase() == update::Phase::preparing) agent().step();
    for (std::uint32_t number = 0;; ++number) {
      update::Inbox* inbox = agent().inbox();
      if (inbox == nullptr || number == inbox->block_count()) break;  // refused before its end
      if (const Status put =
              inbox->put(number, {parcel.data() + std::size_t{number} * kBlock, inbox->block_size(number)});
          put != Status::ok)
        return put;
      agent().step();
    }
  }
  run();
  // A card is read in place: what still waits would read it when it is gone.
  if (agent().phase() != update::Phase::idle) {
    agent().abandon(Status::busy);
    return Status::waiting;
  }
  return agent().last_status();
}

Facts Stage::facts() {
  const update::Record& record = agent().record();
  Facts facts;
  if (agent().has_module()) {
    const update::SlotRecord& slot = record.slot[record.active];
    facts.sequence = slot.sequence;
    facts.digest.assign(std::begin(slot.digest), std::end(slot.digest));
  }
  facts.confirmed_sequence = record.confirmed_sequence;
  facts.time_s = record.time_s;
  facts.expected_sequence = record.expected_sequence;
  facts.keys_version = agent().keys_version();
  const auto* failed = &record.failed[0][0];
  facts.failed.assign(failed, failed + sizeof(record.failed));
  return facts;
}

std::uint64_t Stage::running() {
  if (!agent().has_module()) return 0;
  const std::uint64_t sequence = agent().record().slot[agent().record().active].sequence;
  return device().infer() ? sequence : 0;
}

std::string Stage::takes_good_update(std::uint64_t sequence, const std::vector<SigningKey>& signers) {
  const Status status = give(bundle(good_module, options(sequence), signers), Delivery::inbox);
  if (status != Status::ok) return std::string("a good update afterwards ends with ") + name(status);
  const std::uint64_t runs = running();
  return runs == sequence ? "" : "after a good update " + std::to_string(runs) + " runs";
}

}  // namespace mote::simulation
