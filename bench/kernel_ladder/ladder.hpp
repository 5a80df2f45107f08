#pragma once
// The steps from the definition of a layer to its fastest kernel, each by the compiler's own switches.

#include <cstdint>
#include <string>
#include <vector>

#include "mote/board/board_spec.hpp"
#include "mote/compile/compile.hpp"
#include "mote/graph/graph.hpp"

namespace mote::ladder {

struct Rung {
  std::string name;
  std::string why;  ///< one sentence: what it does differently from the rung before, and what that saves
  compile::Target kernels = compile::Target::armv7em;
  bool compact = false;
  compile::Form form;  ///< of the layer
};

/// A layer of a usual size, and its rungs, slow to fast.
struct Ladder {
  std::string title;  ///< "3x3 convolution, 32 to 32 channels, 16 x 16"
  graph::Graph graph;
  std::vector<Rung> rungs;
};
[[nodiscard]] std::vector<Ladder> ladders();

struct Measured {
  std::string kernel;  ///< as the compiler names it
  std::uint64_t cycles = 0, instructions = 0, fetch_stalls = 0;
  std::uint64_t macs = 0;
  std::size_t code_bytes = 0;      ///< of the module: the kernel and all that it needs
  std::size_t constant_bytes = 0;  ///< of the layer
  std::size_t scratch_bytes = 0;
  std::string output_sha256;  ///< the same at every rung
  [[nodiscard]] double cycles_a_mac() const { return static_cast<double>(cycles) / static_cast<double>(macs); }
};
/// Compiles the layer in this form and runs it once on the board, on fixed noise.
[[nodiscard]] Result<Measured> measure(const graph::Graph& layer, const Rung& rung, const board::BoardSpec& board);

}  // namespace mote::ladder
