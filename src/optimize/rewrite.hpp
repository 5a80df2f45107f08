#pragma once
// Private to the module: small moves that several passes share.

#include <algorithm>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::optimize {

/// Makes every reader of `from`, the model's outputs and its states, read `to` instead.
inline void redirect(graph::Graph& graph, graph::TensorId from, graph::TensorId to) {
  for (graph::Op& op : graph.ops()) std::ranges::replace(op.inputs, from, to);
  std::vector<graph::TensorId> outputs = graph.outputs();
  std::ranges::replace(outputs, from, to);
  graph.set_outputs(std::move(outputs));
  for (graph::State& state : graph.states()) {
    if (state.written == from) state.written = to;
  }
}

/// The only operator that reads `id`, or -1 when there are none, several, or `id` outlives the operators.
inline std::int32_t only_consumer(const graph::Graph& graph, graph::TensorId id) {
  if (graph.is_kept(id)) return -1;
  const auto readers = graph.consumers(id);
  return readers.size() == 1 ? readers.front() : -1;
}

/// Drops the operators with these indices and the tensors that nobody mentions any more.
inline void drop(graph::Graph& graph, const std::vector<bool>& dropped) {
  std::size_t index = 0;
  std::erase_if(graph.ops(), [&](const graph::Op&) { return dropped[index++]; });
  graph.remove_unused_tensors();
}

}  // namespace mote::optimize
