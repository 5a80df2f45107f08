#include <algorithm>

#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

/// Constants count by what they hold.
bool same_tensor(const graph::Graph& graph, graph::TensorId a, graph::TensorId b) {
  if (a == b) return true;
  if (a == graph::kNoTensor || b == graph::kNoTensor) return false;
  const graph::Tensor &x = graph.tensor(a), &y = graph.tensor(b);
  return x.is_constant() && y.is_constant() && x.dtype == y.dtype && x.shape == y.shape &&
         x.quantization == y.quantization && (x.data == y.data || *x.data == *y.data);
}

bool computes_the_same(const graph::Graph& graph, const graph::Op& a, const graph::Op& b) {
  if (!(a.attributes == b.attributes) || a.inputs.size() != b.inputs.size()) return false;
  const graph::Tensor &x = graph.tensor(a.outputs[0]), &y = graph.tensor(b.outputs[0]);
  if (x.dtype != y.dtype || x.shape != y.shape || x.quantization != y.quantization) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    if (!same_tensor(graph, a.inputs[i], b.inputs[i])) return false;
  }
  return true;
}

}  // namespace

Result<graph::Graph> common_subexpressions(const graph::Graph& original) {
  graph::Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op& op = graph.ops()[i];
    if (graph.is_kept(op.outputs[0]) || op.as<graph::Dropout>() != nullptr) continue;
    for (std::size_t k = 0; k < i; ++k) {
      if (dropped[k] || !computes_the_same(graph, graph.ops()[k], op)) continue;
      redirect(graph, op.outputs[0], graph.ops()[k].outputs[0]);
      dropped[i] = true;
      break;
    }
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
