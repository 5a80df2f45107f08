#pragma once
// Private to the module: what the search for forms asks of the program's builder.

#include <vector>

#include "mote/compile/planner.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

/// Rounds of improvement of a plan.
enum class PlanRounds : std::size_t { quick = 20, thorough = 1500 };

/// The arena of operators in these forms. @param ops  one an operator of the graph. @param groups  do not overlap.
[[nodiscard]] Result<ArenaPlan> plan_program(const graph::Graph& graph, const ProgramOptions& options,
                                             std::vector<const LoweredOp*> ops, const std::vector<RowGroup>& groups,
                                             PlanRounds rounds);
/// The same, thoroughly planned, as a program.
[[nodiscard]] Result<Program> build_program(const graph::Graph& graph, const ProgramOptions& options,
                                            std::vector<const LoweredOp*> ops, const std::vector<RowGroup>& groups);

}  // namespace mote::compile
