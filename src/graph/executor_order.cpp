// TopK, by the device's portable kernels.

#include "executor_kernels.hpp"
#include "mote/graph/reductions.hpp"

namespace mote::graph::executor {
namespace {

template <class Element>
std::function<void()> top_k(const device::TopKGeometry& g, bool indices, const Element* x, std::uint8_t* output) {
  if (indices) return [g, x, y = reinterpret_cast<std::int32_t*>(output)] { device::top_k_indices(g, x, y); };
  return [g, x, y = reinterpret_cast<Element*>(output)] { device::top_k_values(g, x, y); };
}

}  // namespace

std::function<void()> prepare_top_k(const Graph& graph, const Op& op, const std::vector<const std::uint8_t*>& inputs,
                                    std::uint8_t* output) {
  const device::TopKGeometry g = top_k_geometry(graph, op);
  const bool indices = graph.tensor(op.outputs[0]).dtype == DType::i32;
  if (graph.tensor(op.inputs[0]).dtype == DType::i8)
    return top_k(g, indices, reinterpret_cast<const std::int8_t*>(inputs[0]), output);
  return top_k(g, indices, reinterpret_cast<const float*>(inputs[0]), output);
}

}  // namespace mote::graph::executor
