#include <algorithm>

#include "key_file.hpp"
#include "mote/base/file.hpp"
#include "mote/package/encryption.hpp"
#include "primitives.hpp"

namespace mote::package {
namespace {

bool is_x25519(const EvpKey& key) { return key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_X25519; }

}  // namespace

GroupKey new_group_key() {
  GroupKey key{};
  random_bytes(key);
  return key;
}

Result<GroupKey> read_group_key(const std::filesystem::path& file) {
  MOTE_TRY(std::string text, read_text(file));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const auto bytes = from_hex(text);
  GroupKey key{};
  if (!bytes || bytes->size() != key.size())
    return fail(Code::malformed, file.string() + ": no group key: 32 hexadecimal digits (`mote keys new` makes one)");
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

Result<void> write_group_key(const std::filesystem::path& file, const GroupKey& key) {
  return create_secret_file(file, as_bytes(to_hex(key) + "\n"));
}

AgreementSecret new_agreement_secret() {
  AgreementSecret secret{};
  random_bytes(secret);
  return secret;
}

AgreementKey agreement_public_key(const AgreementSecret& secret) {
  const auto key = x25519_public(secret);
  MOTE_CHECK(key.has_value());
  AgreementKey out{};
  std::copy(key->begin(), key->end(), out.begin());
  return out;
}

Result<AgreementSecret> read_agreement_secret(const std::filesystem::path& file) {
  MOTE_TRY(const EvpKey key, read_private_pem(file));
  AgreementSecret secret{};
  std::size_t size = secret.size();
  if (!is_x25519(key) || EVP_PKEY_get_raw_private_key(key.get(), secret.data(), &size) != 1)
    return fail(Code::malformed, file.string() + ": no X25519 private key in PEM form (`mote keys new` makes one)");
  return secret;
}

Result<void> write_agreement_secret(const std::filesystem::path& file, const AgreementSecret& secret) {
  const EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size()));
  return write_private_pem(file, key.get());
}

Result<AgreementKey> read_agreement_key(const std::filesystem::path& file) {
  MOTE_TRY(const EvpKey key, read_public_pem(file));
  AgreementKey out{};
  std::size_t size = out.size();
  if (!is_x25519(key) || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1)
    return fail(Code::malformed, file.string() + ": no X25519 public key in PEM form");
  return out;
}

Result<void> write_agreement_key(const std::filesystem::path& file, const AgreementKey& key) {
  const EvpKey made(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, key.data(), key.size()));
  return write_public_pem(file, made.get());
}

}  // namespace mote::package
