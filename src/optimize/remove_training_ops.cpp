#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {

Result<graph::Graph> remove_training_ops(const graph::Graph& original) {
  graph::Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op& op = graph.ops()[i];
    if (op.as<graph::Dropout>() == nullptr) continue;
    redirect(graph, op.outputs[0], op.inputs[0]);
    dropped[i] = true;
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
