#include "mote/package/signing_key.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"

namespace mote::package {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Memory = std::unique_ptr<BIO, Free>;

PublicKeyBytes public_of(const EVP_PKEY* key) {
  PublicKeyBytes bytes{};
  std::size_t size = bytes.size();
  MOTE_CHECK(EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) == 1 && size == bytes.size());
  return bytes;
}

Result<Memory> memory_of(const std::filesystem::path& file, Bytes& content) {
  MOTE_TRY(content, read_file(file));
  return Memory(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

bool is_ed25519(const EVP_PKEY* key) { return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519; }

/// Creates a file that was not there, with these permissions, and writes it to the end.
Result<void> create_file(const std::filesystem::path& file, ByteSpan content, mode_t mode) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) return fail(Code::io, file.string() + ": " + std::strerror(errno));
  const bool written = ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                       ::fsync(descriptor) == 0;
  const int reason = errno;
  ::close(descriptor);
  if (written) return {};
  ::unlink(file.c_str());
  return fail(Code::io, file.string() + ": " + std::strerror(reason));
}

ByteSpan content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

}  // namespace

struct SigningKey::Secret {
  Key key;
};

KeyId key_id(const PublicKeyBytes& key) {
  KeyId id{};
  const Digest digest = sha256(ByteSpan(key));
  std::copy_n(digest.bytes.begin(), id.size(), id.begin());
  return id;
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
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
  made.secret_ = std::make_shared<Secret>(Secret{Key(key)});
  return made;
}

Result<SigningKey> SigningKey::read(const std::filesystem::path& file) {
  Bytes content;
  MOTE_TRY(const Memory bio, memory_of(file, content));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  std::fill(content.begin(), content.end(), std::uint8_t{0});
  if (!is_ed25519(key.get()))
    return fail(Code::malformed, file.string() + ": no Ed25519 private key in PEM form (`mote keys new` makes one)");
  SigningKey made;
  made.public_ = public_of(key.get());
  made.secret_ = std::make_shared<Secret>(Secret{std::move(key)});
  return made;
}

Result<void> SigningKey::write(const std::filesystem::path& file) const {
  const Memory bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), secret_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(Code::internal, "the key cannot be written as PEM");
  return create_file(file, content_of(bio.get()), 0600);
}

std::array<std::uint8_t, 64> SigningKey::sign(ByteSpan message) const {
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  std::array<std::uint8_t, 64> signature{};
  std::size_t size = signature.size();
  MOTE_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, secret_->key.get()) == 1);
  MOTE_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  return signature;
}

Result<PublicKeyBytes> read_public_key(const std::filesystem::path& file) {
  Bytes content;
  MOTE_TRY(const Memory bio, memory_of(file, content));
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!is_ed25519(key.get())) return fail(Code::malformed, file.string() + ": no Ed25519 public key in PEM form");
  return public_of(key.get());
}

Result<void> write_public_key(const std::filesystem::path& file, const PublicKeyBytes& key) {
  const Key made(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Memory bio(BIO_new(BIO_s_mem()));
  if (made == nullptr || PEM_write_bio_PUBKEY(bio.get(), made.get()) != 1)
    return fail(Code::internal, "the public key cannot be written as PEM");
  return create_file(file, content_of(bio.get()), 0644);
}

}  // namespace mote::package
