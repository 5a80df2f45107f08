#include "mote/optimize/passes.hpp"

#include <algorithm>

#include "rewrite.hpp"

namespace mote::optimize {
namespace {

/// Dense reads its input as a flat list, whatever its shape.
bool readers_flatten(const graph::Graph& graph, graph::TensorId id) {
  if (graph.is_kept(id)) return false;
  const auto readers = graph.consumers(id);
  return std::ranges::all_of(
      readers, [&](std::int32_t r) { return graph.ops()[static_cast<std::size_t>(r)].as<graph::Dense>() != nullptr; });
}

}  // namespace

Result<graph::Graph> remove_reshape(const graph::Graph& original) {
  graph::Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    if (graph.ops()[i].as<graph::Reshape>() == nullptr) continue;
    // A chain: read what the first reshape read.
    const std::int32_t before = graph.producer(graph.ops()[i].inputs[0]);
    if (before >= 0 && graph.ops()[static_cast<std::size_t>(before)].as<graph::Reshape>() != nullptr) {
      graph.ops()[i].inputs[0] = graph.ops()[static_cast<std::size_t>(before)].inputs[0];
    }
    const graph::TensorId in = graph.ops()[i].inputs[0];
    const graph::TensorId out = graph.ops()[i].outputs[0];
    const bool same = graph.tensor(in).shape == graph.tensor(out).shape &&
                      graph.tensor(in).quantization == graph.tensor(out).quantization;
    const bool one_type = graph.tensor(in).dtype == graph.tensor(out).dtype;
    if (graph.is_kept(out) || !one_type || !(same || readers_flatten(graph, out))) continue;
    redirect(graph, out, in);
    dropped[i] = true;
  }
  // Reshapes that a chain stepped over may have no reader left.
  for (std::size_t i = graph.ops().size(); i-- > 0;) {
    const graph::Op& op = graph.ops()[i];
    if (dropped[i] || op.as<graph::Reshape>() == nullptr) continue;
    if (!graph.is_kept(op.outputs[0]) && graph.consumers(op.outputs[0]).empty()) dropped[i] = true;
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
