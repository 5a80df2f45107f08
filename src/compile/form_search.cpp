// Chooses a form for each operator by estimate.

#include "mote/compile/forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "program_builder.hpp"
#include "row_group.hpp"

namespace mote::compile {
namespace {

using graph::Graph;

constexpr std::size_t kUsualSize = 3072;

/// Chooses each operator's form: first as little RAM as possible, then as much scratch as that, or the budget, leaves.
/// Where the budget is less than that, groups of operators are computed row by row.
class FormSearch {
 public:
  FormSearch(const Graph& graph, const ProgramOptions& options, FormTable& table)
      : graph_(graph), options_(options), table_(table) {}

  /// Forms with which the arena is as small as it can be, or meets its budget.
  Result<FormChoice> least_ram() {
    Form usual = options_.lowering;
    usual.scratch_bytes = kUsualSize;
    choice_.assign(graph_.ops().size(), usual);
    MOTE_TRY_VOID(share_small_layers());
    MOTE_TRY(ArenaPlan plan, this->plan(PlanRounds::quick));
    MOTE_TRY_VOID(shrink(plan));
    MOTE_TRY(plan, this->plan(PlanRounds::thorough));
    if (options_.arena_budget > 0 && plan.arena_bytes > options_.arena_budget) MOTE_TRY_VOID(group_rows(plan));
    return FormChoice{choice_, row_choices()};
  }

  /// The same, with what more RAM makes faster.
  Result<FormChoice> run() {
    MOTE_TRY_VOID(least_ram());
    MOTE_TRY(const ArenaPlan plan, this->plan(PlanRounds::thorough));
    const std::size_t limit = arena_limit(options_, plan.arena_bytes);
    if (options_.flash_room > 0) MOTE_TRY_VOID(spend_flash(limit));
    MOTE_TRY_VOID(grow(limit));
    // Weights in RAM live on: where the arena is shared they would take what no other model can use.
    if (options_.arena_budget > 0 && !options_.kept_from) MOTE_TRY_VOID(move_weights(limit));
    return FormChoice{choice_, row_choices()};
  }

 private:
  [[nodiscard]] std::vector<RowChoice> row_choices() const {
    std::vector<RowChoice> rows;
    for (const RowGroup& g : groups_) rows.push_back({g.first(), g.last(), g.rows});
    return rows;
  }

  Result<ArenaPlan> plan(PlanRounds rounds) {
    MOTE_TRY(auto ops, table_.get(choice_));
    return plan_program(graph_, options_, std::move(ops), groups_, rounds);
  }

  /// A function of its own is worth its flash to the layers that use it, or they take shared ones.
  Result<void> share_small_layers() {
    struct Users {
      std::size_t bytes = 0;
      std::int64_t cycles = 0;
      std::vector<std::size_t> ops;
    };
    std::map<std::string, Users> functions;
    for (std::size_t op = 0; op < choice_.size(); ++op) {
      MOTE_TRY(const LoweredOp* lowered, table_.get(op, choice_[op]));
      if (lowered->share_cycles < 0 || choice_[op].share) continue;
      // All functions of an operator together: a layer of which some groups need another end has two.
      Users& users = functions[lowered->functions.front().name];
      users.bytes = 0;
      for (const AssemblyFunction& f : lowered->functions) users.bytes += f.common ? 0 : f.bytes;
      users.cycles += lowered->share_cycles;
      users.ops.push_back(op);
    }
    for (const auto& [name, users] : functions) {
      if (users.cycles > options_.lowering.cycles_a_byte * static_cast<std::int64_t>(users.bytes)) continue;
      for (const std::size_t op : users.ops) choice_[op].share = true;
    }
    return {};
  }

  /// At the fuller steps, tries every size; until nothing helps.
  Result<void> shrink(ArenaPlan& best) {
    const std::size_t features = options_.features ? 1 : 0;
    for (bool helped = true; helped;) {
      helped = false;
      for (std::size_t op = 0; op < choice_.size(); ++op) {
        if (best.live_bytes[op + features] * 5 < best.arena_bytes * 4) continue;
        std::size_t chosen = choice_[op].scratch_bytes;
        for (const std::size_t size : kScratchSizes) {
          choice_[op].scratch_bytes = size;
          MOTE_TRY(ArenaPlan candidate, plan(PlanRounds::quick));
          if (candidate.arena_bytes >= best.arena_bytes) continue;
          best = std::move(candidate);
          chosen = size;
          helped = true;
        }
        choice_[op].scratch_bytes = chosen;
      }
    }
    return {};
  }

  /// A group with the operators' forms and what it costs.
  struct Candidate {
    RowGroup group;
    std::vector<Form> choice;
    std::size_t arena_bytes = 0;
    std::int64_t cycles = 0;
  };
  [[nodiscard]] bool better(const Candidate& a, const Candidate& b) const {
    const bool fits = a.arena_bytes <= options_.arena_budget;
    if (fits != (b.arena_bytes <= options_.arena_budget)) return fits;
    return fits ? std::pair(a.cycles, a.arena_bytes) < std::pair(b.cycles, b.arena_bytes)
                : std::pair(a.arena_bytes, a.cycles) < std::pair(b.arena_bytes, b.cycles);
  }

  /// Adds groups around the fullest step, the cheapest that fits or the one that helps most, until the budget is met or
  /// nothing helps.
  Result<void> group_rows(ArenaPlan best) {
    while (best.arena_bytes > options_.arena_budget) {
      std::optional<Candidate> chosen;
      for (std::size_t first = 0; first < graph_.ops().size(); ++first) {
        MOTE_TRY_VOID(try_groups_from(first, chosen));
      }
      if (!chosen || chosen->arena_bytes >= best.arena_bytes) return {};
      choice_ = std::move(chosen->choice);
      groups_.push_back(std::move(chosen->group));
      MOTE_TRY(best, plan(PlanRounds::quick));
    }
    return {};
  }

  static constexpr std::size_t kLongestGroup = 24;

  /// Groups that begin with an operator, of any length and pace.
  Result<void> try_groups_from(std::size_t first, std::optional<Candidate>& best) {
    const std::vector<Form> before = choice_;
    for (std::size_t last = first; last < std::min(graph_.ops().size(), first + kLongestGroup); ++last) {
      if (std::ranges::any_of(groups_, [&](const RowGroup& g) { return g.contains(last); })) break;
      choice_[last].scratch_bytes = kScratchSizes.front();
      choice_[last].bands = true;
      MOTE_TRY(const LoweredOp* lowered, table_.get(last, choice_[last]));
      if (lowered->row_form == RowForm::none || lowered->row_step < 1) break;
      for (const std::int32_t rows : {1, 2, 4}) {
        MOTE_TRY(auto made, try_group(first, last, rows));
        if (!made) break;
        if (!best || better(*made, *best)) best = std::move(made);
      }
    }
    choice_ = before;
    return {};
  }

  /// A group of operators whose forms are the smallest, then, within the budget, larger ones.
  Result<std::optional<Candidate>> try_group(std::size_t first, std::size_t last, std::int32_t rows) {
    const std::vector<Form> smallest = choice_;
    std::optional<Candidate> made;
    for (const std::size_t size : kScratchSizes) {
      for (std::size_t op = first; op <= last; ++op) choice_[op].scratch_bytes = size;
      MOTE_TRY(const auto ops, table_.get(choice_));
      auto group = plan_rows(graph_, ops, first, last, rows);
      if (!group) break;
      groups_.push_back(*group);
      auto candidate = plan(PlanRounds::quick);
      groups_.pop_back();
      MOTE_TRY_VOID(candidate);
      Candidate next{std::move(*group), choice_, candidate->arena_bytes, 0};
      next.cycles = turn_cycles(next.group, ops);
      const bool fits = next.arena_bytes <= options_.arena_budget;
      if (!made || better(next, *made)) made = std::move(next);
      if (!fits) break;
    }
    choice_ = smallest;
    return made;
  }

  [[nodiscard]] bool in_group(std::size_t op) const {
    return std::ranges::any_of(groups_, [&](const RowGroup& g) { return g.contains(op); });
  }

  /// Whether there is a plan within a limit. Where it is tight, that takes longer to find.
  Result<bool> fits(std::size_t limit) {
    MOTE_TRY(ArenaPlan candidate, plan(PlanRounds::quick));
    if (candidate.arena_bytes > limit && candidate.peak_live_bytes <= limit) {
      MOTE_TRY(candidate, plan(PlanRounds::thorough));
    }
    return candidate.arena_bytes <= limit;
  }

  Result<void> grow(std::size_t limit) {
    for (std::size_t op = 0; op < choice_.size(); ++op) {
      MOTE_TRY(const LoweredOp* now, table_.get(op, choice_[op]));
      if (now->scratch_bytes == 0) continue;
      const std::size_t least = choice_[op].scratch_bytes;
      for (auto size = kScratchSizes.rbegin(); size != kScratchSizes.rend() && *size >= least; ++size) {
        choice_[op].scratch_bytes = *size;
        MOTE_TRY(const LoweredOp* larger, table_.get(op, choice_[op]));
        if (in_group(op) && larger->row_step != now->row_step) continue;  // the group's turns are planned for these
        MOTE_TRY(const bool found, fits(limit));
        if (*size == least || found) break;
      }
    }
    return {};
  }

  /// The first of the sizes, from the largest on, with which an operator's form leaves the arena within a limit.
  Result<const LoweredOp*> largest_fit(std::size_t op, Form form, std::size_t limit) {
    const Form before = choice_[op];
    const LoweredOp* found = nullptr;
    for (auto size = kScratchSizes.rbegin(); size != kScratchSizes.rend() && found == nullptr; ++size) {
      form.scratch_bytes = *size;
      choice_[op] = form;
      MOTE_TRY(const LoweredOp* lowered, table_.get(op, form));
      MOTE_TRY(const ArenaPlan candidate, plan(PlanRounds::quick));
      if (candidate.arena_bytes <= limit) found = lowered;
    }
    choice_[op] = before;
    return found;
  }

  /// Winograd's form where it saves most cycles for its flash, by estimate, as far as there is room.
  Result<void> spend_flash(std::size_t limit) {
    struct Offer {
      std::size_t op;
      double cycles_a_byte;
    };
    std::vector<Offer> offers;
    for (std::size_t op = 0; op < choice_.size(); ++op) {
      Form form = choice_[op];
      MOTE_TRY(const LoweredOp* now, table_.get(op, form));
      if (now->cycles == 0 || in_group(op) || form.winograd) continue;
      form.share = false;
      form.winograd = true;
      MOTE_TRY(const LoweredOp* other, table_.get(op, form));
      if (!other->kernel.starts_with("winograd")) continue;
      MOTE_TRY(const LoweredOp* direct, largest_fit(op, choice_[op], limit));
      MOTE_TRY(other, largest_fit(op, form, limit));
      if (direct == nullptr || other == nullptr || other->cycles >= direct->cycles) continue;
      const auto more = static_cast<double>(constant_bytes(*other)) - static_cast<double>(constant_bytes(*direct));
      offers.push_back({op, static_cast<double>(direct->cycles - other->cycles) / std::max(more, 1.0)});
    }
    std::ranges::stable_sort(offers, std::greater{}, &Offer::cycles_a_byte);
    MOTE_TRY(const std::size_t usual, flash_of_choice());
    for (const Offer& offer : offers) {
      const Form before = choice_[offer.op];
      choice_[offer.op].share = false;
      choice_[offer.op].winograd = true;
      choice_[offer.op].scratch_bytes = kScratchSizes.front();
      MOTE_TRY(const std::size_t flash, flash_of_choice());
      MOTE_TRY(const ArenaPlan candidate, plan(PlanRounds::quick));
      if (flash > usual + options_.flash_room || candidate.arena_bytes > limit) choice_[offer.op] = before;
    }
    return {};
  }
  /// Of all operators' constants, and functions once each.
  Result<std::size_t> flash_of_choice() {
    MOTE_TRY(const auto ops, table_.get(choice_));
    std::set<std::string_view> functions;
    std::size_t bytes = 0;
    for (const LoweredOp* op : ops) {
      bytes += constant_bytes(*op);
      for (const AssemblyFunction& f : op->functions) bytes += functions.insert(f.name).second ? f.bytes : 0;
    }
    return bytes;
  }

  /// Dense layers' weights to what RAM is left, largest first. A module that has none otherwise gets a function for
  /// its reset by that: some 170 bytes at 24 cycles each, and a byte of weights saves half a cycle.
  Result<void> move_weights(std::size_t limit) {
    constexpr std::size_t kWorthwhile = 8192;
    struct Weights {
      std::size_t op, bytes;
    };
    std::vector<Weights> all;
    for (std::size_t op = 0; op < choice_.size(); ++op) {
      Form form = choice_[op];
      if (in_group(op) || form.weights_in_ram) continue;
      form.weights_in_ram = true;
      MOTE_TRY(const LoweredOp* lowered, table_.get(op, form));
      std::size_t bytes = 0;
      for (const ConstantArray& c : lowered->constants) bytes += c.in_ram ? c.bytes() : 0;
      if (bytes > 0) all.push_back({op, bytes});
    }
    std::ranges::stable_sort(all, std::greater{}, &Weights::bytes);
    const std::vector<Form> before = choice_;
    std::size_t moved = 0;
    for (const Weights& w : all) {
      choice_[w.op].weights_in_ram = true;
      MOTE_TRY(const ArenaPlan candidate, plan(PlanRounds::quick));
      choice_[w.op].weights_in_ram = candidate.arena_bytes <= limit;
      moved += candidate.arena_bytes <= limit ? w.bytes : 0;
    }
    if (moved < kWorthwhile) choice_ = before;
    return {};
  }

  const Graph& graph_;
  const ProgramOptions& options_;
  FormTable& table_;
  std::vector<Form> choice_;
  std::vector<RowGroup> groups_;
};

}  // namespace

std::size_t arena_limit(const ProgramOptions& options, std::size_t least) {
  if (options.arena_budget > 0) return std::max(least, options.arena_budget);
  constexpr std::size_t kBank = 8192;
  return std::min(least + least / 12, (least + kBank - 1) / kBank * kBank);
}

Result<FormChoice> least_ram_forms(const Graph& graph, const ProgramOptions& options, FormTable& table) {
  return FormSearch(graph, options, table).least_ram();
}

Result<Program> make_program(const Graph& graph, const ProgramOptions& options) {
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1) {
    return fail(Code::unsupported, fmt::format("the model has {} inputs and {} outputs; one of each is compiled",
                                               graph.inputs().size(), graph.outputs().size()));
  }
  if (options.lowering.target == Target::avr && (options.features || !graph.states().empty()))
    return fail(Code::unsupported, "models with features or state are not compiled for an AVR (docs/cores.md)");
  FormTable table(graph, options.lowering);
  FormChoice choice;
  if (options.forms) {
    choice = *options.forms;
  } else {
    MOTE_TRY(choice, FormSearch(graph, options, table).run());
  }
  MOTE_TRY(auto ops, table.get(choice.forms));
  MOTE_TRY(const auto groups, row_groups(graph, ops, choice));
  MOTE_TRY(Program program, build_program(graph, options, std::move(ops), groups));
  program.forms = std::move(choice);
  program.target = options.lowering.target;
  return program;
}

}  // namespace mote::compile
