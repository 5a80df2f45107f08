#pragma once
// Encrypts what a bundle carries, for a group of devices that share a key, or for single ones
// (docs/formats/parcel.md, "Encryption").

#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::package {

using GroupKey = std::array<std::uint8_t, 16>;
using AgreementKey = std::array<std::uint8_t, 32>;  ///< X25519, public
using AgreementSecret = std::array<std::uint8_t, 32>;

/// Whoever is named here can read the payload; at most four in all.
struct EncryptionOptions {
  std::vector<GroupKey> groups;
  std::vector<AgreementKey> devices;
  /// Content key, nonce and ephemeral keys are made of this instead of random numbers, for tests and simulations that
  /// must give the same bytes each time. Never for two payloads.
  std::optional<std::array<std::uint8_t, 32>> seed;
};

struct EncryptedPayload {
  Bytes info;   ///< COSE_Encrypt without its ciphertext
  Bytes bytes;  ///< the ciphertext, 16 bytes longer than the payload
};

/// @error invalid_argument  no recipient.   @error too_large  more recipients than a device reads.
[[nodiscard]] Result<EncryptedPayload> encrypt_payload(ByteSpan payload, const EncryptionOptions& options);

/// From the system's random numbers.
[[nodiscard]] GroupKey new_group_key();
[[nodiscard]] AgreementSecret new_agreement_secret();
[[nodiscard]] AgreementKey agreement_public_key(const AgreementSecret& secret);

/// Files: a group key is 32 hexadecimal digits, the others are PEM as `openssl genpkey` writes them. Secrets are
/// readable by their owner only; no file is replaced.
/// @error io, malformed  no file, or no such key in it; it exists, or cannot be written.
[[nodiscard]] Result<GroupKey> read_group_key(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_group_key(const std::filesystem::path& file, const GroupKey& key);
[[nodiscard]] Result<AgreementSecret> read_agreement_secret(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_agreement_secret(const std::filesystem::path& file, const AgreementSecret& secret);
[[nodiscard]] Result<AgreementKey> read_agreement_key(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_agreement_key(const std::filesystem::path& file, const AgreementKey& key);

}  // namespace mote::package
