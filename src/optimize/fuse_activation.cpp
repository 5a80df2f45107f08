#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

/// The activation slot of an operator that clamps, or null.
graph::Activation* slot(graph::Op& op) {
  return std::visit(
      [](auto& a) -> graph::Activation* {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(a)>, graph::Activate>)
          return nullptr;
        else if constexpr (requires { a.activation; })
          return &a.activation;
        else
          return nullptr;
      },
      op.attributes);
}

}  // namespace

Result<graph::Graph> fuse_activation(const graph::Graph& original) {
  graph::Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op clamp = graph.ops()[i];
    const auto* activate = clamp.as<graph::Activate>();
    if (activate == nullptr) continue;
    // On integers the clamp may also change the quantization: then it is not a mere clamp.
    if (graph.tensor(clamp.inputs[0]).quantization != graph.tensor(clamp.outputs[0]).quantization) continue;
    const std::int32_t producer = graph.producer(clamp.inputs[0]);
    if (producer < 0 || only_consumer(graph, clamp.inputs[0]) != static_cast<std::int32_t>(i)) continue;
    graph::Op& op = graph.ops()[static_cast<std::size_t>(producer)];
    graph::Activation* activation = slot(op);
    if (activation == nullptr || *activation != graph::Activation::none) continue;
    *activation = activate->activation;
    op.outputs = clamp.outputs;
    dropped[i] = true;
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
