#include <algorithm>

#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Tensor;
using graph::TensorId;

std::int32_t elements(const Graph& graph, TensorId id) {
  return static_cast<std::int32_t>(graph.tensor(id).shape.elements());
}

bool one_type(const Graph& graph, const std::vector<TensorId>& ids) {
  return std::ranges::all_of(ids, [&](TensorId id) { return graph.tensor(id).dtype == graph.tensor(ids[0]).dtype; });
}

/// The tensor whose type all outputs can have side by side: any where they have one type; where some are indices and
/// some floats, which are as wide, a float.
TensorId common_output(const Graph& graph) {
  const auto& ids = graph.outputs();
  if (one_type(graph, ids)) return ids[0];
  const auto narrow = [&](TensorId id) {
    return graph.tensor(id).dtype != graph::DType::f32 && graph.tensor(id).dtype != graph::DType::i32;
  };
  if (std::ranges::any_of(ids, narrow)) return graph::kNoTensor;
  return *std::ranges::find_if(ids, [&](TensorId id) { return graph.tensor(id).dtype == graph::DType::f32; });
}

std::string fresh(const Graph& graph, std::string name) {
  while (std::ranges::any_of(graph.tensors(), [&](const Tensor& t) { return t.name == name; })) name += "_";
  return name;
}

/// A flat tensor that holds all of `ids`; its quantization is only a label.
TensorId flat_tensor(Graph& graph, const std::string& name, std::int32_t count, TensorId like) {
  const Tensor& t = graph.tensor(like);
  return graph.add_tensor({fresh(graph, name), t.dtype, {1, count}, t.quantization, nullptr});
}

}  // namespace

Result<Graph> pack_interface(const Graph& original) {
  Graph graph = original;
  if (graph.inputs().size() > 1 && one_type(graph, graph.inputs())) {
    const std::vector<TensorId> inputs = graph.inputs();
    std::int32_t count = 0;
    for (const TensorId id : inputs) count += elements(graph, id);
    const TensorId packed = flat_tensor(graph, "inputs", count, inputs[0]);
    std::vector<graph::Op> ops = std::move(graph.ops());
    graph.ops().clear();
    std::int32_t place = 0;
    for (const TensorId id : inputs) {
      const TensorId part = flat_tensor(graph, graph.tensor(id).name + "/flat", elements(graph, id), packed);
      graph.add_op({graph.tensor(part).name, graph::Slice{{0, place}, {1, 1}}, {packed}, {part}});
      graph.add_op({graph.tensor(id).name, graph::Reshape{}, {part}, {id}});
      place += elements(graph, id);
    }
    for (graph::Op& op : ops) graph.add_op(std::move(op));
    graph.set_inputs({packed});
  }
  if (const TensorId like = graph.outputs().size() > 1 ? common_output(graph) : graph::kNoTensor;
      like != graph::kNoTensor) {
    const std::vector<TensorId> outputs = graph.outputs();
    std::int32_t count = 0;
    for (const TensorId id : outputs) count += elements(graph, id);
    const TensorId packed = flat_tensor(graph, "outputs", count, like);
    std::vector<TensorId> parts;
    for (const TensorId id : outputs) {
      const TensorId part = flat_tensor(graph, graph.tensor(id).name + "/flat", elements(graph, id), packed);
      graph.add_op({graph.tensor(part).name, graph::Reshape{}, {id}, {part}});
      parts.push_back(part);
    }
    graph.add_op({graph.tensor(packed).name, graph::Concat{1}, parts, {packed}});
    graph.set_outputs({packed});
  }
  return graph;
}

}  // namespace mote::optimize
