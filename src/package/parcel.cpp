#include "mote/package/parcel.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "abi/module.hpp"
#include "cbor.hpp"
#include "image_port.hpp"
#include "mote/base/hash.hpp"
#include "signatures.hpp"
#include "update/block_macs.hpp"
#include "update/cose.hpp"
#include "update/crc32.hpp"
#include "update/report.hpp"
#include "update/suit.hpp"

namespace mote::package {
namespace {

using update::CborWriter;

/// RFC 9562, 5.5: SHA-1 of namespace and name; the hash is a naming scheme here, no protection.
Uuid uuid5(const Uuid& name_space, std::string_view name) {
  Bytes text(name_space.begin(), name_space.end());
  text.insert(text.end(), name.begin(), name.end());
  std::array<std::uint8_t, 20> digest{};
  unsigned size = 0;
  MOTE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  Uuid uuid{};
  std::copy_n(digest.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x50);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

// RFC 9562, 6.6: the namespace of domain names.
constexpr Uuid kDomainNames{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                            0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

Bytes digest_item(ByteSpan content) {
  const Digest digest = sha256(content);
  return cbor([&](CborWriter& w) {
    w.array(2);
    w.integer(update::kAlgorithmSha256);
    w.bytes(view(digest.bytes));
  });
}

Bytes requirements_item(const update::Requirements& r) {
  return cbor([&](CborWriter& w) {
    w.map(12);
    const auto number = [&](std::uint64_t key, std::uint64_t value) {
      w.unsigned_int(key);
      w.unsigned_int(value);
    };
    number(1, r.core);
    number(2, r.isa_features);
    number(3, r.abi);
    number(4, r.op_set);
    number(5, r.arena_bytes);
    number(6, r.stack_bytes);
    w.unsigned_int(7);
    w.bytes(r.sensor_schema);
    w.unsigned_int(8);
    w.bytes(r.feature_schema);
    number(9, r.firmware_version);
    number(10, r.shadow_inferences);
    number(11, r.shadow_permille);
    number(12, r.trial_inferences);
  });
}

/// Commands and their arguments, one after the other.
class Sequence {
 public:
  void command(std::int64_t number, std::uint64_t argument) {
    items_.push_back(cbor([&](CborWriter& w) {
      w.integer(number);
      w.unsigned_int(argument);
    }));
  }
  void select(std::uint64_t component) { command(12, component); }
  void condition(std::int64_t number) { command(number, 15); }  // 15: report everything
  /// Parameters in ascending order of their keys: unsigned ones first.
  void parameters(const std::vector<std::pair<std::int64_t, Bytes>>& values) {
    items_.push_back(cbor([&](CborWriter& w) {
      w.integer(20);
      w.map(values.size());
      for (const auto& [key, encoded] : values) {
        w.integer(key);
        w.raw(view(encoded));
      }
    }));
  }
  [[nodiscard]] Bytes encoded() const {
    return cbor([&](CborWriter& w) {
      w.array(2 * items_.size());
      for (const Bytes& item : items_) w.raw(view(item));
    });
  }

 private:
  std::vector<Bytes> items_;
};

Bytes bytes_item(ByteSpan value) {
  return cbor([&](CborWriter& w) { w.bytes(view(value)); });
}
Bytes number_item(std::uint64_t value) {
  return cbor([&](CborWriter& w) { w.unsigned_int(value); });
}

Bytes shared_sequence(const BundleOptions& options, const update::Requirements& requirements) {
  Sequence sequence;
  std::vector<std::pair<std::int64_t, Bytes>> values{{1, bytes_item(options.vendor)}, {2, bytes_item(options.klass)}};
  if (options.use_before_s != 0) values.emplace_back(4, number_item(options.use_before_s));
  if (options.device) values.emplace_back(24, bytes_item(*options.device));
  if (options.minimum_battery_percent != 0) values.emplace_back(26, number_item(options.minimum_battery_percent));
  values.emplace_back(-300, bytes_item(requirements_item(requirements)));
  sequence.select(0);
  sequence.parameters(values);
  sequence.condition(1);
  sequence.condition(2);
  if (options.device) sequence.condition(24);
  return sequence.encoded();
}

Bytes install_sequence(const BundleOptions& options, ByteSpan module, ByteSpan payload, ByteSpan encryption_info) {
  Sequence sequence;
  if (options.use_before_s != 0) sequence.condition(4);
  if (options.minimum_battery_percent != 0) sequence.condition(26);
  sequence.select(0);
  sequence.parameters({{3, bytes_item(digest_item(payload))},
                       {14, number_item(payload.size())},
                       {21, cbor([](CborWriter& w) { w.text("#module"); })}});
  sequence.command(21, 2);
  sequence.condition(3);
  sequence.select(1);
  std::vector<std::pair<std::int64_t, Bytes>> values{{3, bytes_item(digest_item(module))},
                                                     {14, number_item(module.size())}};
  if (!encryption_info.empty()) values.emplace_back(19, bytes_item(encryption_info));
  values.emplace_back(22, number_item(0));
  if (options.delta) {
    const Digest base = sha256(options.delta->base);
    values.emplace_back(-301, bytes_item(cbor([&](CborWriter& w) {
      w.map(3);
      w.unsigned_int(1);
      w.unsigned_int(1);
      w.unsigned_int(2);
      w.bytes(view(base.bytes));
      w.unsigned_int(3);
      w.unsigned_int(options.delta->base.size());
    })));
  }
  sequence.parameters(values);
  sequence.command(22, 2);
  sequence.condition(3);
  return sequence.encoded();
}

Result<void> check(const BundleOptions& options, std::size_t signers) {
  if (options.sequence == 0) return fail(Code::invalid_argument, "a bundle needs a sequence number above 0");
  if (signers == 0 || signers > update::kMaxSigners)
    return fail(Code::invalid_argument, "a bundle is signed by 1 to " + std::to_string(update::kMaxSigners) +
                                            " keys, not by " + std::to_string(signers));
  if (options.shadow_permille > 1000)
    return fail(Code::invalid_argument,
                "the agreement asked for is " + std::to_string(options.shadow_permille) + " of 1000");
  if (options.minimum_battery_percent > 100)
    return fail(Code::invalid_argument,
                "the battery asked for is " + std::to_string(options.minimum_battery_percent) + " %");
  return {};
}

}  // namespace

Uuid vendor_id(std::string_view domain) { return uuid5(kDomainNames, domain); }
Uuid class_id(const Uuid& vendor, std::string_view name) { return uuid5(vendor, name); }

Result<update::Requirements> requirements_of(ByteSpan module, const BundleOptions& options) {
  device::ModuleHeader header{};
  if (module.size() < sizeof(header)) return fail(Code::malformed, "no module: shorter than a module's header");
  std::memcpy(&header, module.data(), sizeof(header));
  if (header.magic != device::kModuleMagic || header.module_bytes != module.size())
    return fail(Code::malformed, "no module: its header is not one (`mote compile` makes modules)");
  update::Requirements out;
  out.core = header.core;
  out.isa_features = header.isa_features;
  out.abi = header.abi;
  out.op_set = header.op_set;
  out.arena_bytes = header.arena_bytes;
  out.stack_bytes = header.stack_bytes;
  std::memcpy(out.sensor_schema, header.sensor_schema, sizeof(out.sensor_schema));
  std::memcpy(out.feature_schema, header.feature_schema, sizeof(out.feature_schema));
  out.firmware_version = options.firmware_version;
  out.shadow_inferences = options.shadow_inferences;
  out.shadow_permille = options.shadow_permille;
  out.trial_inferences = options.trial_inferences;
  return out;
}

Result<UnsignedBundle> write_manifest(ByteSpan module, const BundleOptions& options) {
  MOTE_TRY(const update::Requirements requirements, requirements_of(module, options));
  UnsignedBundle bundle;
  bundle.payload = options.delta ? options.delta->bytes : Bytes(module.begin(), module.end());
  Bytes encryption_info;
  if (options.encryption) {
    MOTE_TRY(EncryptedPayload encrypted, encrypt_payload(bundle.payload, *options.encryption));
    bundle.payload = std::move(encrypted.bytes);
    encryption_info = std::move(encrypted.info);
  }
  const Bytes shared = shared_sequence(options, requirements);
  const Bytes common = cbor([&](CborWriter& w) {
    w.map(2);
    w.unsigned_int(2);
    w.array(2);
    for (const std::uint8_t component : {std::uint8_t{0}, std::uint8_t{1}}) {
      w.array(1);
      w.bytes({&component, 1});
    }
    w.unsigned_int(4);
    w.bytes(view(shared));
  });
  Sequence validate;
  validate.select(1);
  validate.condition(3);
  const Bytes validate_encoded = validate.encoded();
  const Bytes install = install_sequence(options, module, bundle.payload, encryption_info);
  const Bytes manifest = cbor([&](CborWriter& w) {
    w.map(5);
    w.unsigned_int(1);
    w.unsigned_int(1);
    w.unsigned_int(2);
    w.unsigned_int(options.sequence);
    w.unsigned_int(3);
    w.bytes(view(common));
    w.unsigned_int(7);
    w.bytes(view(validate_encoded));
    w.unsigned_int(20);
    w.bytes(view(install));
  });
  bundle.manifest = bytes_item(manifest);
  return bundle;
}

Bytes sign_bundle(const UnsignedBundle& bundle, std::span<const SigningKey> signers) {
  const Bytes digest = digest_item(bundle.manifest);
  const Bytes authentication = cbor([&](CborWriter& w) {
    w.array(1 + signers.size());
    w.bytes(view(digest));
    for (const SigningKey& signer : signers) w.bytes(view(sign1(digest, true, "", signer)));
  });
  return cbor([&](CborWriter& w) {
    w.tag(update::kTagSuitEnvelope);
    w.map(3);
    w.unsigned_int(2);
    w.bytes(view(authentication));
    w.unsigned_int(3);
    w.raw(view(bundle.manifest));
    w.text("#module");
    w.bytes(view(bundle.payload));
  });
}

Result<Bytes> write_bundle(ByteSpan module, const BundleOptions& options, std::span<const SigningKey> signers) {
  MOTE_TRY_VOID(check(options, signers.size()));
  MOTE_TRY(const UnsignedBundle bundle, write_manifest(module, options));
  Bytes signed_bundle = sign_bundle(bundle, signers);
  const std::size_t head_bytes = signed_bundle.size() - bundle.payload.size();
  if (head_bytes > update::kMaxHeadBytes)
    return fail(Code::too_large, "the bundle's head has " + std::to_string(head_bytes) + " bytes, devices read " +
                                     std::to_string(update::kMaxHeadBytes) + ": fewer signers or recipients");
  return signed_bundle;
}

Result<Bytes> write_keys(const KeysOptions& options, std::span<const SigningKey> signers) {
  std::vector<PublicKeyBytes> keys;
  const auto index_of = [&](const PublicKeyBytes& key) {
    const auto found = std::find(keys.begin(), keys.end(), key);
    if (found != keys.end()) return static_cast<std::uint64_t>(found - keys.begin());
    keys.push_back(key);
    return static_cast<std::uint64_t>(keys.size() - 1);
  };
  const std::pair<const char*, const RoleOptions*> roles[] = {
      {"root", &options.root}, {"release", &options.release}, {"time", &options.time}};
  std::vector<std::vector<std::uint64_t>> members;
  for (const auto& [name, role] : roles) {
    if (role->threshold == 0 || role->threshold > role->keys.size())
      return fail(Code::invalid_argument, std::string("role ") + name + ": a threshold of " +
                                              std::to_string(role->threshold) + " with " +
                                              std::to_string(role->keys.size()) + " keys");
    std::vector<std::uint64_t> indices;
    for (const PublicKeyBytes& key : role->keys) indices.push_back(index_of(key));
    members.push_back(std::move(indices));
  }
  if (keys.size() > update::kMaxKeys)
    return fail(Code::too_large,
                std::to_string(keys.size()) + " keys; a device holds " + std::to_string(update::kMaxKeys));
  const Bytes payload = cbor([&](CborWriter& w) {
    w.map(6);
    w.unsigned_int(1);
    w.unsigned_int(options.version);
    w.unsigned_int(2);
    w.map(3);
    for (std::uint64_t role = 1; role <= 3; ++role) {
      w.unsigned_int(role);
      w.array(2);
      w.unsigned_int(roles[role - 1].second->threshold);
      w.array(members[role - 1].size());
      for (const std::uint64_t index : members[role - 1]) w.unsigned_int(index);
    }
    w.unsigned_int(3);
    w.array(keys.size());
    for (const PublicKeyBytes& key : keys) {
      w.array(2);
      w.integer(update::kAlgorithmEd25519);
      w.bytes(view(key));
    }
    w.unsigned_int(4);
    w.unsigned_int(options.not_after_s);
    w.unsigned_int(5);
    w.unsigned_int(options.highest_sequence);
    w.unsigned_int(6);
    w.bytes(view(options.vendor));
  });
  return cbor([&](CborWriter& w) {
    w.tag(update::kTagSign);
    w.array(4);
    w.bytes({});
    w.map(0);
    w.bytes(view(payload));
    w.array(signers.size());
    for (const SigningKey& signer : signers) w.raw(view(sign_document(payload, kKeysAad, signer)));
  });
}

Bytes write_time(const TimeOptions& options, const SigningKey& signer) {
  const Bytes payload = cbor([&](CborWriter& w) {
    w.map(3);
    w.unsigned_int(1);
    w.unsigned_int(options.time_s);
    w.unsigned_int(2);
    w.bytes(view(options.klass));
    w.unsigned_int(3);
    w.unsigned_int(options.expected_sequence);
  });
  return sign1(payload, false, kTimeAad, signer);
}

Bytes join(std::span<const Bytes> messages) {
  Bytes parcel;
  for (const Bytes& message : messages) parcel.insert(parcel.end(), message.begin(), message.end());
  return parcel;
}

Result<Bytes> factory_image(const update::Layout& layout, const FactoryOptions& options) {
  Bytes image(layout.slot(1), 0xff);
  update::Identity identity;
  if (sizeof(identity) + options.keys.size() > layout.journal - layout.identity || options.keys.size() > 0xffff)
    return fail(Code::too_large, "a keys document of " + std::to_string(options.keys.size()) +
                                     " bytes does not fit beside the identity");
  if (options.module.size() > layout.capacity())
    return fail(Code::too_large, "a module of " + std::to_string(options.module.size()) +
                                     " bytes does not fit a slot of " + std::to_string(layout.capacity()));
  identity.magic = update::kIdentityMagic;
  identity.version = 1;
  identity.keys_bytes = static_cast<std::uint16_t>(options.keys.size());
  update::copy(identity.vendor, view(options.vendor));
  update::copy(identity.klass, view(options.klass));
  update::copy(identity.device, view(options.device));
  update::copy(identity.device_key, view(options.device_key));
  update::copy(identity.agreement_key, view(options.agreement_key));
  update::copy(identity.group_key, view(options.group_key));
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&identity);
  identity.crc = update::crc32(view(options.keys), update::crc32({bytes, sizeof(identity) - sizeof(identity.crc)}));
  std::copy_n(bytes, sizeof(identity), image.begin() + layout.identity);
  std::copy(options.keys.begin(), options.keys.end(), image.begin() + layout.identity + sizeof(identity));
  if (options.module.empty()) return image;

  std::copy(options.module.begin(), options.module.end(), image.begin() + layout.slot(0));
  update::SlotRecord record;
  record.sequence = options.sequence;
  record.module_bytes = static_cast<std::uint32_t>(options.module.size());
  update::copy(record.digest, view(sha256(options.module).bytes));
  ImagePort port(layout, image);
  update::BlockMacs macs(port, view(options.device_key));
  MOTE_CHECK(macs.begin(0) == update::Status::ok);
  for (std::uint32_t at = 0; at < update::BlockMacs::count(record.module_bytes); at += update::BlockMacs::kAtOnce)
    MOTE_CHECK(macs.write(0, record, at) == update::Status::ok);
  MOTE_CHECK(macs.finish(0, record) == update::Status::ok);
  return image;
}

}  // namespace mote::package
