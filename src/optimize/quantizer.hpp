#pragma once
// Private to the module: from a float graph and the quantization of its values to int8.

#include <map>
#include <string>

#include "mote/graph/graph.hpp"

namespace mote::optimize {

/// Of value tensors, by their names.
using Quantizations = std::map<std::string, graph::Quantization, std::less<>>;

/// Where the quantizations come from.
enum class Origin {
  calibrated,  ///< observed ranges: they give way where TensorFlow Lite fixes a result's scale
  marked,      ///< they stand in the model and are kept, as are the scales of float weights that have them
};

[[nodiscard]] Result<graph::Graph> quantized_by(const graph::Graph& graph, const Quantizations& of_values,
                                                Origin origin);

/// True for operators whose int8 form gives the input's quantization on.
[[nodiscard]] bool passes_values_on(const graph::Op& op);
/// True for operators whose inputs must all have the output's quantization.
[[nodiscard]] bool joins_values(const graph::Op& op);

}  // namespace mote::optimize
