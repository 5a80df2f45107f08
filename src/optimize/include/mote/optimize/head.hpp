#pragma once
// The last layer of an int8 model apart from the rest: it is trained on by itself and put back, and every other byte of
// the model stays what it was. So what a device has to be sent is a small delta.

#include "mote/graph/graph.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::optimize {

/// A model in front of its last operator with weights, and from there on.
struct CutModel {
  graph::Graph body;  ///< same input; its output is what the head reads
  graph::Graph head;  ///< same output
};
/// @error unsupported  no operator with weights, none in front of it, several inputs, outputs or a state, or something
/// behind it reads more than it gives.
[[nodiscard]] Result<CutModel> cut_at_head(const graph::Graph& graph);

/// The float model that an int8 one stands for: integer weights times their scales. Operators, names and order stay.
/// @error unsupported  it rescales values between operators, or is not int8 throughout.
[[nodiscard]] Result<graph::Graph> dequantize(const graph::Graph& int8);

/// `graph` with the constants of the head in place of its own; float both, or int8 both.
/// @error invalid_argument  it is not a head of this model.
[[nodiscard]] Result<graph::Graph> with_head(const graph::Graph& graph, const graph::Graph& head);

/// The head in int8, behind a body that stays: what it reads has the body's quantization.
/// @param head    float, as cut_at_head(dequantize(int8)) gives it, trained on or not.
/// @param ranges  of the values that its operators compute (train::calibrate).
/// @return `int8` with new weights, biases and scales of the head, and nothing else changed.
/// @error invalid_argument  another model's head.   What quantize says.
[[nodiscard]] Result<graph::Graph> quantize_head(const graph::Graph& int8, const graph::Graph& head,
                                                 const graph::Ranges& ranges);

}  // namespace mote::optimize
