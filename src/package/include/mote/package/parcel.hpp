#pragma once
// Writes what devices take in: bundles, keys documents, time statements, and parcels of them. The forms are those of
// docs/updates.md; a device accepts these bytes and no other encoding of them.

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/package/encryption.hpp"
#include "mote/package/signing_key.hpp"
#include "update/plan.hpp"
#include "update/trust.hpp"

namespace mote::package {

using Uuid = std::array<std::uint8_t, 16>;

/// Vendor and class ids are UUIDs of version 5 (RFC 9562) made of names: the vendor of its domain, the class of the
/// vendor's id and a name (RFC 9124, section 3.3).
[[nodiscard]] Uuid vendor_id(std::string_view domain);
[[nodiscard]] Uuid class_id(const Uuid& vendor, std::string_view name);

/// A delta that makes the module out of another one.
struct Delta {
  Bytes bytes;
  Bytes base;  ///< the module it was made against
};

struct BundleOptions {
  std::uint64_t sequence = 0;
  Uuid vendor{}, klass{};
  std::optional<Uuid> device;      ///< for this device alone
  std::uint64_t use_before_s = 0;  ///< seconds since 1970; 0: does not expire
  unsigned minimum_battery_percent = 0;
  std::uint32_t firmware_version = 0;
  std::uint16_t shadow_inferences = 32;
  std::uint16_t shadow_permille = 900;
  std::uint16_t trial_inferences = 32;
  std::optional<Delta> delta;
  std::optional<EncryptionOptions> encryption;
};

/// What the module needs, from its header.
/// @error malformed  no module.
[[nodiscard]] Result<update::Requirements> requirements_of(ByteSpan module, const BundleOptions& options);

/// A bundle signed by each of `signers`.
/// @error invalid_argument  no sequence, no signer, more than four, a percentage or permille out of range; as
///                          encrypt_payload.
/// @error too_large         its head is longer than devices read: too many recipients and signers.
[[nodiscard]] Result<Bytes> write_bundle(ByteSpan module, const BundleOptions& options,
                                         std::span<const SigningKey> signers);

/// The parts of a bundle before it is signed, for whoever signs elsewhere, and for tests that sign what is wrong.
struct UnsignedBundle {
  Bytes manifest;  ///< with its bstr head
  Bytes payload;
};
[[nodiscard]] Result<UnsignedBundle> write_manifest(ByteSpan module, const BundleOptions& options);
[[nodiscard]] Bytes sign_bundle(const UnsignedBundle& bundle, std::span<const SigningKey> signers);

/// Who may sign for what.
struct RoleOptions {
  unsigned threshold = 1;
  std::vector<PublicKeyBytes> keys;
};
struct KeysOptions {
  std::uint32_t version = 1;
  RoleOptions root, release, time;
  std::uint64_t not_after_s = 0;
  std::uint64_t highest_sequence = 0;
  Uuid vendor{};
};

/// @param signers  the new root keys; and the old ones, where this document follows another.
/// @error invalid_argument  a threshold that its keys cannot reach.   @error too_large  more keys than a device holds.
[[nodiscard]] Result<Bytes> write_keys(const KeysOptions& options, std::span<const SigningKey> signers);

struct TimeOptions {
  std::uint64_t time_s = 0;
  Uuid klass{};
  std::uint64_t expected_sequence = 0;
};
[[nodiscard]] Bytes write_time(const TimeOptions& options, const SigningKey& signer);

/// Messages one after the other.
[[nodiscard]] Bytes join(std::span<const Bytes> messages);

/// What the factory writes into a device.
struct FactoryOptions {
  Uuid vendor{}, klass{}, device{};
  std::array<std::uint8_t, 32> device_key{};
  std::array<std::uint8_t, 32> agreement_key{};
  std::array<std::uint8_t, 16> group_key{};
  Bytes keys;                  ///< the first keys document
  Bytes module;                ///< in slot A; empty: none
  std::uint64_t sequence = 0;  ///< of that module
};

/// Content of the update flash from its start to the end of slot A, erased bytes where nothing is written.
/// @error too_large  keys or module do not fit.
[[nodiscard]] Result<Bytes> factory_image(const update::Layout& layout, const FactoryOptions& options);

}  // namespace mote::package
