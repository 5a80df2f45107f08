#pragma once
// The forms that operators may take, and what a choice of them needs: for searches that weigh forms by more than
// make_program's estimates.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mote/compile/planner.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

/// Every operator lowered in each form that was asked for, once.
class FormTable {
 public:
  /// @param graph  outlives the table.
  FormTable(const graph::Graph& graph, const LoweringOptions& options);

  /// @return lives as long as the table.   @error as lower().
  [[nodiscard]] Result<const LoweredOp*> get(std::size_t op, const Form& form);
  /// @param forms  one an operator of the graph.
  [[nodiscard]] Result<std::vector<const LoweredOp*>> get(std::span<const Form> forms);

  /// Forms of an operator as a whole (no bands) that differ in code or scratch, the usual one first.
  /// @param most_scratch  bytes; a form that needs more is left out unless it is the usual one.
  [[nodiscard]] Result<std::vector<Form>> different(std::size_t op, std::size_t most_scratch);

 private:
  const graph::Graph& graph_;
  LoweringOptions options_;
  std::vector<std::map<Form, std::unique_ptr<LoweredOp>>> lowered_;
};

/// All that an operator's cycles depend on besides the values that it computes with, as text: equal for layers of equal
/// geometry, whatever their names, weights and models.
[[nodiscard]] std::string cost_text(const LoweredOp& op);

/// The forms with which the arena is as small as it can be, or meets options.arena_budget by computing rows, by
/// make_program's estimates. options.forms is not looked at.
[[nodiscard]] Result<FormChoice> least_ram_forms(const graph::Graph& graph, const ProgramOptions& options,
                                                 FormTable& table);

/// Bytes that the arena may have where `least` are needed: the budget, or without one a twelfth more than that, but not
/// past the next multiple of 8 KiB, in which people plan RAM. At least `least`.
[[nodiscard]] std::size_t arena_limit(const ProgramOptions& options, std::size_t least);

/// The arena of a choice; `thorough` as make_program plans at last.
/// @error invalid_argument  its rows cannot be computed as it says.
[[nodiscard]] Result<ArenaPlan> plan_forms(const graph::Graph& graph, const ProgramOptions& options, FormTable& table,
                                           const FormChoice& choice, bool thorough);

}  // namespace mote::compile
