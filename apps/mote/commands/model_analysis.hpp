#pragma once
// What a graph costs and what is odd about it, by looking at it: nothing is compiled or run.

#include <cstdint>
#include <string>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::app {

struct OpFigures {
  std::uint64_t parameters = 0;  ///< elements of its constants
  std::uint64_t macs = 0;
  std::uint64_t live_macs = 0;   ///< without those of filters whose weights are all zero
  std::size_t filters = 0;       ///< output channels of an operator with weights
  std::size_t zero_filters = 0;  ///< of these, with weights that are all zero
  std::size_t dead_filters = 0;  ///< int8: others whose output is at the clamp's lower end for every input
  std::string activation;        ///< "none", "relu", "relu6", or empty where the operator has none
  std::string kernel;            ///< the device kernel that a Cortex-M4 would use; empty where there is none
  std::string refusal;           ///< why there is none
};

/// Activations at one operator: the most there are.
struct PeakLive {
  std::uint64_t bytes = 0;
  std::size_t op = 0;
  std::vector<graph::TensorId> tensors;
};

struct ModelFigures {
  bool is_int8 = false;  ///< every operator works on int8
  std::vector<OpFigures> ops;
  std::uint64_t macs = 0;
  std::uint64_t live_macs = 0;
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;
  PeakLive peak;  ///< inputs and outputs of the operators, none in place of another, no scratch
  std::vector<std::string> warnings;
};

/// @param graph  verified.
[[nodiscard]] ModelFigures analyse(const graph::Graph& graph);

}  // namespace mote::app
