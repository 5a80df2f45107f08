#pragma once
// Byte strings, and reading of untrusted bytes with bounds checks and offsets in every refusal.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "mote/base/error.hpp"

namespace mote {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

[[nodiscard]] inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class T>
requires std::is_trivially_copyable_v<T>
[[nodiscard]] ByteSpan bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

/// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(ByteSpan bytes);
/// @error malformed  odd length or a character outside 0-9a-fA-F.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);
/// Standard alphabet with padding (RFC 4648 section 4).
[[nodiscard]] std::string to_base64(ByteSpan bytes);
/// @error malformed  wrong alphabet, length or padding.
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);

/// A cursor over untrusted bytes. Every read is checked; a refusal names the byte offset.
class ByteReader {
 public:
  explicit ByteReader(ByteSpan bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - offset_; }

  /// @error malformed  fewer than `count` bytes are left.
  [[nodiscard]] Result<ByteSpan> take(std::size_t count);
  [[nodiscard]] Result<std::uint8_t> u8();
  [[nodiscard]] Result<std::uint16_t> u16_le();
  [[nodiscard]] Result<std::uint32_t> u32_le();
  [[nodiscard]] Result<std::uint64_t> u64_le();
  [[nodiscard]] Result<std::uint32_t> u32_be();

 private:
  ByteSpan bytes_;
  std::size_t offset_ = 0;
};

/// Appends little-endian fields to a byte string.
class ByteWriter {
 public:
  void u8(std::uint8_t v) { bytes_.push_back(v); }
  void u16_le(std::uint16_t v) { little_endian(v, 2); }
  void u32_le(std::uint32_t v) { little_endian(v, 4); }
  void u64_le(std::uint64_t v) { little_endian(v, 8); }
  void append(ByteSpan more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void pad_to(std::size_t multiple, std::uint8_t fill = 0) {
    while (bytes_.size() % multiple != 0) bytes_.push_back(fill);
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] Bytes take() && { return std::move(bytes_); }

 private:
  void little_endian(std::uint64_t v, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  Bytes bytes_;
};

}  // namespace mote
