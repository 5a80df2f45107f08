#pragma once
// int8 addition through two tables of rescaled inputs, which are computed into scratch RAM when the layer begins, and
// an assembly loop (src/compile/m4/elementwise.hpp). Equal to add.hpp, byte for byte: the compiler has tried all 65,536
// pairs of inputs.

#include <cstdint>

#include "kernels/add.hpp"

namespace mote::device {

/// What the assembly loop is called with; the order of the members is known to the emitter.
struct AddJob {
  const std::int8_t *a, *b;
  std::int8_t* y;
  const std::int32_t* tables;  // of a, then of b; by the byte without sign
  std::int32_t multiplier;
  std::int32_t quads;
};
using AddFunction = void (*)(const AddJob* job);

constexpr std::int32_t kAddTableBytes = 2048;

/// An input as the sum sees it (add.hpp).
constexpr std::int32_t rescaled_addend(std::int32_t value, std::int32_t zero, std::int32_t multiplier,
                                       std::int32_t shift) {
  return multiply_by_quantized_multiplier((value - zero) * (1 << 20), multiplier, shift);
}

/// y may be a or b. @param count  elements: the geometry's, or of a part of whole words. @param bias  added to every
/// sum; @param multiplier  of the line that the compiler found.
template <class Geometry>
void add_through_tables(const Geometry& g, AddFunction loop, std::int32_t bias, std::int32_t multiplier,
                        const std::int8_t* a, const std::int8_t* b, std::int8_t* y, void* scratch, std::int32_t count) {
  auto* const tables = static_cast<std::int32_t*>(scratch);
  const auto fill = [](std::int32_t * table, std::int32_t zero, std::int32_t factor, std::int32_t shift,
                       std::int32_t added) __attribute__((noinline)) {
    for (std::int32_t i = 0; i < 256; ++i)
      table[i] = rescaled_addend(static_cast<std::int8_t>(i), zero, factor, shift) + added;
  };
  fill(tables, g.a_zero, g.a_multiplier, g.a_shift, bias);
  fill(tables + 256, g.b_zero, g.b_multiplier, g.b_shift, 0);
  const std::int32_t quads = count / 4;
  const AddJob job{a, b, y, tables, multiplier, quads};
  if (quads > 0) loop(&job);
  struct Rest : Geometry {
    std::int32_t count;
  };
  if constexpr (Geometry::count % 4 != 0) add(Rest{{}, count % 4}, a + 4 * quads, b + 4 * quads, y + 4 * quads);
}

}  // namespace mote::device
