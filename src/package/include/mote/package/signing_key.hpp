#pragma once
// Ed25519 keys that sign for a role. Kept in PEM files (PKCS #8, as `openssl genpkey` writes them).

#include <array>
#include <filesystem>
#include <memory>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::package {

using KeyId = std::array<std::uint8_t, 8>;  ///< first bytes of the SHA-256 of the public key
using PublicKeyBytes = std::array<std::uint8_t, 32>;

[[nodiscard]] KeyId key_id(const PublicKeyBytes& key);

/// A private key; wiped when it goes. Copies share it.
class SigningKey {
 public:
  /// From the system's random numbers.  @error internal  there are none.
  [[nodiscard]] static Result<SigningKey> generate();
  /// From 32 secret bytes: tests and simulations that must give the same bytes each time.
  [[nodiscard]] static SigningKey from_seed(const std::array<std::uint8_t, 32>& seed);
  /// @error io, malformed  no file, or no Ed25519 key in it.
  [[nodiscard]] static Result<SigningKey> read(const std::filesystem::path& file);
  /// Readable by its owner only; never replaces a file.  @error io  it exists, or cannot be written.
  [[nodiscard]] Result<void> write(const std::filesystem::path& file) const;

  [[nodiscard]] const PublicKeyBytes& public_key() const { return public_; }
  [[nodiscard]] KeyId id() const { return key_id(public_); }
  [[nodiscard]] std::array<std::uint8_t, 64> sign(ByteSpan message) const;

 private:
  struct Secret;
  std::shared_ptr<const Secret> secret_;
  PublicKeyBytes public_{};
};

/// A public key file (PEM, SubjectPublicKeyInfo).
[[nodiscard]] Result<PublicKeyBytes> read_public_key(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_public_key(const std::filesystem::path& file, const PublicKeyBytes& key);

}  // namespace mote::package
