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

/// The copies that make up a Concat, Slice, Transpose, Pad or Broadcast; loops that can be one are one.
[[nodiscard]] std::vector<Move> moves(const Graph& graph, const Op& op);
/// True for these operators and Gather.
[[nodiscard]] bool is_move(const Op& op);
/// Element with which a Pad fills its output before the copies, as the tensor's type has it; its bytes.
[[nodiscard]] Bytes pad_element(const Graph& graph, const Op& op);
[[nodiscard]] device::GatherGeometry gather_geometry(const Graph& graph, const Op& op);

/// Loops over two operands that broadcast; nothing where more than four loops would be needed.
[[nodiscard]] std::optional<device::BroadcastGeometry> broadcast_geometry(const Shape& a, const Shape& b, const Shape& y);

}  // namespace mote::graph
