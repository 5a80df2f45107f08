#pragma once
// A model over a window of time -> a model that takes only the new rows and keeps what its layers need of the old ones.
//
// The input's time axis is its first one behind the batch that is longer than 1. Each inference moves the window on by
// `hop` rows. From the reset on, an inference whose window is filled (Streamed::inferences_to_fill) gives, byte for
// byte, what the batch model gives for that window.
//
// A value keeps being streamed, `hop` new rows at a time, through operators whose result moves on with their input:
//   - convolutions, depthwise layers and pooling that do not pad the time axis, and slices of it with stride 1;
//   - operators on one row at a time: elementwise ones, sums and products of values streamed alike or with constants
//     that are the same for all rows, reductions, concatenations, paddings, transposes and reshapes that leave the time
//     axis in one piece.
// Any other operator is given the whole window, and it and what follows is computed anew at each inference: exact as
// well, but nothing is saved. That is so for layers that pad the time axis: zeros stand at the window's border, where
// the stream has rows, so rows near the border change as the window moves.

#include <string>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::optimize {

struct Streamed {
  graph::Graph graph;
  std::int32_t window_rows = 0;         ///< of the batch model's input
  std::int32_t inferences_to_fill = 0;  ///< from this one on (counted from 1) outputs are the batch model's
  /// The first operator that needs its whole window, and why; empty without one.
  std::string whole_from;
};

/// @param hop  new rows of an inference.
/// @error invalid_argument  the hop is not within the window, or no multiple of the strides on the way (the sentence
///                          names the layer).
/// @error unsupported       several inputs, states, or no multiplication is saved (the sentence says which operator
///                          needs the whole window).
[[nodiscard]] Result<Streamed> stream(const graph::Graph& graph, std::int32_t hop);

}  // namespace mote::optimize
