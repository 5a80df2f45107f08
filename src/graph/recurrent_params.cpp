#include "mote/graph/recurrent_params.hpp"

#include <algorithm>
#include <cmath>

#include "mote/graph/quantization.hpp"

namespace mote::graph {
namespace {

float scale(const Graph& graph, TensorId id) { return graph.tensor(id).quantization.scale(); }
std::int32_t zero(const Graph& graph, TensorId id) { return graph.tensor(id).quantization.zero_point(); }
FixedMultiplier fixed(float factor) { return fixed_multiplier(static_cast<double>(factor)); }

}  // namespace

std::optional<std::int32_t> power_of_two(float scale) {
  int exponent = 0;
  if (!(scale > 0.0f) || std::frexp(scale, &exponent) != 0.5f) return std::nullopt;
  return exponent - 1;
}

bool is_recurrent(const Op& op) {
  return op.as<DenseWide>() != nullptr || op.as<TimeFilter>() != nullptr || op.as<LstmGate>() != nullptr ||
         op.as<LstmCell>() != nullptr || op.as<LstmHidden>() != nullptr;
}

device::DenseWideGeometry dense_wide_geometry(const Graph& graph, const Op& op) {
  const Shape& w = graph.tensor(op.inputs[1]).shape;
  const FixedMultiplier m =
      fixed(scale(graph, op.inputs[0]) * scale(graph, op.inputs[1]) / scale(graph, op.outputs[0]));
  return {w[1], w[0], zero(graph, op.inputs[0]), m.mantissa, m.shift};
}

device::TimeFilterGeometry time_filter_geometry(const Graph& graph, const Op& op) {
  const Shape& w = graph.tensor(op.inputs[1]).shape;
  const Tensor& y = graph.tensor(op.outputs[0]);
  const FixedMultiplier m =
      fixed(scale(graph, op.inputs[0]) * scale(graph, op.inputs[1]) / scale(graph, op.outputs[0]));
  const std::int32_t units = y.shape.back();
  return {units, w[0] / units, w[1], m.mantissa, m.shift, y.quantization.zero_point(), -128, 127};
}

std::vector<std::int32_t> time_filter_bias(const Graph& graph, const Op& op) {
  if (op.inputs.size() > 2 && op.inputs[2] != kNoTensor) {
    const auto values = graph.tensor(op.inputs[2]).values<std::int32_t>();
    return {values.begin(), values.end()};
  }
  return std::vector<std::int32_t>(static_cast<std::size_t>(graph.tensor(op.outputs[0]).shape.back()), 0);
}

device::GateGeometry gate_geometry(const Graph& graph, const Op& op) {
  const Shape &wx = graph.tensor(op.inputs[2]).shape, &wh = graph.tensor(op.inputs[3]).shape;
  const FixedMultiplier x = fixed(scale(graph, op.inputs[2]) * scale(graph, op.inputs[0]) / kGateSumScale);
  const FixedMultiplier h = fixed(scale(graph, op.inputs[3]) * scale(graph, op.inputs[1]) / kGateSumScale);
  return {wx[1],
          wh[1],
          wx[0],
          zero(graph, op.inputs[0]),
          zero(graph, op.inputs[1]),
          x.mantissa,
          x.shift,
          h.mantissa,
          h.shift,
          op.as<LstmGate>()->kind == UnaryKind::tanh ? 1 : 0};
}

device::CellGeometry cell_geometry(const Graph& graph, const Op& op) {
  const Tensor& y = graph.tensor(op.outputs[0]);
  const float clip = op.as<LstmCell>()->clip;
  const float limit = std::min(std::max(clip / y.quantization.scale(), -32768.0f), 32767.0f);
  return {static_cast<std::int32_t>(y.shape.elements()), *power_of_two(y.quantization.scale()),
          clip > 0.0f ? static_cast<std::int32_t>(limit) : 0};
}

device::HiddenGeometry hidden_geometry(const Graph& graph, const Op& op) {
  const Tensor& y = graph.tensor(op.outputs[0]);
  const auto factor =
      static_cast<float>(std::ldexp(std::ldexp(1.0, -15) / static_cast<double>(y.quantization.scale()), -15));
  const FixedMultiplier m = fixed(factor);
  return {static_cast<std::int32_t>(y.shape.elements()), *power_of_two(scale(graph, op.inputs[1])), m.mantissa, m.shift,
          y.quantization.zero_point()};
}

}  // namespace mote::graph
