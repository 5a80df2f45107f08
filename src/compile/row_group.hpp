#pragma once
// Private to the module: operators one behind the other that are computed together, some rows of each in turns. What
// lies between them is never there as a whole: each value keeps only the rows that its readers still need.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mote/compile/lowering.hpp"
#include "mote/compile/program.hpp"
#include "mote/graph/graph.hpp"

namespace mote::compile {

/// Plans operators `first` to `last` in turns, in each of which the last one's output grows by `rows`. Values that only
/// they read become windows; what others read is a buffer as a whole.
/// @return nothing where an operator cannot compute a part of its rows, or where a value is no picture.
[[nodiscard]] std::optional<RowGroup> plan_rows(const graph::Graph& graph, std::span<const LoweredOp* const> ops,
                                                std::size_t first, std::size_t last, std::int32_t rows);

/// The groups of a choice.  @error invalid_argument  where plan_rows finds none.
[[nodiscard]] Result<std::vector<RowGroup>> row_groups(const graph::Graph& graph, std::span<const LoweredOp* const> ops,
                                                       const FormChoice& choice);

/// Cycles that taking turns adds, by count: what each call of an operator costs again.
[[nodiscard]] std::int64_t turn_cycles(const RowGroup& group, std::span<const LoweredOp* const> ops);

/// Definition of the group's function `void NAME(std::int8_t* base)`, and of one function for each of its operators.
[[nodiscard]] std::string row_group_text(const Program& program, const RowGroup& group);

}  // namespace mote::compile
