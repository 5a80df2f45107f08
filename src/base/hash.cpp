#include "mote/base/hash.hpp"

#include <openssl/evp.h>

#include <fstream>
#include <vector>

namespace mote {

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { MOTE_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::update(ByteSpan bytes) {
  MOTE_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Hasher& Hasher::field(ByteSpan bytes) { return field(std::uint64_t{bytes.size()}).update(bytes); }

Hasher& Hasher::field(std::uint64_t number) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return update(raw);
}

Digest Hasher::finish() {
  Digest digest;
  unsigned size = 0;
  MOTE_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &size) == 1 && size == digest.bytes.size());
  return digest;
}

Digest sha256(ByteSpan bytes) { return Hasher().update(bytes).finish(); }

Result<Digest> sha256_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Code::io, path.string() + ": cannot be opened for reading");
  Hasher hasher;
  std::vector<char> chunk(1 << 20);
  while (in) {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    hasher.update({reinterpret_cast<const std::uint8_t*>(chunk.data()), static_cast<std::size_t>(in.gcount())});
  }
  if (in.bad()) return fail(Code::io, path.string() + ": reading failed");
  return hasher.finish();
}

}  // namespace mote
