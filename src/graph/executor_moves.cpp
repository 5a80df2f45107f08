#include <algorithm>

#include "executor_kernels.hpp"
#include "mote/graph/moves.hpp"

namespace mote::graph::executor {

std::function<void()> prepare_moves(const Graph& graph, const Op& op, const std::vector<const std::uint8_t*>& inputs,
                                    std::uint8_t* output) {
  const auto bytes = [](auto* p) {
    return reinterpret_cast<
        std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(p)>>, const std::int8_t*, std::int8_t*>>(p);
  };
  std::int8_t* y = bytes(output);
  if (op.as<Gather>() != nullptr) {
    const auto indices = graph.tensor(op.inputs[1]).values<std::int32_t>();
    return [g = gather_geometry(graph, op), indices = std::vector<std::int32_t>(indices.begin(), indices.end()),
            x = bytes(inputs[0]), y] { device::gather(g, indices.data(), x, y); };
  }
  Bytes fill;
  if (op.as<Pad>() != nullptr) fill = pad_element(graph, op);
  return [copies = moves(graph, op), fill, size = graph.tensor(op.outputs[0]).size_bytes(), inputs, output, y, bytes] {
    for (std::size_t i = 0; !fill.empty() && i < size; i += fill.size()) std::ranges::copy(fill, output + i);
    for (const Move& move : copies) device::move_elements(move.geometry, bytes(inputs[move.input]), y);
  };
}

}  // namespace mote::graph::executor
