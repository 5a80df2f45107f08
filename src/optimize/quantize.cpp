#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "mote/graph/moves.hpp"
#include "mote/optimize/passes.hpp"
#include "quantizer.hpp"

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
         op.as<graph::Unary>() != nullptr || op.as<graph::Concat>() != nullptr || op.as<graph::Select>() != nullptr ||
         op.as<graph::MatMul>() != nullptr;
}

/// The output that TensorFlow Lite fixes for an operator, if it does.
std::optional<Quantization> fixed_output(const Op& op) {
  if (op.as<graph::Softmax>() != nullptr) return Quantization::per_tensor(1.0f / 256.0f, -128);
  if (op.as<graph::LogSoftmax>() != nullptr) return Quantization::per_tensor(16.0f / 256.0f, 127);
  const auto* unary = op.as<graph::Unary>();
  if (unary != nullptr && unary->kind == graph::UnaryKind::logistic)
    return Quantization::per_tensor(1.0f / 256.0f, -128);
  if (unary != nullptr && unary->kind == graph::UnaryKind::tanh) return Quantization::per_tensor(1.0f / 128.0f, 0);
  return std::nullopt;
}

constexpr double kMaxRescale = 65536.0;  // of what is computed to the output's step

class Quantizer {
 public:
  Quantizer(Graph graph, const Quantizations& of_values, Origin origin)
      : graph_(std::move(graph)), of_values_(of_values), marked_(origin == Origin::marked) {}

  Result<Graph> run() {
    for (const TensorId id : graph_.inputs()) {
      // Truth values and indices stay what they are.
      if (graph_.tensor(id).dtype == DType::f32) MOTE_TRY_VOID(value(id));
    }
    for (Op& op : std::exchange(graph_.ops(), {})) {
      MOTE_TRY_VOID(quantize_op(op));
      MOTE_TRY_VOID(check_scales(op));
      graph_.add_op(std::move(op));
      if (behind_) graph_.add_op(*std::exchange(behind_, std::nullopt));
    }
    graph_.remove_unused_tensors();
    return std::move(graph_);
  }

 private:
  /// Gives a value tensor its int8 parameters.
  Result<void> value(TensorId id) {
    Tensor& t = graph_.tensor(id);
    const auto known = of_values_.find(t.name);
    if (known == of_values_.end() && marked_)
      return fail(Code::unsupported,
                  "the value '" + t.name +
                      "' is not quantized in this model, others are; mote needs models that are quantized throughout");
    if (known == of_values_.end()) return fail(Code::invalid_argument, "no range was calibrated for '" + t.name + "'");
    set(t, known->second);
    return {};
  }

  /// A result whose quantization the operator decides. Where the model says another, it is rescaled.
  void give(Op& op, const Quantization& q) {
    const TensorId id = op.outputs[0];
    const auto known = of_values_.find(graph_.tensor(id).name);
    if (!marked_ || known == of_values_.end() || known->second == q) return set(graph_.tensor(id), q);
    Tensor own = graph_.tensor(id);
    own.name += "/own_scale" + std::to_string(graph_.tensors().size());
    set(own, q);
    set(graph_.tensor(id), known->second);
    op.outputs[0] = graph_.add_tensor(own);
    behind_ = Op{own.name + "/requantized", graph::Quantize{}, {op.outputs[0]}, {id}};
  }

  /// Scales that no training gives, but a damaged file: the rescaling would not fit its integers.
  [[nodiscard]] Result<void> check_scales(const Op& op) const {
    const Tensor& y = graph_.tensor(op.outputs[0]);
    if (y.dtype != DType::i8) return {};
    double product = 1.0, largest = 0.0;
    for (const TensorId id : op.inputs) {
      if (id == graph::kNoTensor || graph_.tensor(id).dtype != DType::i8) continue;
      const auto& scales = graph_.tensor(id).quantization.scales;
      const double scale = scales.empty() ? 0.0 : static_cast<double>(std::ranges::max(scales));
      product *= scale;
      largest = std::max(largest, scale);
    }
    const bool pairs = op.as<graph::Binary>() != nullptr;
    if (op.as<graph::Compare>() != nullptr || op.as<graph::Select>() != nullptr) return {};
    const double computed = is_weighted(op) || op.as<graph::MatMul>() != nullptr ? product
                            : pairs                                              ? std::max(product, largest)
                                                                                 : largest;
    if (computed < kMaxRescale * static_cast<double>(y.quantization.scale())) return {};
    return fail(Code::unsupported,
                std::string(graph::op_name(op.attributes)) + " '" + op.name +
                    "': the scale of its output is far finer than what it computes; its quantization is damaged");
  }

  static void set(Tensor& t, Quantization q) {
    t.dtype = DType::i8;
    t.quantization = std::move(q);
  }

  Result<void> quantize_op(Op& op) {
    // Indices, and what they are moved to.
    if (graph_.tensor(op.outputs[0]).dtype == DType::i32 && op.as<graph::Cast>() == nullptr) return {};
    if (graph_.tensor(op.outputs[0]).dtype == DType::i8) return quantize_truth(op);
    // Truth values that become numbers.
    if (op.as<graph::Dequantize>() != nullptr) {
      op.attributes = graph::Quantize{};
      return value(op.outputs[0]);
    }
    // A model's own scale of a function is kept: the table is made for it.
    if (const auto fixed = fixed_output(op); fixed && !(marked_ && op.as<graph::Unary>() != nullptr)) {
      give(op, *fixed);
      return {};
    }
    if (passes_values_on(op)) {
      give(op, graph_.tensor(op.inputs[0]).quantization);
      return {};
    }
    if (!has_int8_form(op)) {
      return fail(Code::invalid_argument, std::string(graph::op_name(op.attributes)) + " '" + op.name +
                                              "' has no int8 form; simplify the model first");
    }
    MOTE_TRY_VOID(value(op.outputs[0]));
    if (is_weighted(op)) return quantize_weights(op);
    const Quantization of_output = graph_.tensor(op.outputs[0]).quantization;
    for (TensorId& input : op.inputs) {
      if (graph_.tensor(input).dtype == DType::i8 && op.as<graph::Select>() != nullptr && &input == &op.inputs[0])
        continue;
      if (graph_.tensor(input).is_constant()) {
        MOTE_TRY(input, quantize_operand(op, input, joins_values(op) ? std::optional(of_output) : std::nullopt));
      } else if (joins_values(op) && graph_.tensor(input).quantization != of_output) {
        input = requantized(op, input, of_output);
      }
    }
    return {};
  }

  /// Operators that give truth values give int8 already; what they compare is quantized.
  Result<void> quantize_truth(Op& op) {
    for (TensorId& input : op.inputs) {
      const Tensor& t = graph_.tensor(input);
      if (op.as<graph::Compare>() == nullptr || !t.is_constant() || t.dtype != DType::f32) continue;
      MOTE_TRY(input, quantize_operand(op, input, std::nullopt));
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
    const bool own = marked_ && source.quantization.present() && !source.quantization.per_channel();
    if (!q && own) q = source.quantization;
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
    const bool own = marked_ && weights.quantization.present() &&
                     (!weights.quantization.per_channel() || weights.quantization.axis == axis);
    Quantization q =
        own ? weights.quantization
            : graph::weight_quantization(weights, axis,
                                         graph::largest_weight_scale(graph_.tensor(op.inputs[0]).quantization,
                                                                     graph_.tensor(op.outputs[0]).quantization));
    const auto values = weights.values<float>();
    const auto channels = static_cast<std::size_t>(weights.shape[static_cast<std::size_t>(axis)]);
    const std::size_t inner = axis == 3 ? 1 : values.size() / channels;
    std::vector<float> steps;  // from the zero point
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float step = std::round(values[i] / q.scales[q.per_channel() ? i / inner % channels : 0]);
      steps.push_back(own ? step : std::clamp(step, -127.0f, 127.0f));
    }
    MOTE_TRY(const std::int32_t zero, weight_zero(op, q, steps));
    std::vector<std::int8_t> integers;
    for (const float step : steps)
      integers.push_back(static_cast<std::int8_t>(std::clamp(step + static_cast<float>(zero), -128.0f, 127.0f)));
    std::ranges::fill(q.zero_points, zero);
    Tensor integer_weights{weights.name + "/int8", DType::i8, weights.shape, q,
                           graph::constant_data(std::span<const std::int8_t>(integers))};
    op.inputs[1] = graph_.add_tensor(std::move(integer_weights));
    op.inputs.resize(3, graph::kNoTensor);
    MOTE_TRY(op.inputs[2], quantize_bias(op, q, channels));
    return {};
  }

  /// 0 where int8 reaches all weights from there; else their own.
  [[nodiscard]] static Result<std::int32_t> weight_zero(const Op& op, const Quantization& q,
                                                        std::span<const float> steps) {
    const auto [low, high] = std::ranges::minmax(steps);
    if (low >= -128.0f && high <= 127.0f) return 0;
    const std::int32_t zero = q.zero_point();
    const bool one = std::ranges::all_of(q.zero_points, [&](std::int32_t z) { return z == zero; });
    if (one && low + static_cast<float>(zero) >= -128.0f && high + static_cast<float>(zero) <= 127.0f) return zero;
    return fail(Code::unsupported, "'" + op.name + "' has weights up to " +
                                       std::to_string(static_cast<int>(std::max(-low, high))) +
                                       " steps from zero points that differ; int8 reaches 128");
  }

  /// Bias scale is input scale times weight scale, zero point 0.
  Result<TensorId> quantize_bias(const Op& op, const Quantization& weights, std::size_t channels) {
    const Quantization input = graph_.tensor(op.inputs[0]).quantization;
    std::vector<std::int32_t> integers(channels, 0);
    Quantization q;
    const bool present = op.inputs[2] != graph::kNoTensor;
    for (std::size_t c = 0; c < channels; ++c) {
      const float scale = input.scale() * weights.scales[weights.per_channel() ? c : 0];
      if (!std::isfinite(scale) || !(scale > 0.0f))
        return fail(Code::unsupported, "'" + op.name + "' has scales whose product is no number that float32 holds");
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
  const Quantizations& of_values_;
  bool marked_;
  std::optional<Op> behind_;  // comes after the operator at hand
};

}  // namespace

bool joins_values(const Op& op) {
  const auto* binary = op.as<graph::Binary>();
  return op.as<graph::Concat>() != nullptr || op.as<graph::Select>() != nullptr ||
         (binary != nullptr &&
          (binary->kind == graph::BinaryKind::minimum || binary->kind == graph::BinaryKind::maximum));
}

bool passes_values_on(const Op& op) {
  return op.as<graph::Pool2D>() != nullptr || op.as<graph::Reshape>() != nullptr ||
         op.as<graph::ResizeBilinear>() != nullptr || is_extremum(op) || op.as<graph::TopK>() != nullptr ||
         (graph::is_move(op) && op.as<graph::Concat>() == nullptr);
}

Result<Graph> quantized_by(const Graph& graph, const Quantizations& of_values, Origin origin) {
  if (!graph.states().empty())
    return fail(Code::invalid_argument,
                "a model with state is not quantized; quantize it first and then make it stream");
  MOTE_TRY(Graph quantized, Quantizer(graph, of_values, origin).run());
  if (const auto verified = graph::verify(quantized); !verified)
    return fail(Code::internal, "quantization broke the model: " + verified.error().message());
  return quantized;
}

Result<graph::Graph> quantize(const graph::Graph& graph, const graph::Ranges& ranges) {
  Quantizations of_values;
  for (const auto& [name, range] : ranges) {
    if (!std::isfinite(range.low) || !std::isfinite(range.high))
      return fail(Code::invalid_argument, "the calibrated range of '" + name + "' is not finite");
    of_values.emplace(name, graph::activation_quantization(range));
  }
  return quantized_by(graph, of_values, Origin::calibrated);
}

}  // namespace mote::optimize
