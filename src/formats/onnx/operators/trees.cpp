// ai.onnx.ml: ensembles of decision trees, and what exporters put behind a classifier. Where the standard leaves open
// what a classifier's scores are, they are ONNX Runtime's; where the two differ, the model is refused.

#include <algorithm>
#include <array>
#include <map>

#include "../../names.hpp"
#include "../node_reader.hpp"
#include "mote/graph/trees.hpp"

namespace mote::formats::onnx {
namespace {

using graph::ScoreKind;
using graph::TensorId;
using graph::TreeAggregate;

/// A node of a tree, by the numbers that the file gives both.
using NodeName = std::pair<std::int64_t, std::int64_t>;

std::string text_of(const NodeName& name) {
  return "node " + std::to_string(name.second) + " of tree " + std::to_string(name.first);
}

/// The attributes of both operators, which differ in the names of what leaves hold, as the graph's constants.
class Ensemble {
 public:
  Ensemble(NodeReader& node, std::string leaf_prefix) : node_(node), prefix_(std::move(leaf_prefix)) {}

  Result<void> read(std::int64_t targets) {
    for (const char* name : {"nodes_values_as_tensor", "nodes_hitrates_as_tensor", "base_values_as_tensor"}) {
      if (node_.attribute(name) != nullptr)
        return refuse(Code::unsupported, std::string(name) + " is of doubles; float32 is needed");
    }
    if (node_.attribute(prefix_ + "_weights_as_tensor") != nullptr)
      return refuse(Code::unsupported, prefix_ + "_weights_as_tensor is of doubles; float32 is needed");
    if (targets < 1 || targets > graph::kMostTreeTargets)
      return refuse(Code::unsupported, "it has " + std::to_string(targets) + " targets or classes");
    targets_ = static_cast<std::int32_t>(targets);
    MOTE_TRY_VOID(read_branches());
    MOTE_TRY_VOID(read_leaves());
    MOTE_TRY_VOID(sort_nodes());
    return read_bases();
  }

  /// Scores [1,targets].
  Result<TensorId> emit(TensorId x, TreeAggregate aggregate) {
    const auto rows = static_cast<std::int32_t>(sorted_.size());
    std::vector<std::int32_t> fields;
    std::vector<float> thresholds;
    for (const std::size_t i : sorted_) {
      const Branch& b = branches_[i];
      if (b.mode == graph::kLeafMode) {
        fields.insert(fields.end(), {b.mode, first_weight_[i], weight_count_[i], 0});
      } else {
        fields.insert(fields.end(), {b.mode, b.feature, place_[b.yes], place_[b.no]});
      }
      thresholds.push_back(b.threshold);
    }
    MOTE_TRY(const TensorId nodes, node_.whole_words(fields, {rows, graph::kTreeNodeFields}));
    MOTE_TRY(const TensorId values, node_.floats(thresholds, {rows}));
    const Dims weights{static_cast<std::int32_t>(weights_.size())};
    MOTE_TRY(const TensorId ids, node_.whole_words(weight_targets_, weights));
    MOTE_TRY(const TensorId leaves, node_.floats(weights_, weights));
    MOTE_TRY(const TensorId roots, node_.whole_words(roots_, {static_cast<std::int32_t>(roots_.size())}));
    std::vector<TensorId> inputs{x, nodes, values, ids, leaves, roots};
    if (!bases_.empty()) {
      MOTE_TRY(const TensorId bases, node_.floats(bases_, {targets_}));
      inputs.push_back(bases);
    }
    return node_.emit(graph::TreeEnsemble{aggregate, targets_}, std::move(inputs));
  }

  /// Where leaves add to nothing else.
  void keep_first_target() { targets_ = 1; }

  [[nodiscard]] const std::vector<float>& bases() const { return bases_; }
  [[nodiscard]] const std::vector<float>& weights() const { return weights_; }
  /// Whether any leaf adds to a target.
  [[nodiscard]] bool adds_to(std::int32_t target) const {
    return std::ranges::find(weight_targets_, target) != weight_targets_.end();
  }
  /// Whether whatever way is taken adds to every target: some tree has only leaves that do.
  [[nodiscard]] bool always_adds_to_all() const {
    std::vector<std::int64_t> leaves_of_tree(roots_.size(), 0);
    std::map<std::pair<std::size_t, std::int32_t>, std::int64_t> leaves_that_add;
    for (const std::size_t i : sorted_) {
      if (branches_[i].mode != graph::kLeafMode) continue;
      const std::size_t tree = tree_of_[i];
      ++leaves_of_tree[tree];
      for (std::int32_t k = first_weight_[i]; k < first_weight_[i] + weight_count_[i]; ++k)
        ++leaves_that_add[{tree, weight_targets_[static_cast<std::size_t>(k)]}];
    }
    std::vector<bool> always(static_cast<std::size_t>(targets_), false);
    for (const auto& [key, count] : leaves_that_add) {
      if (key.second >= 0 && key.second < targets_ && count == leaves_of_tree[key.first])
        always[static_cast<std::size_t>(key.second)] = true;
    }
    return std::ranges::find(always, false) == always.end();
  }

 private:
  struct Branch {
    NodeName name;
    std::int32_t mode = 0, feature = 0;
    float threshold = 0.0f;
    std::size_t yes = 0, no = 0;  // positions in the file
  };

  [[nodiscard]] tl::unexpected<Error> refuse(Code code, const std::string& why) const {
    return node_.refuse(code, why);
  }

  [[nodiscard]] std::vector<float> reals(const std::string& name) const {
    const auto* a = node_.attribute(name);
    return a == nullptr ? std::vector<float>{} : std::vector<float>(a->floats().begin(), a->floats().end());
  }

  Result<std::int32_t> mode_of(const std::string& text, bool nan_is_true) const {
    constexpr std::array<std::string_view, 7> kNames{"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GT", "BRANCH_GTE",
                                                     "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};
    const auto found = std::ranges::find(kNames, text);
    if (found == kNames.end())
      return refuse(Code::unsupported, "it has a node of the unknown mode " + in_quotes(clean_name(text)));
    const auto mode = static_cast<std::int32_t>(found - kNames.begin());
    return mode != graph::kLeafMode && nan_is_true ? mode + graph::kNanIsTrue : mode;
  }

  Result<void> read_branches() {
    const auto trees = node_.integers("nodes_treeids"), ids = node_.integers("nodes_nodeids"),
               features = node_.integers("nodes_featureids"), yes = node_.integers("nodes_truenodeids"),
               no = node_.integers("nodes_falsenodeids"), tracks = node_.integers("nodes_missing_value_tracks_true");
    const auto values = reals("nodes_values");
    const auto* modes = node_.attribute("nodes_modes");
    const std::size_t count = ids.size();
    const bool fits = count > 0 && count < (std::size_t{1} << 30) && trees.size() == count &&
                      features.size() == count && yes.size() == count && no.size() == count && values.size() == count &&
                      modes != nullptr && static_cast<std::size_t>(modes->strings_size()) == count &&
                      (tracks.empty() || tracks.size() == count);
    if (!fits) return refuse(Code::malformed, "its lists of nodes are missing, or of different lengths");
    for (std::size_t i = 0; i < count; ++i) {
      Branch b;
      b.name = {trees[i], ids[i]};
      if (!at_.emplace(b.name, i).second) return refuse(Code::malformed, text_of(b.name) + " is there twice");
      MOTE_TRY(b.mode, mode_of(modes->strings(static_cast<int>(i)), !tracks.empty() && tracks[i] != 0));
      b.threshold = values[i];
      if (b.mode != graph::kLeafMode && (features[i] < 0 || features[i] > INT32_MAX))
        return refuse(Code::malformed, text_of(b.name) + " asks for feature " + std::to_string(features[i]));
      b.feature = b.mode == graph::kLeafMode ? 0 : static_cast<std::int32_t>(features[i]);
      if (b.mode == graph::kLeafMode) b.threshold = 0.0f;
      branches_.push_back(b);
    }
    has_parent_.assign(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      if (branches_[i].mode == graph::kLeafMode) continue;
      MOTE_TRY(branches_[i].yes, child(i, yes[i]));
      MOTE_TRY(branches_[i].no, child(i, no[i]));
    }
    return {};
  }

  Result<std::size_t> child(std::size_t parent, std::int64_t id) {
    const NodeName name{branches_[parent].name.first, id};
    const auto found = at_.find(name);
    if (found == at_.end()) return refuse(Code::malformed, text_of(name) + ", a child, is missing");
    if (has_parent_[found->second]) return refuse(Code::malformed, text_of(name) + " is the child of two nodes");
    has_parent_[found->second] = true;
    return found->second;
  }

  Result<void> read_leaves() {
    const auto trees = node_.integers(prefix_ + "_treeids"), ids = node_.integers(prefix_ + "_nodeids"),
               targets = node_.integers(prefix_ + "_ids");
    const auto weights = reals(prefix_ + "_weights");
    const std::size_t count = weights.size();
    if (count == 0 || count >= (std::size_t{1} << 30) || trees.size() != count || ids.size() != count ||
        targets.size() != count)
      return refuse(Code::malformed, "its lists of weights are missing, or of different lengths");
    std::vector<std::size_t> leaf_of(count);
    weight_count_.assign(branches_.size(), 0);
    for (std::size_t k = 0; k < count; ++k) {
      const NodeName name{trees[k], ids[k]};
      const auto found = at_.find(name);
      if (found == at_.end() || branches_[found->second].mode != graph::kLeafMode)
        return refuse(Code::malformed, "it has a weight for " + text_of(name) + ", which is no leaf");
      if (targets[k] < 0 || targets[k] >= targets_)
        return refuse(Code::malformed, text_of(name) + " adds to target " + std::to_string(targets[k]) + " of " +
                                           std::to_string(targets_));
      leaf_of[k] = found->second;
      ++weight_count_[found->second];
    }
    std::int32_t next = 0;
    for (const std::int32_t n : weight_count_) {
      first_weight_.push_back(next);
      next += n;
    }
    std::vector<std::int32_t> at = first_weight_;
    weights_.resize(count);
    weight_targets_.resize(count);
    for (std::size_t k = 0; k < count; ++k) {
      const auto to = static_cast<std::size_t>(at[leaf_of[k]]++);
      weights_[to] = weights[k];
      weight_targets_[to] = static_cast<std::int32_t>(targets[k]);
    }
    return {};
  }

  /// Children behind their parents, tree after tree in the file's order.
  Result<void> sort_nodes() {
    place_.assign(branches_.size(), -1);
    tree_of_.assign(branches_.size(), 0);
    std::map<std::int64_t, std::size_t> root_of;
    for (std::size_t i = 0; i < branches_.size(); ++i) {
      if (has_parent_[i]) continue;
      if (!root_of.emplace(branches_[i].name.first, i).second)
        return refuse(Code::malformed,
                      text_of(branches_[i].name) + " has no parent, and neither has another of this tree");
      roots_.push_back(static_cast<std::int32_t>(sorted_.size()));
      std::vector<std::size_t> open{i};
      while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        place_[at] = static_cast<std::int32_t>(sorted_.size());
        tree_of_[at] = roots_.size() - 1;
        sorted_.push_back(at);
        if (branches_[at].mode == graph::kLeafMode) continue;
        open.push_back(branches_[at].no);
        open.push_back(branches_[at].yes);
      }
    }
    if (sorted_.size() == branches_.size()) return {};
    const auto lost = static_cast<std::size_t>(std::ranges::find(place_, -1) - place_.begin());
    return refuse(Code::malformed, text_of(branches_[lost].name) + " is part of a cycle");
  }

  Result<void> read_bases() {
    bases_ = reals("base_values");
    if (!bases_.empty() && bases_.size() != static_cast<std::size_t>(targets_) && bases_.size() != 1)
      return refuse(Code::malformed, "it has " + std::to_string(bases_.size()) + " base values for " +
                                         std::to_string(targets_) + " targets or classes");
    return {};
  }

  NodeReader& node_;
  std::string prefix_;
  std::int32_t targets_ = 0;
  std::vector<Branch> branches_;  // in the file's order
  std::map<NodeName, std::size_t> at_;
  std::vector<bool> has_parent_;
  std::vector<std::int32_t> first_weight_, weight_count_;  // of each branch
  std::vector<float> weights_;
  std::vector<std::int32_t> weight_targets_;
  std::vector<std::size_t> sorted_;
  std::vector<std::int32_t> place_;  // in `sorted_`
  std::vector<std::size_t> tree_of_;
  std::vector<std::int32_t> roots_;
  std::vector<float> bases_;
};

/// @return nothing for NONE
Result<std::optional<ScoreKind>> transform_of(const NodeReader& node) {
  const std::string text = node.text("post_transform", "NONE");
  if (text == "NONE") return std::nullopt;
  if (text == "LOGISTIC") return ScoreKind::logistic;
  if (text == "SOFTMAX") return ScoreKind::softmax;
  if (text == "SOFTMAX_ZERO") return ScoreKind::softmax_zero;
  return node.refuse(Code::unsupported, "its post_transform is " + in_quotes(clean_name(text)));
}

Result<TensorId> features(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  if (node.tensor(x).dtype != graph::DType::f32)
    return node.refuse(Code::unsupported,
                       "its features are " + std::string(graph::name(node.tensor(x).dtype)) + "; float32 is needed");
  if (node.shape(x).rank() > 2 || (node.shape(x).rank() == 2 && node.shape(x)[0] != 1))
    return node.refuse(Code::unsupported,
                       "its features are of the shape " + node.shape(x).text() + "; [1,N] is needed");
  return x;
}

Result<void> regressor(NodeReader& node) {
  MOTE_TRY(const TensorId x, features(node));
  MOTE_TRY(const auto transform, transform_of(node));
  const std::string text = node.text("aggregate_function", "SUM");
  constexpr std::array<std::string_view, 4> kNames{"SUM", "AVERAGE", "MIN", "MAX"};
  const auto found = std::ranges::find(kNames, text);
  if (found == kNames.end())
    return node.refuse(Code::unsupported, "its aggregate_function is " + in_quotes(clean_name(text)));
  const std::int64_t targets = node.integer("n_targets", 1);
  if (targets == 1 && transform)
    return node.refuse(Code::unsupported, "it has one target and a post_transform, which ONNX Runtime leaves out");
  Ensemble trees(node, "target");
  MOTE_TRY_VOID(trees.read(targets));
  if (!trees.bases().empty() && trees.bases().size() != static_cast<std::size_t>(targets))
    return node.refuse(Code::unsupported, "it has one base value for all targets, which ONNX Runtime leaves out");
  MOTE_TRY(TensorId y, trees.emit(x, static_cast<TreeAggregate>(found - kNames.begin())));
  if (transform) {
    MOTE_TRY(y, node.emit(graph::Scores{*transform}, {y}));
  }
  return node.give(y);
}

/// Positions of the classes; whole-number labels that are not their own position are not known to the graph.
Result<TensorId> label(NodeReader& node, TensorId scores) {
  const std::vector<std::int64_t> labels = node.integers("classlabels_int64s");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != labels[0] + static_cast<std::int64_t>(i) || labels[i] < INT32_MIN || labels[i] > INT32_MAX)
      return node.refuse(Code::unsupported, "its label is used, and the labels do not ascend one by one");
  }
  MOTE_TRY(TensorId y,
           node.emit(graph::ArgReduce{graph::ArgKind::maximum, 1}, {scores}, Dims{1, 1}, graph::DType::i32));
  MOTE_TRY(y, node.reshaped(y, {1}));
  if (labels.empty() || labels[0] == 0) return y;
  MOTE_TRY(const TensorId first, node.whole_words({static_cast<std::int32_t>(labels[0])}, {1}));
  return node.emit(graph::Add{}, {y, first});
}

/// All leaves add to class 0 alone: exporters write a boosted classifier of two classes so.
Result<void> classifier_of_one_score(NodeReader& node, Ensemble& trees, TensorId x, std::optional<ScoreKind> transform,
                                     bool positive) {
  if (transform && *transform != ScoreKind::logistic)
    return node.refuse(Code::unsupported, "it makes two scores of one by SOFTMAX, which ONNX Runtime leaves out");
  trees.keep_first_target();
  MOTE_TRY(const TensorId score, trees.emit(x, TreeAggregate::sum));
  // Class 1 is what is above a half, or above zero where weights can be negative.
  MOTE_TRY(TensorId y, node.emit(graph::Scores{positive ? ScoreKind::complement : ScoreKind::opposite}, {score}));
  if (node.is_used(0)) MOTE_TRY_VOID(node.give(label(node, y)));
  if (transform) {
    if (positive) {
      MOTE_TRY(y, node.emit(graph::Scores{ScoreKind::opposite}, {score}));
    }
    MOTE_TRY(y, node.emit(graph::Scores{*transform}, {y}));
  }
  return node.give(y, 1);
}

Result<void> classifier(NodeReader& node) {
  MOTE_TRY(const TensorId x, features(node));
  MOTE_TRY(const auto transform, transform_of(node));
  const auto* strings = node.attribute("classlabels_strings");
  const std::size_t classes = strings != nullptr && strings->strings_size() > 0
                                  ? static_cast<std::size_t>(strings->strings_size())
                                  : node.integers("classlabels_int64s").size();
  if (classes < 2)
    return node.refuse(Code::unsupported, "it has " + std::to_string(classes) + " class labels; two are the least");
  Ensemble trees(node, "class");
  MOTE_TRY_VOID(trees.read(static_cast<std::int64_t>(classes)));
  const bool positive = std::ranges::all_of(trees.weights(), [](float w) { return w >= 0.0f; });
  const bool pair = classes == 2 && !trees.adds_to(1);
  if (classes == 2 && !pair && (!trees.adds_to(0) || !trees.bases().empty() || !trees.always_adds_to_all()))
    return node.refuse(Code::unsupported,
                       "two classes have weights of class 1 alone, weights of both on some ways only, "
                       "or base values beside weights of both, which has no agreed meaning");
  if (pair ? trees.bases().size() > 1 : !trees.bases().empty() && trees.bases().size() != classes)
    return node.refuse(Code::unsupported, "it has " + std::to_string(trees.bases().size()) + " base values for " +
                                              std::to_string(classes) + " classes, which has no agreed meaning");
  if (pair) return classifier_of_one_score(node, trees, x, transform, positive);
  MOTE_TRY(TensorId y, trees.emit(x, TreeAggregate::sum));
  if (node.is_used(0)) {
    if (!trees.always_adds_to_all() && trees.bases().empty() && !positive)
      return node.refuse(Code::unsupported,
                         "its label is used, and which classes have a score depends on the features");
    TensorId decides = y;
    if (classes == 2) {
      // ONNX Runtime says class 1 where that one's score is above zero, whatever the other's is.
      MOTE_TRY(decides, node.emit(graph::Slice{{0, 1}, {1, 1}}, {y}, Dims{1, 1}));
      MOTE_TRY(decides, node.emit(graph::Scores{ScoreKind::opposite}, {decides}));
    }
    MOTE_TRY_VOID(node.give(label(node, decides)));
  }
  if (transform) {
    MOTE_TRY(y, node.emit(graph::Scores{*transform}, {y}));
  }
  return node.give(y, 1);
}

/// A map from each label to its score: the scores, in the order of the labels.
Result<void> zip_map(NodeReader& node) { return node.give(node.in(0)); }

}  // namespace

std::vector<OperatorRow> tree_rows() {
  return {{"TreeEnsembleClassifier", classifier, kMlDomain},
          {"TreeEnsembleRegressor", regressor, kMlDomain},
          {"ZipMap", zip_map, kMlDomain}};
}

}  // namespace mote::formats::onnx
