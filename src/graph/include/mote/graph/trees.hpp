#pragma once
// Ensembles of decision trees: how the graph holds them, and the compact tables that they become for the kernel.
// Executor and compiler take the tables from here.

#include <cstdint>
#include <vector>

#include "kernels/trees.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

/// What a node asks about its feature. NaN answers no to all but not_equal.
enum class BranchMode : std::uint8_t { less_equal, less, greater, greater_equal, equal, not_equal };
constexpr std::int32_t kLeafMode = 6;
constexpr std::int32_t kNanIsTrue = 8;  ///< added to a branch's mode: NaN answers yes

/// A row of the constant `nodes`: branch {mode, feature, node if yes, node if no}; leaf {kLeafMode, first weight,
/// number of weights, 0}. Children stand behind their parent, and every node but the roots has one parent.
struct TreeNode {
  std::int32_t mode, a, b, c;
};
constexpr std::int32_t kTreeNodeFields = 4;
constexpr std::int32_t kMostTreeTargets = 65535;

/// @error malformed  one sentence naming the operator and what is wrong with which node.
[[nodiscard]] Result<void> verify_trees(const Graph& graph, const Op& op);

struct TreeTables {
  device::TreesGeometry geometry{};
  bool wide = false;  ///< words of 32 bits: many features or thresholds, or large trees
  std::vector<std::uint32_t> slots;
  std::vector<std::int32_t> thresholds;
  std::vector<std::uint32_t> words;  ///< nodes; each fits 16 bits unless `wide`
  std::vector<std::uint32_t> roots;
  std::vector<std::uint16_t> firsts;
  std::vector<std::uint32_t> leaves, bases;
  [[nodiscard]] std::size_t rank_bytes() const { return wide ? 2 : 1; }
};

/// Of a verified operator.
/// @error too_large  more than 2^24 words of leaves, 2^28 of nodes, or 32768 slots.
[[nodiscard]] Result<TreeTables> tree_tables(const Graph& graph, const Op& op);

}  // namespace mote::graph
