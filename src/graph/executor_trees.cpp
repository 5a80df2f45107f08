// Ensembles of trees and their scores: the device's portable kernels.

#include "executor_kernels.hpp"
#include "kernels/scores.hpp"
#include "mote/graph/trees.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

template <class Word>
Step walk_step(std::shared_ptr<const TreeTables> tables, const std::uint8_t* x, float* y) {
  const auto words = std::make_shared<const std::vector<Word>>(tables->words.begin(), tables->words.end());
  const auto ranks =
      std::make_shared<Bytes>(tables->rank_bytes() * static_cast<std::size_t>(tables->geometry.slots) + 1);
  return [tables = std::move(tables), words, ranks, x = reinterpret_cast<const std::uint32_t*>(x), y] {
    const device::TreesTables<Word> t{tables->slots.data(),
                                      tables->thresholds.data(),
                                      words->data(),
                                      tables->roots.data(),
                                      tables->firsts.empty() ? nullptr : tables->firsts.data(),
                                      tables->leaves.data(),
                                      tables->bases.empty() ? nullptr : tables->bases.data()};
    device::tree_ensemble(tables->geometry, t, x, y, ranks->data());
  };
}

}  // namespace

Result<Step> prepare_trees(const Graph& graph, const Op& op, const std::vector<const std::uint8_t*>& inputs,
                           float* output) {
  MOTE_TRY(TreeTables made, tree_tables(graph, op));
  const auto tables = std::make_shared<const TreeTables>(std::move(made));
  return tables->wide ? walk_step<std::uint32_t>(tables, inputs[0], output)
                      : walk_step<std::uint16_t>(tables, inputs[0], output);
}

Step prepare_scores(std::size_t outputs, ScoreKind kind, const float* x, float* y) {
  const device::ScoresGeometry g{static_cast<std::int32_t>(outputs)};
  switch (kind) {
    case ScoreKind::logistic:
      return [=] { device::scores_logistic(g, x, y); };
    case ScoreKind::softmax:
    case ScoreKind::softmax_zero:
      return [=] { device::scores_softmax(g, x, y, kind == ScoreKind::softmax_zero); };
    case ScoreKind::complement:
    case ScoreKind::opposite:
      break;
  }
  return [=] { device::scores_pair(x, y, kind == ScoreKind::complement); };
}

}  // namespace mote::graph::executor
