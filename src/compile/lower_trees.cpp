// Ensembles of trees and what is done with their scores: portable kernels on float32 values.

#include <fmt/format.h>

#include "lower.hpp"
#include "mote/graph/trees.hpp"

namespace mote::compile {
namespace {

/// Puts `values` into flash; returns how the body names them, "nullptr" when there are none.
template <class T>
std::string add_table(LoweredOp& lowered, std::string_view what, std::string_view type, std::size_t element_bytes,
                      const std::vector<T>& values, std::string comment) {
  if (values.empty()) return "nullptr";
  const std::string name = fmt::format("{}_{}", lowered.symbol, what);
  const bool hexadecimal = element_bytes == 4 && std::is_unsigned_v<T>;
  lowered.constants.push_back(
      {name, std::string(type), std::move(comment), element_bytes, hexadecimal, {values.begin(), values.end()}});
  return name;
}

}  // namespace

Result<LoweredOp> lower_trees(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  MOTE_TRY(const graph::TreeTables tables, graph::tree_tables(graph, op));
  const device::TreesGeometry& g = tables.geometry;
  const char* word = tables.wide ? "std::uint32_t" : "std::uint16_t";
  LoweredOp lowered =
      lowered_op(symbol, fmt::format("tree_ensemble, words of {} bits", tables.wide ? 32 : 16), "kernels/trees.hpp");
  lowered.geometry = static_geometry(symbol, {{"trees", g.trees},
                                              {"targets", g.targets},
                                              {"window", g.window},
                                              {"slots", g.slots},
                                              {"aggregate", g.aggregate}});
  const std::string slots = add_table(lowered, "slots", "std::uint32_t", 4, tables.slots,
                                      "2 * feature + (NaN is above), number of its thresholds");
  const std::string thresholds = add_table(lowered, "thresholds", "std::int32_t", 4, tables.thresholds,
                                           "bits of floats, in the order of whole numbers");
  const std::string nodes =
      add_table(lowered, "nodes", word, tables.wide ? 4 : 2, tables.words, "nodes of all trees, leaves among them");
  const std::string roots = add_table(lowered, "roots", "std::uint32_t", 4, tables.roots, "first word of each tree");
  const std::string firsts =
      add_table(lowered, "firsts", "std::uint16_t", 2, tables.firsts, "first target of each tree");
  const std::string leaves =
      add_table(lowered, "leaves", "std::uint32_t", 4, tables.leaves, "bits of floats, what leaves add");
  const std::string bases = add_table(lowered, "bases", "std::uint32_t", 4, tables.bases, "bits of floats");
  lowered.scratch_bytes = (tables.rank_bytes() * static_cast<std::size_t>(g.slots) + 3) / 4 * 4;
  lowered.body = fmt::format(
      "const TreesTables<{}> tables{{{}, {}, {}, {}, {}, {}, {}}};\n"
      "  tree_ensemble({}_geometry{{}}, tables, reinterpret_cast<const std::uint32_t*>(x0), "
      "reinterpret_cast<float*>(y), scratch);",
      word, slots, thresholds, nodes, roots, firsts, leaves, bases, symbol);
  return lowered;
}

LoweredOp lower_scores(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const graph::ScoreKind kind = op.as<graph::Scores>()->kind;
  LoweredOp lowered = lowered_op(symbol, fmt::format("scores, {}", graph::name(kind)), "kernels/scores.hpp");
  lowered.small = true;
  const auto count = static_cast<std::int32_t>(graph.tensor(op.outputs[0]).shape.elements());
  const char* const x = "reinterpret_cast<const float*>(x0)";
  const char* const y = "reinterpret_cast<float*>(y)";
  switch (kind) {
    case graph::ScoreKind::logistic:
      lowered.geometry = static_geometry(symbol, {{"count", count}});
      lowered.body = fmt::format("scores_logistic({}_geometry{{}}, {}, {});", symbol, x, y);
      lowered.may_reuse_inputs = {0};
      break;
    case graph::ScoreKind::softmax:
    case graph::ScoreKind::softmax_zero:
      lowered.geometry = static_geometry(symbol, {{"count", count}});
      lowered.body = fmt::format("scores_softmax({}_geometry{{}}, {}, {}, {});", symbol, x, y,
                                 kind == graph::ScoreKind::softmax_zero);
      lowered.may_reuse_inputs = {0};
      break;
    case graph::ScoreKind::complement:
    case graph::ScoreKind::opposite:
      lowered.body = fmt::format("scores_pair({}, {}, {});", x, y, kind == graph::ScoreKind::complement);
      break;
  }
  return lowered;
}

}  // namespace mote::compile
