#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::TensorId;

// Orders that have run the same operators differ in nothing but what they have cost so far: the cheaper stays. Models
// are chains with a few branches, so that there are few such sets; of more than this the most promising are kept.
constexpr std::size_t kMostSets = 400;

/// What an order costs: bytes live at its fullest step, then the sum over all steps (what lives shorter leaves room).
struct Cost {
  std::size_t peak = 0, sum = 0;
  auto operator<=>(const Cost&) const = default;
};

struct Order {
  Cost cost;
  std::size_t live = 0;  // bytes between two steps
  std::vector<std::size_t> ops;
};

class OrderSearch {
  using Sets = std::map<std::vector<bool>, Order>;  // by the operators that have run

 public:
  explicit OrderSearch(const graph::Graph& graph) : graph_(graph), readers_(graph.tensors().size(), 0) {
    for (const graph::Op& op : graph.ops()) {
      for (const TensorId id : values_of(op)) ++readers_[index(id)];
    }
    // Never freed.
    for (const TensorId id : graph.outputs()) ++readers_[index(id)];
    for (const graph::State& state : graph.states()) ++readers_[index(state.written)];
  }

  Order run() const {
    Sets now{{std::vector<bool>(graph_.ops().size(), false), begin()}};
    for (std::size_t step = 0; step < graph_.ops().size(); ++step) {
      Sets next;
      for (const auto& [done, order] : now) {
        for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
          if (!done[i] && ready(graph_.ops()[i], done)) keep_cheaper(next, followed_by(i, done, order));
        }
      }
      now = best_of(std::move(next));
    }
    return now.begin()->second;
  }
  /// What the order in which the graph has them costs.
  [[nodiscard]] Cost as_given() const {
    std::pair<std::vector<bool>, Order> at{std::vector<bool>(graph_.ops().size(), false), begin()};
    for (std::size_t i = 0; i < graph_.ops().size(); ++i) at = followed_by(i, at.first, at.second);
    return at.second.cost;
  }

 private:
  static std::size_t index(TensorId id) { return static_cast<std::size_t>(id); }
  [[nodiscard]] std::size_t bytes(TensorId id) const { return graph_.tensor(id).size_bytes(); }
  /// Inputs that are values, each once.
  [[nodiscard]] std::vector<TensorId> values_of(const graph::Op& op) const {
    std::vector<TensorId> ids;
    for (const TensorId id : op.inputs) {
      if (id == graph::kNoTensor || graph_.tensor(id).is_constant() || std::ranges::find(ids, id) != ids.end())
        continue;
      ids.push_back(id);
    }
    return ids;
  }
  [[nodiscard]] bool ready(const graph::Op& op, const std::vector<bool>& done) const {
    return std::ranges::all_of(values_of(op), [&](TensorId id) {
      const std::int32_t producer = graph_.producer(id);
      return producer < 0 || done[static_cast<std::size_t>(producer)];
    });
  }
  [[nodiscard]] std::size_t readers_left(TensorId id, const std::vector<bool>& done) const {
    std::size_t left = readers_[index(id)];
    for (const std::int32_t reader : graph_.consumers(id)) left -= done[static_cast<std::size_t>(reader)] ? 1u : 0u;
    return left;
  }

  [[nodiscard]] Order begin() const {
    Order order;
    for (const TensorId id : graph_.inputs()) order.live += bytes(id);
    return order;
  }
  [[nodiscard]] std::pair<std::vector<bool>, Order> followed_by(std::size_t i, std::vector<bool> done,
                                                                Order order) const {
    const graph::Op& op = graph_.ops()[i];
    done[i] = true;
    order.ops.push_back(i);
    for (const TensorId id : op.outputs) order.live += bytes(id);
    order.cost.peak = std::max(order.cost.peak, order.live);
    order.cost.sum += order.live;
    for (const TensorId id : values_of(op)) {
      if (readers_left(id, done) == 0) order.live -= bytes(id);
    }
    return {std::move(done), std::move(order)};
  }
  static void keep_cheaper(Sets& sets, std::pair<std::vector<bool>, Order> made) {
    const auto [at, added] = sets.try_emplace(std::move(made.first), made.second);
    if (!added && made.second.cost < at->second.cost) at->second = std::move(made.second);
  }

  static Sets best_of(Sets all) {
    if (all.size() <= kMostSets) return all;
    std::vector<std::pair<std::vector<bool>, Order>> sorted(all.begin(), all.end());
    std::ranges::stable_sort(sorted, {}, [](const auto& entry) { return entry.second.cost; });
    sorted.resize(kMostSets);
    return {sorted.begin(), sorted.end()};
  }

  const graph::Graph& graph_;
  std::vector<std::size_t> readers_;
};

}  // namespace

Result<graph::Graph> order_for_memory(const graph::Graph& original) {
  graph::Graph graph = original;
  OrderSearch search(original);
  const Order best = search.run();
  if (best.cost.peak >= search.as_given().peak) return graph;
  for (std::size_t i = 0; i < best.ops.size(); ++i) graph.ops()[i] = original.ops()[best.ops[i]];
  return graph;
}

}  // namespace mote::optimize
