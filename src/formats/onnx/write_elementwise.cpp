// Operators element by element, and reductions.

#include <algorithm>
#include <numeric>

#include "../names.hpp"
#include "model_writer.hpp"

namespace mote::formats::onnx {
namespace {

using graph::Activation;
using graph::BinaryKind;
using graph::CompareKind;
using graph::Op;
using graph::TensorId;
using graph::UnaryKind;

/// Channels first where all operands stand so already, so that no transposes come between layers.
Layout layout_of(const ModelWriter& writer, const Op& op) {
  const bool first = std::ranges::all_of(
      op.inputs, [&](TensorId id) { return writer.tensor(id).shape.rank() == 4 && writer.has_first(id); });
  return first ? Layout::first : Layout::last;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Add& add) {
  const Layout layout = layout_of(writer, op);
  std::string a = writer.real(op.inputs[0], layout), b = writer.real(op.inputs[1], layout);
  writer.give_real(op.outputs[0], "Add", {std::move(a), std::move(b)}, {}, layout, add.activation);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Activate& activate) {
  const Layout layout = layout_of(writer, op);
  writer.give_real(op.outputs[0], "Identity", {writer.real(op.inputs[0], layout)}, {}, layout, activate.activation);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Softmax& softmax) {
  std::string x = writer.real(op.inputs[0]);
  if (softmax.beta != 1.0f) x = writer.node("Mul", {x, writer.floats({softmax.beta}, {})});
  writer.give_real(op.outputs[0], "Softmax", {std::move(x)}, {integer("axis", -1)});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::LogSoftmax&) {
  writer.give_real(op.outputs[0], "LogSoftmax", {writer.real(op.inputs[0])}, {integer("axis", -1)});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Unary& unary) {
  const Layout layout = layout_of(writer, op);
  const TensorId y = op.outputs[0];
  std::string x = writer.real(op.inputs[0], layout);
  const auto give = [&](std::string_view type, const Attributes& attributes = {}) {
    writer.give_real(y, type, {x}, attributes, layout);
    return true;
  };
  const auto power = [&](float exponent) {
    writer.give_real(y, "Pow", {x, writer.floats({exponent}, {})}, {}, layout);
    return true;
  };
  switch (unary.kind) {
    case UnaryKind::abs:
      return give("Abs");
    case UnaryKind::neg:
      return give("Neg");
    case UnaryKind::sign:
      return give("Sign");
    case UnaryKind::floor:
      return give("Floor");
    case UnaryKind::ceil:
      return give("Ceil");
    case UnaryKind::round:
      return give("Round");
    case UnaryKind::exp:
      return give("Exp");
    case UnaryKind::log:
      return give("Log");
    case UnaryKind::sqrt:
      return give("Sqrt");
    case UnaryKind::rsqrt:
      return power(-0.5f);
    case UnaryKind::square:
      return power(2.0f);
    case UnaryKind::reciprocal:
      return give("Reciprocal");
    case UnaryKind::sin:
      return give("Sin");
    case UnaryKind::cos:
      return give("Cos");
    case UnaryKind::logistic:
      return give("Sigmoid");
    case UnaryKind::tanh:
      return give("Tanh");
    case UnaryKind::elu:
      return give("Elu", {real("alpha", unary.alpha)});
    case UnaryKind::gelu:
      return give("Gelu", {text("approximate", "none")});
    case UnaryKind::gelu_tanh:
      return give("Gelu", {text("approximate", "tanh")});
    case UnaryKind::leaky_relu:
      return give("LeakyRelu", {real("alpha", unary.alpha)});
    case UnaryKind::hard_swish:
      return give("HardSwish");
  }
  return false;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Binary& binary) {
  const TensorId y = op.outputs[0];
  if (writer.is_truth(y)) {
    writer.give_stored(y, binary.kind == BinaryKind::minimum ? "And" : "Or",
                       {writer.stored(op.inputs[0]), writer.stored(op.inputs[1])});
    return true;
  }
  if (binary.kind == BinaryKind::squared_difference && writer.is_quantized(y)) {
    return writer.refuse(op, "ONNX has no operator for the square of a difference, and of quantized tensor " +
                                 in_quotes(writer.tensor(y).name) + " the range of the difference is not known");
  }
  const Layout layout = binary.kind == BinaryKind::prelu ? Layout::last : layout_of(writer, op);
  std::string a = writer.real(op.inputs[0], layout), b = writer.real(op.inputs[1], layout);
  std::string_view type;
  switch (binary.kind) {
    case BinaryKind::sub:
      type = "Sub";
      break;
    case BinaryKind::mul:
      type = "Mul";
      break;
    case BinaryKind::div:
      type = "Div";
      break;
    case BinaryKind::minimum:
      type = "Min";
      break;
    case BinaryKind::maximum:
      type = "Max";
      break;
    case BinaryKind::squared_difference:
      a = writer.node("Sub", {a, b});
      b = a;
      type = "Mul";
      break;
    case BinaryKind::prelu:
      type = "PRelu";
      break;
  }
  writer.give_real(y, type, {std::move(a), std::move(b)}, {}, layout, binary.activation);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Compare& compare) {
  const TensorId y = op.outputs[0];
  std::vector<std::string> operands{writer.real(op.inputs[0]), writer.real(op.inputs[1])};
  switch (compare.kind) {
    case CompareKind::less:
      writer.give_stored(y, "Less", std::move(operands));
      break;
    case CompareKind::less_equal:
      writer.give_stored(y, "LessOrEqual", std::move(operands));
      break;
    case CompareKind::greater:
      writer.give_stored(y, "Greater", std::move(operands));
      break;
    case CompareKind::greater_equal:
      writer.give_stored(y, "GreaterOrEqual", std::move(operands));
      break;
    case CompareKind::equal:
      writer.give_stored(y, "Equal", std::move(operands));
      break;
    case CompareKind::not_equal:
      writer.give_stored(y, "Not", {writer.node("Equal", std::move(operands))});
      break;
  }
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Select&) {
  std::string condition = writer.stored(op.inputs[0]);
  if (!writer.is_truth(op.inputs[0])) condition = writer.node("Cast", {condition}, {integer("to", 9)});
  const TensorId y = op.outputs[0];
  if (writer.is_truth(y)) {
    writer.give_stored(y, "Where", {condition, writer.stored(op.inputs[1]), writer.stored(op.inputs[2])});
  } else {
    writer.give_real(y, "Where", {condition, writer.real(op.inputs[1]), writer.real(op.inputs[2])});
  }
  return true;
}

std::vector<std::int64_t> wide(const std::vector<std::int32_t>& values) { return {values.begin(), values.end()}; }

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Reduce& reduce) {
  constexpr std::string_view kTypes[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"};
  writer.give_real(op.outputs[0], kTypes[static_cast<std::size_t>(reduce.kind)],
                   {writer.real(op.inputs[0]), writer.whole_numbers(wide(reduce.axes))}, {integer("keepdims", 1)});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::ArgReduce& reduce) {
  const std::string index =
      writer.node(reduce.kind == graph::ArgKind::maximum ? "ArgMax" : "ArgMin", {writer.real(op.inputs[0])},
                  {integer("axis", reduce.axis), integer("keepdims", 1)});
  writer.give_stored(op.outputs[0], "Cast", {index}, {integer("to", 6)});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::TopK& top) {
  const TensorId y = op.outputs[0];
  const std::int64_t count = writer.tensor(y).shape[static_cast<std::size_t>(top.axis)];
  const auto [values, indices] =
      writer.node_of_two("TopK", {writer.real(op.inputs[0]), writer.whole_numbers({count})},
                         {integer("axis", top.axis), integer("largest", top.kind == graph::ArgKind::maximum ? 1 : 0)});
  const bool of_indices =
      writer.tensor(y).dtype == graph::DType::i32 && writer.tensor(op.inputs[0]).dtype != graph::DType::i32;
  if (of_indices)
    writer.give_stored(y, "Cast", {indices}, {integer("to", 6)});
  else
    writer.give_real(y, "Identity", {values});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::CumSum& sum) {
  writer.give_real(op.outputs[0], "CumSum", {writer.real(op.inputs[0]), writer.whole_numbers({sum.axis})},
                   {integer("exclusive", sum.exclusive), integer("reverse", sum.reverse)});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Cast&) {
  writer.give_stored(op.outputs[0], "Cast", {writer.stored(op.inputs[0])},
                     {integer("to", writer.type_number(op.outputs[0]))});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Quantize&) {
  const Layout layout = layout_of(writer, op);
  writer.give_real(op.outputs[0], "Identity", {writer.real(op.inputs[0], layout)}, {}, layout);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Dequantize&) {
  const Layout layout = layout_of(writer, op);
  writer.give_stored(op.outputs[0], "Identity", {writer.real(op.inputs[0], layout)}, {}, layout);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Dropout& dropout) {
  writer.give_real(op.outputs[0], "Dropout", {writer.real(op.inputs[0]), writer.floats({dropout.rate}, {})});
  return true;
}

template <class Other>
Result<bool> write(ModelWriter&, const Op&, const Other&) {
  return false;
}

}  // namespace

Result<bool> write_elementwise(ModelWriter& writer, const Op& op) {
  return std::visit([&](const auto& attributes) { return write(writer, op, attributes); }, op.attributes);
}

}  // namespace mote::formats::onnx
