#pragma once
// The Armv7E-M DSP instructions that kernels use, one function each. On other machines the same functions are written
// out in C++, so that a DSP kernel can be tested against the portable one anywhere. Semantics: Armv7-M Architecture
// Reference Manual (DDI 0403), A7.7.

#include <cstdint>

namespace mote::device::dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)

/// a.lo * b.lo + a.hi * b.hi + c
inline std::int32_t smlad(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// a.lo * b.lo + c
inline std::int32_t smlabb(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smlabb %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// a.hi * b.hi + c
inline std::int32_t smlatt(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smlatt %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// a.lo * b.hi + c
inline std::int32_t smlabt(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smlabt %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// a.hi * b.lo + c
inline std::int32_t smlatb(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smlatb %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// Bytes 0 and 2, sign-extended to halfwords.
inline std::uint32_t sxtb16(std::uint32_t a) {
  std::uint32_t r;
  asm("sxtb16 %0, %1" : "=r"(r) : "r"(a));
  return r;
}
/// Bytes 1 and 3, sign-extended to halfwords.
inline std::uint32_t sxtb16_odd(std::uint32_t a) {
  std::uint32_t r;
  asm("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(a));
  return r;
}
/// Halfwords of c plus bytes 0 and 2 of a, sign-extended.
inline std::uint32_t sxtab16(std::uint32_t c, std::uint32_t a) {
  std::uint32_t r;
  asm("sxtab16 %0, %1, %2" : "=r"(r) : "r"(c), "r"(a));
  return r;
}
/// Halfwords of c plus bytes 1 and 3 of a, sign-extended.
inline std::uint32_t sxtab16_odd(std::uint32_t c, std::uint32_t a) {
  std::uint32_t r;
  asm("sxtab16 %0, %1, %2, ror #8" : "=r"(r) : "r"(c), "r"(a));
  return r;
}
/// c + round(a * b / 2^32)
inline std::int32_t smmlar(std::int32_t a, std::int32_t b, std::int32_t c) {
  std::int32_t r;
  asm("smmlar %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/// Saturates to int8.
inline std::int32_t ssat8(std::int32_t a) {
  std::int32_t r;
  asm("ssat %0, #8, %1" : "=r"(r) : "r"(a) : "cc");
  return r;
}

/// The low halves of a and b, a's below; and the high halves.
inline std::uint32_t low_halves(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r;
  asm("pkhbt %0, %1, %2, lsl #16" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
inline std::uint32_t high_halves(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r;
  asm("pkhtb %0, %1, %2, asr #16" : "=r"(r) : "r"(b), "r"(a));
  return r;
}

/// The larger (smaller) of each of four signed bytes.
inline std::uint32_t max4(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r;
  asm("ssub8 %0, %1, %2\n sel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
  return r;
}
inline std::uint32_t min4(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r;
  asm("ssub8 %0, %1, %2\n sel %0, %2, %1" : "=&r"(r) : "r"(a), "r"(b) : "cc");
  return r;
}

#else

namespace detail {
inline std::int32_t low(std::uint32_t a) { return static_cast<std::int16_t>(a & 0xffffu); }
inline std::int32_t high(std::uint32_t a) { return static_cast<std::int16_t>(a >> 16); }
inline std::int32_t byte(std::uint32_t a, int i) { return static_cast<std::int8_t>((a >> (8 * i)) & 0xffu); }
inline std::uint32_t pair(std::int32_t lo, std::int32_t hi) {
  return (static_cast<std::uint32_t>(lo) & 0xffffu) | (static_cast<std::uint32_t>(hi) << 16);
}
inline std::int32_t wrap(std::int64_t v) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(v)); }
}  // namespace detail

inline std::int32_t smlad(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  using namespace detail;
  return wrap(std::int64_t{low(a)} * low(b) + std::int64_t{high(a)} * high(b) + c);
}
inline std::int32_t smlabb(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  return detail::wrap(std::int64_t{detail::low(a)} * detail::low(b) + c);
}
inline std::int32_t smlatt(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  return detail::wrap(std::int64_t{detail::high(a)} * detail::high(b) + c);
}
inline std::int32_t smlabt(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  return detail::wrap(std::int64_t{detail::low(a)} * detail::high(b) + c);
}
inline std::int32_t smlatb(std::uint32_t a, std::uint32_t b, std::int32_t c) {
  return detail::wrap(std::int64_t{detail::high(a)} * detail::low(b) + c);
}
inline std::uint32_t sxtb16(std::uint32_t a) { return detail::pair(detail::byte(a, 0), detail::byte(a, 2)); }
inline std::uint32_t sxtb16_odd(std::uint32_t a) { return detail::pair(detail::byte(a, 1), detail::byte(a, 3)); }
inline std::uint32_t sxtab16(std::uint32_t c, std::uint32_t a) {
  return detail::pair(detail::low(c) + detail::byte(a, 0), detail::high(c) + detail::byte(a, 2));
}
inline std::uint32_t sxtab16_odd(std::uint32_t c, std::uint32_t a) {
  return detail::pair(detail::low(c) + detail::byte(a, 1), detail::high(c) + detail::byte(a, 3));
}
inline std::int32_t smmlar(std::int32_t a, std::int32_t b, std::int32_t c) {
  return detail::wrap(c + ((std::int64_t{a} * b + (std::int64_t{1} << 31)) >> 32));
}
inline std::int32_t ssat8(std::int32_t a) { return a < -128 ? -128 : a > 127 ? 127 : a; }

inline std::uint32_t low_halves(std::uint32_t a, std::uint32_t b) { return (a & 0xffffu) | (b << 16); }
inline std::uint32_t high_halves(std::uint32_t a, std::uint32_t b) { return (a >> 16) | (b & 0xffff0000u); }

inline std::uint32_t max4(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r = 0;
  for (int i = 0; i < 4; ++i)
    r |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(
             detail::byte(a, i) >= detail::byte(b, i) ? detail::byte(a, i) : detail::byte(b, i)))
         << (8 * i);
  return r;
}
inline std::uint32_t min4(std::uint32_t a, std::uint32_t b) {
  std::uint32_t r = 0;
  for (int i = 0; i < 4; ++i)
    r |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(
             detail::byte(a, i) >= detail::byte(b, i) ? detail::byte(b, i) : detail::byte(a, i)))
         << (8 * i);
  return r;
}

#endif

/// Four bytes at any address.
inline std::uint32_t load_word(const void* p) {
  std::uint32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}
/// The first `n` of four bytes, 1 to 3; the others are zero.
inline std::uint32_t load_bytes(const std::int8_t* p, std::int32_t n) {
  std::uint32_t word = static_cast<std::uint8_t>(p[0]);
  if (n > 1) word |= std::uint32_t{static_cast<std::uint8_t>(p[1])} << 8;
  if (n > 2) word |= std::uint32_t{static_cast<std::uint8_t>(p[2])} << 16;
  return word;
}
inline void store_word(void* p, std::uint32_t word) { __builtin_memcpy(p, &word, sizeof word); }
/// Two halfwords, lo in the lower half.
inline std::uint32_t halves(std::int32_t lo, std::int32_t hi) {
  return (static_cast<std::uint32_t>(lo) & 0xffffu) | (static_cast<std::uint32_t>(hi) << 16);
}
/// The same halfword twice.
inline std::uint32_t both(std::int32_t v) {
  return (static_cast<std::uint32_t>(v) & 0xffffu) | (static_cast<std::uint32_t>(v) << 16);
}

}  // namespace mote::device::dsp
