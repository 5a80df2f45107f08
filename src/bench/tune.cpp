#include "mote/bench/tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "form_selection.hpp"
#include "measured_costs.hpp"
#include "mote/base/build_id.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/core.hpp"
#include "mote/compile/forms.hpp"

namespace mote::bench {
namespace {

using compile::Form;
using compile::LoweredOp;

/// All that cycles depend on besides what is measured.
std::string context_of(const board::BoardSpec& b) {
  return fmt::format("{} gcc {} core {} wait states {} data cache {}x{} instruction cache {}x{} calibration {} {} {}",
                     build_id(), compile::compiler_version(b), b.core, b.flash_wait_states, b.flash_data_cache.lines,
                     b.flash_data_cache.line_bytes, b.instruction_cache.lines, b.instruction_cache.line_bytes,
                     b.calibration.flash_miss_cycles, b.calibration.unaligned_wide_cycles,
                     b.calibration.load_use_cycles);
}

/// Room for forms that the board itself has no room for all at once; memory's size does not change cycles.
board::BoardSpec roomy(board::BoardSpec board) {
  constexpr std::uint32_t kRam = 4 << 20, kFlash = 16 << 20;
  board.ram_bytes = std::max(board.ram_bytes, kRam);
  board.flash_bytes = std::max(board.flash_bytes, kFlash);
  return board;
}

/// An operator with a choice.
struct Layer {
  std::size_t op = 0;
  std::vector<Form> forms;
  std::vector<const LoweredOp*> lowered;
  std::vector<std::string> texts;
  std::vector<std::uint64_t> cycles;
  std::vector<std::size_t> arena;  // of the model where only this operator takes the form
};

class Tuner {
 public:
  Tuner(const graph::Graph& graph, const board::BoardSpec& board, TuneOptions options, ByteSpan input,
        Progress& progress)
      : graph_(graph),
        board_(board),
        options_(std::move(options)),
        input_(input),
        progress_(progress),
        table_(graph, options_.compile.program.lowering),
        costs_(options_.cache, context_of(board)) {}

  Result<Tuned> run() {
    MOTE_TRY_VOID(find_layers());
    MOTE_TRY_VOID(measure_forms());
    MOTE_TRY_VOID(find_arenas());
    MOTE_TRY(Candidate best, built(std::nullopt));
    report(best);
    learn(best);
    // What lies around the layers is known of what was linked last; a few rounds find the selection that fits.
    constexpr int kMostRounds = 5;
    std::set<std::vector<std::size_t>> tried;
    for (int round = 0; round < kMostRounds && !layers_.empty(); ++round) {
      MOTE_TRY(const Choice choice, choose());
      if (!tried.insert(choice.forms).second) break;
      MOTE_TRY(Candidate candidate, built(choice));
      learn(candidate);
      if (better(candidate, best)) best = std::move(candidate);
    }
    finish(best);
    result_.model = std::move(best.model);
    return std::move(result_);
  }

 private:
  struct Candidate {
    compile::CompiledModel model;
    BenchResult measured;
    std::optional<std::vector<std::size_t>> forms;  // of each layer; what compile() chose otherwise
  };
  struct Choice {
    std::vector<std::size_t> forms;
    std::uint64_t cycles = 0;  // of the layers
    std::size_t bytes = 0;
  };

  [[nodiscard]] const compile::ProgramOptions& program() const { return options_.compile.program; }
  [[nodiscard]] bool takes_winograd() const { return options_.compile.flash_budget > 0 || program().lowering.winograd; }

  Result<void> find_layers() {
    MOTE_TRY(least_, compile::least_ram_forms(graph_, program(), table_));
    MOTE_TRY(const compile::ArenaPlan plan, compile::plan_forms(graph_, program(), table_, least_, true));
    limit_ = compile::arena_limit(program(), plan.arena_bytes);
    const auto by_rows = [&](std::size_t op) {
      return std::ranges::any_of(least_.rows, [&](const auto& r) { return r.first <= op && op <= r.last; });
    };
    for (std::size_t op = 0; op < graph_.ops().size(); ++op) {
      if (by_rows(op)) continue;
      Layer layer{op, {}, {}, {}, {}, {}};
      MOTE_TRY(std::vector<Form> forms, table_.different(op, limit_));
      forms.insert(forms.begin(), least_.forms[op]);
      std::set<std::string> seen;
      for (const Form& form : forms) {
        if (form.winograd && !takes_winograd()) continue;
        MOTE_TRY(const LoweredOp* lowered, table_.get(op, form));
        std::string text = compile::cost_text(*lowered);
        if (!seen.insert(text).second) continue;
        layer.forms.push_back(form);
        layer.lowered.push_back(lowered);
        layer.texts.push_back(std::move(text));
      }
      if (layer.forms.size() < 2) continue;
      result_.forms += layer.forms.size();
      layers_.push_back(std::move(layer));
    }
    return {};
  }

  /// One module measures a form of every layer that still has one to measure.
  Result<void> measure_forms() {
    const board::BoardSpec roomy_board = roomy(board_);
    Rng rng(1);
    Bytes input(graph::input_bytes(graph_));
    for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
    std::size_t most = 0;
    for (const Layer& layer : layers_) most = std::max(most, layer.forms.size());
    for (;;) {
      std::vector<Form> forms(graph_.ops().size(), Form{program().lowering});
      std::map<std::size_t, const std::string*> asked;  // by operator
      std::set<std::string> in_module;
      std::size_t left = 0;
      for (const Layer& layer : layers_) {
        for (std::size_t i = 0; i < layer.forms.size(); ++i) {
          if (costs_.find(layer.texts[i])) continue;
          ++left;
          if (asked.contains(layer.op) || !in_module.insert(layer.texts[i]).second) continue;
          asked[layer.op] = &layer.texts[i];
          forms[layer.op] = layer.forms[i];
        }
      }
      if (asked.empty()) break;
      if (progress_.cancelled()) return fail(Code::cancelled, "stopped");
      progress_.step("measuring forms", result_.measured, result_.measured + left, "");
      compile::CompileOptions options;
      options.program.lowering = program().lowering;
      options.program.forms = compile::FormChoice{forms, {}};
      MOTE_TRY(const compile::CompiledModel model, compile::compile(graph_, roomy_board, options));
      MOTE_TRY(const BenchResult measured, measure(model, graph_, roomy_board, input));
      for (const StepCost& step : measured.steps) {
        const auto op = asked.find(static_cast<std::size_t>(step.op_index));
        if (step.op_index >= 0 && op != asked.end()) costs_.add(*op->second, step.cycles);
      }
      result_.measured += asked.size();
      ++result_.modules;
    }
    for (Layer& layer : layers_) {
      for (const std::string& text : layer.texts) layer.cycles.push_back(costs_.find(text).value());
    }
    return {};
  }

  Result<void> find_arenas() {
    for (Layer& layer : layers_) {
      struct Needs {
        std::size_t scratch, in_ram;
        std::optional<std::ptrdiff_t> trail;
        std::vector<std::size_t> reuse;
        auto operator<=>(const Needs&) const = default;
      };
      std::map<Needs, std::size_t> known;
      for (std::size_t i = 0; i < layer.forms.size(); ++i) {
        const LoweredOp& op = *layer.lowered[i];
        Needs needs{op.scratch_bytes, 0, op.trail, op.may_reuse_inputs};
        for (const compile::ConstantArray& c : op.constants) needs.in_ram += c.in_ram ? c.bytes() : 0;
        const auto [arena, is_new] = known.try_emplace(needs);
        if (is_new) {
          MOTE_TRY(arena->second, arena_with(layer.op, layer.forms[i]));
        }
        layer.arena.push_back(arena->second);
      }
    }
    return {};
  }
  Result<std::size_t> arena_with(std::size_t op, const Form& form) {
    compile::FormChoice choice = least_;
    choice.forms[op] = form;
    MOTE_TRY(compile::ArenaPlan plan, compile::plan_forms(graph_, program(), table_, choice, false));
    if (plan.arena_bytes > limit_ && plan.peak_live_bytes <= limit_) {
      MOTE_TRY(plan, compile::plan_forms(graph_, program(), table_, choice, true));
    }
    return plan.arena_bytes;
  }

  /// What is linked and measured of a choice; without one, of compile()'s own.
  Result<Candidate> built(const std::optional<Choice>& choice) {
    compile::CompileOptions options = options_.compile;
    options.program.forms.reset();
    Candidate candidate;
    if (choice) {
      candidate.forms = choice->forms;
      options.program.forms = forms_of(choice->forms);
    }
    MOTE_TRY(candidate.model, compile::compile(graph_, board_, options));
    MOTE_TRY(candidate.measured, measure(candidate.model, graph_, board_, input_));
    return candidate;
  }
  [[nodiscard]] compile::FormChoice forms_of(const std::vector<std::size_t>& forms) const {
    compile::FormChoice choice = least_;
    for (std::size_t k = 0; k < layers_.size(); ++k) choice.forms[layers_[k].op] = layers_[k].forms[forms[k]];
    return choice;
  }

  /// What a module has besides the layers' constants and functions, and takes besides their cycles.
  void learn(const Candidate& candidate) {
    std::set<std::string> functions;
    std::size_t bytes = 0;
    for (const Layer& layer : layers_) {
      const LoweredOp& op = candidate.model.program.ops[layer.op];
      bytes += constant_bytes(op);
      for (const compile::AssemblyFunction& f : op.functions) {
        if (functions.insert(f.name).second) bytes += f.bytes;
      }
    }
    other_bytes_ = candidate.measured.flash.total() - std::min(candidate.measured.flash.total(), bytes);
    std::uint64_t cycles = 0;
    for (const StepCost& step : candidate.measured.steps) {
      for (const Layer& layer : layers_)
        cycles += step.op_index == static_cast<std::int32_t>(layer.op) ? step.cycles : 0;
    }
    other_cycles_ = candidate.measured.cycles - cycles;
  }

  [[nodiscard]] std::uint64_t most_cycles() const {
    return static_cast<std::uint64_t>(options_.latency_ms * board_.clock_hz / 1000.0);
  }

  Result<Choice> choose() {
    MOTE_TRY(Choice choice, fitting(limit_));
    if (options_.latency_ms <= 0 || choice.cycles + other_cycles_ > most_cycles()) return choice;
    // The least RAM with which the same flash still meets the latency.
    std::set<std::size_t> arenas;
    for (const Layer& layer : layers_) arenas.insert(layer.arena.begin(), layer.arena.end());
    std::vector<std::size_t> limits(arenas.begin(), arenas.lower_bound(limit_));
    while (!limits.empty()) {
      const std::size_t middle = limits.size() / 2;
      MOTE_TRY(const Choice less, fitting(limits[middle]));
      if (less.bytes <= choice.bytes && less.cycles + other_cycles_ <= most_cycles()) {
        choice = less;
        limits.resize(middle);
      } else {
        limits.erase(limits.begin(), limits.begin() + static_cast<std::ptrdiff_t>(middle) + 1);
      }
    }
    return choice;
  }

  /// The best selection whose arena stays within a limit. Each layer's need is known alone; where forms together need
  /// more, the one at the fullest step has to do with less, and the selection is made again.
  Result<Choice> fitting(std::size_t limit) {
    std::vector<std::vector<bool>> allowed;
    for (const Layer& layer : layers_) {
      allowed.emplace_back();
      for (std::size_t i = 0; i < layer.forms.size(); ++i) allowed.back().push_back(i == 0 || layer.arena[i] <= limit);
    }
    for (;;) {
      Choice choice = select(allowed);
      MOTE_TRY(const compile::ArenaPlan plan,
               compile::plan_forms(graph_, program(), table_, forms_of(choice.forms), true));
      if (plan.arena_bytes <= limit || !take_back(choice, plan, allowed)) return choice;
    }
  }

  /// Forbids the form that is most in the way, and those that need as much RAM. @return false where none is left.
  [[nodiscard]] bool take_back(const Choice& choice, const compile::ArenaPlan& plan,
                               std::vector<std::vector<bool>>& allowed) const {
    const std::size_t features = program().features ? 1 : 0;
    std::optional<std::size_t> fullest;
    std::size_t most = 0;
    for (std::size_t k = 0; k < layers_.size(); ++k) {
      if (choice.forms[k] == 0) continue;
      const std::size_t step = layers_[k].op + features;
      const std::size_t live = step < plan.live_bytes.size() ? plan.live_bytes[step] : 0;
      if (fullest && live <= most) continue;
      fullest = k;
      most = live;
    }
    if (!fullest) return false;
    const Layer& layer = layers_[*fullest];
    const std::size_t now = choice.forms[*fullest];
    for (std::size_t i = 1; i < layer.forms.size(); ++i) {
      if (i == now ||
          (layer.arena[i] >= layer.arena[now] && layer.lowered[i]->scratch_bytes >= layer.lowered[now]->scratch_bytes))
        allowed[*fullest][i] = false;
    }
    return true;
  }

  [[nodiscard]] Choice select(const std::vector<std::vector<bool>>& allowed) const {
    FormCosts costs;
    std::map<std::string, std::size_t> functions;
    std::vector<std::vector<std::size_t>> forms(layers_.size());  // in costs -> in the layer
    for (std::size_t k = 0; k < layers_.size(); ++k) {
      costs.layers.emplace_back();
      for (std::size_t i = 0; i < layers_[k].forms.size(); ++i) {
        if (!allowed[k][i]) continue;
        const LoweredOp& op = *layers_[k].lowered[i];
        FormCost cost{layers_[k].cycles[i], constant_bytes(op)};
        for (const compile::AssemblyFunction& f : op.functions) {
          const auto [at, is_new] = functions.try_emplace(f.name, functions.size());
          if (is_new) costs.function_bytes.push_back(f.bytes);
          cost.functions.push_back(at->second);
        }
        costs.layers[k].push_back(std::move(cost));
        forms[k].push_back(i);
      }
    }
    const std::vector<Selection> front = pareto_selections(costs);
    const Selection& best = pick(front);
    Choice choice{{}, best.cycles, best.bytes};
    for (std::size_t k = 0; k < layers_.size(); ++k) choice.forms.push_back(forms[k][best.forms[k]]);
    return choice;
  }

  /// Of the front, by the budgets.
  [[nodiscard]] const Selection& pick(const std::vector<Selection>& front) const {
    const std::size_t budget = options_.compile.flash_budget;
    const auto fits = [&](const Selection& s) { return budget == 0 || s.bytes + other_bytes_ <= budget; };
    if (options_.latency_ms > 0) {
      const auto meets = std::ranges::find_if(
          front, [&](const Selection& s) { return fits(s) && s.cycles + other_cycles_ <= most_cycles(); });
      if (meets != front.end()) return *meets;
    }
    if (budget > 0 || options_.latency_ms > 0) {
      const auto last = std::find_if(front.rbegin(), front.rend(), fits);
      return last != front.rend() ? *last : front.front();
    }
    return *std::ranges::min_element(front, {}, [&](const Selection& s) { return price(s.cycles, s.bytes); });
  }
  [[nodiscard]] std::uint64_t price(std::uint64_t cycles, std::size_t bytes) const {
    return cycles + static_cast<std::uint64_t>(program().lowering.cycles_a_byte) * bytes;
  }

  [[nodiscard]] bool meets_flash(const Candidate& c) const {
    return options_.compile.flash_budget == 0 || c.measured.flash.total() <= options_.compile.flash_budget;
  }
  [[nodiscard]] bool meets_ram(const Candidate& c) const {
    return program().arena_budget == 0 || c.measured.ram.arena <= program().arena_budget;
  }
  [[nodiscard]] bool meets_latency(const Candidate& c) const {
    return options_.latency_ms <= 0 || c.measured.latency_ms <= options_.latency_ms;
  }
  [[nodiscard]] bool better(const Candidate& a, const Candidate& b) const {
    const auto fits = [&](const Candidate& c) { return meets_ram(c) + meets_flash(c); };
    if (fits(a) != fits(b)) return fits(a) > fits(b);
    if (!meets_flash(a)) return a.measured.flash.total() < b.measured.flash.total();
    if (meets_latency(a) != meets_latency(b)) return meets_latency(a);
    const auto rank = [&](const Candidate& c) {
      const BenchResult& m = c.measured;
      if (options_.latency_ms > 0 && meets_latency(c))
        return std::tuple(std::uint64_t{m.flash.total()}, m.ram.arena, m.cycles);
      if (options_.compile.flash_budget > 0 || options_.latency_ms > 0)
        return std::tuple(m.cycles, m.ram.arena, std::uint64_t{m.flash.total()});
      return std::tuple(price(m.cycles, m.flash.total()), m.ram.arena, m.cycles);
    };
    return rank(a) < rank(b);
  }

  static std::uint64_t cycles_of(const BenchResult& measured, std::size_t op) {
    const auto step = std::ranges::find(measured.steps, static_cast<std::int32_t>(op), &StepCost::op_index);
    return step == measured.steps.end() ? 0 : step->cycles;
  }
  /// The choice of compile() itself.
  void report(const Candidate& untuned) {
    result_.untuned = untuned.measured.cycles;
    for (const Layer& layer : layers_) {
      const LoweredOp& op = untuned.model.program.ops[layer.op];
      result_.layers.push_back(
          {layer.op, op.summary, layer.forms.size(), {}, 0, op.kernel, cycles_of(untuned.measured, layer.op)});
    }
  }
  void finish(const Candidate& best) {
    result_.cycles = best.measured.cycles;
    result_.within = meets_flash(best) && meets_ram(best) && meets_latency(best);
    for (TunedLayer& layer : result_.layers) {
      layer.kernel = best.model.program.ops[layer.op].kernel;
      layer.cycles = cycles_of(best.measured, layer.op);
    }
  }

  const graph::Graph& graph_;
  const board::BoardSpec& board_;
  TuneOptions options_;
  ByteSpan input_;
  Progress& progress_;
  compile::FormTable table_;
  MeasuredCosts costs_;
  compile::FormChoice least_;
  std::size_t limit_ = 0;
  std::vector<Layer> layers_;
  std::size_t other_bytes_ = 0;
  std::uint64_t other_cycles_ = 0;
  Tuned result_;
};

}  // namespace

Result<Tuned> tune(const graph::Graph& graph, const board::BoardSpec& board, const TuneOptions& options, ByteSpan input,
                   Progress& progress) {
  if (!board.emulated())
    return fail(Code::unsupported,
                fmt::format("nothing is counted on {}, so nothing can be chosen by measuring", board.name));
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  TuneOptions known = options;
  known.compile.program.lowering.target = compile::target_of(*core);
  return Tuner(graph, board, std::move(known), input, progress).run();
}

std::filesystem::path user_tune_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != 0)
    return std::filesystem::path(cache) / "mote" / "tune";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != 0)
    return std::filesystem::path(home) / ".cache" / "mote" / "tune";
  return {};
}

}  // namespace mote::bench
