#include "row_group.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "mote/graph/integer_params.hpp"

namespace mote::compile {

std::int32_t RowGroup::Reach::needed(std::int32_t end) const {
  return end <= 0 ? 0 : std::clamp((end - 1) * stride - pad + kernel, 0, in_rows);
}
std::int32_t RowGroup::Reach::first(std::int32_t begin) const {
  return begin >= out_rows ? in_rows : std::clamp(begin * stride - pad, 0, in_rows);
}

std::vector<std::size_t> RowGroup::readers(std::size_t member) const {
  std::vector<std::size_t> found;
  for (std::size_t r = member + 1; r < members.size(); ++r) {
    if (std::ranges::find(members[r].inputs, members[member].output) != members[r].inputs.end()) found.push_back(r);
  }
  return found;
}

std::string RowGroup::name() const { return fmt::format("rows_{:02}_{:02}", first(), last()); }

namespace {

using graph::Graph;
using graph::TensorId;

constexpr std::size_t kMostMembers = 32;  // five bits of a turn, three say how many steps
constexpr std::int32_t kMostSteps = 8;

bool is_picture(const graph::Tensor& t) {
  return t.shape.rank() == 4 && t.shape[0] == 1 && t.dtype == graph::DType::i8;
}

std::optional<RowGroup::Reach> reach_of(const Graph& graph, const graph::Op& op, const LoweredOp& lowered) {
  if (lowered.row_step < 1 || op.outputs.size() != 1 || !is_picture(graph.tensor(op.outputs[0]))) return std::nullopt;
  const std::int32_t out_rows = graph.tensor(op.outputs[0]).shape[1];
  switch (lowered.row_form) {
    case RowForm::none:
      return std::nullopt;
    case RowForm::elements:
      return RowGroup::Reach{1, 1, 0, out_rows, out_rows};
    case RowForm::convolution: {
      const device::ConvGeometry g = graph::conv_geometry(graph, op);
      return RowGroup::Reach{g.stride_h, (g.kernel_h - 1) * g.dilation_h + 1, g.pad_top, g.in_h, g.out_h};
    }
  }
  return std::nullopt;
}

class RowPlanner {
 public:
  RowPlanner(const Graph& graph, std::span<const LoweredOp* const> ops) : graph_(graph), ops_(ops) {}

  std::optional<RowGroup> run(std::size_t first, std::size_t last, std::int32_t rows) {
    for (std::size_t op = first; op <= last; ++op) {
      if (!add_member(op)) return std::nullopt;
    }
    if (group_.members.size() < 2 || group_.members.size() > kMostMembers) return std::nullopt;
    group_.rows = rows;
    find_windows();
    plan_turns(rows);
    return std::move(group_);
  }

 private:
  bool add_member(std::size_t index) {
    const graph::Op& op = graph_.ops()[index];
    const auto reach = reach_of(graph_, op, *ops_[index]);
    if (!reach) return false;
    RowGroup::Member m;
    m.op = index;
    m.reach = *reach;
    m.row_step = ops_[index]->row_step;
    for (const TensorId id : op.inputs) {
      if (id == graph::kNoTensor || graph_.tensor(id).is_constant()) continue;
      if (!is_picture(graph_.tensor(id)) || graph_.tensor(id).shape[1] != reach->in_rows) return false;
      m.inputs.push_back(id);
    }
    m.output = op.outputs[0];
    const graph::Shape& shape = graph_.tensor(m.output).shape;
    m.line_bytes = shape[2] * shape[3];
    group_.members.push_back(std::move(m));
    return true;
  }

  [[nodiscard]] bool read_elsewhere(TensorId id) const {
    if (std::ranges::find(graph_.outputs(), id) != graph_.outputs().end()) return true;
    return std::ranges::any_of(graph_.consumers(id),
                               [&](std::int32_t reader) { return !group_.contains(static_cast<std::size_t>(reader)); });
  }

  void find_windows() {
    window_of_.assign(group_.members.size(), -1);
    for (std::size_t k = 0; k < group_.members.size(); ++k) {
      const RowGroup::Member& m = group_.members[k];
      readers_.push_back(group_.readers(k));
      if (readers_[k].empty() || read_elsewhere(m.output)) {
        add_whole(m.output);
      } else {
        window_of_[k] = static_cast<std::ptrdiff_t>(group_.windows.size());
        group_.windows.push_back({m.output, m.line_bytes, 0, 0});
      }
    }
    for (const RowGroup::Member& m : group_.members) {
      for (const TensorId id : m.inputs) {
        if (member_of(id) < 0) add_whole(id);
      }
    }
  }
  void add_whole(TensorId id) {
    if (std::ranges::find(group_.wholes, id, &RowGroup::Whole::tensor) == group_.wholes.end())
      group_.wholes.push_back({id, 0});
  }
  /// The member that computes a value, or -1.
  [[nodiscard]] std::ptrdiff_t member_of(TensorId id) const {
    const auto found = std::ranges::find(group_.members, id, &RowGroup::Member::output);
    return found == group_.members.end() ? -1 : found - group_.members.begin();
  }

  /// Rows are asked for from the last operator backwards, a few at a time: each is computed as late as possible.
  void plan_turns(std::int32_t rows) {
    done_.assign(group_.members.size(), 0);
    const std::size_t final = group_.members.size() - 1;
    const std::int32_t all = group_.members[final].reach.out_rows;
    for (std::int32_t end = 0; end < all;) {
      end = std::min(end + rows, all);
      compute(final, end, rows);
      // What none of the others reads keeps pace.
      for (std::size_t k = 0; k < final; ++k) {
        if (readers_[k].empty()) compute(k, group_.members[k].reach.out_rows * end / all, rows);
      }
    }
    for (std::size_t k = 0; k <= final; ++k) compute(k, group_.members[k].reach.out_rows, rows);
  }

  void compute(std::size_t k, std::int32_t end, std::int32_t rows) {
    const RowGroup::Member& m = group_.members[k];
    while (done_[k] < end) {
      const std::int32_t wanted = std::min(std::max(rows, m.row_step), end - done_[k]);
      const std::int32_t steps = std::clamp(wanted / m.row_step, 1, kMostSteps);
      const std::int32_t next = std::min(done_[k] + steps * m.row_step, m.reach.out_rows);
      for (const TensorId id : m.inputs) {
        if (const auto producer = member_of(id); producer >= 0)
          compute(static_cast<std::size_t>(producer), m.reach.needed(next), rows);
      }
      if (window_of_[k] >= 0) {
        std::int32_t kept = m.reach.out_rows;
        for (const std::size_t r : readers_[k]) kept = std::min(kept, group_.members[r].reach.first(done_[r]));
        std::int32_t& capacity = group_.windows[static_cast<std::size_t>(window_of_[k])].rows;
        capacity = std::max(capacity, next - std::min(kept, done_[k]));
      }
      group_.turns.push_back({static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(steps)});
      done_[k] = next;
    }
  }

  const Graph& graph_;
  std::span<const LoweredOp* const> ops_;
  RowGroup group_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<std::ptrdiff_t> window_of_;
  std::vector<std::int32_t> done_;
};

/// Function of an operator that computes rows `begin` to `end` - 1; `x0`, `x1` and `y` point to where row 0 is.
std::string rows_function(const LoweredOp& op, std::size_t inputs, std::int32_t line_bytes) {
  std::string text = fmt::format("MOTE_OP void {}_rows(", op.symbol);
  for (std::size_t i = 0; i < inputs; ++i) text += fmt::format("const std::int8_t* x{}, ", i);
  text += "std::int8_t* y, [[maybe_unused]] void* scratch, std::int32_t begin, std::int32_t end) {\n";
  if (op.row_form == RowForm::convolution) {
    text += fmt::format("  const RowBand band = row_band({}_geometry, begin, end);\n", op.symbol);
    text += "  const ConvGeometry& geometry = band.geometry;\n  x0 += band.x;\n  y += band.y;\n";
  } else if (op.row_form == RowForm::elements) {
    text += fmt::format("  const std::int32_t skipped = begin * {0}, count = (end - begin) * {0};\n", line_bytes);
    for (std::size_t i = 0; i < inputs; ++i) text += fmt::format("  x{} += skipped;\n", i);
    text += "  y += skipped;\n";
  }
  return text + "  " + op.body + "\n}\n";
}

/// The text of a group's function.
class GroupText {
 public:
  GroupText(const Program& program, const RowGroup& group) : program_(program), group_(group), name_(group.name()) {}

  std::string run() const {
    std::string text;
    for (const RowGroup::Member& m : group_.members)
      text += rows_function(program_.ops[m.op], m.inputs.size(), m.line_bytes);
    text += turns();
    text += fmt::format("MOTE_OP void {}(std::int8_t* base) {{\n", name_);
    for (std::size_t w = 0; w < group_.windows.size(); ++w) {
      const RowGroup::Window& window = group_.windows[w];
      text += fmt::format("  RowWindow w{}{{base + {}, {}}};  // {} rows\n", w, window.offset, window.line_bytes,
                          window.rows);
    }
    text += fmt::format("  std::int32_t done[{}] = {{}};\n  for (const std::uint8_t turn : {}_turns) {{\n",
                        group_.members.size(), name_);
    text += "    const std::int32_t op = turn & 31, steps = (turn >> 5) + 1;\n    switch (op) {\n";
    for (std::size_t k = 0; k < group_.members.size(); ++k) text += turn_of(k);
    return text + "    }\n  }\n}\n";
  }

 private:
  [[nodiscard]] std::string turns() const {
    std::vector<std::size_t> values;
    for (const RowGroup::Turn& t : group_.turns) values.push_back(t.member | (t.steps - 1u) << 5);
    std::string text = fmt::format("\n// Operators {} to {}: whose turn it is, and above bit 5 for how many rows.\n",
                                   group_.first(), group_.last());
    text += fmt::format("const std::uint8_t {}_turns[{}] = {{", name_, values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      text += fmt::format("{}{},", i % 24 == 0 ? "\n    " : " ", values[i]);
    return text + "\n};\n";
  }
  [[nodiscard]] std::optional<std::size_t> window_of(TensorId id) const {
    const auto found = std::ranges::find(group_.windows, id, &RowGroup::Window::tensor);
    if (found == group_.windows.end()) return std::nullopt;
    return static_cast<std::size_t>(found - group_.windows.begin());
  }
  [[nodiscard]] std::string address(TensorId id) const {
    if (const auto w = window_of(id)) return fmt::format("w{}.row_zero()", *w);
    return fmt::format("base + {}", std::ranges::find(group_.wholes, id, &RowGroup::Whole::tensor)->offset);
  }

  [[nodiscard]] std::string turn_of(std::size_t k) const {
    const RowGroup::Member& m = group_.members[k];
    const auto w = window_of(m.output);
    std::string text = fmt::format("      case {}: {{\n", k);
    if (m.reach.out_rows % m.row_step == 0) {
      text += fmt::format("        const std::int32_t end = done[{}] + {}steps;\n", k,
                          m.row_step == 1 ? "" : fmt::format("{} * ", m.row_step));
    } else {
      text += fmt::format("        const std::int32_t end = least(done[{}] + {} * steps, {});\n", k, m.row_step,
                          m.reach.out_rows);
    }
    if (w) {
      for (const std::size_t r : group_.readers(k)) {
        const RowGroup::Reach& reach = group_.members[r].reach;
        text += fmt::format("        const std::int32_t for_{0} = rows_from(done[{0}], {1}, {2}, {3}, {4});\n", r,
                            reach.stride, reach.pad, reach.in_rows, reach.out_rows);
      }
      std::string kept;
      for (const std::size_t r : group_.readers(k))
        kept = kept.empty() ? fmt::format("for_{}", r) : fmt::format("least({}, for_{})", kept, r);
      text += fmt::format("        w{}.drop_before(least({}, done[{}]));\n", *w, kept, k);
    }
    text += fmt::format("        {}_rows(", program_.ops[m.op].symbol);
    for (const TensorId id : m.inputs) text += address(id) + ", ";
    text += fmt::format("{}, base + {}, done[{}], end);\n        done[{}] = end;\n", address(m.output), group_.scratch,
                        k, k);
    if (w) text += fmt::format("        w{}.end = end;\n", *w);
    return text + "        break;\n      }\n";
  }

  const Program& program_;
  const RowGroup& group_;
  std::string name_;
};

}  // namespace

std::optional<RowGroup> plan_rows(const Graph& graph, std::span<const LoweredOp* const> ops, std::size_t first,
                                  std::size_t last, std::int32_t rows) {
  return RowPlanner(graph, ops).run(first, last, rows);
}

std::int64_t turn_cycles(const RowGroup& group, std::span<const LoweredOp* const> ops) {
  std::int64_t cycles = 0;
  for (std::size_t k = 0; k < group.members.size(); ++k) {
    constexpr std::int64_t kCall = 200;
    cycles +=
        (ops[group.members[k].op]->band_cycles + kCall) * std::ranges::count(group.turns, k, &RowGroup::Turn::member);
  }
  return cycles;
}

std::string row_group_text(const Program& program, const RowGroup& group) { return GroupText(program, group).run(); }

}  // namespace mote::compile
