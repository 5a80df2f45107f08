#pragma once
// Private to the module: which part of a module is told how. The choice is free; the format only says what it means.

#include <span>
#include <vector>

#include "mote/base/bytes.hpp"
#include "update/delta_model.hpp"

namespace mote::package {

using update::delta::Kind;

struct DeltaSegment {
  Kind kind = Kind::copy;
  std::uint32_t begin = 0, bytes = 0;  ///< in the new module
  unsigned period = 8;
  std::int32_t shift = 0;  ///< of the base; of no meaning without one
};

struct DeltaInput {
  ByteSpan base, module;

  /// Differences of the unit at `at`, as the model codes them.
  void values(Kind kind, std::uint32_t at, std::int32_t shift, std::int8_t (&values)[4]) const;
  [[nodiscard]] bool same_byte(std::uint32_t at, std::int32_t shift) const {
    return base[static_cast<std::size_t>(std::int64_t{at} + shift)] == module[at];
  }
};

/// Codes the values of a segment, with any coder.
template <class Coder>
void code_values(Coder& coder, update::delta::Model& model, const DeltaInput& input, const DeltaSegment& s) {
  if (s.kind == Kind::copy) return;
  const unsigned unit = update::delta::unit_of(s.kind);
  for (std::uint32_t at = s.begin; at < s.begin + s.bytes; at += unit) {
    std::int8_t values[4] = {};
    input.values(s.kind, at, s.shift, values);
    update::delta::code_unit(coder, model, s.kind, at, s.period, values);
  }
}

/// The best division of the module that was found: first by fixed guesses of what values cost, then by what they did
/// cost.
[[nodiscard]] std::vector<DeltaSegment> choose_segments(const DeltaInput& input);

}  // namespace mote::package
