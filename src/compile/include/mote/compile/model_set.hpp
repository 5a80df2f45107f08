#pragma once
// Several models of one device that run in turns and share one arena. Each stays a module of its own, which is called
// with the same arena as the others: from its start on lies what an inference needs, for all models the same bytes;
// behind that, side by side, what each model keeps from one inference to the next. So between two inferences of a model
// the others may run, and one model's output is gone once another one runs.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mote/compile/compile.hpp"

namespace mote::compile {

/// A model of a set. Its options' budgets, forms and kept_from are not looked at: budgets are those of the set.
struct SetMember {
  std::string name;                     ///< for messages
  const graph::Graph* graph = nullptr;  ///< outlives the call
  CompileOptions options;
};

/// Of all models together, in bytes; 0: none.
struct SetBudgets {
  std::size_t flash = 0;
  std::size_t arena = 0;
};

/// How the models of a set share their arena.
struct SharedArena {
  std::size_t shared_bytes = 0;  ///< what the inference of the neediest model needs
  std::size_t kept_bytes = 0;    ///< what all models keep
  std::size_t arena_bytes = 0;   ///< both, and what alignment takes
  std::size_t neediest = 0;      ///< index of the model that sets shared_bytes
  std::size_t next_bytes = 0;    ///< what the inference of the neediest of the others would take alone
  std::size_t alone_bytes = 0;   ///< the arenas that the models would have alone, together
  /// The arena when the neediest model does with less scratch and is computed row by row, as far as that makes a
  /// difference beside the others: a budget that can be met; 0: no less is possible, or a budget was given.
  std::size_t least_bytes = 0;
};

struct SetPlan {
  std::vector<Program> programs;  ///< one a member
  SharedArena arena;
};

/// A program for each member, all placed in one arena. Without a budget the neediest model has what it would have
/// alone; the others take what that leaves them, which makes them faster for nothing.
/// @error invalid_argument  no members.   Else as make_program, with the member's name.
[[nodiscard]] Result<SetPlan> plan_set(std::span<const SetMember> members, std::size_t arena_budget);

struct ModelSet {
  /// One a member. `firmware` of each is the same: it holds all modules (firmware_index).
  std::vector<CompiledModel> models;
  SharedArena arena;
  [[nodiscard]] std::size_t flash_bytes() const;
};

/// Compiles all members for one board. A byte of flash is worth the same cycles in all of them: where they do not fit,
/// all share functions further, as compile() does; what a budget leaves makes 3x3 convolutions faster, the models with
/// most multiply-accumulates first. Budgets that cannot be met are not an error: look at the sizes.
/// @error too_large  the board's flash or RAM holds less than all of them need; names their sizes.
/// @error            as compile(), with the member's name.
[[nodiscard]] Result<ModelSet> compile_set(std::span<const SetMember> members, const board::BoardSpec& board,
                                           const SetBudgets& budgets);

/// Links the modules as they are now into one firmware and gives it to every model.
[[nodiscard]] Result<void> renew_firmware(std::span<CompiledModel> models, const board::BoardSpec& board);

}  // namespace mote::compile
