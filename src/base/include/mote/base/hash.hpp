#pragma once
// SHA-256 (OpenSSL): the one content hash of the project. Everything that has an id has this one.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  /// First 12 hexadecimal digits, for people.
  [[nodiscard]] std::string short_hex() const { return hex().substr(0, 12); }
  bool operator==(const Digest&) const = default;
  auto operator<=>(const Digest&) const = default;
};

/// Incremental hashing. Fields are length-prefixed by `field`, so that ("ab","c") and ("a","bc") differ.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  /// Raw bytes, no framing.
  Hasher& update(ByteSpan bytes);
  /// Length-prefixed bytes.
  Hasher& field(ByteSpan bytes);
  Hasher& field(std::string_view text) { return field(as_bytes(text)); }
  Hasher& field(std::uint64_t number);
  /// The digest of all so far; the hasher is spent afterwards.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha256(ByteSpan bytes);
[[nodiscard]] inline Digest sha256(std::string_view text) { return sha256(as_bytes(text)); }
/// Streams the file.  @error io  it cannot be read.
[[nodiscard]] Result<Digest> sha256_file(const std::filesystem::path& path);

}  // namespace mote
