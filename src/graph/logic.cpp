#include "mote/graph/logic.hpp"

#include <algorithm>
#include <array>

#include "mote/graph/moves.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::graph {
namespace {

/// Stride of each dimension of the output, 0 where the operand repeats.
std::vector<std::int32_t> strides_in(const Shape& operand, const Shape& y) {
  std::vector<std::int32_t> strides(y.rank(), 0);  // outermost first
  std::int32_t stride = 1;
  for (std::size_t d = 0; d < operand.rank(); ++d) {
    strides[y.rank() - 1 - d] = operand.back(d) == 1 ? 0 : stride;
    stride *= operand.back(d);
  }
  return strides;
}

}  // namespace

Quantization truth_quantization() { return Quantization::per_tensor(1.0f, 0); }

bool may_be_truth(const Tensor& tensor) {
  return tensor.dtype == DType::i8 && tensor.quantization == truth_quantization();
}

namespace {

/// Inputs whose values an operator hands on: all of them, but not what chooses.
std::span<const TensorId> handed_on(const Op& op) {
  const auto* binary = op.as<Binary>();
  const bool joins = binary != nullptr && (binary->kind == BinaryKind::minimum || binary->kind == BinaryKind::maximum);
  if (joins || is_move(op) || op.as<Reshape>() != nullptr) return op.inputs;
  if (op.as<Select>() != nullptr) return std::span(op.inputs).subspan(1);
  return {};
}

/// x == false: how a graph says not.
bool negates(const Graph& graph, const Op& op) {
  const auto* compare = op.as<Compare>();
  if (compare == nullptr || compare->kind != CompareKind::equal) return false;
  const Tensor& b = graph.tensor(op.inputs[1]);
  return b.is_constant() && may_be_truth(b) && b.shape.elements() == 1 && b.data->front() == 0;
}

/// Whether an operator takes truth values as such.
bool takes_truths(const Op& op) {
  return op.as<Compare>() != nullptr || op.as<Select>() != nullptr || !handed_on(op).empty();
}

}  // namespace

std::set<TensorId> truth_values(const Graph& graph) {
  std::vector<const Op*> producers(graph.tensors().size(), nullptr);
  for (const Op& op : graph.ops()) producers[static_cast<std::size_t>(op.outputs[0])] = &op;
  const auto may_be = [&](TensorId id) {
    const Op* producer = producers[static_cast<std::size_t>(id)];
    return may_be_truth(graph.tensor(id)) &&
           (producer == nullptr || producer->as<Compare>() != nullptr || !handed_on(*producer).empty());
  };
  std::set<TensorId> truths;
  const auto mark = [&](TensorId id) { return may_be(id) && truths.insert(id).second; };
  for (const Op& op : graph.ops()) {
    if (op.as<Compare>() != nullptr) mark(op.outputs[0]);
    if (op.as<Select>() != nullptr) mark(op.inputs[0]);
    if (negates(graph, op) && std::ranges::all_of(graph.consumers(op.inputs[0]), [&](std::int32_t reader) {
          return takes_truths(graph.ops()[static_cast<std::size_t>(reader)]);
        }))
      mark(op.inputs[0]);
  }
  const auto is_truth = [&](TensorId id) { return truths.contains(id); };
  for (bool found = true; found;) {
    found = false;
    for (const Op& op : graph.ops()) {
      const std::span<const TensorId> values = handed_on(op);
      if (std::ranges::any_of(values, is_truth) && std::ranges::all_of(values, may_be))
        found = mark(op.outputs[0]) || found;
      if (is_truth(op.outputs[0])) {
        for (const TensorId id : values) found = mark(id) || found;
      }
      // Of what is compared only constants follow: values may be numbers.
      if (op.as<Compare>() == nullptr || std::ranges::none_of(op.inputs, is_truth)) continue;
      for (const TensorId id : op.inputs) found = (graph.tensor(id).is_constant() && mark(id)) || found;
    }
  }
  return truths;
}

std::optional<device::SelectGeometry> select_geometry(const Graph& graph, const Op& op) {
  const Shape& y = graph.tensor(op.outputs[0]).shape;
  std::array<std::vector<std::int32_t>, 3> strides;
  for (std::size_t i = 0; i < 3; ++i) strides[i] = strides_in(graph.tensor(op.inputs[i]).shape, y);
  struct Loop {
    std::int32_t count;
    std::array<std::int32_t, 3> strides;
  };
  std::vector<Loop> loops;  // innermost first
  for (std::size_t d = y.rank(); d-- > 0;) {
    if (y[d] == 1) continue;
    const Loop loop{y[d], {strides[0][d], strides[1][d], strides[2][d]}};
    bool joins = !loops.empty();
    for (std::size_t i = 0; joins && i < 3; ++i)
      joins = loop.strides[i] == loops.back().strides[i] * loops.back().count;
    if (joins)
      loops.back().count *= loop.count;
    else
      loops.push_back(loop);
  }
  if (loops.size() > device::kSelectLoops) return std::nullopt;
  device::SelectGeometry g{};
  for (std::size_t i = 0; i < device::kSelectLoops; ++i) {
    const std::size_t from_inside = device::kSelectLoops - 1 - i;
    const Loop loop = from_inside < loops.size() ? loops[from_inside] : Loop{1, {0, 0, 0}};
    g.count[i] = loop.count;
    g.condition[i] = loop.strides[0];
    g.a[i] = loop.strides[1];
    g.b[i] = loop.strides[2];
  }
  return g;
}

device::MatMulGeometry matmul_geometry(const Graph& graph, const Op& op) {
  const Tensor &a = graph.tensor(op.inputs[0]), &b = graph.tensor(op.inputs[1]), &y = graph.tensor(op.outputs[0]);
  device::MatMulGeometry g{};
  g.rows = a.shape.back(1);
  g.depth = a.shape.back(0);
  g.columns = b.shape.back(0);
  g.batches = static_cast<std::int32_t>(a.shape.elements()) / (g.rows * g.depth);
  if (y.dtype != DType::i8) return g;
  g.a_zero = a.quantization.zero_point();
  g.b_zero = b.quantization.zero_point();
  g.output_zero = y.quantization.zero_point();
  const FixedMultiplier m =
      fixed_multiplier(static_cast<double>(a.quantization.scale()) * static_cast<double>(b.quantization.scale()) /
                       static_cast<double>(y.quantization.scale()));
  g.multiplier = m.mantissa;
  g.shift = m.shift;
  return g;
}

}  // namespace mote::graph
