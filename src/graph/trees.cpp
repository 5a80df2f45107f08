#include "mote/graph/trees.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <span>

namespace mote::graph {
namespace {

constexpr std::size_t kMostLeafWords = std::size_t{1} << 24, kMostNodeWords = std::size_t{1} << 28;

/// The constants of the operator.
struct Trees {
  std::span<const TreeNode> nodes;
  std::span<const float> thresholds;
  std::span<const std::int32_t> targets;
  std::span<const float> weights;
  std::span<const std::int32_t> roots;
};

Trees trees_of(const Graph& graph, const Op& op) {
  const auto constant = [&](std::size_t i) -> const Tensor& { return graph.tensor(op.inputs[i]); };
  const auto fields = constant(1).values<std::int32_t>();
  return {{reinterpret_cast<const TreeNode*>(fields.data()), fields.size() / kTreeNodeFields},
          constant(2).values<float>(),
          constant(3).values<std::int32_t>(),
          constant(4).values<float>(),
          constant(5).values<std::int32_t>()};
}

/// What is wrong with the trees, after the operator's name; nothing when they are sound.
class TreeChecker {
 public:
  TreeChecker(const Trees& trees, std::size_t features, std::int32_t targets)
      : trees_(trees),
        features_(features),
        seen_(static_cast<std::size_t>(targets), -1),
        parents_(trees.nodes.size()) {}

  std::optional<std::string> run() {
    for (const std::int32_t root : trees_.roots) {
      if (root < 0 || static_cast<std::size_t>(root) >= trees_.nodes.size())
        return "has the root " + std::to_string(root) + ", which is no node";
      ++parents_[static_cast<std::size_t>(root)];
    }
    for (std::size_t i = 0; i < trees_.nodes.size(); ++i) {
      const TreeNode& node = trees_.nodes[i];
      if (auto wrong = node.mode == kLeafMode ? leaf(i, node) : branch(i, node))
        return "has the node " + std::to_string(i) + ", " + *wrong;
    }
    for (std::size_t i = 0; i < parents_.size(); ++i) {
      if (parents_[i] != 1)
        return "has the node " + std::to_string(i) + ", which " +
               (parents_[i] == 0 ? "no tree reaches" : "stands at more than one place");
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> branch(std::size_t i, const TreeNode& node) {
    if (node.mode < 0 || (node.mode & ~kNanIsTrue) > static_cast<std::int32_t>(BranchMode::not_equal))
      return "which asks in the unknown mode " + std::to_string(node.mode);
    if (node.a < 0 || static_cast<std::size_t>(node.a) >= features_)
      return "which asks for feature " + std::to_string(node.a) + " of " + std::to_string(features_);
    if (std::isnan(trees_.thresholds[i])) return "whose threshold is not a number";
    for (const std::int32_t child : {node.b, node.c}) {
      if (child <= static_cast<std::int32_t>(i) || static_cast<std::size_t>(child) >= trees_.nodes.size())
        return "whose child " + std::to_string(child) + " does not stand behind it";
      ++parents_[static_cast<std::size_t>(child)];
    }
    return std::nullopt;
  }
  std::optional<std::string> leaf(std::size_t i, const TreeNode& node) {
    const auto all = static_cast<std::int64_t>(trees_.weights.size());
    if (node.a < 0 || node.b < 0 || std::int64_t{node.a} + node.b > all) return "a leaf with weights that do not exist";
    used_ += node.b;
    if (used_ > all) return "a leaf with weights of another leaf";
    for (std::int32_t k = node.a; k < node.a + node.b; ++k) {
      const std::int32_t target = trees_.targets[static_cast<std::size_t>(k)];
      if (target < 0 || static_cast<std::size_t>(target) >= seen_.size())
        return "a leaf that adds to target " + std::to_string(target) + " of " + std::to_string(seen_.size());
      if (!std::isfinite(trees_.weights[static_cast<std::size_t>(k)])) return "a leaf whose weight is not finite";
      auto& seen = seen_[static_cast<std::size_t>(target)];
      if (seen == static_cast<std::int64_t>(i))
        return "a leaf that adds to target " + std::to_string(target) + " twice";
      seen = static_cast<std::int64_t>(i);
    }
    return std::nullopt;
  }

  const Trees& trees_;
  std::size_t features_;
  std::vector<std::int64_t> seen_;  // the last leaf that added to each target
  std::vector<std::uint32_t> parents_;
  std::int64_t used_ = 0;
};

/// A feature as nodes ask for it; where NaN goes is settled when features are ranked, not at every node.
struct Column {
  std::int32_t feature;
  bool nan_high;
  auto operator<=>(const Column&) const = default;
};

/// order <= threshold: what follows next, else `other`.
struct Test {
  Column column;
  std::int32_t threshold;
  std::int32_t other;  ///< node
};
struct Tests {
  std::array<Test, 3> test;
  std::size_t count = 0;
  std::int32_t next = 0;  ///< node that stands behind the last test
  void add(const Test& t) { test[count++] = t; }
};

/// A branch as one to three tests of `<=`.
Tests tests_of(const TreeNode& node, float threshold) {
  const bool nan_is_true = (node.mode & kNanIsTrue) != 0;
  const auto mode = static_cast<BranchMode>(node.mode & ~kNanIsTrue);
  const std::int32_t order = device::float_order(device::bits_of(threshold)), yes = node.b, no = node.c;
  Tests tests;
  switch (mode) {
    case BranchMode::less_equal:
    case BranchMode::less:
      tests.add({{node.a, !nan_is_true}, mode == BranchMode::less ? order - 1 : order, no});
      tests.next = yes;
      break;
    case BranchMode::greater:
    case BranchMode::greater_equal:
      tests.add({{node.a, nan_is_true}, mode == BranchMode::greater_equal ? order - 1 : order, yes});
      tests.next = no;
      break;
    case BranchMode::equal:
      if (nan_is_true) tests.add({{node.a, true}, INT32_MAX, yes});  // all but NaN go on
      tests.add({{node.a, true}, order, no});
      tests.add({{node.a, true}, order - 1, yes});
      tests.next = no;
      break;
    case BranchMode::not_equal:
      tests.add({{node.a, true}, order, yes});
      tests.add({{node.a, true}, order - 1, no});
      tests.next = yes;
      break;
  }
  return tests;
}

/// Columns with their thresholds, cut into slots that a word can name.
class Slots {
 public:
  Slots(const std::map<Column, std::vector<std::int32_t>>& columns, std::size_t most) {
    for (const auto& [column, thresholds] : columns) {
      first_[column] = {slots_.size(), &thresholds};
      for (std::size_t at = 0; at < thresholds.size(); at += most)
        slots_.push_back({column, at, std::min(most, thresholds.size() - at)});
    }
    most_ = most;
  }
  [[nodiscard]] std::size_t count() const { return slots_.size(); }

  struct Place {
    std::size_t slot, index;
  };
  [[nodiscard]] Place place(const Test& test) const {
    const auto& [first, thresholds] = first_.at(test.column);
    const auto at =
        static_cast<std::size_t>(std::ranges::lower_bound(*thresholds, test.threshold) - thresholds->begin());
    return {first + at / most_, at % most_};
  }
  void write(TreeTables& tables) const {
    for (const Slot& slot : slots_) {
      tables.slots.push_back(2 * static_cast<std::uint32_t>(slot.column.feature) + (slot.column.nan_high ? 1 : 0));
      tables.slots.push_back(static_cast<std::uint32_t>(slot.count));
      const auto& thresholds = *first_.at(slot.column).second;
      const auto from = thresholds.begin() + static_cast<std::ptrdiff_t>(slot.at);
      tables.thresholds.insert(tables.thresholds.end(), from, from + static_cast<std::ptrdiff_t>(slot.count));
    }
  }

 private:
  struct Slot {
    Column column;
    std::size_t at, count;
  };
  std::vector<Slot> slots_;
  std::map<Column, std::pair<std::size_t, const std::vector<std::int32_t>*>> first_;
  std::size_t most_ = 0;
};

std::map<Column, std::vector<std::int32_t>> columns_of(const Trees& trees) {
  std::map<Column, std::vector<std::int32_t>> columns;
  for (std::size_t i = 0; i < trees.nodes.size(); ++i) {
    if (trees.nodes[i].mode == kLeafMode) continue;
    const Tests tests = tests_of(trees.nodes[i], trees.thresholds[i]);
    for (std::size_t k = 0; k < tests.count; ++k) columns[tests.test[k].column].push_back(tests.test[k].threshold);
  }
  for (auto& [column, thresholds] : columns) {
    std::ranges::sort(thresholds);
    const auto rest = std::ranges::unique(thresholds);
    thresholds.erase(rest.begin(), rest.end());
  }
  return columns;
}

/// Leaves as vectors over a window of targets; equal vectors are one.
class Leaves {
 public:
  Leaves(const Trees& trees, std::int32_t targets, TreeAggregate aggregate) : trees_(trees) {
    // Which targets each tree adds to: a node's tree is its root's, as children stand behind their parents.
    std::vector<std::int32_t> tree(trees.nodes.size(), 0);
    for (std::size_t t = 0; t < trees.roots.size(); ++t)
      tree[static_cast<std::size_t>(trees.roots[t])] = static_cast<std::int32_t>(t);
    std::vector<std::int32_t> low(trees.roots.size(), targets), high(trees.roots.size(), -1);
    for (std::size_t i = 0; i < trees.nodes.size(); ++i) {
      const TreeNode& node = trees.nodes[i];
      const auto t = static_cast<std::size_t>(tree[i]);
      if (node.mode != kLeafMode) {
        for (const std::int32_t child : {node.b, node.c}) tree[static_cast<std::size_t>(child)] = tree[i];
        continue;
      }
      for (std::int32_t k = node.a; k < node.a + node.b; ++k) {
        low[t] = std::min(low[t], trees.targets[static_cast<std::size_t>(k)]);
        high[t] = std::max(high[t], trees.targets[static_cast<std::size_t>(k)]);
      }
    }
    for (std::size_t t = 0; t < low.size(); ++t) window_ = std::max(window_, high[t] - low[t] + 1);
    for (const std::int32_t from : low)
      firsts_.push_back(static_cast<std::uint16_t>(std::min(from, targets - window_)));
    absent_ = aggregate == TreeAggregate::minimum   ? 0x7f800000u
              : aggregate == TreeAggregate::maximum ? 0xff800000u
                                                    : 0u;
  }

  [[nodiscard]] std::int32_t window() const { return window_; }
  [[nodiscard]] const std::vector<std::uint16_t>& firsts() const { return firsts_; }
  [[nodiscard]] const std::vector<std::uint32_t>& words() const { return words_; }

  /// The vector of a leaf of `tree`.  @error too_large
  Result<std::uint32_t> index(const TreeNode& leaf, std::size_t tree) {
    std::vector<std::uint32_t> vector(static_cast<std::size_t>(window_), absent_);
    for (std::int32_t k = leaf.a; k < leaf.a + leaf.b; ++k) {
      const auto at = static_cast<std::size_t>(trees_.targets[static_cast<std::size_t>(k)] - firsts_[tree]);
      vector[at] = device::bits_of(trees_.weights[static_cast<std::size_t>(k)]);
    }
    const auto [entry, is_new] = known_.try_emplace(std::move(vector), static_cast<std::uint32_t>(known_.size()));
    if (!is_new) return entry->second;
    if (words_.size() + entry->first.size() > kMostLeafWords)
      return fail(Code::too_large, "has more than 2^24 values in its leaves");
    words_.insert(words_.end(), entry->first.begin(), entry->first.end());
    return entry->second;
  }

 private:
  const Trees& trees_;
  std::int32_t window_ = 1;
  std::uint32_t absent_ = 0;
  std::vector<std::uint16_t> firsts_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> known_;
  std::vector<std::uint32_t> words_;
};

/// Trees as words of `bits` bits.
class WordWriter {
 public:
  WordWriter(const Trees& trees, const Slots& slots, Leaves& leaves, unsigned bits)
      : trees_(trees), slots_(slots), leaves_(leaves), bits_(bits), place_(trees.nodes.size()) {}

  /// @return whether everything fits.  @error too_large
  Result<bool> write(TreeTables& tables) {
    for (std::size_t t = 0; t < trees_.roots.size(); ++t) {
      tables.roots.push_back(static_cast<std::uint32_t>(words_.size()));
      MOTE_TRY(const bool fits, tree(t));
      if (!fits) return false;
    }
    tables.words = std::move(words_);
    return true;
  }

 private:
  struct Link {
    std::size_t word;
    std::int32_t node;
  };

  Result<bool> tree(std::size_t t) {
    std::vector<std::int32_t> open{trees_.roots[t]};
    std::vector<Link> links;
    while (!open.empty()) {
      const auto i = static_cast<std::size_t>(open.back());
      open.pop_back();
      const TreeNode& node = trees_.nodes[i];
      place_[i] = words_.size();
      if (node.mode == kLeafMode) {
        MOTE_TRY(const std::uint32_t leaf, leaves_.index(node, t));
        if ((std::uint64_t{leaf} >> (bits_ - 1)) != 0) return false;
        words_.push_back((std::uint32_t{1} << (bits_ - 1)) | leaf);
        continue;
      }
      const Tests tests = tests_of(node, trees_.thresholds[i]);
      for (std::size_t k = 0; k < tests.count; ++k) {
        const Slots::Place at = slots_.place(tests.test[k]);
        words_.push_back(static_cast<std::uint32_t>(at.slot << (bits_ / 2) | at.index));
        links.push_back({words_.size(), tests.test[k].other});
        words_.push_back(0);
      }
      open.push_back(tests.next == node.b ? node.c : node.b);
      open.push_back(tests.next);
      if (words_.size() > kMostNodeWords) return fail(Code::too_large, "has more than 2^28 words of nodes");
    }
    for (const Link& link : links) {
      const std::uint64_t distance = place_[static_cast<std::size_t>(link.node)] - (link.word - 1);
      if ((distance >> bits_) != 0) return false;
      words_[link.word] = static_cast<std::uint32_t>(distance);
    }
    return true;
  }

  const Trees& trees_;
  const Slots& slots_;
  Leaves& leaves_;
  unsigned bits_;
  std::vector<std::size_t> place_;
  std::vector<std::uint32_t> words_;
};

}  // namespace

Result<void> verify_trees(const Graph& graph, const Op& op) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::malformed, "tree_ensemble '" + op.name + "' " + why);
  };
  const auto shape = [&](std::size_t i) -> const Shape& { return graph.tensor(op.inputs[i]).shape; };
  const std::int32_t targets = op.as<TreeEnsemble>()->targets;
  if (targets > kMostTreeTargets) return refuse("has " + std::to_string(targets) + " targets");
  const bool fits = shape(1).rank() == 2 && shape(1)[1] == kTreeNodeFields && shape(2) == Shape{shape(1)[0]} &&
                    shape(3).rank() == 1 && shape(4) == shape(3) && shape(5).rank() == 1 &&
                    (op.inputs.size() < 7 || shape(6) == Shape{targets});
  if (!fits) return refuse("has constants whose shapes do not fit");
  if (op.inputs.size() > 6) {
    for (const float base : graph.tensor(op.inputs[6]).values<float>()) {
      if (!std::isfinite(base)) return refuse("has a base value that is not finite");
    }
  }
  const Trees trees = trees_of(graph, op);
  if (auto wrong = TreeChecker(trees, shape(0).elements(), targets).run()) return refuse(*wrong);
  return {};
}

Result<TreeTables> tree_tables(const Graph& graph, const Op& op) {
  const Trees trees = trees_of(graph, op);
  const TreeEnsemble& a = *op.as<TreeEnsemble>();
  const auto columns = columns_of(trees);
  for (const bool wide : {false, true}) {
    const unsigned bits = wide ? 32 : 16;
    const std::size_t most_thresholds = (std::size_t{1} << (bits / 2)) - 1;
    const std::size_t most_slots = std::size_t{1} << (bits / 2 - 1);
    const Slots slots(columns, most_thresholds);
    if (slots.count() > most_slots) continue;
    TreeTables tables;
    tables.wide = wide;
    Leaves leaves(trees, a.targets, a.aggregate);
    auto fits = WordWriter(trees, slots, leaves, bits).write(tables);
    if (!fits) return fail(std::move(fits).error(), "tree_ensemble '" + op.name + "'");
    if (!*fits) continue;
    slots.write(tables);
    tables.leaves = leaves.words();
    if (leaves.window() < a.targets) tables.firsts = leaves.firsts();
    if (op.inputs.size() > 6) {
      for (const float base : graph.tensor(op.inputs[6]).values<float>()) tables.bases.push_back(device::bits_of(base));
    }
    tables.geometry = {static_cast<std::int32_t>(trees.roots.size()), a.targets, leaves.window(),
                       static_cast<std::int32_t>(slots.count()), static_cast<std::int32_t>(a.aggregate)};
    return tables;
  }
  return fail(Code::too_large, "tree_ensemble '" + op.name + "' has more than 32768 lists of thresholds");
}

}  // namespace mote::graph
