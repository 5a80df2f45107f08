#include "mote/graph/types.hpp"

#include <array>
#include <utility>

#include "mote/graph/ops.hpp"

namespace mote::graph {

std::string_view name(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::i8:
      return "i8";
    case DType::u8:
      return "u8";
    case DType::i16:
      return "i16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
  }
  return "unknown";
}

std::optional<DType> dtype_from_name(std::string_view text) {
  for (const DType type : {DType::f32, DType::i8, DType::u8, DType::i16, DType::i32, DType::i64}) {
    if (name(type) == text) return type;
  }
  return std::nullopt;
}

std::size_t size_bytes(DType type) {
  switch (type) {
    case DType::i8:
    case DType::u8:
      return 1;
    case DType::i16:
      return 2;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::i64:
      return 8;
  }
  return 0;
}

std::size_t Shape::elements() const {
  std::size_t product = 1;
  for (const std::int32_t d : dims_) product *= static_cast<std::size_t>(d);
  return product;
}

std::string Shape::text() const {
  std::string out = "[";
  for (std::size_t i = 0; i < dims_.size(); ++i) out += (i == 0 ? "" : ",") + std::to_string(dims_[i]);
  return out + "]";
}

bool Tensor::operator==(const Tensor& other) const {
  const bool same_data = data == other.data || (data != nullptr && other.data != nullptr && *data == *other.data);
  return same_data && name == other.name && dtype == other.dtype && shape == other.shape &&
         quantization == other.quantization;
}

std::string_view name(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "none";
    case Activation::relu:
      return "relu";
    case Activation::relu6:
      return "relu6";
    case Activation::relu_n1_to_1:
      return "relu_n1_to_1";
  }
  return "unknown";
}

std::string_view name(PoolKind kind) {
  switch (kind) {
    case PoolKind::average:
      return "average";
    case PoolKind::max:
      return "max";
  }
  return "unknown";
}

std::string_view name(UnaryKind kind) {
  static constexpr std::array<std::string_view, kUnaryKinds> kNames{
      "abs",      "neg",  "sign",  "floor",  "ceil",       "round",      "exp",
      "log",      "sqrt", "rsqrt", "square", "reciprocal", "sin",        "cos",
      "logistic", "tanh", "elu",   "gelu",   "gelu_tanh",  "leaky_relu", "hard_swish"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(BinaryKind kind) {
  static constexpr std::array<std::string_view, kBinaryKinds> kNames{
      "sub", "mul", "div", "minimum", "maximum", "squared_difference", "prelu"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(CompareKind kind) {
  static constexpr std::array<std::string_view, kCompareKinds> kNames{"less",          "less_equal", "greater",
                                                                      "greater_equal", "equal",      "not_equal"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(ReduceKind kind) {
  static constexpr std::array<std::string_view, kReduceKinds> kNames{"sum", "mean", "maximum", "minimum", "product"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(ArgKind kind) { return kind == ArgKind::maximum ? "maximum" : "minimum"; }

std::string_view name(TreeAggregate aggregate) {
  static constexpr std::array<std::string_view, kTreeAggregates> kNames{"sum", "average", "minimum", "maximum"};
  return kNames[static_cast<std::size_t>(aggregate)];
}

std::string_view name(ScoreKind kind) {
  static constexpr std::array<std::string_view, kScoreKinds> kNames{"logistic", "softmax", "softmax_zero", "complement",
                                                                    "opposite"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(ResizeMode mode) {
  static constexpr std::array<std::string_view, kResizeModes> kNames{"asymmetric", "align_corners", "half_pixel"};
  return kNames[static_cast<std::size_t>(mode)];
}

}  // namespace mote::graph
