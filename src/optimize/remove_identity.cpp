// Operators that hand on what they got: moves that move nothing, conversions there and back, two transposes in a row.

#include <algorithm>

#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Op;
using graph::TensorId;

bool all_are(const std::vector<std::int32_t>& values, std::int32_t value) {
  return std::ranges::all_of(values, [&](std::int32_t v) { return v == value; });
}

bool counts_up(std::span<const std::int32_t> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != static_cast<std::int32_t>(i)) return false;
  }
  return true;
}

/// Whether the operator's output is its first input, element for element.
bool is_identity(const Graph& graph, const Op& op) {
  const graph::Tensor &x = graph.tensor(op.inputs[0]), &y = graph.tensor(op.outputs[0]);
  if (x.shape != y.shape || x.dtype != y.dtype || x.quantization != y.quantization) return false;
  if (op.as<graph::Broadcast>() != nullptr || op.as<graph::Reshape>() != nullptr) return true;
  if (const auto* a = op.as<graph::Slice>()) return all_are(a->begin, 0) && all_are(a->stride, 1);
  if (const auto* a = op.as<graph::Transpose>()) return counts_up(a->permutation);
  if (const auto* a = op.as<graph::Pad>())
    return all_are(a->before, 0) && all_are(a->after, 0) && all_are(a->between, 0);
  if (op.as<graph::Concat>() != nullptr) return op.inputs.size() == 1;
  if (op.as<graph::Gather>() != nullptr) return counts_up(graph.tensor(op.inputs[1]).values<std::int32_t>());
  if (op.as<graph::Quantize>() != nullptr) return true;  // between equal quantizations
  if (const auto* a = op.as<graph::Activate>()) return a->activation == graph::Activation::none;
  if (const auto* a = op.as<graph::Reduce>())
    return a->axes.empty() && a->kind != graph::ReduceKind::sum && a->kind != graph::ReduceKind::mean;
  return false;
}

/// What `op` and the operator in front of it are together: `op`'s output is this tensor, or nothing is known.
TensorId undone(const Graph& graph, const Op& op) {
  const std::int32_t index = graph.producer(op.inputs[0]);
  if (index < 0) return graph::kNoTensor;
  const Op& before = graph.ops()[static_cast<std::size_t>(index)];
  // int8 to float and back to the same int8.
  const bool there_and_back = before.as<graph::Dequantize>() != nullptr && op.as<graph::Quantize>() != nullptr;
  const graph::Tensor &first = graph.tensor(before.inputs[0]), &last = graph.tensor(op.outputs[0]);
  if (there_and_back && first.dtype == last.dtype && first.quantization == last.quantization) return before.inputs[0];
  return graph::kNoTensor;
}

/// Two transposes in a row become one.
void join_transposes(Graph& graph, Op& op) {
  auto* second = std::get_if<graph::Transpose>(&op.attributes);
  const std::int32_t index = graph.producer(op.inputs[0]);
  if (second == nullptr || index < 0) return;
  const Op& before = graph.ops()[static_cast<std::size_t>(index)];
  const auto* first = before.as<graph::Transpose>();
  if (first == nullptr) return;
  for (std::int32_t& p : second->permutation) p = first->permutation[static_cast<std::size_t>(p)];
  op.inputs[0] = before.inputs[0];
}

/// A transpose that only moves dimensions of 1 is a change of shape.
void transpose_to_reshape(const Graph& graph, Op& op) {
  const auto* transpose = op.as<graph::Transpose>();
  if (transpose == nullptr) return;
  const graph::Shape& x = graph.tensor(op.inputs[0]).shape;
  std::int32_t last = -1;
  for (const std::int32_t p : transpose->permutation) {
    if (x[static_cast<std::size_t>(p)] == 1) continue;
    if (p < last) return;
    last = p;
  }
  op.attributes = graph::Reshape{};
}

}  // namespace

Result<Graph> remove_identity(const Graph& original) {
  Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    join_transposes(graph, graph.ops()[i]);
    transpose_to_reshape(graph, graph.ops()[i]);
    const Op& op = graph.ops()[i];
    const TensorId source = is_identity(graph, op) ? op.inputs[0] : undone(graph, op);
    if (source == graph::kNoTensor || graph.is_kept(op.outputs[0])) continue;
    redirect(graph, op.outputs[0], source);
    dropped[i] = true;
  }
  drop(graph, dropped);
  return remove_unread(graph);
}

namespace {

/// Marks what operators read on the way to the marked tensors, the last operator first. True for operators of use.
std::vector<bool> trace(const Graph& graph, std::vector<bool>& read) {
  std::vector<bool> useful(graph.ops().size(), false);
  for (std::size_t i = graph.ops().size(); i-- > 0;) {
    const Op& op = graph.ops()[i];
    useful[i] = read[static_cast<std::size_t>(op.outputs[0])];
    for (const TensorId id : op.inputs) {
      if (useful[i] && id != graph::kNoTensor) read[static_cast<std::size_t>(id)] = true;
    }
  }
  return useful;
}

}  // namespace

/// A state is of use where an output depends on it, at this inference or a later one.
Result<Graph> remove_unread(const Graph& original) {
  Graph graph = original;
  std::vector<bool> read(graph.tensors().size(), false);
  for (const TensorId id : graph.outputs()) read[static_cast<std::size_t>(id)] = true;
  std::vector<bool> useful = trace(graph, read);
  for (bool found = true; found;) {
    found = false;
    for (const graph::State& state : graph.states()) {
      if (!read[static_cast<std::size_t>(state.read)] || read[static_cast<std::size_t>(state.written)]) continue;
      read[static_cast<std::size_t>(state.written)] = true;
      found = true;
    }
    if (found) useful = trace(graph, read);
  }
  std::erase_if(graph.states(), [&](const graph::State& s) { return !read[static_cast<std::size_t>(s.read)]; });
  useful.flip();
  drop(graph, useful);
  return graph;
}

}  // namespace mote::optimize
