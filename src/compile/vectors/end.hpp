#pragma once
// Emits requantization of sums in vectors (End).

#include <span>

#include "vectors/assembler.hpp"
#include "vectors/conv_tile.hpp"

namespace mote::compile::vectors {

/// Sums in `values`, of the same channels, are scaled: bias, multiplier and shifts, which are read from `words`, which
/// moves on. Uses q2 and q3.
inline void emit_scaling(Assembler& a, const End& end, std::span<const Vector> values, Reg words) {
  const auto each = [&](auto&& emit) {
    for (const Vector v : values) emit(v);
  };
  a.load_words(q2, words, 16);
  each([&](Vector v) { a.add(v, v, q2); });
  if (end.left_shifts) {
    a.load_words(q2, words, 16);
    each([&](Vector v) { a.shift(v, v, q2); });
  }
  a.load_words(q2, words, 16);
  each([&](Vector v) { a.doubling_high(v, v, q2); });
  const bool own_shifts = end.common_shift < 0;
  if (own_shifts) a.load_words(q2, words, 16);
  if (own_shifts || end.common_shift > 0) {
    each([&](Vector v) {
      if (end.negatives) {
        const bool some = own_shifts && end.zero_shifts;  // shifts are negative or zero
        if (some) a.bitwise_and(q3, v, q2);
        a.shift_right(q3, some ? q3 : v, 31);
        a.add_saturating(v, v, q3);
      }
      if (own_shifts)
        a.shift_rounding(v, v, q2);
      else
        a.shift_right_rounding(v, v, end.common_shift);
    });
  }
}

/// Sums in `values`, at most two vectors, become bytes in the bottoms of their words. The group's words are read from
/// `words`, which moves on. Uses q2, q3 and `spare`.
inline void emit_end(Assembler& a, const End& end, std::span<const Vector> values, Reg words, Reg spare) {
  const auto each = [&](auto&& emit) {
    for (const Vector v : values) emit(v);
  };
  emit_scaling(a, end, values, words);
  if (end.output_zero != 0) {
    a.constant(spare, end.output_zero);
    each([&](Vector v) { a.add(v, v, spare); });
  }
  if (end.clamp_low > -128) {
    a.constant(spare, end.clamp_low);
    a.every_word(q2, spare);
    each([&](Vector v) { a.maximum(v, v, q2); });
  }
  if (end.clamp_high < 127) {
    a.constant(spare, end.clamp_high);
    a.every_word(q2, spare);
    each([&](Vector v) { a.minimum(v, v, q2); });
  }
  each([&](Vector v) { a.saturate_to_bytes(v); });
}

/// Part of a function's name.
inline std::string text(const End& end) {
  const auto number = [](std::int32_t v) { return v < 0 ? fmt::format("m{}", -v) : fmt::format("{}", v); };
  std::string out = "z" + number(end.output_zero);
  if (end.clamp_low > -128) out += "l" + number(end.clamp_low);
  if (end.clamp_high < 127) out += "h" + number(end.clamp_high);
  if (end.common_shift >= 0) out += "r" + number(end.common_shift);
  return out + (end.left_shifts ? "s" : "") + (end.negatives ? "n" : "") + (end.zero_shifts ? "o" : "");
}

}  // namespace mote::compile::vectors
