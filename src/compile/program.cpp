// The steps of a model and its arena, from operators whose forms are chosen.

#include "program_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "row_group.hpp"

namespace mote::compile {
namespace {

using graph::Graph;
using graph::TensorId;

constexpr std::size_t kNever = static_cast<std::size_t>(-1);

/// First and last step at which a tensor's bytes are in use.
struct Life {
  std::size_t first = kNever;
  std::size_t last = 0;
  void touch(std::size_t step) {
    first = std::min(first, step);
    last = std::max(last, step);
  }
};

class ProgramBuilder {
 public:
  /// `ops`: one an operator of the graph; they outlive the builder. `groups`: do not overlap.
  ProgramBuilder(const Graph& graph, const ProgramOptions& options, std::vector<const LoweredOp*> ops,
                 std::vector<RowGroup> groups)
      : graph_(graph),
        options_(options),
        ops_(std::move(ops)),
        groups_(std::move(groups)),
        owner_(graph.tensors().size()),
        lives_(graph.tensors().size()) {
    std::iota(owner_.begin(), owner_.end(), TensorId{0});
    std::size_t step = options.features ? 1 : 0;
    for (std::size_t op = 0; op < ops_.size(); ++op) {
      step_of_.push_back(step);
      const RowGroup* group = group_of(op);
      if (group == nullptr || group->last() == op) ++step;
    }
    step_count_ = step;
  }

  /// Places all buffers.
  Result<const ArenaPlan*> plan(std::size_t rounds) {
    effort_.rounds = rounds;
    measure_lives();
    share_buffers();
    MOTE_TRY_VOID(keep_states());
    MOTE_TRY_VOID(place());
    return &plan_;
  }

  Program finish() {
    program_.model_name = graph_.name();
    program_.features = options_.features;
    for (const LoweredOp* op : ops_) program_.ops.push_back(*op);
    make_steps();
    return std::move(program_);
  }

 private:
  /// A row group is one step.
  [[nodiscard]] std::size_t step_of(std::size_t op) const { return step_of_[op]; }
  [[nodiscard]] std::size_t step_count() const { return step_count_; }
  /// A step behind the last, at which states are renewed.
  [[nodiscard]] std::size_t after_all() const { return step_count(); }
  [[nodiscard]] const RowGroup* group_of(std::size_t op) const {
    const auto found = std::ranges::find_if(groups_, [&](const RowGroup& g) { return g.contains(op); });
    return found == groups_.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool is_value(TensorId id) const { return id != graph::kNoTensor && !graph_.tensor(id).is_constant(); }
  [[nodiscard]] std::size_t index(TensorId id) const { return static_cast<std::size_t>(id); }
  [[nodiscard]] TensorId root(TensorId id) const {
    while (owner_[index(id)] != id) id = owner_[index(id)];
    return id;
  }

  void measure_lives() {
    lives_[index(graph_.inputs()[0])].touch(0);
    for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
      for (const TensorId id : graph_.ops()[i].inputs) {
        if (is_value(id)) lives_[index(id)].touch(step_of(i));
      }
      lives_[index(graph_.ops()[i].outputs[0])].touch(step_of(i));
    }
    lives_[index(graph_.outputs()[0])].touch(step_count() - 1);
    for (const graph::State& state : graph_.states()) {
      lives_[index(state.read)].touch(0);
      lives_[index(state.written)].touch(after_all());
    }
  }

  /// Joins the output's buffer with the input's.
  void join(TensorId output, TensorId input) {
    const TensorId to = root(input);
    owner_[index(output)] = to;
    lives_[index(to)].touch(lives_[index(output)].last);
  }

  void share_buffers() {
    for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
      const graph::Op& op = graph_.ops()[i];
      const LoweredOp& lowered = *ops_[i];
      if (lowered.is_view) {
        join(op.outputs[0], op.inputs[0]);
        continue;
      }
      if (group_of(i) != nullptr) continue;  // bands of rows are written while others are read
      for (const std::size_t k : lowered.may_reuse_inputs) {
        const TensorId id = op.inputs[k];
        if (!is_value(id)) continue;
        // What the model gives out stays, even where another operator reads it last.
        const bool given_out = root(id) == root(graph_.outputs()[0]) && op.outputs[0] != graph_.outputs()[0];
        const bool last_read = lives_[index(root(id))].last == step_of(i) && !given_out;
        const bool fits = graph_.tensor(root(id)).size_bytes() >= graph_.tensor(op.outputs[0]).size_bytes();
        if (!last_read || !fits || !may_overwrite(root(id), op.outputs[0])) continue;
        join(op.outputs[0], id);
        break;
      }
    }
  }

  /// Nothing but its next value may be written over a state.
  [[nodiscard]] bool may_overwrite(TensorId owner, TensorId output) const {
    const auto& states = graph_.states();
    const auto state = std::ranges::find_if(states, [&](const graph::State& s) { return root(s.read) == owner; });
    return state == states.end() ||
           (state->written == output && graph_.tensor(owner).shape == graph_.tensor(output).shape);
  }

  /// From now on a state's bytes belong to it at all steps.
  Result<void> keep_states() {
    for (const graph::State& state : graph_.states()) {
      Life& life = lives_[index(root(state.read))];
      life.touch(0);
      life.touch(after_all());
      for (const graph::State& other : graph_.states()) {
        const bool renewed_in_place = root(other.read) == root(other.written);
        if (&other == &state || root(other.read) != root(state.written) || renewed_in_place) continue;
        return fail(Code::unsupported,
                    fmt::format("the state '{}' takes over the value of '{}' as it is, which is not compiled",
                                graph_.tensor(state.read).name, graph_.tensor(other.read).name));
      }
    }
    return {};
  }

  Result<void> place() {
    std::vector<Buffer> buffers;
    buffer_of_.assign(graph_.tensors().size(), kNever);
    for (TensorId id = 0; id < static_cast<TensorId>(graph_.tensors().size()); ++id) {
      const Life& life = lives_[index(id)];
      if (graph_.tensor(id).is_constant() || life.first == kNever || root(id) != id) continue;
      buffer_of_[index(id)] = buffers.size();
      buffers.push_back({graph_.tensor(id).name, bytes_of(id), life.first, life.last, 4});
    }
    const std::size_t tensor_buffers = buffers.size();
    scratch_of_.assign(step_count(), kNever);
    if (options_.features) {
      raw_buffer_ = buffers.size();
      const std::size_t history = options_.features->history_bytes;
      buffers.push_back({"sensor data", history + options_.features->input_bytes, 0, history > 0 ? after_all() : 0, 8});
      if (options_.features->scratch_bytes > 0) {
        scratch_of_[0] = buffers.size();
        buffers.push_back({"features scratch", options_.features->scratch_bytes, 0, 0, 8});
      }
    }
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      for (const ConstantArray& array : ops_[i]->constants) {
        if (!array.in_ram) continue;
        ram_constants_.push_back({i, &array, buffers.size()});
        buffers.push_back({array.name, array.bytes(), 0, after_all(), std::max<std::size_t>(array.align, 4)});
      }
    }
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      trail(i, buffers);
      if (ops_[i]->scratch_bytes == 0) continue;
      std::size_t& scratch = scratch_of_[step_of(i)];
      if (scratch != kNever) {  // another operator of the row group
        buffers[scratch].bytes = std::max(buffers[scratch].bytes, ops_[i]->scratch_bytes);
        continue;
      }
      scratch = buffers.size();
      buffers.push_back({graph_.ops()[i].name + " scratch", ops_[i]->scratch_bytes, step_of(i), step_of(i), 4});
    }
    if (options_.kept_from) {
      MOTE_TRY(plan_, plan_apart(buffers, *options_.kept_from));
    } else {
      MOTE_TRY(plan_, plan_arena(buffers, effort_));
      program_.shared_bytes = plan_.arena_bytes;
    }
    program_.arena_bytes = plan_.arena_bytes;
    program_.peak_live_bytes = plan_.peak_live_bytes;
    program_.peak_step = plan_.peak_step;
    for (const std::size_t b : plan_.peak_buffers) program_.peak_tensors.push_back(buffers[b].name);
    for (std::size_t b = 0; b < buffers.size(); ++b) {
      program_.buffers.push_back({buffers[b].name,
                                  {},
                                  plan_.offsets[b],
                                  buffers[b].bytes,
                                  buffers[b].first,
                                  buffers[b].last,
                                  b >= tensor_buffers && b != raw_buffer_});
    }
    for (TensorId id = 0; id < static_cast<TensorId>(graph_.tensors().size()); ++id) {
      if (root(id) != id) program_.buffers[buffer_of_[index(root(id))]].aliases.push_back(graph_.tensor(id).name);
    }
    return {};
  }

  /// Buffers whose bytes live from one inference to the next.
  [[nodiscard]] std::set<std::size_t> kept_buffers() const {
    std::set<std::size_t> kept;
    for (const graph::State& state : graph_.states()) kept.insert(buffer_of_[index(root(state.read))]);
    if (options_.features && options_.features->history_bytes > 0) kept.insert(raw_buffer_);
    for (const RamConstant& c : ram_constants_) kept.insert(c.buffer);
    return kept;
  }

  /// What lives on lies behind the rest, side by side.
  Result<ArenaPlan> plan_apart(const std::vector<Buffer>& buffers, std::size_t kept_from) {
    const std::set<std::size_t> kept = kept_buffers();
    std::vector<std::size_t> passing;  // of the others
    std::map<std::size_t, std::size_t> position;
    std::vector<Buffer> to_plan;
    for (std::size_t b = 0; b < buffers.size(); ++b) {
      if (kept.contains(b)) continue;
      position[b] = passing.size();
      passing.push_back(b);
      to_plan.push_back(buffers[b]);
    }
    for (Buffer& b : to_plan) {
      if (b.trails) b.trails->buffer = position.at(b.trails->buffer);  // what lives on is trailed by nothing
    }
    MOTE_TRY(ArenaPlan plan, plan_arena(to_plan, effort_));
    program_.shared_bytes = plan.arena_bytes;
    std::vector<std::size_t> offsets(buffers.size());
    for (std::size_t i = 0; i < passing.size(); ++i) offsets[passing[i]] = plan.offsets[i];
    for (std::size_t& b : plan.peak_buffers) b = passing[b];
    const auto aligned = [](std::size_t at, std::size_t align) { return (at + align - 1) / align * align; };
    program_.kept_offset = aligned(std::max(kept_from, plan.arena_bytes), program_.arena_align);
    std::size_t end = program_.kept_offset;
    for (const std::size_t b : kept) {
      offsets[b] = aligned(end, buffers[b].align);
      end = offsets[b] + buffers[b].bytes;
      plan.peak_buffers.push_back(b);
    }
    program_.kept_bytes = end - program_.kept_offset;
    plan.offsets = std::move(offsets);
    if (!kept.empty()) plan.arena_bytes = end;
    plan.peak_live_bytes += program_.kept_bytes;
    plan.live_bytes.resize(after_all() + 1);
    for (std::size_t& bytes : plan.live_bytes) bytes += program_.kept_bytes;
    std::ranges::stable_sort(plan.peak_buffers, std::greater{}, [&](std::size_t b) { return buffers[b].bytes; });
    return plan;
  }

  /// Lets an operator's output trail its input where both have buffers of their own and the input is read for the last
  /// time.
  void trail(std::size_t i, std::vector<Buffer>& buffers) const {
    const graph::Op& op = graph_.ops()[i];
    if (!ops_[i]->trail || !is_value(op.inputs[0]) || group_of(i) != nullptr) return;
    const std::size_t input = buffer_of_[index(root(op.inputs[0]))], output = buffer_of_[index(root(op.outputs[0]))];
    if (input == output || buffers[input].last != step_of(i) || buffers[output].first != step_of(i)) return;
    buffers[output].trails = Buffer::Trail{input, *ops_[i]->trail};
  }

  /// Of the rows that are there at a time.
  [[nodiscard]] std::size_t bytes_of(TensorId id) const {
    for (const RowGroup& group : groups_) {
      for (const RowGroup::Window& w : group.windows) {
        if (w.tensor == id) return static_cast<std::size_t>(w.rows) * static_cast<std::size_t>(w.line_bytes);
      }
    }
    return graph_.tensor(id).size_bytes();
  }
  [[nodiscard]] std::size_t offset_of(TensorId id) const { return plan_.offsets[buffer_of_[index(root(id))]]; }
  [[nodiscard]] std::size_t scratch_offset(std::size_t step) const {
    return scratch_of_[step] == kNever ? 0 : plan_.offsets[scratch_of_[step]];
  }

  void make_steps() {
    const TensorId in = graph_.inputs()[0];
    const TensorId out = graph_.outputs()[0];
    program_.input_offset =
        options_.features ? plan_.offsets[raw_buffer_] + options_.features->history_bytes : offset_of(in);
    program_.input_bytes = options_.features ? options_.features->input_bytes : graph_.tensor(in).size_bytes();
    program_.output_offset = offset_of(out);
    program_.output_bytes = graph_.tensor(out).size_bytes();
    if (options_.features) {
      program_.steps.push_back({"features",
                                "features -> " + graph_.tensor(in).shape.text(),
                                options_.features->function,
                                {plan_.offsets[raw_buffer_]},
                                offset_of(in),
                                scratch_offset(0),
                                -1});
    }
    for (std::size_t i = 0; i < program_.ops.size(); ++i) {
      const LoweredOp& lowered = program_.ops[i];
      if (lowered.is_view) continue;
      if (const RowGroup* group = group_of(i)) {
        if (group->last() == i) add_group_step(*group);
        continue;
      }
      Step step{lowered.symbol,
                lowered.summary,
                lowered.kernel,
                {},
                offset_of(graph_.ops()[i].outputs[0]),
                scratch_offset(step_of(i)),
                static_cast<std::int32_t>(i)};
      for (const RamConstant& c : ram_constants_) {
        if (c.op == i) step.ram_constants.push_back(plan_.offsets[c.buffer]);
      }
      for (const TensorId id : graph_.ops()[i].inputs) {
        if (is_value(id)) step.inputs.push_back(offset_of(id));
      }
      program_.steps.push_back(std::move(step));
    }
    make_states();
  }

  static Bytes little_endian(const ConstantArray& array) {
    Bytes bytes;
    for (const std::int64_t v : array.values) {
      for (std::size_t b = 0; b < array.element_bytes; ++b)
        bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(v) >> (8 * b)));
    }
    return bytes;
  }

  void make_states() {
    if (options_.features && options_.features->history_bytes > 0) {
      const std::size_t at = plan_.offsets[raw_buffer_], history = options_.features->history_bytes;
      program_.states.push_back({"sensor history", at, std::make_shared<const Bytes>(history, std::uint8_t{0})});
      program_.renewals.push_back({at + options_.features->input_bytes, at, history});
    }
    for (const graph::State& state : graph_.states()) {
      const std::size_t to = offset_of(state.read), from = offset_of(state.written);
      program_.states.push_back({graph_.tensor(state.read).name, to, state.initial});
      if (from != to) program_.renewals.push_back({from, to, graph_.tensor(state.read).size_bytes()});
    }
    for (const RamConstant& c : ram_constants_) {
      program_.states.push_back(
          {c.array->name, plan_.offsets[c.buffer], std::make_shared<const Bytes>(little_endian(*c.array))});
    }
  }

  void add_group_step(RowGroup group) {
    for (RowGroup::Window& w : group.windows) w.offset = offset_of(w.tensor);
    for (RowGroup::Whole& w : group.wholes) w.offset = offset_of(w.tensor);
    group.scratch = scratch_offset(step_of(group.last()));
    const TensorId output = group.members.back().output;
    Step step{group.name(),
              fmt::format("rows of operators {} to {} -> {}", group.first(), group.last(),
                          graph_.tensor(output).shape.text()),
              fmt::format("{} operators in {} turns", group.members.size(), group.turns.size()),
              {},
              offset_of(output),
              group.scratch,
              static_cast<std::int32_t>(group.last()),
              static_cast<std::int32_t>(program_.row_groups.size())};
    program_.steps.push_back(std::move(step));
    program_.row_groups.push_back(std::move(group));
  }

  const Graph& graph_;
  const ProgramOptions& options_;
  std::vector<const LoweredOp*> ops_;
  std::vector<RowGroup> groups_;
  std::vector<std::size_t> step_of_;  // of each operator
  std::size_t step_count_ = 0;
  Program program_;
  ArenaPlan plan_;
  PlanEffort effort_;
  std::vector<TensorId> owner_;  // union of tensors that share bytes
  std::vector<Life> lives_;
  std::vector<std::size_t> buffer_of_;
  std::vector<std::size_t> scratch_of_;
  struct RamConstant {
    std::size_t op;
    const ConstantArray* array;
    std::size_t buffer;
  };
  std::vector<RamConstant> ram_constants_;
  std::size_t raw_buffer_ = kNever;
};

}  // namespace

Result<ArenaPlan> plan_program(const Graph& graph, const ProgramOptions& options, std::vector<const LoweredOp*> ops,
                               const std::vector<RowGroup>& groups, PlanRounds rounds) {
  ProgramBuilder builder(graph, options, std::move(ops), groups);
  MOTE_TRY(const ArenaPlan* plan, builder.plan(static_cast<std::size_t>(rounds)));
  return *plan;
}

Result<Program> build_program(const Graph& graph, const ProgramOptions& options, std::vector<const LoweredOp*> ops,
                              const std::vector<RowGroup>& groups) {
  ProgramBuilder builder(graph, options, std::move(ops), groups);
  MOTE_TRY_VOID(builder.plan(static_cast<std::size_t>(PlanRounds::thorough)));
  return builder.finish();
}

}  // namespace mote::compile
