#pragma once
// Measures a compiled model on a board: what `mote bench` prints and what budgets are held against.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mote/base/progress.hpp"
#include "mote/base/rng.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/virtual_board.hpp"
#include "mote/compile/compile.hpp"

namespace mote::bench {

/// One call of the module: an operator, or the features stage.
struct StepCost {
  std::string name;  ///< "op_03_conv2d", "features"
  std::string summary;
  std::string kernel;
  std::int32_t op_index = -1;  ///< -1: features
  std::uint64_t macs = 0;
  std::uint64_t cycles = 0;
  std::uint64_t instructions = 0;
  std::uint64_t fetch_stalls = 0;  ///< cycles of these in which instructions were waited for
};

struct RamUse {
  std::size_t arena = 0;        ///< bytes, exact: planned and touched are compared
  std::size_t stack = 0;        ///< bytes below the caller of the module
  std::size_t static_data = 0;  ///< of the module: always 0, it has no globals
  [[nodiscard]] std::size_t total() const { return arena + stack + static_data; }
};

struct FlashUse {
  std::size_t code = 0;
  std::size_t constants = 0;  ///< weights, parameters, feature tables, header, schema, self-test vectors
  [[nodiscard]] std::size_t total() const { return code + constants; }
};

struct BenchResult {
  std::string model;
  std::string board;
  std::uint64_t macs = 0;       ///< of the model as it was given
  std::uint64_t live_macs = 0;  ///< of what was compiled
  bool counted = true;  ///< false on this machine itself ("host"): counts, cycles, time, energy and stack are unknown
  board::CycleCounts counts;
  std::uint64_t cycles = 0;
  double latency_ms = 0.0;
  double energy_uj = 0.0;  ///< 0 where the board's current is unknown; then "energy_uj" is among `estimated`
  RamUse ram;
  FlashUse flash;
  std::size_t arena_planned = 0;  ///< extent the compiler planned
  std::size_t arena_touched = 0;  ///< extent the board saw
  std::vector<StepCost> steps;
  Bytes output;  ///< what the board gave
  std::string output_sha256;
  std::vector<std::string> estimated;
};

/// Runs the firmware once on `input`, measured where the board is emulated.
/// @error internal  the module touched more or less of its arena than planned, or the emulator faulted.
[[nodiscard]] Result<BenchResult> measure(const compile::CompiledModel& model, const graph::Graph& graph,
                                          const board::BoardSpec& board, ByteSpan input);

/// How what a board computed differs from what it should be.
struct ValueDifference {
  std::size_t different = 0;  ///< elements: floats, or bytes of anything else
  std::size_t first = 0;      ///< index of the first that differs
  double expected = 0.0, got = 0.0;
};
/// Whether devices and host have float32 of this operator from the same arithmetic, to the last bit.
[[nodiscard]] bool is_exact(const graph::Graph& graph, graph::TensorId value);
/// Bytes must be equal; floats that are not exact lie within 1e-5 of max(1, |expected|).
[[nodiscard]] ValueDifference compare_values(const graph::Graph& graph, graph::TensorId value, ByteSpan expected,
                                             ByteSpan got);

/// The same of all outputs of a model, one behind the other.
[[nodiscard]] bool outputs_agree(const graph::Graph& graph, ByteSpan expected, ByteSpan got);
/// An input to compare by: any bytes, and floats between -1 and 1 where a model computes with them.
[[nodiscard]] Bytes random_input(const graph::Graph& graph, Rng& rng);

/// A step of the module whose output is not the host executor's.
struct StepDifference : ValueDifference {
  std::string step;  ///< "op_03_conv2d"
  std::string tensor;
};

/// Runs the firmware once on `input`, stopping after every step, and compares what it left in the arena with the host's
/// executor, layer by layer.
/// @return the first difference, or nothing.   @error unsupported  the board is not emulated.
[[nodiscard]] Result<std::optional<StepDifference>> first_difference(const compile::CompiledModel& model,
                                                                     const graph::Graph& graph,
                                                                     const board::BoardSpec& board, ByteSpan input);

/// Runs the firmware at full speed on `count` inputs, on all cores, and hands over each output in the order of the
/// inputs.
/// @param input   gives module input `i`; called from several threads.
/// @error  of the first input that failed; `cancelled` when the user asked to stop.
[[nodiscard]] Result<std::vector<Bytes>> run_on_board(ByteSpan firmware, const board::BoardSpec& board,
                                                      std::size_t count,
                                                      const std::function<Result<Bytes>(std::size_t)>& input,
                                                      Progress& progress);

/// The same on one board in the order of the inputs, from power-on: a stream, for models with state.
[[nodiscard]] Result<std::vector<Bytes>> run_stream_on_board(ByteSpan firmware, const board::BoardSpec& board,
                                                             std::size_t count,
                                                             const std::function<Result<Bytes>(std::size_t)>& input,
                                                             Progress& progress);

/// An inference of one of several modules that share an arena.
struct TurnInput {
  std::size_t module = 0;  ///< its place in the firmware
  Bytes input;
};
/// The same for a firmware that holds several modules (compile/model_set.hpp), one inference after the other.
[[nodiscard]] Result<std::vector<Bytes>> run_in_turns(ByteSpan firmware, const board::BoardSpec& board,
                                                      std::span<const TurnInput> turns, Progress& progress);

/// The same under QEMU, in one process.
/// @error too_large  the machine that has the board's core there is smaller than the board.
[[nodiscard]] Result<std::vector<Bytes>> run_on_qemu(ByteSpan firmware, const board::BoardSpec& board,
                                                     std::size_t count,
                                                     const std::function<Result<Bytes>(std::size_t)>& input,
                                                     Progress& progress);

}  // namespace mote::bench
