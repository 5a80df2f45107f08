#include "form_selection.hpp"

#include <algorithm>
#include <map>

namespace mote::bench {
namespace {

/// A set of functions.
using Mask = std::vector<std::uint64_t>;

bool contains(const Mask& mask, std::size_t function) { return (mask[function / 64] >> (function % 64) & 1) != 0; }
void insert(Mask& mask, std::size_t function) { mask[function / 64] |= std::uint64_t{1} << (function % 64); }
bool includes(const Mask& all, const Mask& part) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((part[i] & ~all[i]) != 0) return false;
  }
  return true;
}

struct State {
  std::size_t bytes = 0;
  std::uint64_t cycles = 0;
  Mask functions;  // that are in flash and that a later layer could use
  std::size_t before = 0, form = 0;
};

class Program {
 public:
  Program(const FormCosts& costs, std::size_t most_states) : costs_(costs), most_states_(most_states) {
    const Mask none((costs.function_bytes.size() + 63) / 64, 0);
    usable_behind_.assign(costs.layers.size(), none);
    for (std::size_t layer = costs.layers.size(); layer-- > 1;) {
      usable_behind_[layer - 1] = usable_behind_[layer];
      for (const FormCost& form : costs.layers[layer]) {
        for (const std::size_t f : form.functions) insert(usable_behind_[layer - 1], f);
      }
    }
    stages_.push_back({State{0, 0, none, 0, 0}});
  }

  std::vector<Selection> run() {
    for (std::size_t layer = 0; layer < costs_.layers.size(); ++layer) {
      std::vector<State> next;
      const std::vector<State>& states = stages_.back();
      for (std::size_t before = 0; before < states.size(); ++before) {
        for (std::size_t form = 0; form < costs_.layers[layer].size(); ++form)
          next.push_back(extended(states[before], before, layer, form));
      }
      stages_.push_back(thinned(without_beaten(std::move(next))));
    }
    std::vector<Selection> selections;
    for (std::size_t last = 0; last < stages_.back().size(); ++last) selections.push_back(selection(last));
    return selections;
  }

 private:
  [[nodiscard]] State extended(const State& state, std::size_t before, std::size_t layer, std::size_t index) const {
    const FormCost& form = costs_.layers[layer][index];
    State next{state.bytes + form.bytes, state.cycles + form.cycles, state.functions, before, index};
    for (const std::size_t f : form.functions) {
      if (contains(next.functions, f)) continue;
      next.bytes += costs_.function_bytes[f];
      insert(next.functions, f);
    }
    for (std::size_t i = 0; i < next.functions.size(); ++i) next.functions[i] &= usable_behind_[layer][i];
    return next;
  }

  static std::vector<State> without_beaten(std::vector<State> states) {
    std::ranges::sort(states, [](const State& a, const State& b) {
      return std::pair(a.bytes, a.cycles) < std::pair(b.bytes, b.cycles);
    });
    // Most fall to one with the same functions, which is quick to find.
    std::map<Mask, std::uint64_t> fastest;
    std::vector<State> kept;
    for (State& s : states) {
      const auto [same, is_new] = fastest.try_emplace(s.functions, s.cycles);
      if (!is_new && same->second <= s.cycles) continue;
      same->second = s.cycles;
      if (std::ranges::any_of(
              kept, [&](const State& k) { return k.cycles <= s.cycles && includes(k.functions, s.functions); }))
        continue;
      kept.push_back(std::move(s));
    }
    return kept;
  }

  [[nodiscard]] std::vector<State> thinned(std::vector<State> states) const {
    if (states.size() <= most_states_) return states;
    const std::size_t low = states.front().bytes, range = states.back().bytes - low + 1;
    std::vector<State> kept;
    std::size_t part = static_cast<std::size_t>(-1);
    for (State& s : states) {
      const std::size_t its = (s.bytes - low) * most_states_ / range;
      if (its != part) {
        kept.push_back(std::move(s));
        part = its;
      } else if (s.cycles < kept.back().cycles) {
        kept.back() = std::move(s);
      }
    }
    return kept;
  }

  [[nodiscard]] Selection selection(std::size_t last) const {
    Selection found{std::vector<std::size_t>(costs_.layers.size()), stages_.back()[last].cycles,
                    stages_.back()[last].bytes};
    for (std::size_t layer = costs_.layers.size(); layer-- > 0;) {
      const State& state = stages_[layer + 1][last];
      found.forms[layer] = state.form;
      last = state.before;
    }
    return found;
  }

  const FormCosts& costs_;
  std::size_t most_states_;
  std::vector<Mask> usable_behind_;
  std::vector<std::vector<State>> stages_;  // behind each layer
};

}  // namespace

std::vector<Selection> pareto_selections(const FormCosts& costs, std::size_t most_states) {
  return Program(costs, most_states).run();
}

}  // namespace mote::bench
