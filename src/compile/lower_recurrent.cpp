// The operators that recurrent layers are made of: portable kernels, whose sums of products take DSP instructions where
// a core has them.

#include <fmt/format.h>

#include "kernels/recurrent_dsp.hpp"
#include "lower.hpp"
#include "mote/graph/recurrent_params.hpp"

namespace mote::compile {
namespace {

constexpr const char* kWideOutput = "reinterpret_cast<std::int16_t*>(y)";

std::string wide(std::size_t i) { return fmt::format("reinterpret_cast<const std::int16_t*>(x{})", i); }

template <class T>
void add_constant(LoweredOp& lowered, std::string_view what, std::string_view type, std::span<const T> values) {
  lowered.constants.push_back({fmt::format("{}_{}", lowered.symbol, what),
                               std::string(type),
                               std::string(what),
                               sizeof(T),
                               false,
                               {values.begin(), values.end()}});
}

/// Which sums a kernel of recurrent.hpp takes.
const char* sums_of(LoweredOp& lowered, const LoweringOptions& options, std::int32_t rows) {
  if (!options.runs_m4_kernels() || rows < device::DspSums::kRows) return "PlainSums";
  lowered.includes.push_back("kernels/recurrent_dsp.hpp");
  lowered.kernel += " dsp";
  return "DspSums";
}

LoweredOp dense_wide(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                     const LoweringOptions& options) {
  const device::DenseWideGeometry g = graph::dense_wide_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "dense_wide", "kernels/recurrent.hpp");
  add_constant(lowered, "weights", "std::int8_t", graph.tensor(op.inputs[1]).values<std::int8_t>());
  lowered.geometry = static_geometry(symbol, {{"inputs", g.inputs},
                                              {"outputs", g.outputs},
                                              {"input_zero", g.input_zero},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift}});
  lowered.body = fmt::format("dense_wide<{2}>({0}_geometry{{}}, x0, {0}_weights, {1});", symbol, kWideOutput,
                             sums_of(lowered, options, g.outputs));
  return lowered;
}

LoweredOp time_filter(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                      const LoweringOptions& options) {
  const device::TimeFilterGeometry g = graph::time_filter_geometry(graph, op);
  const std::vector<std::int32_t> bias = graph::time_filter_bias(graph, op);
  LoweredOp lowered = lowered_op(symbol, "time_filter", "kernels/recurrent.hpp");
  add_constant(lowered, "weights", "std::int16_t", graph.tensor(op.inputs[1]).values<std::int16_t>());
  add_constant(lowered, "bias", "std::int32_t", std::span<const std::int32_t>(bias));
  lowered.geometry = static_geometry(symbol, {{"units", g.units},
                                              {"rank", g.rank},
                                              {"memory", g.memory},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift},
                                              {"output_zero", g.output_zero},
                                              {"clamp_low", g.clamp_low},
                                              {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("time_filter<{2}>({0}_geometry{{}}, {1}, {0}_weights, {0}_bias, y);", symbol, wide(0),
                             sums_of(lowered, options, device::DspSums::kRows));
  return lowered;
}

LoweredOp lstm_gate(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                    const LoweringOptions& options) {
  const device::GateGeometry g = graph::gate_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "lstm_gate", "kernels/recurrent.hpp");
  add_constant(lowered, "of_input", "std::int8_t", graph.tensor(op.inputs[2]).values<std::int8_t>());
  add_constant(lowered, "of_hidden", "std::int8_t", graph.tensor(op.inputs[3]).values<std::int8_t>());
  add_constant(lowered, "bias", "std::int32_t", graph.tensor(op.inputs[4]).values<std::int32_t>());
  lowered.geometry = fmt::format("const GateGeometry {}_geometry{{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}}};\n", symbol,
                                 g.inputs, g.hidden, g.cells, g.input_zero, g.hidden_zero, g.input_multiplier,
                                 g.input_shift, g.hidden_multiplier, g.hidden_shift, g.is_tanh);
  lowered.body = fmt::format("shared_lstm_gate<{2}>({0}_geometry, x0, x1, {0}_of_input, {0}_of_hidden, {0}_bias, {1});",
                             symbol, kWideOutput, sums_of(lowered, options, g.cells));
  return lowered;
}

LoweredOp lstm_cell(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::CellGeometry g = graph::cell_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "lstm_cell", "kernels/recurrent.hpp");
  lowered.geometry =
      fmt::format("const CellGeometry {}_geometry{{{}, {}, {}}};\n", symbol, g.cells, g.scale_exponent, g.clip);
  lowered.body = fmt::format("shared_lstm_cell({}_geometry, {}, {}, {}, {}, {});", symbol, wide(0), wide(1), wide(2),
                             wide(3), kWideOutput);
  lowered.may_reuse_inputs = {1, 0, 2, 3};
  return lowered;
}

LoweredOp lstm_hidden(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::HiddenGeometry g = graph::hidden_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "lstm_hidden", "kernels/recurrent.hpp");
  lowered.geometry = fmt::format("const HiddenGeometry {}_geometry{{{}, {}, {}, {}, {}}};\n", symbol, g.cells,
                                 g.scale_exponent, g.multiplier, g.shift, g.output_zero);
  lowered.body = fmt::format("shared_lstm_hidden({}_geometry, {}, {}, y);", symbol, wide(0), wide(1));
  return lowered;
}

}  // namespace

LoweredOp lower_recurrent(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                          const LoweringOptions& options) {
  if (op.as<graph::DenseWide>() != nullptr) return dense_wide(graph, op, symbol, options);
  if (op.as<graph::TimeFilter>() != nullptr) return time_filter(graph, op, symbol, options);
  if (op.as<graph::LstmGate>() != nullptr) return lstm_gate(graph, op, symbol, options);
  if (op.as<graph::LstmCell>() != nullptr) return lstm_cell(graph, op, symbol);
  return lstm_hidden(graph, op, symbol);
}

}  // namespace mote::compile
