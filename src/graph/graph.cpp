#include "mote/graph/graph.hpp"

#include <algorithm>

namespace mote::graph {

TensorId Graph::add_tensor(Tensor tensor) {
  tensors_.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors_.size() - 1);
}

void Graph::add_op(Op op) {
  for (const TensorId id : op.inputs) MOTE_CHECK(id == kNoTensor || static_cast<std::size_t>(id) < tensors_.size());
  ops_.push_back(std::move(op));
}

std::int32_t Graph::producer(TensorId id) const {
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    if (std::ranges::find(ops_[i].outputs, id) != ops_[i].outputs.end()) return static_cast<std::int32_t>(i);
  }
  return -1;
}

std::vector<std::int32_t> Graph::consumers(TensorId id) const {
  std::vector<std::int32_t> found;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    if (std::ranges::find(ops_[i].inputs, id) != ops_[i].inputs.end()) found.push_back(static_cast<std::int32_t>(i));
  }
  return found;
}

bool State::operator==(const State& other) const {
  const bool same =
      initial == other.initial || (initial != nullptr && other.initial != nullptr && *initial == *other.initial);
  return same && read == other.read && written == other.written;
}

bool Graph::is_kept(TensorId id) const {
  return std::ranges::find(outputs_, id) != outputs_.end() ||
         std::ranges::find(states_, id, &State::written) != states_.end();
}

void Graph::remove_unused_tensors() {
  std::vector<TensorId> renumbered(tensors_.size(), kNoTensor);
  const auto mark = [&](const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) {
      if (id != kNoTensor) renumbered[static_cast<std::size_t>(id)] = 0;
    }
  };
  mark(inputs_);
  mark(outputs_);
  for (const Op& op : ops_) {
    mark(op.inputs);
    mark(op.outputs);
  }
  for (const State& state : states_) mark({state.read, state.written});
  std::vector<Tensor> kept;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (renumbered[i] == kNoTensor) continue;
    renumbered[i] = static_cast<TensorId>(kept.size());
    kept.push_back(std::move(tensors_[i]));
  }
  tensors_ = std::move(kept);
  const auto renumber = [&](std::vector<TensorId>& ids) {
    for (TensorId& id : ids) {
      if (id != kNoTensor) id = renumbered[static_cast<std::size_t>(id)];
    }
  };
  renumber(inputs_);
  renumber(outputs_);
  for (Op& op : ops_) {
    renumber(op.inputs);
    renumber(op.outputs);
  }
  for (State& state : states_) {
    state.read = renumbered[static_cast<std::size_t>(state.read)];
    state.written = renumbered[static_cast<std::size_t>(state.written)];
  }
}

namespace {

struct MacCounter {
  const Graph& graph;
  const Op& op;
  [[nodiscard]] std::uint64_t output() const { return graph.tensor(op.outputs[0]).shape.elements(); }
  [[nodiscard]] const Shape& weights() const { return graph.tensor(op.inputs[1]).shape; }
  std::uint64_t operator()(const Conv2D&) const {
    return output() * static_cast<std::uint64_t>(weights()[1]) * static_cast<std::uint64_t>(weights()[2]) *
           static_cast<std::uint64_t>(weights()[3]);
  }
  std::uint64_t operator()(const DepthwiseConv2D&) const {
    return output() * static_cast<std::uint64_t>(weights()[1]) * static_cast<std::uint64_t>(weights()[2]);
  }
  std::uint64_t operator()(const Dense&) const { return weights().elements(); }
  std::uint64_t operator()(const DenseWide&) const { return weights().elements(); }
  std::uint64_t operator()(const TimeFilter&) const { return weights().elements(); }
  std::uint64_t operator()(const LstmGate&) const {
    return graph.tensor(op.inputs[2]).shape.elements() + graph.tensor(op.inputs[3]).shape.elements();
  }
  std::uint64_t operator()(const MatMul&) const {
    return output() * static_cast<std::uint64_t>(graph.tensor(op.inputs[0]).shape.back());
  }
  template <class Other>
  std::uint64_t operator()(const Other&) const {
    return 0;
  }
};

}  // namespace

std::size_t input_bytes(const Graph& graph) {
  std::size_t sum = 0;
  for (const TensorId id : graph.inputs()) sum += graph.tensor(id).size_bytes();
  return sum;
}

std::size_t output_bytes(const Graph& graph) {
  std::size_t sum = 0;
  for (const TensorId id : graph.outputs()) sum += graph.tensor(id).size_bytes();
  return sum;
}

std::size_t state_bytes(const Graph& graph) {
  std::size_t sum = 0;
  for (const State& state : graph.states()) sum += graph.tensor(state.read).size_bytes();
  return sum;
}

std::uint64_t macs(const Graph& graph, const Op& op) { return std::visit(MacCounter{graph, op}, op.attributes); }

std::uint64_t macs(const Graph& graph) {
  std::uint64_t total = 0;
  for (const Op& op : graph.ops()) total += macs(graph, op);
  return total;
}

std::uint64_t parameter_count(const Graph& graph) {
  std::uint64_t total = 0;
  for (const Tensor& tensor : graph.tensors()) total += tensor.is_constant() ? tensor.shape.elements() : 0;
  return total;
}

std::uint64_t weight_bytes(const Graph& graph) {
  std::uint64_t total = 0;
  for (const Tensor& tensor : graph.tensors()) total += tensor.is_constant() ? tensor.size_bytes() : 0;
  return total;
}

Digest content_hash(const Graph& graph) { return sha256(print(graph)); }

}  // namespace mote::graph
