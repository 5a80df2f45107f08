#include "mote/package/signing_key.hpp"

#include <algorithm>

#include "key_file.hpp"
#include "mote/base/hash.hpp"

namespace mote::package {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

PublicKeyBytes public_of(const EVP_PKEY* key) {
  PublicKeyBytes bytes{};
  std::size_t size = bytes.size();
  MOTE_CHECK(EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) == 1 && size == bytes.size());
  return bytes;
}

bool is_ed25519(const EVP_PKEY* key) { return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519; }

}  // namespace

struct SigningKey::Secret {
  EvpKey key;
};

KeyId key_id(const PublicKeyBytes& key) {
  KeyId id{};
  const Digest digest = sha256(ByteSpan(key));
  std::copy_n(digest.bytes.begin(), id.size(), id.begin());
  return id;
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  MOTE_CHECK(key != nullptr);
  SigningKey made;
  made.public_ = public_of(key.get());
  made.secret_ = std::make_shared<Secret>(Secret{std::move(key)});
  return made;
}

Result<SigningKey> SigningKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return fail(Code::internal, "no key could be generated: the system gives no random numbers");
  SigningKey made;
  made.public_ = public_of(key);
  made.secret_ = std::make_shared<Secret>(Secret{EvpKey(key)});
  return made;
}

Result<SigningKey> SigningKey::read(const std::filesystem::path& file) {
  MOTE_TRY(EvpKey key, read_private_pem(file));
  if (!is_ed25519(key.get()))
    return fail(Code::malformed, file.string() + ": no Ed25519 private key in PEM form (`mote keys new` makes one)");
  SigningKey made;
  made.public_ = public_of(key.get());
  made.secret_ = std::make_shared<Secret>(Secret{std::move(key)});
  return made;
}

Result<void> SigningKey::write(const std::filesystem::path& file) const {
  return write_private_pem(file, secret_->key.get());
}

std::array<std::uint8_t, 64> SigningKey::sign(ByteSpan message) const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::array<std::uint8_t, 64> signature{};
  std::size_t size = signature.size();
  MOTE_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, secret_->key.get()) == 1);
  MOTE_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  return signature;
}

Result<PublicKeyBytes> read_public_key(const std::filesystem::path& file) {
  MOTE_TRY(const EvpKey key, read_public_pem(file));
  if (!is_ed25519(key.get())) return fail(Code::malformed, file.string() + ": no Ed25519 public key in PEM form");
  return public_of(key.get());
}

Result<void> write_public_key(const std::filesystem::path& file, const PublicKeyBytes& key) {
  const EvpKey made(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  return write_public_pem(file, made.get());
}

}  // namespace mote::package
