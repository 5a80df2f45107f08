#pragma once
// A model with its features, compiled and measured on a board: shared by the pipeline's step and the commands compile
// and bench.

#include "mote/bench/bench.hpp"
#include "mote/compile/compile.hpp"
#include "mote/features/extractor.hpp"

#include "command.hpp"

namespace mote::app {

/// The features stage of a module.
[[nodiscard]] Result<compile::FeatureStage> feature_stage(const features::Extractor& extractor,
                                                          const features::Quantization& quantization);

/// Documented keys of `mote bench --json`; also what the pipeline keeps of a measurement.
[[nodiscard]] Json bench_json(const bench::BenchResult& result);

/// The plan of the arena, for `mote compile --json` and the report.
[[nodiscard]] Json program_json(const compile::CompiledModel& model);

/// For people: totals, then a table of layers when `per_op`.
[[nodiscard]] std::string bench_text(const bench::BenchResult& result, bool per_op);

}  // namespace mote::app
