// Functions of one element, operators of two, clamps, softmax, and conversions.

#include <cmath>
#include <limits>

#include "../node_reader.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::onnx {
namespace {

using graph::Activate;
using graph::Activation;
using graph::Add;
using graph::Binary;
using graph::BinaryKind;
using graph::DType;
using graph::TensorId;
using graph::Unary;
using graph::UnaryKind;

template <UnaryKind kKind>
Result<void> unary(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(node.emit(Unary{kKind}, {x}));
}

Result<void> relu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(node.emit(Activate{Activation::relu}, {x}));
}

/// x combined with a number; of x's rank even where that is 0.
Result<TensorId> with_number(NodeReader& node, graph::Attributes op, TensorId x, float value) {
  MOTE_TRY(const TensorId k, node.floats({value}, Dims(node.shape(x).rank(), 1)));
  return node.emit(std::move(op), {x, k});
}

Result<void> leaky_relu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(node.emit(Unary{UnaryKind::leaky_relu, node.real("alpha", 0.01f)}, {x}));
}
Result<void> elu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(node.emit(Unary{UnaryKind::elu, node.real("alpha", 1.0f)}, {x}));
}
Result<void> gelu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(
      node.emit(Unary{node.text("approximate", "none") == "tanh" ? UnaryKind::gelu_tanh : UnaryKind::gelu}, {x}));
}
Result<void> hard_sigmoid(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId scaled, with_number(node, Binary{BinaryKind::mul}, x, node.real("alpha", 0.2f)));
  MOTE_TRY(const TensorId shifted, with_number(node, Add{Activation::relu}, scaled, node.real("beta", 0.5f)));
  return node.give(with_number(node, Binary{BinaryKind::minimum}, shifted, 1.0f));
}
/// gamma * elu(x, alpha)
Result<void> selu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId y, node.emit(Unary{UnaryKind::elu, node.real("alpha", 1.67326319217681884765625f)}, {x}));
  return node.give(with_number(node, Binary{BinaryKind::mul}, y, node.real("gamma", 1.05070102214813232421875f)));
}
/// alpha * elu(x / alpha)
Result<void> celu(NodeReader& node) {
  const float alpha = node.real("alpha", 1.0f);
  if (!(alpha > 0.0f)) return node.refuse(Code::unsupported, "its alpha is not positive");
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId scaled, with_number(node, Binary{BinaryKind::mul}, x, 1.0f / alpha));
  MOTE_TRY(const TensorId y, node.emit(Unary{UnaryKind::elu, 1.0f}, {scaled}));
  return node.give(with_number(node, Binary{BinaryKind::mul}, y, alpha));
}
/// log(1 + exp(x))
Result<void> softplus(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId e, node.emit(Unary{UnaryKind::exp}, {x}));
  MOTE_TRY(const TensorId sum, with_number(node, Add{}, e, 1.0f));
  return node.give(node.emit(Unary{UnaryKind::log}, {sum}));
}
/// x / (1 + |x|)
Result<void> softsign(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId a, node.emit(Unary{UnaryKind::abs}, {x}));
  MOTE_TRY(const TensorId sum, with_number(node, Add{}, a, 1.0f));
  return node.give(node.emit(Binary{BinaryKind::div}, {x, sum}));
}

/// A limit of Clip: an attribute before operator set 11, then an input.
Result<std::optional<float>> limit(NodeReader& node, std::size_t input, std::string_view name) {
  if (node.opset() < 11) {
    const auto* a = node.attribute(name);
    return a == nullptr ? std::nullopt : std::optional(a->f());
  }
  if (!node.has(input)) return std::optional<float>();
  MOTE_TRY(const TensorId id, node.constant(input));
  if (node.tensor(id).dtype != DType::f32 || node.shape(id).elements() != 1)
    return node.refuse(Code::unsupported, "its limits are not single floats");
  return std::optional(node.tensor(id).values<float>()[0]);
}

Result<void> clip(NodeReader& node) {
  MOTE_TRY(TensorId x, node.in(0));
  MOTE_TRY(const auto low, limit(node, 1, "min"));
  MOTE_TRY(const auto high, limit(node, 2, "max"));
  const bool open = !high || *high >= std::numeric_limits<float>::max();
  if (low && *low == 0.0f && (open || *high == 6.0f))
    return node.give(node.emit(Activate{open ? Activation::relu : Activation::relu6}, {x}));
  if (low && *low == -1.0f && high && *high == 1.0f)
    return node.give(node.emit(Activate{Activation::relu_n1_to_1}, {x}));
  if (low) {
    MOTE_TRY(x, with_number(node, Binary{BinaryKind::maximum}, x, *low));
  }
  if (high) {
    MOTE_TRY(x, with_number(node, Binary{BinaryKind::minimum}, x, *high));
  }
  return node.give(x);
}

Result<TensorId> combined(NodeReader& node, graph::Attributes op, TensorId a, TensorId b) {
  if (node.tensor(a).dtype != node.tensor(b).dtype)
    return node.refuse(Code::malformed, "its inputs have different types");
  return node.emit(std::move(op), {a, b});
}

template <class Operator, BinaryKind kKind = BinaryKind::sub>
graph::Attributes operator_of() {
  if constexpr (std::is_same_v<Operator, Add>)
    return Add{};
  else
    return Binary{kKind};
}

template <class Operator, BinaryKind kKind = BinaryKind::sub>
Result<void> binary(NodeReader& node) {
  if (node.opset() < 7) return node.refuse(Code::unsupported, "operator sets before 7 broadcast in another way");
  MOTE_TRY(const TensorId a, node.in(0));
  MOTE_TRY(const TensorId b, node.in(1));
  return node.give(combined(node, operator_of<Operator, kKind>(), a, b));
}

/// Any number of inputs, one after the other.
template <class Operator, BinaryKind kKind = BinaryKind::sub>
Result<TensorId> chain(NodeReader& node) {
  MOTE_TRY(TensorId sum, node.in(0));
  for (std::size_t i = 1; i < node.input_count(); ++i) {
    MOTE_TRY(const TensorId next, node.in(i));
    MOTE_TRY(sum, combined(node, operator_of<Operator, kKind>(), sum, next));
  }
  return sum;
}
template <class Operator, BinaryKind kKind = BinaryKind::sub>
Result<void> variadic(NodeReader& node) {
  return node.give(chain<Operator, kKind>(node));
}
Result<void> mean(NodeReader& node) {
  MOTE_TRY(const TensorId sum, chain<Add>(node));
  return node.give(with_number(node, Binary{BinaryKind::mul}, sum, 1.0f / static_cast<float>(node.input_count())));
}

/// Powers that have an operator of their own.
Result<void> power(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId id, node.constant(1));
  const graph::Tensor& k = node.tensor(id);
  if (k.shape.elements() != 1) return node.refuse(Code::unsupported, "its exponent is not one number");
  const double exponent = k.dtype == DType::f32   ? static_cast<double>(k.values<float>()[0])
                          : k.dtype == DType::i32 ? k.values<std::int32_t>()[0]
                          : k.dtype == DType::i64 ? static_cast<double>(k.values<std::int64_t>()[0])
                                                  : 0.0;
  if (exponent == 1.0) return node.give(x);
  if (exponent == 2.0) return node.give(node.emit(Unary{UnaryKind::square}, {x}));
  if (exponent == 0.5) return node.give(node.emit(Unary{UnaryKind::sqrt}, {x}));
  if (exponent == -0.5) return node.give(node.emit(Unary{UnaryKind::rsqrt}, {x}));
  if (exponent == -1.0) return node.give(node.emit(Unary{UnaryKind::reciprocal}, {x}));
  if (exponent == 3.0) {
    MOTE_TRY(const TensorId square, node.emit(Unary{UnaryKind::square}, {x}));
    return node.give(node.emit(Binary{BinaryKind::mul}, {square, x}));
  }
  return node.refuse(Code::unsupported,
                     "its exponent is " + std::to_string(exponent) + "; 1, 2, 3, 0.5, -0.5 and -1 are possible");
}

/// The slope broadcasts towards x from its last dimension, except that one of [C] alone stands for the channels in old
/// files: [C,1,1] is what converters write.
Result<void> prelu(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId slope, node.in(1));
  return node.give(node.emit(Binary{BinaryKind::prelu}, {x, slope}));
}

/// Before operator set 13 everything from `axis` on is one distribution.
/// @param kind  Softmax or LogSoftmax
Result<TensorId> softmax_of(NodeReader& node, const graph::Attributes& kind) {
  MOTE_TRY(const TensorId x, node.in(0));
  const std::size_t rank = node.shape(x).rank();
  const bool old = node.integer("opset", node.opset()) < 13;  // QLinearSoftmax says whose Softmax it is
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", old ? 1 : -1), rank));
  if (old) {
    std::int32_t rows = 1, depth = 1;
    for (std::size_t d = 0; d < rank; ++d) (d < axis ? rows : depth) *= node.shape(x)[d];
    MOTE_TRY(const TensorId flat, node.reshaped(x, {rows, depth}));
    MOTE_TRY(const TensorId y, node.emit(kind, {flat}));
    return node.reshaped(y, node.dims(x));
  }
  if (axis + 1 == rank) return node.emit(kind, {x});
  Dims swap;
  for (std::size_t d = 0; d < rank; ++d) swap.push_back(static_cast<std::int32_t>(d));
  std::swap(swap[axis], swap[rank - 1]);
  MOTE_TRY(const TensorId turned, node.transposed(x, swap));
  MOTE_TRY(const TensorId y, node.emit(kind, {turned}));
  return node.transposed(y, swap);
}
Result<void> softmax(NodeReader& node) { return node.give(softmax_of(node, graph::Softmax{})); }
Result<void> log_softmax(NodeReader& node) { return node.give(softmax_of(node, graph::LogSoftmax{})); }

/// Of constants, of truth values, of bytes given to the model, and to the same type.
Result<void> cast(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const auto to = node.integer("to", 0);
  const DType from = node.tensor(x).dtype;
  const bool same =
      (to == 1 && from == DType::f32) || (to == 6 && from == DType::i32) || (to == 7 && from == DType::i64);
  if (same) return node.give(x);
  const graph::Tensor& t = node.tensor(x);
  const bool truth = graph::may_be_truth(t) && node.knows_scale(x);
  if (truth && to == 9) return node.give(x);
  if (truth && to == 1) return node.give(node.emit(graph::Dequantize{}, {x}, std::nullopt, DType::f32));
  if (to == 9 && (from == DType::f32 || from == DType::i64)) {
    MOTE_TRY(const TensorId none, from == DType::f32 ? node.floats({0.0f}, Dims(t.shape.rank(), 1))
                                                     : node.whole_numbers({0}, Dims(t.shape.rank(), 1)));
    return node.give(node.compare(graph::CompareKind::not_equal, x, none));
  }
  if (to == 1 && from == DType::i8 && !t.is_constant() && !node.knows_scale(x)) {
    node.set_quantization(x, graph::Quantization(t.quantization));  // each byte for what it is
    return node.give(node.emit(graph::Dequantize{}, {x}, std::nullopt, DType::f32));
  }
  // Computed whole numbers are int32 here, whatever the file has.
  if (!t.is_constant() && from == DType::f32 && (to == 6 || to == 7))
    return node.give(node.emit(graph::Cast{}, {x}, std::nullopt, DType::i32));
  if (!t.is_constant() && from == DType::i32 && to == 1)
    return node.give(node.emit(graph::Cast{}, {x}, std::nullopt, DType::f32));
  if (!t.is_constant() && from == DType::i32 && to == 7) return node.give(x);
  if (!t.is_constant() || (to != 1 && to != 6 && to != 7))
    return node.refuse(Code::unsupported, "it converts to type " + std::to_string(to) +
                                              ", which only constants of whole numbers and floats can");
  std::vector<double> values;
  if (from == DType::f32)
    for (const float v : t.values<float>()) values.push_back(static_cast<double>(v));
  else if (from == DType::i32)
    for (const std::int32_t v : t.values<std::int32_t>()) values.push_back(v);
  else if (from == DType::i64)
    for (const std::int64_t v : t.values<std::int64_t>()) values.push_back(static_cast<double>(v));
  else
    return node.refuse(Code::unsupported, "it converts " + std::string(graph::name(from)));
  if (to == 1) return node.give(node.floats({values.begin(), values.end()}, node.dims(x)));
  std::vector<std::int64_t> whole;
  for (const double v : values) {
    if (!(std::fabs(v) < 9e18)) return node.refuse(Code::malformed, "it makes a whole number of " + std::to_string(v));
    whole.push_back(static_cast<std::int64_t>(v));
  }
  return node.give(node.whole_numbers(whole, node.dims(x)));
}

/// (x - mean) / sqrt(variance + epsilon) * scale + bias, over the dimensions from `axis` on.
Result<void> layer_normalization(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId scale, node.in(1));
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", -1), node.shape(x).rank()));
  graph::Reduce mean_of{graph::ReduceKind::mean, {}};
  for (std::size_t d = axis; d < node.shape(x).rank(); ++d) mean_of.axes.push_back(static_cast<std::int32_t>(d));
  MOTE_TRY(const TensorId mean, node.emit(mean_of, {x}));
  MOTE_TRY(const TensorId difference, node.emit(Binary{BinaryKind::sub}, {x, mean}));
  MOTE_TRY(const TensorId square, node.emit(Unary{UnaryKind::square}, {difference}));
  MOTE_TRY(const TensorId variance, node.emit(mean_of, {square}));
  MOTE_TRY(const TensorId above, with_number(node, Add{}, variance, node.real("epsilon", 1e-5f)));
  MOTE_TRY(const TensorId inverse, node.emit(Unary{UnaryKind::rsqrt}, {above}));
  MOTE_TRY(const TensorId normal, node.emit(Binary{BinaryKind::mul}, {difference, inverse}));
  MOTE_TRY(TensorId y, node.emit(Binary{BinaryKind::mul}, {normal, scale}));
  if (node.has(2)) {
    MOTE_TRY(const TensorId bias, node.in(2));
    MOTE_TRY(y, node.emit(Add{}, {y, bias}));
  }
  MOTE_TRY_VOID(node.give(y, 0));
  MOTE_TRY_VOID(node.give(mean, 1));
  return node.give(inverse, 2);
}

Result<void> dropout(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  if (node.has(2)) {
    MOTE_TRY(const TensorId training, node.constant(2));
    if (!graph::may_be_truth(node.tensor(training)) || node.tensor(training).values<std::int8_t>()[0] != 0)
      return node.refuse(Code::unsupported, "it is in training mode");
  }
  return node.give(x);
}

Result<void> identity(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(x);
}

}  // namespace

std::vector<OperatorRow> elementwise_rows() {
  return {{"Abs", unary<UnaryKind::abs>},
          {"Add", binary<Add>},
          {"Cast", cast},
          {"Ceil", unary<UnaryKind::ceil>},
          {"Celu", celu},
          {"Clip", clip},
          {"Cos", unary<UnaryKind::cos>},
          {"Div", binary<Binary, BinaryKind::div>},
          {"Dropout", dropout},
          {"Elu", elu},
          {"Exp", unary<UnaryKind::exp>},
          {"Floor", unary<UnaryKind::floor>},
          {"Gelu", gelu},
          {"HardSigmoid", hard_sigmoid},
          {"HardSwish", unary<UnaryKind::hard_swish>},
          {"Identity", identity},
          {"LayerNormalization", layer_normalization},
          {"LeakyRelu", leaky_relu},
          {"Log", unary<UnaryKind::log>},
          {"LogSoftmax", log_softmax},
          {"Max", variadic<Binary, BinaryKind::maximum>},
          {"Mean", mean},
          {"Min", variadic<Binary, BinaryKind::minimum>},
          {"Mul", binary<Binary, BinaryKind::mul>},
          {"Neg", unary<UnaryKind::neg>},
          {"PRelu", prelu},
          {"Pow", power},
          {"Reciprocal", unary<UnaryKind::reciprocal>},
          {"Relu", relu},
          {"Round", unary<UnaryKind::round>},
          {"Selu", selu},
          {"Sigmoid", unary<UnaryKind::logistic>},
          {"Sign", unary<UnaryKind::sign>},
          {"Sin", unary<UnaryKind::sin>},
          {"Softmax", softmax},
          {"Softplus", softplus},
          {"Softsign", softsign},
          {"Sqrt", unary<UnaryKind::sqrt>},
          {"Sub", binary<Binary, BinaryKind::sub>},
          {"Sum", variadic<Add>},
          {"Tanh", unary<UnaryKind::tanh>}};
}

}  // namespace mote::formats::onnx
