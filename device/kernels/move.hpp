#pragma once
// Moving elements without arithmetic: runs of bytes at regular distances (concat, slice, transpose, pad, broadcast),
// slices in the order of a table (gather), and windows that move on (shift).

#include <cstdint>

namespace mote::device {

/// Loops around a run.
constexpr std::int32_t kMoveLoops = 5;

/// Copies `run` bytes at each place of five nested loops, outermost first. All distances in bytes; those of the source
/// may be zero or negative.
struct MoveGeometry {
  std::int32_t run;
  std::int32_t from_begin, to_begin;
  std::int32_t count[kMoveLoops], from[kMoveLoops], to[kMoveLoops];
};

/// y may lie below x and overlap it.
inline void copy_run(const std::int8_t* x, std::int8_t* y, std::int32_t bytes) {
#if defined(__thumb2__)
  // 32 bytes in 21 cycles; a whole burst is read before it is written.
  if (bytes >= 32 && ((reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y)) & 3) == 0) {
    for (; bytes >= 32; bytes -= 32) {
      asm volatile("ldmia %0!, {r4-r6, r8-r10, r12, lr}\n stmia %1!, {r4-r6, r8-r10, r12, lr}"
                   : "+r"(x), "+r"(y)
                   :
                   : "r4", "r5", "r6", "r8", "r9", "r10", "r12", "lr", "memory");
    }
  }
#endif
  for (; bytes >= 4; bytes -= 4, x += 4, y += 4) {
    std::uint32_t word;
    __builtin_memcpy(&word, x, 4);
    __builtin_memcpy(y, &word, 4);
  }
  for (; bytes > 0; --bytes) *y++ = *x++;
}

/// Elements of sizeof(T) bytes at regular distances. Counts and distances are values: what is written might be geometry
/// for all that the compiler knows.
template <class T>
inline void copy_elements(const std::int8_t* x, std::int8_t* y, std::int32_t count, std::int32_t from,
                          std::int32_t to) {
#pragma GCC unroll 4
  for (; count > 0; --count, x += from, y += to) {
    T element;
    __builtin_memcpy(&element, x, sizeof element);
    __builtin_memcpy(y, &element, sizeof element);
  }
}

/// x and y do not overlap.
template <class Geometry>
void move_elements(const Geometry& g, const std::int8_t* x, std::int8_t* y) {
  x += g.from_begin;
  y += g.to_begin;
  for (std::int32_t a = 0; a < g.count[0]; ++a) {
    for (std::int32_t b = 0; b < g.count[1]; ++b) {
      for (std::int32_t c = 0; c < g.count[2]; ++c) {
        for (std::int32_t d = 0; d < g.count[3]; ++d) {
          const std::int8_t* from = x + a * g.from[0] + b * g.from[1] + c * g.from[2] + d * g.from[3];
          std::int8_t* to = y + a * g.to[0] + b * g.to[1] + c * g.to[2] + d * g.to[3];
          const std::int32_t count = g.count[4], from_step = g.from[4], to_step = g.to[4], run = g.run;
          if (run == 1) {
            copy_elements<std::int8_t>(from, to, count, from_step, to_step);
          } else if (run == 2) {
            copy_elements<std::int16_t>(from, to, count, from_step, to_step);
          } else {
            for (std::int32_t e = 0; e < count; ++e, from += from_step, to += to_step) copy_run(from, to, run);
          }
        }
      }
    }
  }
}

/// `bytes` of y become `word`, over and over: elements of 1, 2 or 4 bytes.
inline void fill_words(std::int8_t* y, std::int32_t bytes, std::uint32_t word) {
  for (; bytes >= 4; bytes -= 4, y += 4) __builtin_memcpy(y, &word, 4);
  for (; bytes > 0; --bytes, word >>= 8) *y++ = static_cast<std::int8_t>(word);
}

struct ShiftGeometry {
  std::int32_t outer, kept_bytes, new_bytes;
};

/// y[o] = window[o] without its first `new_bytes`, then rows[o]. y is the window itself or does not overlap it: runs
/// are copied towards lower addresses from the front.
template <class Geometry>
void shift_rows(const Geometry& g, const std::int8_t* window, const std::int8_t* rows, std::int8_t* y) {
  for (std::int32_t o = 0; o < g.outer; ++o) {
    copy_run(window + g.new_bytes, y, g.kept_bytes);
    copy_run(rows, y + g.kept_bytes, g.new_bytes);
    window += g.kept_bytes + g.new_bytes;
    rows += g.new_bytes;
    y += g.kept_bytes + g.new_bytes;
  }
}

struct GatherGeometry {
  std::int32_t outer, in_slices, out_slices, slice_bytes;
};

/// y[o][i] = x[o][indices[i]], slices of `slice_bytes`.
template <class Geometry, class Index>
void gather(const Geometry& g, const Index* indices, const std::int8_t* x, std::int8_t* y) {
  for (std::int32_t o = 0; o < g.outer; ++o, x += g.in_slices * g.slice_bytes) {
    for (std::int32_t i = 0; i < g.out_slices; ++i, y += g.slice_bytes)
      copy_run(x + indices[i] * g.slice_bytes, y, g.slice_bytes);
  }
}

}  // namespace mote::device
