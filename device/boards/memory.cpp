// The four functions that gcc may call for plain C++ even in a freestanding program. Word-wise where both sides allow
// it.

#include <cstddef>
#include <cstdint>

namespace {

// Without it gcc would turn the loops below into calls of themselves.
#define MOTE_PLAIN_LOOPS __attribute__((used, optimize("no-tree-loop-distribute-patterns")))

using Word [[gnu::may_alias]] = std::uint32_t;

bool word_aligned(const void* a, const void* b) {
  return ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) & 3u) == 0;
}

}  // namespace

extern "C" {

MOTE_PLAIN_LOOPS void* memcpy(void* __restrict to, const void* __restrict from, std::size_t count) {
  auto* out = static_cast<std::uint8_t*>(to);
  const auto* in = static_cast<const std::uint8_t*>(from);
  if (word_aligned(out, in)) {
    for (; count >= 16; count -= 16, out += 16, in += 16) {
      const Word* source = reinterpret_cast<const Word*>(in);
      Word* target = reinterpret_cast<Word*>(out);
      const Word a = source[0], b = source[1], c = source[2], d = source[3];
      target[0] = a, target[1] = b, target[2] = c, target[3] = d;
    }
    for (; count >= 4; count -= 4, out += 4, in += 4)
      *reinterpret_cast<Word*>(out) = *reinterpret_cast<const Word*>(in);
  }
  for (; count > 0; --count) *out++ = *in++;
  return to;
}

MOTE_PLAIN_LOOPS void* memmove(void* to, const void* from, std::size_t count) {
  auto* out = static_cast<std::uint8_t*>(to);
  const auto* in = static_cast<const std::uint8_t*>(from);
  if (out <= in || out >= in + count) return memcpy(to, from, count);
  while (count-- > 0) out[count] = in[count];
  return to;
}

MOTE_PLAIN_LOOPS void* memset(void* to, int value, std::size_t count) {
  auto* out = static_cast<std::uint8_t*>(to);
  const auto byte = static_cast<std::uint8_t>(value);
  for (; count > 0 && !word_aligned(out, out); --count) *out++ = byte;
  const Word word = byte * 0x01010101u;
  for (; count >= 4; count -= 4, out += 4) *reinterpret_cast<Word*>(out) = word;
  for (; count > 0; --count) *out++ = byte;
  return to;
}

MOTE_PLAIN_LOOPS int memcmp(const void* left, const void* right, std::size_t count) {
  const auto* a = static_cast<const std::uint8_t*>(left);
  const auto* b = static_cast<const std::uint8_t*>(right);
  for (; count > 0; --count, ++a, ++b) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

}  // extern "C"
