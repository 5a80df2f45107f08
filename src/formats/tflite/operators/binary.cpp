// ADD, SUB, MUL, DIV, MINIMUM, MAXIMUM, SQUARED_DIFFERENCE, PRELU and ADD_N: two elements at a time, with broadcasting.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Add;
using graph::Binary;
using graph::BinaryKind;
using graph::TensorId;

struct Operands {
  TensorId a, b, output;
};

Result<Operands> read_operands(OperatorReader& op) {
  MOTE_TRY(const TensorId a, op.operand(0));
  MOTE_TRY(const TensorId b, op.operand(1));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(a, b));
  MOTE_TRY_VOID(op.same_type(a, output));
  return Operands{a, b, output};
}

/// int8 sums and differences; hostile scales would need impossible shifts.
Result<void> check_sum_scales(const OperatorReader& op, const Operands& o) {
  return op.rescales(2.0 * std::max(op.scale(o.a), op.scale(o.b)), o.output);
}

Result<void> read_add(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.optional_options<fb::AddOptions>());
  MOTE_TRY(const Operands o, read_operands(op));
  MOTE_TRY_VOID(check_sum_scales(op, o));
  Add attributes;
  if (options != nullptr) {
    MOTE_TRY(attributes.activation, op.activation(options->activation()));
  }
  op.append(attributes, {o.a, o.b}, o.output);
  return {};
}

Result<void> write_add(OperatorWriter& op, const graph::Op& source) {
  const auto options = fb::CreateAddOptions(op.builder(), activation_function(source.as<Add>()->activation));
  op.emit(fb::BuiltinOperator::ADD, op.is_int8() ? 2 : 1, options);
  return {};
}

/// Sums one after the other. In int8 TensorFlow Lite has none of it.
Result<void> read_add_n(OperatorReader& op) {
  MOTE_TRY(TensorId sum, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  if (op.tensor(output).dtype == graph::DType::i8) return op.refuse(Code::unsupported, "it has no int8 form");
  if (op.input_count() < 2) return op.refuse(Code::malformed, "it adds less than two values");
  for (std::size_t i = 1; i < op.input_count(); ++i) {
    MOTE_TRY(const TensorId next, op.operand(i));
    const TensorId to = i + 1 == op.input_count() ? output : op.intermediate("/sum", op.tensor(output));
    op.append(Add{}, {sum, next}, to);
    sum = to;
  }
  return {};
}

template <BinaryKind kKind, class Options>
Result<void> read_binary(OperatorReader& op) {
  MOTE_TRY(const Options* options, op.optional_options<Options>());
  MOTE_TRY(const Operands o, read_operands(op));
  Binary attributes{kKind};
  if (options != nullptr) {
    MOTE_TRY(attributes.activation, op.activation(options->activation()));
  }
  if (kKind == BinaryKind::mul) {
    MOTE_TRY_VOID(op.rescales(op.scale(o.a) * op.scale(o.b), o.output));
  } else {
    MOTE_TRY_VOID(check_sum_scales(op, o));
  }
  op.append(attributes, {o.a, o.b}, o.output);
  return {};
}

Result<void> read_squared_difference(OperatorReader& op) {
  MOTE_TRY(const Operands o, read_operands(op));
  const double larger = 2.0 * std::max(op.scale(o.a), op.scale(o.b));
  MOTE_TRY_VOID(op.rescales(larger * larger, o.output));
  op.append(Binary{BinaryKind::squared_difference}, {o.a, o.b}, o.output);
  return {};
}

template <BinaryKind kKind>
Result<void> read_extremum(OperatorReader& op) {
  MOTE_TRY(const Operands o, read_operands(op));
  MOTE_TRY_VOID(op.same_quantization(o.a, o.output));
  MOTE_TRY_VOID(op.same_quantization(o.b, o.output));
  op.append(Binary{kKind}, {o.a, o.b}, o.output);
  return {};
}

Result<void> read_prelu(OperatorReader& op) {
  MOTE_TRY(const Operands o, read_operands(op));
  MOTE_TRY_VOID(op.rescales(op.scale(o.a) * std::max(1.0, op.scale(o.b)), o.output));
  op.append(Binary{BinaryKind::prelu}, {o.a, o.b}, o.output);
  return {};
}

Result<void> write_binary(OperatorWriter& op, const graph::Op& source) {
  using B = fb::BuiltinOperator;
  const Binary& a = *source.as<Binary>();
  const std::int32_t version = op.is_int8() ? 2 : 1;
  const auto activation = activation_function(a.activation);
  if (op.is_truth(source.outputs[0])) {  // the least of truth values, or the greatest
    op.emit_plain(a.kind == BinaryKind::minimum ? B::LOGICAL_AND : B::LOGICAL_OR, 1);
    return {};
  }
  switch (a.kind) {
    case BinaryKind::sub:
      op.emit(B::SUB, version, fb::CreateSubOptions(op.builder(), activation));
      return {};
    case BinaryKind::mul:
      op.emit(B::MUL, version, fb::CreateMulOptions(op.builder(), activation));
      return {};
    case BinaryKind::div:
      op.emit(B::DIV, version, fb::CreateDivOptions(op.builder(), activation));
      return {};
    default:
      break;
  }
  if (a.activation != graph::Activation::none)
    return op.refuse("TensorFlow Lite clamps no " + std::string(graph::name(a.kind)));
  if (a.kind == BinaryKind::prelu) {
    op.emit_plain(B::PRELU, 1);
    return {};
  }
  const B code = a.kind == BinaryKind::minimum   ? B::MINIMUM
                 : a.kind == BinaryKind::maximum ? B::MAXIMUM
                                                 : B::SQUARED_DIFFERENCE;
  op.emit_plain(code, version);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::ADD, read_add, Add::kName, write_add},
    OperatorRow{fb::BuiltinOperator::ADD_N, read_add_n},
    OperatorRow{fb::BuiltinOperator::SUB, read_binary<BinaryKind::sub, fb::SubOptions>, Binary::kName, write_binary},
    OperatorRow{fb::BuiltinOperator::MUL, read_binary<BinaryKind::mul, fb::MulOptions>},
    OperatorRow{fb::BuiltinOperator::DIV, read_binary<BinaryKind::div, fb::DivOptions>},
    OperatorRow{fb::BuiltinOperator::MINIMUM, read_extremum<BinaryKind::minimum>},
    OperatorRow{fb::BuiltinOperator::MAXIMUM, read_extremum<BinaryKind::maximum>},
    OperatorRow{fb::BuiltinOperator::PRELU, read_prelu},
    OperatorRow{fb::BuiltinOperator::SQUARED_DIFFERENCE, read_squared_difference},
};

}  // namespace

std::span<const OperatorRow> binary_rows() { return kRows; }

}  // namespace mote::formats::tflite
