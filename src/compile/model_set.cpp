#include "mote/compile/model_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "module_link.hpp"
#include "mote/board/core.hpp"

namespace mote::compile {
namespace {

Result<Program> program_of(const SetMember& member, const ProgramOptions& options) {
  auto program = make_program(*member.graph, options);
  if (!program) return fail(std::move(program).error(), member.name);
  return std::move(*program);
}

ProgramOptions without_budgets(const SetMember& member) {
  ProgramOptions options = member.options.program;
  options.arena_budget = 0;
  options.flash_room = 0;
  options.forms.reset();
  options.kept_from = 0;
  return options;
}

std::size_t most_shared(std::span<const Program> programs) {
  return std::ranges::max_element(programs, {}, &Program::shared_bytes)->shared_bytes;
}

std::size_t all_kept(std::span<const Program> programs) {
  return std::accumulate(programs.begin(), programs.end(), std::size_t{0},
                         [](std::size_t sum, const Program& p) { return sum + p.kept_bytes; });
}

/// Chooses forms with which every inference stays within `shared` bytes if that is possible.
Result<void> choose_forms(std::span<const SetMember> members, std::size_t shared, std::span<Program> programs) {
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (programs[i].shared_bytes == shared) continue;
    ProgramOptions options = without_budgets(members[i]);
    options.arena_budget = shared + programs[i].kept_bytes;
    MOTE_TRY(programs[i], program_of(members[i], options));
  }
  return {};
}

/// The same forms, with what each keeps behind what all share.
Result<void> place_kept(std::span<const SetMember> members, std::span<Program> programs) {
  std::size_t end = most_shared(programs);
  for (std::size_t i = 0; i < members.size(); ++i) {
    ProgramOptions options = without_budgets(members[i]);
    options.forms = programs[i].forms;
    options.kept_from = end;
    MOTE_TRY(programs[i], program_of(members[i], options));
    if (programs[i].kept_bytes > 0) end = programs[i].arena_bytes;
  }
  return {};
}

/// @param alone  the programs that the members would have without the others
SharedArena describe(std::span<const Program> programs, std::span<const Program> alone) {
  SharedArena arena;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const Program& p = programs[i];
    arena.alone_bytes += alone[i].shared_bytes + alone[i].kept_bytes;
    arena.kept_bytes += p.kept_bytes;
    arena.arena_bytes = std::max(arena.arena_bytes, p.arena_bytes);
    if (p.shared_bytes > programs[arena.neediest].shared_bytes) arena.neediest = i;
  }
  arena.shared_bytes = programs[arena.neediest].shared_bytes;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    if (i != arena.neediest) arena.next_bytes = std::max(arena.next_bytes, alone[i].shared_bytes);
  }
  return arena;
}

std::size_t aligned(std::size_t bytes, std::size_t align) { return (bytes + align - 1) / align * align; }

/// How far a budget would bring the neediest model down; no further than what the next one needs helps.
Result<std::size_t> least_arena(std::span<const SetMember> members, const SharedArena& arena,
                                std::size_t kept_by_neediest) {
  ProgramOptions options = without_budgets(members[arena.neediest]);
  options.arena_budget = std::max<std::size_t>(arena.next_bytes, 1) + kept_by_neediest;
  MOTE_TRY(const Program tight, program_of(members[arena.neediest], options));
  const std::size_t now = aligned(arena.shared_bytes, tight.arena_align),
                    then = aligned(std::max(arena.next_bytes, tight.shared_bytes), tight.arena_align);
  return then < now ? std::max(arena.arena_bytes, now) - (now - then) : std::size_t{0};
}

std::string sizes_text(std::span<const SetMember> members, std::span<const CompiledModel> models) {
  std::vector<std::string> sizes;
  for (std::size_t i = 0; i < members.size(); ++i)
    sizes.push_back(fmt::format("{} {}", members[i].name, models[i].module.size()));
  return fmt::format("{}", fmt::join(sizes, ", "));
}

/// Modules of a plan.
Result<std::vector<CompiledModel>> link_set(std::span<const SetMember> members, const board::BoardSpec& board,
                                            const board::CoreSpec& core, std::vector<Program> programs, bool small) {
  std::vector<CompiledModel> models;
  for (std::size_t i = 0; i < members.size(); ++i) {
    CompileOptions options = members[i].options;
    options.program.kept_from = programs[i].kept_offset;
    auto model = link_program(*members[i].graph, board, core, options, std::move(programs[i]), small);
    if (!model) return fail(std::move(model).error(), members[i].name);
    models.push_back(std::move(*model));
  }
  return models;
}

std::size_t flash_of(std::span<const CompiledModel> models) {
  return std::accumulate(models.begin(), models.end(), std::size_t{0},
                         [](std::size_t sum, const CompiledModel& m) { return sum + m.module.size(); });
}

/// What the budget of flash leaves; no program's place in the arena changes.
Result<void> spend_flash_of_set(std::span<const SetMember> members, const board::BoardSpec& board,
                                const board::CoreSpec& core, std::size_t budget, ModelSet& set) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return graph::macs(*members[i].graph); });
  for (const std::size_t i : order) {
    CompiledModel& model = set.models[i];
    const std::size_t room = budget - flash_of(set.models);
    CompileOptions options = members[i].options;
    options.program = without_budgets(members[i]);
    options.program.kept_from = model.program.kept_offset;
    options.program.arena_budget = model.program.kept_bytes > 0 ? model.program.arena_bytes : set.arena.shared_bytes;
    CompiledModel faster = model;
    MOTE_TRY_VOID(spend_flash(*members[i].graph, board, core, options, model.module.size() + room, faster));
    const Program& p = faster.program;
    if (p.shared_bytes <= set.arena.shared_bytes && p.kept_offset == model.program.kept_offset)
      model = std::move(faster);
  }
  return {};
}

}  // namespace

Result<SetPlan> plan_set(std::span<const SetMember> members, std::size_t arena_budget) {
  if (members.empty()) return fail(Code::invalid_argument, "a set of models has at least one");
  SetPlan plan;
  for (const SetMember& member : members) {
    MOTE_TRY(Program program, program_of(member, without_budgets(member)));
    plan.programs.push_back(std::move(program));
  }
  const std::vector<Program> alone = plan.programs;
  const std::size_t kept = all_kept(alone);
  const std::size_t shared = arena_budget == 0 ? most_shared(alone) : arena_budget - std::min(arena_budget - 1, kept);
  MOTE_TRY_VOID(choose_forms(members, shared, plan.programs));
  MOTE_TRY_VOID(place_kept(members, plan.programs));
  plan.arena = describe(plan.programs, alone);
  if (arena_budget == 0 && members.size() > 1) {
    MOTE_TRY(plan.arena.least_bytes, least_arena(members, plan.arena, alone[plan.arena.neediest].kept_bytes));
  }
  return plan;
}

std::size_t ModelSet::flash_bytes() const { return flash_of(models); }

Result<void> renew_firmware(std::span<CompiledModel> models, const board::BoardSpec& board) {
  std::vector<Bytes> modules;
  std::size_t offset = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    models[i].firmware_index = i;
    models[i].firmware_offset = offset;
    offset += module_stride(models[i].module.size());
    modules.push_back(models[i].module);
  }
  MOTE_TRY(const Bytes firmware, make_firmware(modules, board));
  for (CompiledModel& model : models) model.firmware = firmware;
  return {};
}

Result<ModelSet> compile_set(std::span<const SetMember> members, const board::BoardSpec& board,
                             const SetBudgets& budgets) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  std::vector<SetMember> chosen(members.begin(), members.end());
  for (SetMember& member : chosen)
    member.options.program.lowering.target = member.options.kernels.value_or(target_of(*core));
  const std::size_t budget =
      budgets.flash == 0 ? board.flash_bytes : std::min<std::size_t>(budgets.flash, board.flash_bytes);
  ModelSet set;
  const auto attempt = [&](bool small) -> Result<void> {
    MOTE_TRY(SetPlan plan, plan_set(chosen, budgets.arena));
    if (plan.arena.arena_bytes > board.ram_bytes) {
      return fail(
          Code::too_large,
          fmt::format("the models need an arena of {} bytes ({} of it for {}, {} kept from one inference to the "
                      "next), {} has {} bytes of RAM",
                      plan.arena.arena_bytes, plan.arena.shared_bytes, chosen[plan.arena.neediest].name,
                      plan.arena.kept_bytes, board.name, board.ram_bytes));
    }
    MOTE_TRY(auto models, link_set(chosen, board, *core, std::move(plan.programs), small));
    if (set.models.empty() || flash_of(models) < set.flash_bytes()) set = {std::move(models), plan.arena};
    return {};
  };
  MOTE_TRY_VOID(attempt(false));
  if (budgets.flash > 0 && set.flash_bytes() < budget)
    MOTE_TRY_VOID(spend_flash_of_set(chosen, board, *core, budget, set));
  for (const FlashRung& rung : kFlashRungs) {
    if (set.flash_bytes() <= budget) break;
    for (SetMember& member : chosen) apply(rung, member.options);
    MOTE_TRY_VOID(attempt(rung.small));
  }
  if (set.flash_bytes() > board.flash_bytes) {
    return fail(Code::too_large,
                fmt::format("the modules have {} bytes ({}), {} has {} bytes of flash", set.flash_bytes(),
                            sizes_text(members, set.models), board.name, board.flash_bytes));
  }
  MOTE_TRY_VOID(renew_firmware(set.models, board));
  return set;
}

}  // namespace mote::compile
