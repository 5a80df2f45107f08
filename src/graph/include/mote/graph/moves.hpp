#pragma once
// What an operator that only moves elements means as copies. Executor and compiler both take it from here.

#include <optional>
#include <vector>

#include "kernels/binary.hpp"
#include "kernels/move.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

struct Move {
  std::size_t input = 0;
  device::MoveGeometry geometry{};
};

/// The copies that make up a Concat, Slice, Transpose, Pad, Broadcast or Shift; loops that can be one are one.
[[nodiscard]] std::vector<Move> moves(const Graph& graph, const Op& op);
/// True for these operators and Gather.
[[nodiscard]] bool is_move(const Op& op);
/// Element with which a Pad fills its output before the copies, as the tensor's type has it; its bytes.
[[nodiscard]] Bytes pad_element(const Graph& graph, const Op& op);
[[nodiscard]] device::GatherGeometry gather_geometry(const Graph& graph, const Op& op);
[[nodiscard]] device::ShiftGeometry shift_geometry(const Graph& graph, const Op& op);

/// Loops over two operands that broadcast; nothing where more than four loops would be needed.
[[nodiscard]] std::optional<device::BroadcastGeometry> broadcast_geometry(const Shape& a, const Shape& b,
                                                                          const Shape& y);

/// y[i] = f(a[i], b[i]) for elements of any type.
template <class In, class Out, class Function>
void for_broadcast(const device::BroadcastGeometry& g, const In* a, const In* b, Out* y, Function f) {
  for (std::int32_t i = 0; i < g.count[0]; ++i) {
    for (std::int32_t j = 0; j < g.count[1]; ++j) {
      for (std::int32_t k = 0; k < g.count[2]; ++k) {
        const In* left = a + i * g.a[0] + j * g.a[1] + k * g.a[2];
        const In* right = b + i * g.b[0] + j * g.b[1] + k * g.b[2];
        for (std::int32_t l = 0; l < g.count[3]; ++l, left += g.a[3], right += g.b[3]) *y++ = f(*left, *right);
      }
    }
  }
}

}  // namespace mote::graph
