#pragma once
// Places every buffer of a model in one shared arena.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mote/base/error.hpp"

namespace mote::compile {

/// A piece of memory with a life: steps first to last, both included.
struct Buffer {
  std::string name;
  std::size_t bytes = 0;
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t align = 4;  ///< bytes, power of two
  /// A buffer with which this one may share bytes at the step where that one ends and this one begins: what is written
  /// there trails what is still to be read when this buffer begins at least `distance` bytes below the other (negative:
  /// it may begin above it).
  struct Trail {
    std::size_t buffer;
    std::ptrdiff_t distance;
  };
  std::optional<Trail> trails{};
};

/// How long to look for a better plan.
struct PlanEffort {
  std::size_t exact_limit = 9;  ///< most buffers for which all orders are tried
  std::size_t rounds = 0;       ///< random moves in the order of placing, each kept when it is no worse
};

struct ArenaPlan {
  std::vector<std::size_t> offsets;  ///< bytes from the arena's start, in the order of the buffers
  std::size_t arena_bytes = 0;       ///< end of the highest buffer: exactly what the model touches
  std::size_t peak_live_bytes = 0;   ///< most bytes live at one step, shared ones once: no plan can be smaller
  std::size_t peak_step = 0;
  std::vector<std::size_t> live_bytes;    ///< at each step
  std::vector<std::size_t> peak_buffers;  ///< indices of the buffers live at that step, largest first
};

/// Buffers whose lives overlap never share bytes, except as their `trails` allow. Deterministic.
/// First fit over several orders (size, life, start, end first), best of all; then random moves in the order; for few
/// buffers a branch-and-bound search over all orders. Each ends early when it meets the lower bound.
/// @error invalid_argument  a life with first > last, or an alignment that is not a power of two.
[[nodiscard]] Result<ArenaPlan> plan_arena(std::span<const Buffer> buffers, const PlanEffort& effort = {});

}  // namespace mote::compile
