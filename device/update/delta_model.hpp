#pragma once
// How the values of a delta become decisions between two, each with a chance that adapts to what was decided before.
// The decoder (delta.cpp) and the encoder (src/package) run this same code: a `Coder` either reads a decision from the
// stream or writes the one it is given. docs/formats/delta.md has it in words, docs/deltas.md says why.
//
// Coder: unsigned size(SizeTree&, unsigned), std::uint32_t direct(std::uint32_t value, unsigned count) of at most 8
// bits. Both give back what was decided.

#include <cstdint>

namespace mote::update::delta {

constexpr std::uint8_t kMagic[2] = {'m', 'd'};
constexpr std::uint8_t kVersion = 1;
constexpr unsigned kHeaderBytes = 16;

/// How likely a decision is false, of 65536; coders look at the upper 12 bits. Never less than 31, nor more than 65535
/// - 31.
using Chance = std::uint16_t;

/// A decision moves the chance by a part of what it has left to go: 1 / 2^shift.
constexpr void learn(Chance& chance, bool decision, unsigned shift) {
  chance = static_cast<Chance>(decision ? chance - (chance >> shift) : chance + ((65535u - chance) >> shift));
}

/// What a segment is made of. With a base: differences to it.
enum class Kind : std::uint8_t {
  copy = 0,       ///< the base's bytes as they are
  bytes = 1,      ///< differences of bytes
  pairs = 2,      ///< of halfwords that hold 256 * high + low, both signed: weights as kernels want them packed
  words = 3,      ///< of 32-bit words: biases, multipliers, addresses
  new_bytes = 5,  ///< the same without a base
  new_pairs = 6,
  new_words = 7,
};
constexpr bool has_base(Kind kind) { return static_cast<unsigned>(kind) < 4; }
constexpr bool is_kind(unsigned value) { return value < 8 && value != 4; }
/// Bytes that are decoded together; a segment begins at a multiple of them.
constexpr unsigned unit_of(Kind kind) {
  const unsigned form = static_cast<unsigned>(kind) & 3u;
  return form < 2 ? 1 : form == 2 ? 2 : 4;
}

constexpr unsigned kLevels = 6;
constexpr unsigned kRecent = 64;  ///< as far back as a period reaches
constexpr unsigned kLongestPeriod = 64;

/// Three decisions that make a size of 0 to 7, and how fast they learn: slower each time that `left` uses are over, of
/// which there are 3, 12, 48, 192.
struct SizeTree {
  Chance node[8];  ///< from 1; the next are 2n and 2n + 1
  std::uint8_t shift;
  std::uint8_t left;

  static constexpr unsigned kFirstShift = 2, kLastShift = 6;
  constexpr void reset() {
    for (Chance& chance : node) chance = 32768;
    shift = kFirstShift;
    left = 3;
  }
  constexpr void count_use() {
    if (--left != 0 || shift == kLastShift) return;
    ++shift;
    left = static_cast<std::uint8_t>(3u << (2 * (shift - kFirstShift)));
  }
};

/// A size by a tree's decisions, each by `bits`: bool bit(Chance&, bool, unsigned shift).
template <class Bits>
[[gnu::always_inline]] constexpr unsigned code_size(Bits& bits, SizeTree& tree, unsigned given) {
  const unsigned shift = tree.shift;
  tree.count_use();
  unsigned node = 1;
  for (unsigned bit = 4; bit != 0; bit >>= 1)
    node = 2 * node + (bits.bit(tree.node[node], (given & bit) != 0, shift) ? 1 : 0);
  return node - 8;
}

/// All that is learnt, and the sizes of the latest values.
struct Model {
  SizeTree trees[2][kLevels];  ///< [without base, or in words][how large the neighbours are]
  std::uint8_t recent[kRecent];

  /// Nothing learnt: how a model begins.
  constexpr void reset() {
    for (auto& set : trees) {
      for (SizeTree& tree : set) tree.reset();
    }
    for (std::uint8_t& size : recent) size = 0;
  }
};

/// Bits of the magnitude of a difference; 7 for -128, too.
constexpr unsigned size_of(std::int32_t value) {
  std::uint32_t magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
  unsigned size = 0;
  for (; magnitude != 0 && size < 7; magnitude >>= 1) ++size;
  return size;
}

/// Level of the neighbours' sizes, each 0 to 7, added.
constexpr std::uint8_t kLevelOf[15] = {0, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5};

/// One difference, -128 to 127, of which two neighbours had the sizes `near` and `far`.
template <class Coder>
constexpr std::int32_t code_value(Coder& coder, Model& model, unsigned set, unsigned near, unsigned far,
                                  std::uint8_t& size_out, std::int32_t value) {
  const unsigned size = coder.size(model.trees[set][kLevelOf[near + far]], size_of(value));
  size_out = static_cast<std::uint8_t>(size);
  if (size == 0) return 0;
  // Sign and the bits below the leading one are as likely as not.
  std::uint32_t magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
  const bool most = magnitude == 128;
  if (most) magnitude = 127;
  const std::uint32_t leading = 1u << (size - 1);
  const std::uint32_t rest = coder.direct((magnitude & (leading - 1)) << 1 | (value < 0 ? 1 : 0), size);
  const auto result = static_cast<std::int32_t>(leading | rest >> 1);
  if ((rest & 1) == 0) return result;
  return result == 127 && coder.direct(most ? 1 : 0, 1) != 0 ? -128 : -result;
}

/// The differences of a unit at `position` in the new module, in the order of its bytes; of a word as four digits of
/// base 256, each -128 to 127. A value's neighbours are the one of the unit before and the one a period before; in a
/// word, which goes from its highest digit down, the digit above instead of the former.
template <class Coder>
constexpr void code_unit(Coder& coder, Model& model, Kind kind, std::uint32_t position, unsigned period,
                         std::int8_t (&values)[4]) {
  const unsigned unit = unit_of(kind);
  const bool word = unit == 4;
  const unsigned set = has_base(kind) && !word ? 0 : 1;
  unsigned near = 0;
  for (unsigned i = 0; i < unit; ++i) {
    const unsigned k = word ? 3 - i : i;
    const std::uint32_t at = position + k;
    if (!word) near = model.recent[(at - unit) % kRecent];
    std::uint8_t& size = model.recent[at % kRecent];
    values[k] = static_cast<std::int8_t>(
        code_value(coder, model, set, near, model.recent[(at - period) % kRecent], size, values[k]));
    near = size;
  }
}

/// A word of these digits, and the digits of a word.
constexpr std::uint32_t word_of(const std::int8_t (&digits)[4]) {
  std::uint32_t word = 0;
  for (unsigned i = 4; i-- > 0;) word = (word << 8) + static_cast<std::uint32_t>(std::int32_t{digits[i]});
  return word;
}
constexpr void digits_of(std::uint32_t word, std::int8_t (&digits)[4]) {
  word += 0x80808080u;  // makes them unsigned
  for (unsigned i = 0; i < 4; ++i)
    digits[i] = static_cast<std::int8_t>(static_cast<std::int32_t>((word >> (8 * i)) & 0xff) - 0x80);
}

/// As many bits as you like, highest first.
template <class Coder>
constexpr std::uint32_t code_bits(Coder& coder, std::uint32_t value, unsigned count) {
  std::uint32_t result = 0;
  while (count != 0) {
    const unsigned part = count < 8 ? count : 8;
    count -= part;
    result = result << part | coder.direct((value >> count) & ((1u << part) - 1), part);
  }
  return result;
}

/// A positive number: how many bits follow its leading one in 5 bits, then those.
template <class Coder>
constexpr std::uint32_t code_number(Coder& coder, std::uint32_t number) {
  unsigned bits = 0;
  while (bits < 31 && (number >> bits) > 1) ++bits;
  bits = code_bits(coder, bits, 5);
  return std::uint32_t{1} << bits | code_bits(coder, number & ((std::uint32_t{1} << bits) - 1), bits);
}

/// What stands before the values of a segment.
struct Segment {
  std::uint8_t kind = 0;
  std::uint32_t units = 0;
  unsigned period = 0;     ///< bytes, 2 to 64, even; not of copies
  std::int32_t shift = 0;  ///< of the base's bytes against the new module's; as it was where there is no base
};

template <class Coder>
constexpr Segment code_segment(Coder& coder, const Segment& given, std::int32_t shift_before) {
  Segment s;
  s.kind = static_cast<std::uint8_t>(code_bits(coder, given.kind, 3));
  s.units = code_number(coder, given.units);
  if (s.kind != 0) s.period = 2 * (code_bits(coder, given.period / 2 - 1, 5) + 1);
  s.shift = shift_before;
  if (s.kind < 4) {
    const std::int64_t move = std::int64_t{given.shift} - shift_before;
    if (code_bits(coder, move != 0 ? 1 : 0, 1) != 0) {
      const bool down = code_bits(coder, move < 0 ? 1 : 0, 1) != 0;
      const std::uint32_t distance = code_number(coder, static_cast<std::uint32_t>(move < 0 ? -move : move));
      s.shift = static_cast<std::int32_t>(static_cast<std::uint32_t>(shift_before) + (down ? 0u - distance : distance));
    }
  }
  return s;
}

}  // namespace mote::update::delta
