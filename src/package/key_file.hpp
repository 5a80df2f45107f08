#pragma once
// Keys in files: PEM, and files that only their owner reads.

#include <openssl/evp.h>

#include <filesystem>
#include <memory>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::package {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeKey>;

/// Creates a file that was not there, and writes it to the end.  @error io  it exists, or cannot be written.
[[nodiscard]] Result<void> create_secret_file(const std::filesystem::path& file, ByteSpan content);
[[nodiscard]] Result<void> create_public_file(const std::filesystem::path& file, ByteSpan content);

/// PKCS #8 and SubjectPublicKeyInfo. A null pointer: no such key in the file.  @error io  it cannot be read.
[[nodiscard]] Result<EvpKey> read_private_pem(const std::filesystem::path& file);
[[nodiscard]] Result<EvpKey> read_public_pem(const std::filesystem::path& file);
[[nodiscard]] Result<void> write_private_pem(const std::filesystem::path& file, EVP_PKEY* key);
[[nodiscard]] Result<void> write_public_pem(const std::filesystem::path& file, EVP_PKEY* key);

}  // namespace mote::package
