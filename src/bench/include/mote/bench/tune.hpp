#pragma once
// Chooses a form for each operator by measuring forms on the board.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/progress.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/compile/compile.hpp"

namespace mote::bench {

struct TuneOptions {
  compile::CompileOptions compile;  ///< with its budgets of flash and arena; program.forms is not looked at
  double latency_ms = 0;            ///< 0: none
  std::filesystem::path cache;      ///< folder in which measurements are kept; empty: they are not
};

struct TunedLayer {
  std::size_t op = 0;
  std::string summary;
  std::size_t forms = 0;        ///< that there are within the arena's limit
  std::string kernel;           ///< the one that was chosen
  std::uint64_t cycles = 0;     ///< of it, measured
  std::string by_estimate;      ///< kernel that compile() takes without measuring
  std::uint64_t estimated = 0;  ///< cycles of that one, measured
};

struct Tuned {
  compile::CompiledModel model;
  std::vector<TunedLayer> layers;  ///< operators that have more than one form
  std::size_t forms = 0;           ///< different ones, of all operators
  std::size_t measured = 0;        ///< of them, in this run
  std::size_t modules = 0;         ///< that were run to measure them
  std::uint64_t cycles = 0;        ///< of an inference of `model`
  std::uint64_t untuned = 0;       ///< of one of what compile() gives
  bool within = true;              ///< all budgets are met
};

/// Measures each form that an operator may take (scratch, functions of its own or shared ones, layouts, unrolling,
/// Winograd's form, weights in RAM), many operators in one module, and selects: the fewest cycles within the budgets of
/// flash and arena; with a latency, the least flash that meets it, then the least RAM. Without a budget of flash
/// a byte of it is worth lowering.cycles_a_byte, and Winograd's form is left out unless options ask for it, as it is by
/// compile(); without one of the arena it has what compile() would give it. Operators that are computed row by row keep
/// their forms. By this measure the result is never worse than compile()'s.
/// @param input  of the module; cycles hardly depend on it.
/// @error unsupported  nothing is counted on the board.
[[nodiscard]] Result<Tuned> tune(const graph::Graph& graph, const board::BoardSpec& board, const TuneOptions& options,
                                 ByteSpan input, Progress& progress);

/// Where measurements of this user are kept: $XDG_CACHE_HOME/mote/tune, else $HOME/.cache/mote/tune; empty without
/// both.
[[nodiscard]] std::filesystem::path user_tune_cache();

}  // namespace mote::bench
