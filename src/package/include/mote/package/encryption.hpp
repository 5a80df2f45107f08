#pragma once
// Encrypts what a bundle carries, for a group of devices that share a key, or for single ones
// (docs/formats/parcel.md, "Encryption").

#include <array>
#include <optional>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::package {

using GroupKey = std::array<std::uint8_t, 16>;
using AgreementKey = std::array<std::uint8_t, 32>;  ///< X25519, public

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

/// A new X25519 key pair, or the public half of a secret.
[[nodiscard]] std::array<std::uint8_t, 32> new_agreement_secret();
[[nodiscard]] AgreementKey agreement_public_key(const std::array<std::uint8_t, 32>& secret);

}  // namespace mote::package
