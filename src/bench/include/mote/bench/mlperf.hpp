#pragma once
// MLPerf Tiny: the module in a firmware that speaks the benchmark's serial protocol, and the runner's side of it on the
// virtual UART.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/compile/compile.hpp"

namespace mote::bench {

/// The benchmark's models: what the runner loads, and how its scripts call them.
struct MlperfModel {
  std::string_view name;  ///< "kws01"
  compile::MlperfInput input;
  bool prints_error = false;         ///< the mean squared difference of input and output instead of the outputs
  int inferences = 10, warmups = 1;  ///< as the runner's script says
};
[[nodiscard]] const std::vector<MlperfModel>& mlperf_models();

/// What a device answered to the performance script.
struct MlperfRun {
  std::string name, profile, model;  ///< as the device gave them
  int inferences = 0;
  double microseconds = 0.0;  ///< between the two laps
  std::string results;        ///< between the brackets
  [[nodiscard]] double inferences_per_second() const { return 1e6 * inferences / microseconds; }
};

/// The runner: name, profile, load the input, infer, read the results.
/// @param exchange  sends text to the device and returns what it says until it waits again
/// @param loaded    the input's bytes as the runner sends them
/// @error malformed  the device breaks the protocol, with what it said; unsupported  it reports an error (e-[...])
[[nodiscard]] Result<MlperfRun> run_mlperf_script(
    const std::function<Result<std::string>(const std::string&)>& exchange, ByteSpan loaded, int inferences,
    int warmups);

/// Builds the firmware, boots it on the virtual board (cycles modelled) and runs the script with a fixed random input.
[[nodiscard]] Result<MlperfRun> measure_mlperf(const compile::CompiledModel& model, const graph::Graph& graph,
                                               const board::BoardSpec& board, const MlperfModel& benchmark,
                                               int inferences, int warmups);

}  // namespace mote::bench
