#include <algorithm>
#include <memory>

#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

/// A constant may not grow beyond this by being computed: repeating or padding is cheaper on the device than in flash.
constexpr std::size_t kMostGrowth = 4096;

std::size_t constant_bytes(const graph::Graph& graph, const graph::Op& op) {
  std::size_t bytes = 0;
  for (const graph::TensorId id : op.inputs) bytes += id == graph::kNoTensor ? 0 : graph.tensor(id).size_bytes();
  return bytes;
}

}  // namespace

Result<graph::Graph> fold_constants(const graph::Graph& original) {
  graph::Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op& op = graph.ops()[i];
    const bool constant = std::ranges::all_of(
        op.inputs, [&](graph::TensorId id) { return id == graph::kNoTensor || graph.tensor(id).is_constant(); });
    const graph::TensorId y = op.outputs[0];
    if (!constant || graph.is_kept(y) || graph.tensor(y).size_bytes() > constant_bytes(graph, op) + kMostGrowth)
      continue;
    auto folded = graph::fold(graph, op);
    if (!folded) continue;  // no form on the host: the compiler says what it thinks of it
    graph.tensor(y).data = std::make_shared<const Bytes>(std::move(*folded));
    dropped[i] = true;
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
