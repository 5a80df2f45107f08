#include "mote/optimize/head.hpp"

#include <cmath>
#include <set>

#include "quantizer.hpp"

namespace mote::optimize {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Tensor;
using graph::TensorId;

bool has_weights(const Op& op) {
  return op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
         op.as<graph::Dense>() != nullptr;
}

/// The operators of `graph` from `begin` to `end`, with these ends.
Graph part_of(const Graph& graph, std::size_t begin, std::size_t end, TensorId input, TensorId output) {
  Graph part = graph;
  const std::vector<Op> ops(graph.ops().begin() + static_cast<std::ptrdiff_t>(begin),
                            graph.ops().begin() + static_cast<std::ptrdiff_t>(end));
  part.ops() = ops;
  part.set_inputs({input});
  part.set_outputs({output});
  part.remove_unused_tensors();
  return part;
}

template <class T>
std::vector<float> real_values(const Tensor& t) {
  const auto integers = t.values<T>();
  const graph::Quantization& q = t.quantization;
  const auto axis = static_cast<std::size_t>(q.axis);
  std::size_t inner = 1;
  for (std::size_t d = axis + 1; d < t.shape.rank(); ++d) inner *= static_cast<std::size_t>(t.shape[d]);
  std::vector<float> values(integers.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t slice = q.per_channel() ? i / inner % q.scales.size() : 0;
    values[i] = static_cast<float>((static_cast<double>(integers[i]) - q.zero_points[slice]) *
                                   static_cast<double>(q.scales[slice]));
  }
  return values;
}

/// Index in `graph` of the head's first operator.
Result<std::size_t> place_of(const Graph& graph, const Graph& head) {
  const std::size_t count = head.ops().size();
  if (count == 0 || count > graph.ops().size()) return fail(Code::invalid_argument, "this is not the model's head");
  const std::size_t begin = graph.ops().size() - count;
  for (std::size_t i = 0; i < count; ++i) {
    const Op &to = graph.ops()[begin + i], &from = head.ops()[i];
    bool same = to.attributes == from.attributes && to.inputs.size() == from.inputs.size();
    for (std::size_t k = 0; same && k < to.inputs.size(); ++k) {
      const bool absent = to.inputs[k] == graph::kNoTensor;
      same = absent == (from.inputs[k] == graph::kNoTensor) &&
             (absent || (graph.tensor(to.inputs[k]).shape == head.tensor(from.inputs[k]).shape &&
                         graph.tensor(to.inputs[k]).dtype == head.tensor(from.inputs[k]).dtype));
    }
    if (!same) return fail(Code::invalid_argument, "'" + from.name + "' is not what the model's head has there");
  }
  return begin;
}

}  // namespace

Result<CutModel> cut_at_head(const Graph& graph) {
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1 || !graph.states().empty())
    return fail(Code::unsupported, "a head is cut off models with one input, one output and no state");
  std::size_t at = graph.ops().size();
  while (at > 0 && !has_weights(graph.ops()[at - 1])) --at;
  if (at <= 1) return fail(Code::unsupported, "the model has no layer in front of its last one; train it as a whole");
  const std::size_t begin = at - 1;
  const TensorId seam = graph.ops()[begin].inputs[0];
  if (graph.producer(seam) < 0)
    return fail(Code::unsupported, "the last layer reads the model's input; train it as a whole");
  std::set<TensorId> known{seam};
  for (std::size_t i = begin; i < graph.ops().size(); ++i) {
    for (const TensorId id : graph.ops()[i].inputs) {
      if (id != graph::kNoTensor && !graph.tensor(id).is_constant() && !known.contains(id))
        return fail(Code::unsupported,
                    "'" + graph.ops()[i].name + "' behind the last layer reads values of layers in front of it, too");
    }
    known.insert(graph.ops()[i].outputs.begin(), graph.ops()[i].outputs.end());
  }
  return CutModel{part_of(graph, 0, begin, graph.inputs()[0], seam),
                  part_of(graph, begin, graph.ops().size(), seam, graph.outputs()[0])};
}

Result<Graph> dequantize(const Graph& int8) {
  Graph real = int8;
  for (const Op& op : int8.ops()) {
    if (op.as<graph::Quantize>() != nullptr || op.as<graph::Dequantize>() != nullptr)
      return fail(Code::unsupported, "'" + op.name + "' rescales values: there is no float form of this model");
  }
  for (std::size_t i = 0; i < int8.tensors().size(); ++i) {
    Tensor& t = real.tensor(static_cast<TensorId>(i));
    if (!t.quantization.present()) {
      if (t.dtype == DType::i8) return fail(Code::unsupported, "'" + t.name + "' is no quantized value");
      continue;
    }
    if (t.dtype != DType::i8 && !(t.dtype == DType::i32 && t.is_constant()))
      return fail(Code::unsupported, "'" + t.name + "' is not int8; a head is retrained in int8 models");
    if (t.is_constant()) {
      const std::vector<float> values =
          t.dtype == DType::i8 ? real_values<std::int8_t>(t) : real_values<std::int32_t>(t);
      t.data = graph::constant_data(std::span<const float>(values));
    }
    t.dtype = DType::f32;
    t.quantization = {};
  }
  MOTE_TRY_VOID(graph::verify(real));
  return real;
}

Result<Graph> with_head(const Graph& graph, const Graph& head) {
  MOTE_TRY(const std::size_t begin, place_of(graph, head));
  Graph result = graph;
  for (std::size_t i = 0; i < head.ops().size(); ++i) {
    const Op &to = graph.ops()[begin + i], &from = head.ops()[i];
    for (std::size_t k = 0; k < to.inputs.size(); ++k) {
      if (to.inputs[k] == graph::kNoTensor || !graph.tensor(to.inputs[k]).is_constant()) continue;
      result.tensor(to.inputs[k]).data = head.tensor(from.inputs[k]).data;
      result.tensor(to.inputs[k]).quantization = head.tensor(from.inputs[k]).quantization;
    }
    for (std::size_t k = 0; k < to.outputs.size(); ++k)
      result.tensor(to.outputs[k]).quantization = head.tensor(from.outputs[k]).quantization;
  }
  MOTE_TRY_VOID(graph::verify(result));
  return result;
}

Result<Graph> quantize_head(const Graph& int8, const Graph& head, const graph::Ranges& ranges) {
  MOTE_TRY(const CutModel cut, cut_at_head(int8));
  Quantizations of_values;
  for (const auto& [name, range] : ranges) {
    if (!std::isfinite(range.low) || !std::isfinite(range.high))
      return fail(Code::invalid_argument, "the calibrated range of '" + name + "' is not finite");
    of_values.emplace(name, graph::activation_quantization(range));
  }
  of_values[head.input().name] = cut.head.input().quantization;
  MOTE_TRY(const Graph quantized, quantized_by(head, of_values, Origin::calibrated));
  return with_head(int8, quantized);
}

}  // namespace mote::optimize
