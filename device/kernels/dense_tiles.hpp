#pragma once
// A dense layer around an assembly tile of eight outputs (src/compile/m4/dense_tile.hpp). Equal to conv2d.hpp on a 1x1
// plane, byte for byte.

#include <cstdint>

#include "kernels/dsp.hpp"

namespace mote::device {

/// What a tile function is called with; the order of the members is known to the emitter.
struct DenseJob {
  const std::uint32_t* weights;
  const std::int16_t* x;
  std::int8_t* y;
  const std::uint32_t* params;  // of the first group
  const std::uint32_t* layer;   // words that all groups share
  std::int32_t groups;
};
using DenseFunction = void (*)(const DenseJob* job);

/// Inputs are widened to int16 in `scratch` (2 * ((inputs + 3) & ~3) bytes), four in the order 0, 2, 1, 3, before the
/// first output is written: y may lie over x. The last group of eight ends with the last output.
inline void dense_tiles(DenseFunction tile, const std::uint32_t* weights, const std::uint32_t* params,
                        std::int32_t layer_words, std::int32_t group_words, const std::int8_t* x, std::int8_t* y,
                        void* scratch, std::int32_t inputs, std::int32_t outputs) {
  auto* out = static_cast<std::int16_t*>(scratch);
#if defined(__thumb__)
  for (const std::int8_t* const end = x + (inputs & ~15); x != end;) {  // four words a turn
    asm volatile(
        "ldmia %0!, {r4, r6, r8, r10}\n"
        "sxtb16 r5, r4, ror #8\n sxtb16 r4, r4\n sxtb16 r7, r6, ror #8\n sxtb16 r6, r6\n"
        "sxtb16 r9, r8, ror #8\n sxtb16 r8, r8\n sxtb16 r12, r10, ror #8\n sxtb16 r10, r10\n"
        "stmia %1!, {r4-r10, r12}"
        : "+r"(x), "+r"(out)
        :
        : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "memory");
  }
  const std::int8_t* const end = x + (inputs & 12);
#else
  const std::int8_t* const end = x + (inputs & ~3);
#endif
  for (; x != end; x += 4, out += 4) {
    const std::uint32_t word = dsp::load_word(x);
    dsp::store_word(out, dsp::sxtb16(word));
    dsp::store_word(out + 2, dsp::sxtb16_odd(word));
  }
  const std::int32_t rest = inputs & 3;
  if (rest > 0) {
    out[0] = x[0];
    out[1] = rest > 2 ? x[2] : std::int16_t{0};
    out[2] = rest > 1 ? x[1] : std::int16_t{0};
    out[3] = 0;
  }
  const std::int32_t whole = outputs < 8 ? 1 : outputs / 8;
  DenseJob job{weights, static_cast<const std::int16_t*>(scratch), y, params + layer_words, params, whole};
  tile(&job);
  if (outputs > 8 && (outputs & 7) != 0) {
    job.weights = weights + whole * ((inputs + 3) >> 2) * 8;
    job.params += whole * group_words;
    job.y = y + outputs - 8;
    job.groups = 1;
    tile(&job);
  }
}

}  // namespace mote::device
