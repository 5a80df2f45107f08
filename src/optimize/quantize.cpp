#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "mote/graph/moves.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Quantization;
using graph::Tensor;
using graph::TensorId;

bool is_extremum(const Op& op) {
  const auto* reduce = op.as<graph::Reduce>();
  return reduce != nullptr &&
         (reduce->kind == graph::ReduceKind::maximum || reduce->kind == graph::ReduceKind::minimum);
}

/// True for operators whose output must have the input's quantization.
bool passes_values_on(const Op& op) {
  return op.as<graph::Pool2D>() != nullptr || op.as<graph::Reshape>() != nullptr ||
         op.as<graph::ResizeBilinear>() != nullptr || is_extremum(op) ||
         (graph::is_move(op) && op.as<graph::Concat>() == nullptr);
}

/// True for operators whose inputs must all have the output's quantization.
bool joins_values(const Op& op) {
  const auto* binary = op.as<graph::Binary>();
  return op.as<graph::Concat>() != nullptr || (binary != nullptr && (binary->kind == graph::BinaryKind::minimum ||
                                                                     binary->kind == graph::BinaryKind::maximum));
}

bool is_weighted(const Op& op) {
  return op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
         op.as<graph::Dense>() != nullptr;
}

bool has_int8_form(const Op& op) {
  const auto* binary = op.as<graph::Binary>();
  if (binary != nullptr) return binary->kind != graph::BinaryKind::div;
  const auto* reduce = op.as<graph::Reduce>();
  if (reduce != nullptr) return reduce->kind == graph::ReduceKind::sum || reduce->kind == graph::ReduceKind::mean;
  return is_weighted(op) || op.as<graph::Add>() != nullptr || op.as<graph::Activate>() != nullptr ||
         op.as<graph::Unary>() != nullptr || op.as<graph::Concat>() != nullptr;
}

/// The output that TensorFlow Lite fixes for an operator, if it does.
std::optional<Quantization> fixed_output(const Op& op) {
  if (op.as<graph::Softmax>() != nullptr) return Quantization::per_tensor(1.0f / 256.0f, -128);
  const auto* unary = op.as<graph::Unary>();
  if (unary != nullptr && unary->kind == graph::UnaryKind::logistic)
    return Quantization::per_tensor(1.0f / 256.0f, -128);
  if (unary != nullptr && unary->kind == graph::UnaryKind::tanh) return Quantization::per_tensor(1.0f / 128.0f, 0);
  return std::nullopt;
}

class Quantizer {
 public:
  Quantizer(Graph graph, const graph::Ranges& ranges) : graph_(std::move(graph)), ranges_(ranges) {}

  Result<Graph> run() {
    for (const TensorId id : graph_.inputs()) MOTE_TRY_VOID(value(id));
    for (Op& op : std::exchange(graph_.ops(), {})) {
      MOTE_TRY_VOID(quantize_op(op));
      graph_.add_op(std::move(op));
    }
    graph_.remove_unused_tensors();
    return std::move(graph_);
  }

 private:
  /// Gives a value tensor the int8 parameters of its range.
  Result<void> value(TensorId id) {
    Tensor& t = graph_.tensor(id);
    const auto range = ranges_.find(t.name);
    if (range == ranges_.end()) return fail(Code::invalid_argument, "no range was calibrated for '" + t.name + "'");
    if (!std::isfinite(range->second.low) || !std::isfinite(range->second.high)) {
      return fail(Code::invalid_argument, "the calibrated range of '" + t.name + "' is not finite");
    }
    set(t, graph::activation_quantization(range->second));
    return {};
  }

  static void set(Tensor& t, Quantization q) {
    t.dtype = DType::i8;
    t.quantization = std::move(q);
  }

  Result<void> quantize_op(Op& op) {
    Tensor& out = graph_.tensor(op.outputs[0]);
    if (const auto fixed = fixed_output(op)) {
      set(out, *fixed);
      return {};
    }
    if (passes_values_on(op)) {
      set(out, graph_.tensor(op.inputs[0]).quantization);
      return {};
    }
    if (op.as<graph::ArgReduce>() != nullptr) return {};
    if (!has_int8_form(op)) {
      return fail(Code::invalid_argument, std::string(graph::op_name(op.attributes)) + " '" + op.name +
                                              "' has no int8 form; simplify the model first");
    }
    MOTE_TRY_VOID(value(op.outputs[0]));
    if (is_weighted(op)) return quantize_weights(op);
    const Quantization of_output = graph_.tensor(op.outputs[0]).quantization;
    for (TensorId& input : op.inputs) {
      if (graph_.tensor(input).is_constant()) {
        MOTE_TRY(input, quantize_operand(op, input, joins_values(op) ? std::optional(of_output) : std::nullopt));
      } else if (joins_values(op) && graph_.tensor(input).quantization != of_output) {
        input = requantized(op, input, of_output);
      }
    }
    return {};
  }

  /// A constant operand of an operator on values; without a quantization of its range.
  Result<TensorId> quantize_operand(const Op& op, TensorId id, std::optional<Quantization> q) {
    const Tensor source = graph_.tensor(id);
    if (source.dtype != DType::f32)
      return fail(Code::invalid_argument, "'" + op.name + "' has a constant operand that is not float");
    const auto values = source.values<float>();
    const auto [low, high] = std::ranges::minmax(values);
    if (!std::isfinite(low) || !std::isfinite(high))
      return fail(Code::invalid_argument, "'" + op.name + "' has a constant operand that is not finite");
    if (!q) q = graph::activation_quantization({low, high});
    std::vector<std::int8_t> integers;
    for (const float v : values)
      integers.push_back(static_cast<std::int8_t>(
          std::clamp(std::round(v / q->scale()) + static_cast<float>(q->zero_point()), -128.0f, 127.0f)));
    return graph_.add_tensor({op.name + "/" + source.name + "/int8", DType::i8, source.shape, *q,
                              graph::constant_data(std::span<const std::int8_t>(integers))});
  }

  TensorId requantized(const Op& op, TensorId id, const Quantization& q) {
    Tensor t = graph_.tensor(id);
    t.name = op.name + "/" + t.name + "/requantized" + std::to_string(graph_.tensors().size());
    t.quantization = q;
    const TensorId to = graph_.add_tensor(t);
    graph_.add_op({t.name, graph::Quantize{}, {id}, {to}});
    return to;
  }

  Result<void> quantize_weights(Op& op) {
    const Tensor weights = graph_.tensor(op.inputs[1]);
    if (!weights.is_constant() || weights.dtype != DType::f32) {
      return fail(Code::invalid_argument, "'" + op.name + "' has no float weights to quantize");
    }
    const std::int32_t axis = op.as<graph::DepthwiseConv2D>() != nullptr ? 3 : 0;
    const Quantization q =
        graph::weight_quantization(weights, axis,
                                   graph::largest_weight_scale(graph_.tensor(op.inputs[0]).quantization,
                                                               graph_.tensor(op.outputs[0]).quantization));
    const auto values = weights.values<float>();
    const std::size_t channels = q.scales.size();
    const std::size_t inner = axis == 3 ? 1 : values.size() / channels;
    std::vector<std::int8_t> integers;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float scaled = std::round(values[i] / q.scales[i / inner % channels]);
      integers.push_back(static_cast<std::int8_t>(std::clamp(scaled, -127.0f, 127.0f)));
    }
    Tensor integer_weights{weights.name + "/int8", DType::i8, weights.shape, q,
                           graph::constant_data(std::span<const std::int8_t>(integers))};
    op.inputs[1] = graph_.add_tensor(std::move(integer_weights));
    op.inputs.resize(3, graph::kNoTensor);
    op.inputs[2] = quantize_bias(op, q, channels);
    return {};
  }

  /// Bias scale is input scale times weight scale, zero point 0.
  TensorId quantize_bias(const Op& op, const Quantization& weights, std::size_t channels) {
    const Quantization input = graph_.tensor(op.inputs[0]).quantization;
    std::vector<std::int32_t> integers(channels, 0);
    Quantization q;
    const bool present = op.inputs[2] != graph::kNoTensor;
    for (std::size_t c = 0; c < channels; ++c) {
      const float scale = input.scale() * weights.scales[c];
      q.scales.push_back(scale);
      q.zero_points.push_back(0);
      if (!present) continue;
      const double real =
          static_cast<double>(graph_.tensor(op.inputs[2]).values<float>()[c]) / static_cast<double>(scale);
      integers[c] = static_cast<std::int32_t>(std::clamp(std::round(real), -1073741824.0, 1073741824.0));
    }
    return graph_.add_tensor({op.name + "/bias/int32",
                              DType::i32,
                              {static_cast<std::int32_t>(channels)},
                              q,
                              graph::constant_data(std::span<const std::int32_t>(integers))});
  }

  Graph graph_;
  const graph::Ranges& ranges_;
};

}  // namespace

Result<graph::Graph> quantize(const graph::Graph& graph, const graph::Ranges& ranges) {
  MOTE_TRY(Graph quantized, Quantizer(graph, ranges).run());
  if (const auto verified = graph::verify(quantized); !verified)
    return fail(Code::internal, "pass quantize broke the model: " + verified.error().message());
  return quantized;
}

}  // namespace mote::optimize
