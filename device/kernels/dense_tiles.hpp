#pragma once
// Dense layers around an assembly tile of eight or four outputs (src/compile/m4/dense_tile.hpp). Equal to conv2d.hpp on
// a 1x1 plane, byte for byte.

#include <cstdint>

#include "kernels/dsp.hpp"

namespace mote::device {

/// What a tile function is called with; the order of the members is known to the emitter.
struct DenseJob {
  const std::uint32_t* groups;  // of outputs: biases, weights, parameters
  const std::uint32_t* end;     // of the last group
  const void* x;                // pairs: int16, as widen_fours() writes them; singles: int8
  std::int8_t* y;
  std::int32_t inputs;  // pairs: their products with each other, as widen_fours() sums them up; singles: the last
                        // inputs where they are no whole word
  const std::uint32_t* layer;  // words that all groups share
};
using DenseFunction = void (*)(const DenseJob* job);

/// Widens bytes to int16, four in the order 0, 2, 1, 3, the last four filled up with zeros. Returns the sum over all
/// fours of x0 x1 + x2 x3, modulo 2^32. `out` takes 2 * ((inputs + 3) & ~3) bytes.
inline std::int32_t widen_fours(const std::int8_t* x, std::int16_t* out, std::int32_t inputs) {
  std::int32_t products = 0;
  const std::int8_t* const fours = x + (inputs & ~3);
#if defined(__thumb__)
  for (const std::int8_t* const end = x + (inputs & ~15); x != end;) {  // four words a turn
    asm volatile(
        "ldmia %0!, {r4, r6, r8, r10}\n"
        "sxtb16 r5, r4, ror #8\n sxtb16 r4, r4\n sxtb16 r7, r6, ror #8\n sxtb16 r6, r6\n"
        "sxtb16 r9, r8, ror #8\n sxtb16 r8, r8\n sxtb16 r12, r10, ror #8\n sxtb16 r10, r10\n"
        "smlad %2, r4, r5, %2\n smlad %2, r6, r7, %2\n smlad %2, r8, r9, %2\n smlad %2, r10, r12, %2\n"
        "stmia %1!, {r4-r10, r12}"
        : "+r"(x), "+r"(out), "+r"(products)
        :
        : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "memory");
  }
#endif
  const auto widen = [&](std::uint32_t word) {
    const std::uint32_t even = dsp::sxtb16(word), odd = dsp::sxtb16_odd(word);
    dsp::store_word(out, even);
    dsp::store_word(out + 2, odd);
    out += 4;
    products = dsp::smlad(even, odd, products);
  };
  for (; x != fours; x += 4) widen(dsp::load_word(x));
  const std::int32_t rest = inputs & 3;
  if (rest != 0) widen(dsp::load_bytes(x, rest));
  return products;
}

/// Runs a tile of `group` outputs over all outputs; the last group ends with the last of them.
inline void dense_groups(DenseFunction tile, DenseJob job, std::int32_t group_words, std::int32_t group,
                         std::int32_t outputs) {
  std::int32_t whole = 1;
  for (std::int32_t left = outputs - 2 * group; left >= 0; left -= group) ++whole;
  job.end = job.groups + whole * group_words;
  std::int8_t* const last = job.y + outputs - group;
  tile(&job);
  if (whole * group < outputs) {
    job.groups = job.end;
    job.end += group_words;
    job.y = last;
    tile(&job);
  }
}

/// In pairs. `words`: of the layer, then of the groups. `wide`: the inputs as widen_fours() writes them, `products`
/// what it returns.
inline void dense_pairs(DenseFunction tile, const std::uint32_t* words, std::int32_t layer_words,
                        std::int32_t group_words, const void* wide, std::int32_t products, std::int8_t* y,
                        std::int32_t outputs) {
  dense_groups(tile, {words + layer_words, nullptr, wide, y, products, words}, group_words, 8, outputs);
}

/// In singles, from the inputs as they are: y may lie over x where there is one group.
inline void dense_singles(DenseFunction tile, const std::uint32_t* words, std::int32_t layer_words,
                          std::int32_t group_words, const std::int8_t* x, std::int32_t inputs, std::int8_t* y,
                          std::int32_t outputs) {
  const std::int32_t rest = inputs & 3;
  const std::uint32_t last = rest == 0 ? 0 : dsp::load_bytes(x + inputs - rest, rest);
  dense_groups(tile, {words + layer_words, nullptr, x, y, static_cast<std::int32_t>(last), words}, group_words, 4,
               outputs);
}

}  // namespace mote::device
