#pragma once
// A graph as a picture: operators from top to bottom in their order, lines where values flow.

#include <string>

#include "mote/graph/graph.hpp"

namespace mote::app {

/// SVG text. Boxes say the operator, its name, output shape, multiply-accumulates and weights; darker boxes have more
/// multiply-accumulates.
[[nodiscard]] std::string graph_svg(const graph::Graph& graph);

}  // namespace mote::app
