#include "key_file.hpp"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mote/base/file.hpp"

namespace mote::package {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Memory = std::unique_ptr<BIO, FreeBio>;

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

Result<void> create_secret_file(const std::filesystem::path& file, ByteSpan content) {
  return create_file(file, content, 0600);
}
Result<void> create_public_file(const std::filesystem::path& file, ByteSpan content) {
  return create_file(file, content, 0644);
}

Result<EvpKey> read_private_pem(const std::filesystem::path& file) {
  MOTE_TRY(Bytes content, read_file(file));
  const Memory bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  EvpKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  std::fill(content.begin(), content.end(), std::uint8_t{0});
  return key;
}

Result<EvpKey> read_public_pem(const std::filesystem::path& file) {
  MOTE_TRY(const Bytes content, read_file(file));
  const Memory bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  return EvpKey(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
}

Result<void> write_private_pem(const std::filesystem::path& file, EVP_PKEY* key) {
  const Memory bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(Code::internal, "the key cannot be written as PEM");
  return create_secret_file(file, content_of(bio.get()));
}

Result<void> write_public_pem(const std::filesystem::path& file, EVP_PKEY* key) {
  const Memory bio(BIO_new(BIO_s_mem()));
  if (key == nullptr || PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    return fail(Code::internal, "the public key cannot be written as PEM");
  return create_public_file(file, content_of(bio.get()));
}

}  // namespace mote::package
