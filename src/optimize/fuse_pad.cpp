#include <algorithm>

#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

/// Zeros around height and width alone, which convolutions have pads for.
bool is_plane_of_zeros(const graph::Pad& pad) {
  if (pad.before.size() != 4 || pad.value != 0.0f) return false;
  const bool between = std::ranges::any_of(pad.between, [](std::int32_t n) { return n != 0; });
  return !between && pad.before[0] == 0 && pad.after[0] == 0 && pad.before[3] == 0 && pad.after[3] == 0;
}

template <class Attributes>
bool take_in(graph::Graph& graph, graph::Op& op, const graph::Op& padding) {
  auto* a = std::get_if<Attributes>(&op.attributes);
  if (a == nullptr) return false;
  const graph::Pad& pad = *padding.as<graph::Pad>();
  const graph::Shape& w = graph.tensor(op.inputs[1]).shape;
  graph::Pads pads = a->pads;
  pads.top += pad.before[1];
  pads.bottom += pad.after[1];
  pads.left += pad.before[2];
  pads.right += pad.after[2];
  if (!pads.within((w[1] - 1) * a->dilation_h + 1, (w[2] - 1) * a->dilation_w + 1)) return false;
  a->pads = pads;
  op.inputs[0] = padding.inputs[0];
  return true;
}

}  // namespace

Result<graph::Graph> fuse_pad(const graph::Graph& original) {
  graph::Graph graph = original;
  for (graph::Op& op : graph.ops()) {
    const std::int32_t producer = graph.producer(op.inputs[0]);
    if (producer < 0) continue;
    const graph::Op padding = graph.ops()[static_cast<std::size_t>(producer)];
    if (padding.as<graph::Pad>() == nullptr || !is_plane_of_zeros(*padding.as<graph::Pad>())) continue;
    if (!take_in<graph::Conv2D>(graph, op, padding)) take_in<graph::DepthwiseConv2D>(graph, op, padding);
  }
  return remove_unread(graph);
}

}  // namespace mote::optimize
