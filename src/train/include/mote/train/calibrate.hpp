#pragma once
// Ranges of all values of a float graph, measured on samples, for post-training quantization.

#include "mote/base/progress.hpp"
#include "mote/graph/quantization.hpp"
#include "mote/train/batch_source.hpp"

namespace mote::train {

enum class CalibrationMethod : std::uint8_t {
  min_max,     ///< smallest and largest value seen
  percentile,  ///< cuts the rarest values off both ends
  mse,         ///< the range whose int8 grid has the least mean squared error
};

struct CalibrationOptions {
  CalibrationMethod method = CalibrationMethod::percentile;
  double percentile = 99.99;       ///< percent of values that stay inside at each end
  std::size_t max_samples = 1000;  ///< taken evenly from the source
  std::int32_t threads = 0;        ///< 0: all cores
};

/// @param graph  float, batch norm folded (a graph with batch norm is calibrated as it stands).
/// @return a range, containing 0, for the input and every operator's output, by tensor name.
/// @error invalid_argument  bad options, an empty source, or a value that is not finite.   @error unsupported  the
/// graph is not a float graph.
[[nodiscard]] Result<graph::Ranges> calibrate(const graph::Graph& graph, const BatchSource& source,
                                              const CalibrationOptions& options = {});

}  // namespace mote::train
