#pragma once
// Borrowed bytes for device code, which has no std::span: a pointer and a size, never owning.

#include <cstddef>
#include <cstdint>

namespace mote::update {

/// Bytes that somebody else keeps alive.
struct Bytes {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;

  constexpr Bytes() = default;
  constexpr Bytes(const std::uint8_t* bytes, std::size_t count) : data(bytes), size(count) {}
  template <std::size_t N>
  constexpr Bytes(const std::uint8_t (&bytes)[N]) : data(bytes), size(N) {}

  constexpr std::uint8_t operator[](std::size_t i) const { return data[i]; }
  /// From `offset`, at most `count` bytes; empty behind the end.
  constexpr Bytes part(std::size_t offset, std::size_t count) const {
    if (offset > size) return {};
    return {data + offset, count < size - offset ? count : size - offset};
  }
};

/// Bytes to be written.
struct MutableBytes {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;

  constexpr MutableBytes() = default;
  constexpr MutableBytes(std::uint8_t* bytes, std::size_t count) : data(bytes), size(count) {}
  template <std::size_t N>
  constexpr MutableBytes(std::uint8_t (&bytes)[N]) : data(bytes), size(N) {}

  constexpr operator Bytes() const { return {data, size}; }
};

constexpr bool equal(Bytes a, Bytes b) {
  if (a.size != b.size) return false;
  for (std::size_t i = 0; i < a.size; ++i) {
    if (a.data[i] != b.data[i]) return false;
  }
  return true;
}

inline void copy(std::uint8_t* to, Bytes from) {
  for (std::size_t i = 0; i < from.size; ++i) to[i] = from.data[i];
}

}  // namespace mote::update
