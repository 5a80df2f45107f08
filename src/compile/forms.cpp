#include "mote/compile/forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "program_builder.hpp"
#include "row_group.hpp"

namespace mote::compile {

FormTable::FormTable(const graph::Graph& graph, const LoweringOptions& options)
    : graph_(graph), options_(options), lowered_(graph.ops().size()) {}

Result<const LoweredOp*> FormTable::get(std::size_t op, const Form& form) {
  auto& slot = lowered_[op][form];
  if (!slot) {
    LoweringOptions lowering = options_;
    static_cast<Form&>(lowering) = form;
    MOTE_TRY(LoweredOp made, lower(graph_, op, lowering));
    slot = std::make_unique<LoweredOp>(std::move(made));
  }
  return slot.get();
}

Result<std::vector<const LoweredOp*>> FormTable::get(std::span<const Form> forms) {
  if (forms.size() != graph_.ops().size())
    return fail(Code::invalid_argument,
                fmt::format("{} forms for a model of {} operators", forms.size(), graph_.ops().size()));
  std::vector<const LoweredOp*> ops;
  for (std::size_t op = 0; op < forms.size(); ++op) {
    MOTE_TRY(const LoweredOp* lowered, get(op, forms[op]));
    ops.push_back(lowered);
  }
  return ops;
}

namespace {

/// What is worth a look besides the usual form: a change at a time, and shared functions in the other layout, the only
/// one in which some layers can share.
std::vector<Form> axes(const Form& usual) {
  std::vector<Form> all{usual};
  const auto with = [&](auto change) {
    all.push_back(usual);
    change(all.back());
  };
  with([](Form& f) { f.share = !f.share; });
  with([](Form& f) { f.other_layout = !f.other_layout; });
  with([](Form& f) {
    f.share = !f.share;
    f.other_layout = !f.other_layout;
  });
  with([](Form& f) { f.unroll = Unroll::more; });
  with([](Form& f) { f.unroll = Unroll::less; });
  with([](Form& f) {
    f.share = false;
    f.winograd = !f.winograd;
  });
  with([](Form& f) { f.weights_in_ram = !f.weights_in_ram; });
  return all;
}

}  // namespace

Result<std::vector<Form>> FormTable::different(std::size_t op, std::size_t most_scratch) {
  Form usual = options_;
  usual.bands = false;
  std::set<std::string> seen;
  std::vector<Form> found;
  const auto take = [&](const Form& form, bool always) -> Result<bool> {
    MOTE_TRY(const LoweredOp* lowered, get(op, form));
    if (!always && lowered->scratch_bytes > most_scratch) return false;
    const bool is_new = seen.insert(cost_text(*lowered)).second;
    if (is_new) found.push_back(form);
    return is_new;
  };
  MOTE_TRY_VOID(take(usual, true));
  for (const Form& axis : axes(usual)) {
    // An axis that changes nothing at the usual size changes nothing at others.
    if (axis != usual) {
      MOTE_TRY(const bool is_new, take(axis, false));
      MOTE_TRY(const LoweredOp* lowered, get(op, axis));
      if (!is_new && lowered->scratch_bytes <= most_scratch) continue;
    }
    for (const std::size_t size : kScratchSizes) {
      Form form = axis;
      form.scratch_bytes = size;
      MOTE_TRY_VOID(take(form, false));
    }
  }
  return found;
}

std::string cost_text(const LoweredOp& op) {
  std::string text = fmt::format("{}\n{}\n{}\nscratch {}\n", op.kernel, op.geometry, op.body, op.scratch_bytes);
  for (std::size_t at = 0; (at = text.find(op.symbol, at)) != std::string::npos;)
    text.replace(at, op.symbol.size(), "op");
  for (const ConstantArray& c : op.constants)
    text += fmt::format("{}[{}] align {}{}\n", c.type, c.values.size(), c.align, c.in_ram ? " in RAM" : "");
  for (const AssemblyFunction& f : op.functions) text += f.text;
  return text;
}

Result<std::vector<RowGroup>> row_groups(const graph::Graph& graph, std::span<const LoweredOp* const> ops,
                                         const FormChoice& choice) {
  std::vector<RowGroup> groups;
  for (const RowChoice& r : choice.rows) {
    auto group = r.first < r.last && r.last < ops.size() ? plan_rows(graph, ops, r.first, r.last, r.rows)
                                                         : std::optional<RowGroup>{};
    if (!group)
      return fail(Code::invalid_argument,
                  fmt::format("operators {} to {} cannot be computed {} rows at a time", r.first, r.last, r.rows));
    groups.push_back(std::move(*group));
  }
  return groups;
}

Result<ArenaPlan> plan_forms(const graph::Graph& graph, const ProgramOptions& options, FormTable& table,
                             const FormChoice& choice, bool thorough) {
  MOTE_TRY(auto ops, table.get(choice.forms));
  MOTE_TRY(const auto groups, row_groups(graph, ops, choice));
  return plan_program(graph, options, std::move(ops), groups, thorough ? PlanRounds::thorough : PlanRounds::quick);
}

}  // namespace mote::compile
