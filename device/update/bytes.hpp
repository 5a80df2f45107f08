#pragma once
// Borrowed bytes for device code, which has no std::span: a pointer and a size, never owning.

#include <cstddef>
#include <cstdint>

namespace mote::update {

// Both are aligned to 8 bytes, because gcc then keeps them in a pair of a 32-bit core's registers. What is aligned to 4
// it puts together on the stack first: the agent was 1,386 bytes of flash and 152 of stack larger (agent_size_test).

/// Bytes that somebody else keeps alive.
struct alignas(8) Bytes {
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
struct alignas(8) MutableBytes {
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

/// Arrays of one size, without a detour by two Bytes.
template <std::size_t N>
bool equal(const std::uint8_t (&a)[N], const std::uint8_t (&b)[N]) {
  return __builtin_memcmp(a, b, N) == 0;
}

/// For plain values all of whose members begin as zero: in a few instructions, whatever their number.
template <class T>
void set_zero(T& value) {
  static_assert(__is_trivially_copyable(T), "a plain value");
  __builtin_memset(static_cast<void*>(&value), 0, sizeof(value));
}

/// The characters of a text, without the zero behind them.
constexpr std::size_t length(const char* text) {
  std::size_t size = 0;
  while (text[size] != 0) ++size;
  return size;
}
inline Bytes bytes_of_text(const char* text) { return {reinterpret_cast<const std::uint8_t*>(text), length(text)}; }

/// A plain value's bytes as they lie in memory, or the first of them.
template <class T>
Bytes bytes_of(const T& value, std::size_t count = sizeof(T)) {
  return {reinterpret_cast<const std::uint8_t*>(&value), count};
}
template <class T>
MutableBytes into(T& value) {
  return {reinterpret_cast<std::uint8_t*>(&value), sizeof(T)};
}

[[gnu::noinline]] inline void copy(std::uint8_t* to, Bytes from) {
  for (std::size_t i = 0; i < from.size; ++i) to[i] = from.data[i];
}
template <std::size_t N>
void copy(std::uint8_t (&to)[N], const std::uint8_t (&from)[N]) {
  __builtin_memcpy(to, from, N);
}

}  // namespace mote::update
