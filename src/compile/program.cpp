#include "mote/compile/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <numeric>

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
    MOTE_TRY(plan_, plan_arena(buffers, effort_));
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

/// Scratch that operators may use, in bytes: more makes kernels faster or lets them work in place, and takes RAM.
constexpr std::array<std::size_t, 10> kScratchSizes{768, 1536, 2432, 3072, 4608, 6144, 12288, 16384, 24576, 49152};
constexpr std::size_t kUsualSize = 3;

/// Which form of an operator.
struct Choice {
  std::size_t size = kUsualSize;  ///< index in kScratchSizes
  bool share = false;
  bool bands = false;  ///< one that can compute some of the rows
  auto operator<=>(const Choice&) const = default;
};

/// Every operator lowered in each form that was asked for.
class Variants {
 public:
  Variants(const Graph& graph, const ProgramOptions& options)
      : graph_(graph), options_(options), lowered_(graph.ops().size()) {}

  Result<const LoweredOp*> get(std::size_t op, const Choice& choice) {
    auto& slot = lowered_[op][choice];
    if (!slot) {
      LoweringOptions lowering = options_.lowering;
      lowering.share = choice.share;
      lowering.bands = choice.bands;
      lowering.scratch_bytes = kScratchSizes[choice.size];
      MOTE_TRY(LoweredOp made, lower(graph_, op, lowering));
      slot = std::make_unique<LoweredOp>(std::move(made));
    }
    return slot.get();
  }

 private:
  const Graph& graph_;
  const ProgramOptions& options_;
  std::vector<std::map<Choice, std::unique_ptr<LoweredOp>>> lowered_;
};

/// Chooses each operator's form: first as little RAM as possible, then as much scratch as that, or the budget, leaves.
/// Where the budget is less than that, groups of operators are computed row by row.
class FormSearch {
 public:
  FormSearch(const Graph& graph, const ProgramOptions& options)
      : graph_(graph), options_(options), variants_(graph, options) {}

  Result<Program> run() {
    choice_.assign(graph_.ops().size(), Choice{kUsualSize, options_.lowering.share, false});
    MOTE_TRY_VOID(share_small_layers());
    MOTE_TRY(ArenaPlan plan, this->plan(kQuick));
    MOTE_TRY_VOID(shrink(plan));
    MOTE_TRY(plan, this->plan(kThorough));
    if (options_.arena_budget > 0 && plan.arena_bytes > options_.arena_budget) {
      MOTE_TRY_VOID(group_rows(plan));
      MOTE_TRY(plan, this->plan(kThorough));
    }
    MOTE_TRY_VOID(grow(std::max(usual_limit(plan.arena_bytes), options_.arena_budget)));
    MOTE_TRY(const auto ops, chosen());
    ProgramBuilder builder(graph_, options_, ops, groups_);
    MOTE_TRY_VOID(builder.plan(kThorough));
    return builder.finish();
  }

 private:
  Result<std::vector<const LoweredOp*>> chosen() {
    std::vector<const LoweredOp*> ops;
    for (std::size_t i = 0; i < choice_.size(); ++i) {
      MOTE_TRY(const LoweredOp* op, variants_.get(i, choice_[i]));
      ops.push_back(op);
    }
    return ops;
  }
  /// Without a budget: a twelfth more than needed, but not past the next multiple of 8 KiB, in which people plan RAM.
  [[nodiscard]] std::size_t usual_limit(std::size_t least) const {
    if (options_.arena_budget > 0) return 0;
    constexpr std::size_t kBank = 8192;
    return std::min(least + least / 12, (least + kBank - 1) / kBank * kBank);
  }

  static constexpr std::size_t kQuick = 20, kThorough = 1500;  // rounds of improvement

  Result<ArenaPlan> plan(std::size_t rounds) {
    MOTE_TRY(const auto ops, chosen());
    ProgramBuilder builder(graph_, options_, ops, groups_);
    MOTE_TRY(const ArenaPlan* plan, builder.plan(rounds));
    return *plan;
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
      MOTE_TRY(const LoweredOp* lowered, variants_.get(op, choice_[op]));
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
        std::size_t chosen = choice_[op].size;
        for (std::size_t size = 0; size < kScratchSizes.size(); ++size) {
          choice_[op].size = size;
          MOTE_TRY(ArenaPlan candidate, plan(kQuick));
          if (candidate.arena_bytes >= best.arena_bytes) continue;
          best = std::move(candidate);
          chosen = size;
          helped = true;
        }
        choice_[op].size = chosen;
      }
    }
    return {};
  }

  /// A group with the operators' forms and what it costs.
  struct Candidate {
    RowGroup group;
    std::vector<Choice> choice;
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
      MOTE_TRY(best, plan(kQuick));
    }
    return {};
  }

  static constexpr std::size_t kLongestGroup = 24;

  /// Groups that begin with an operator, of any length and pace.
  Result<void> try_groups_from(std::size_t first, std::optional<Candidate>& best) {
    const std::vector<Choice> before = choice_;
    for (std::size_t last = first; last < std::min(graph_.ops().size(), first + kLongestGroup); ++last) {
      if (std::ranges::any_of(groups_, [&](const RowGroup& g) { return g.contains(last); })) break;
      choice_[last] = {0, before[last].share, true};
      MOTE_TRY(const LoweredOp* lowered, variants_.get(last, choice_[last]));
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
    const std::vector<Choice> smallest = choice_;
    std::optional<Candidate> made;
    for (std::size_t size = 0; size < kScratchSizes.size(); ++size) {
      for (std::size_t op = first; op <= last; ++op) choice_[op].size = size;
      MOTE_TRY(const auto ops, chosen());
      auto group = plan_rows(graph_, ops, first, last, rows);
      if (!group) break;
      groups_.push_back(*group);
      auto candidate = plan(kQuick);
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

  Result<void> grow(std::size_t limit) {
    for (std::size_t op = 0; op < choice_.size(); ++op) {
      MOTE_TRY(const LoweredOp* now, variants_.get(op, choice_[op]));
      if (now->scratch_bytes == 0) continue;
      const std::size_t least = choice_[op].size;
      for (std::size_t size = kScratchSizes.size(); size-- > least;) {
        choice_[op].size = size;
        // Where the budget is tight a plan that meets it takes longer to find.
        MOTE_TRY(const ArenaPlan candidate, plan(groups_.empty() ? kQuick : kThorough));
        if (size == least || candidate.arena_bytes <= limit) break;
      }
    }
    return {};
  }

  const Graph& graph_;
  const ProgramOptions& options_;
  Variants variants_;
  std::vector<Choice> choice_;
  std::vector<RowGroup> groups_;
};

}  // namespace

Result<Program> make_program(const Graph& graph, const ProgramOptions& options) {
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1) {
    return fail(Code::unsupported, fmt::format("the model has {} inputs and {} outputs; one of each is compiled",
                                               graph.inputs().size(), graph.outputs().size()));
  }
  return FormSearch(graph, options).run();
}

}  // namespace mote::compile
