#pragma once
// A project's budgets held against what was measured.

#include <vector>

#include "command.hpp"
#include "mote/pipeline/budget.hpp"
#include "project.hpp"

namespace mote::app {

/// @param bench       bench.json of the compile step
/// @param evaluation  evaluation.json of the evaluate step
[[nodiscard]] std::vector<pipeline::Budget> judge(const Budgets& limits, const Json& bench, const Json& evaluation);

}  // namespace mote::app
