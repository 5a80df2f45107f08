#pragma once
// Private to the module: what the search for forms asks of the program's builder.

#include <array>
#include <vector>

#include "mote/compile/planner.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

/// Scratch to try, in bytes: more makes kernels faster or lets them work in place, and takes RAM.
constexpr std::array<std::size_t, 19> kScratchSizes{768,  1152,  1536,  1920,  2432,  3072,  3840,  4608,  5376, 6144,
                                                    8192, 10240, 12288, 16384, 20480, 24576, 32768, 40960, 49152};

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
