// Ensembles of decision trees, and what is made of their scores.

#include <optional>

#include "../names.hpp"
#include "model_writer.hpp"
#include "mote/graph/trees.hpp"

namespace mote::formats::onnx {
namespace {

using graph::Op;
using graph::ScoreKind;
using graph::TensorId;

constexpr std::size_t kNodes = 1, kThresholds = 2, kLeafTargets = 3, kLeafWeights = 4, kRoots = 5, kBases = 6;

/// The graph's tables as the lists of TreeEnsembleRegressor.
class TreeLists {
 public:
  TreeLists(const graph::Graph& graph, const Op& op)
      : fields_(graph.tensor(op.inputs[kNodes]).values<std::int32_t>()),
        thresholds_(graph.tensor(op.inputs[kThresholds]).values<float>()),
        targets_(graph.tensor(op.inputs[kLeafTargets]).values<std::int32_t>()),
        weights_(graph.tensor(op.inputs[kLeafWeights]).values<float>()) {
    const auto roots = graph.tensor(op.inputs[kRoots]).values<std::int32_t>();
    for (std::size_t tree = 0; tree < roots.size(); ++tree) add_tree(static_cast<std::int64_t>(tree), roots[tree]);
  }

  [[nodiscard]] Attributes attributes() && {
    Attributes all{integers("nodes_treeids", trees_),
                   integers("nodes_nodeids", ids_),
                   integers("nodes_featureids", features_),
                   reals("nodes_values", values_),
                   texts("nodes_modes", modes_),
                   integers("nodes_truenodeids", yes_),
                   integers("nodes_falsenodeids", no_),
                   integers("nodes_missing_value_tracks_true", nan_is_true_),
                   integers("target_treeids", leaf_trees_),
                   integers("target_nodeids", leaf_ids_),
                   integers("target_ids", leaf_targets_),
                   reals("target_weights", leaf_weights_)};
    return all;
  }

 private:
  void add_tree(std::int64_t tree, std::int32_t root) {
    std::vector<std::int32_t> open{root};
    while (!open.empty()) {
      const std::int32_t at = open.back();
      open.pop_back();
      const auto row = fields_.subspan(static_cast<std::size_t>(at) * graph::kTreeNodeFields, graph::kTreeNodeFields);
      if (add_node(tree, at, {row[0], row[1], row[2], row[3]})) {
        open.push_back(row[3]);
        open.push_back(row[2]);
      }
    }
  }

  /// @return whether it has children
  bool add_node(std::int64_t tree, std::int32_t at, const graph::TreeNode& node) {
    constexpr const char* kModes[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GT", "BRANCH_GTE",
                                      "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
    const bool leaf = node.mode == graph::kLeafMode, nan = !leaf && node.mode >= graph::kNanIsTrue;
    trees_.push_back(tree);
    ids_.push_back(at);
    features_.push_back(leaf ? 0 : node.a);
    values_.push_back(leaf ? 0.0f : thresholds_[static_cast<std::size_t>(at)]);
    modes_.emplace_back(kModes[node.mode - (nan ? graph::kNanIsTrue : 0)]);
    yes_.push_back(leaf ? 0 : node.b);
    no_.push_back(leaf ? 0 : node.c);
    nan_is_true_.push_back(nan ? 1 : 0);
    for (std::int32_t k = node.a; leaf && k < node.a + node.b; ++k) {
      leaf_trees_.push_back(tree);
      leaf_ids_.push_back(at);
      leaf_targets_.push_back(targets_[static_cast<std::size_t>(k)]);
      leaf_weights_.push_back(weights_[static_cast<std::size_t>(k)]);
    }
    return !leaf;
  }

  std::span<const std::int32_t> fields_;
  std::span<const float> thresholds_;
  std::span<const std::int32_t> targets_;
  std::span<const float> weights_;
  std::vector<std::int64_t> trees_, ids_, features_, yes_, no_, nan_is_true_, leaf_trees_, leaf_ids_, leaf_targets_;
  std::vector<float> values_, leaf_weights_;
  std::vector<std::string> modes_;
};

const char* transform_name(ScoreKind kind) {
  switch (kind) {
    case ScoreKind::logistic:
      return "LOGISTIC";
    case ScoreKind::softmax:
      return "SOFTMAX";
    case ScoreKind::softmax_zero:
      return "SOFTMAX_ZERO";
    case ScoreKind::complement:
    case ScoreKind::opposite:
      break;
  }
  return nullptr;
}

/// The scores' operator that alone reads the trees' output, if the trees' own operator can do what it does.
const Op* transform_of(const graph::Graph& graph, const Op& op, std::int32_t targets) {
  const TensorId y = op.outputs[0];
  const auto readers = graph.consumers(y);
  if (readers.size() != 1 || graph.is_kept(y) || targets < 2) return nullptr;
  const Op& reader = graph.ops()[static_cast<std::size_t>(readers[0])];
  const auto* scores = reader.as<graph::Scores>();
  return scores != nullptr && transform_name(scores->kind) != nullptr ? &reader : nullptr;
}

}  // namespace

Result<void> write_trees(ModelWriter& writer, const Op& op, const graph::TreeEnsemble& trees) {
  constexpr const char* kAggregates[] = {"SUM", "AVERAGE", "MIN", "MAX"};
  const graph::Graph& graph = writer.graph();
  const Op* transform = transform_of(graph, op, trees.targets);
  Attributes attributes = TreeLists(graph, op).attributes();
  attributes.push_back(integer("n_targets", trees.targets));
  attributes.push_back(text("aggregate_function", kAggregates[static_cast<std::size_t>(trees.aggregate)]));
  attributes.push_back(
      text("post_transform", transform == nullptr ? "NONE" : transform_name(transform->as<graph::Scores>()->kind)));
  if (op.inputs.size() > kBases && op.inputs[kBases] != graph::kNoTensor) {
    const auto bases = graph.tensor(op.inputs[kBases]).values<float>();
    attributes.push_back(
        reals("base_values", bases.size() == 1 ? std::vector<float>(static_cast<std::size_t>(trees.targets), bases[0])
                                               : std::vector<float>(bases.begin(), bases.end())));
  }
  writer.give_stored((transform == nullptr ? op : *transform).outputs[0], "TreeEnsembleRegressor",
                     {writer.stored(op.inputs[0])}, attributes, Layout::last, "ai.onnx.ml");
  return {};
}

Result<void> write_trees(ModelWriter& writer, const Op& op, const graph::Scores& scores) {
  const TensorId y = op.outputs[0];
  if (writer.is_given(y)) return {};  // by the trees
  const std::string x = writer.stored(op.inputs[0]);
  switch (scores.kind) {
    case ScoreKind::logistic:
      writer.give_stored(y, "Sigmoid", {x});
      return {};
    case ScoreKind::softmax:
      writer.give_stored(y, "Softmax", {x}, {integer("axis", -1)});
      return {};
    case ScoreKind::complement:
      writer.give_stored(y, "Concat", {writer.node("Sub", {writer.floats({1.0f}, {1, 1}), x}), x},
                         {integer("axis", 1)});
      return {};
    case ScoreKind::opposite:
      writer.give_stored(y, "Concat", {writer.node("Neg", {x}), x}, {integer("axis", 1)});
      return {};
    case ScoreKind::softmax_zero:
      break;
  }
  return writer.refuse(op, "ONNX has SOFTMAX_ZERO only as a part of trees, which tensor " +
                               in_quotes(writer.tensor(y).name) + " is not");
}

}  // namespace mote::formats::onnx
