#pragma once
// Small loops in assembly that all layers share.

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

/// Pairs of pixels to int16, their words in turns: what a tile over columns reads. The job is device::WidenJob.
[[nodiscard]] AssemblyFunction emit_widen_pairs();

/// Addition through two tables of 256 words, four elements at a time: y = SSAT8(high32((a[x0] + b[x1]) * multiplier) >>
/// shift). The job is device::AddJob.
[[nodiscard]] AssemblyFunction emit_add_tables(std::int32_t shift);

}  // namespace mote::compile::m4
