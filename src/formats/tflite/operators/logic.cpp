// Comparisons, LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, SELECT and SELECT_V2. Truth values are int8 in the graph.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::tflite {
namespace {

using graph::BinaryKind;
using graph::CompareKind;
using graph::TensorId;

Result<TensorId> truth(OperatorReader& op, std::size_t i) {
  MOTE_TRY(const TensorId x, op.operand(i));
  if (graph::may_be_truth(op.tensor(x))) return x;
  return op.refuse(Code::malformed, "input " + std::to_string(i) + " has no truth values");
}
Result<TensorId> truth_output(OperatorReader& op) {
  MOTE_TRY(const TensorId output, op.output());
  if (graph::may_be_truth(op.tensor(output))) return output;
  return op.refuse(Code::malformed, "its output has no truth values");
}

template <CompareKind kKind>
Result<void> read_compare(OperatorReader& op) {
  MOTE_TRY(const TensorId a, op.operand(0));
  MOTE_TRY(const TensorId b, op.operand(1));
  MOTE_TRY(const TensorId output, truth_output(op));
  MOTE_TRY_VOID(op.same_type(a, b));
  op.append(graph::Compare{kKind}, {a, b}, output);
  return {};
}

template <BinaryKind kKind>
Result<void> read_both(OperatorReader& op) {
  MOTE_TRY(const TensorId a, truth(op, 0));
  MOTE_TRY(const TensorId b, truth(op, 1));
  MOTE_TRY(const TensorId output, truth_output(op));
  op.append(graph::Binary{kKind}, {a, b}, output);
  return {};
}

Result<void> read_not(OperatorReader& op) {
  MOTE_TRY(const TensorId x, truth(op, 0));
  MOTE_TRY(const TensorId output, truth_output(op));
  graph::Tensor like = op.tensor(output);
  like.shape = graph::Shape(std::vector<std::int32_t>(like.shape.rank(), 1));
  const std::array<std::int8_t, 1> none{0};
  const TensorId zero = op.constant_like("/false", like, graph::constant_data(std::span<const std::int8_t>(none)));
  op.append(graph::Compare{CompareKind::equal}, {x, zero}, output);
  return {};
}

Result<void> read_select(OperatorReader& op, bool broadcasts) {
  MOTE_TRY(const TensorId condition, truth(op, 0));
  MOTE_TRY(const TensorId a, op.operand(1));
  MOTE_TRY(const TensorId b, op.operand(2));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(a, output));
  MOTE_TRY_VOID(op.same_quantization(b, output));
  // SELECT's vector of conditions stands for whole slices.
  if (!broadcasts && op.shape(condition) != op.shape(a) && op.shape(condition).elements() != 1)
    return op.refuse(Code::unsupported, "its condition " + op.shape(condition).text() + " is not of the shape " +
                                            op.shape(a).text() + " of what it selects");
  op.append(graph::Select{}, {condition, a, b}, output);
  return {};
}
Result<void> read_select_first(OperatorReader& op) { return read_select(op, false); }
Result<void> read_select_second(OperatorReader& op) { return read_select(op, true); }

/// x == false
bool negates(const OperatorWriter& op, const graph::Op& source) {
  const graph::Tensor& b = op.input(1);
  return source.as<graph::Compare>()->kind == CompareKind::equal && op.is_truth(source.inputs[0]) && b.is_constant() &&
         b.shape.elements() == 1 && b.data->front() == 0;
}

Result<void> write_compare(OperatorWriter& op, const graph::Op& source) {
  using B = fb::BuiltinOperator;
  constexpr std::array kCodes{B::LESS, B::LESS_EQUAL, B::GREATER, B::GREATER_EQUAL, B::EQUAL, B::NOT_EQUAL};
  if (negates(op, source)) {
    op.emit_plain_to(B::LOGICAL_NOT, 1, {op.input_id(0)}, source.outputs[0]);
    return {};
  }
  const auto kind = source.as<graph::Compare>()->kind;
  if (op.is_truth(source.inputs[0]) != op.is_truth(source.inputs[1]))
    return op.refuse("it compares truth values with numbers");
  if (op.is_truth(source.inputs[0]) && kind != CompareKind::equal && kind != CompareKind::not_equal)
    return op.refuse("TensorFlow Lite does not order truth values");
  op.emit_plain(kCodes[static_cast<std::size_t>(kind)], op.is_int8() ? 2 : 1);
  return {};
}

Result<void> write_select(OperatorWriter& op, const graph::Op& source) {
  if (!op.is_truth(source.inputs[0])) return op.refuse("its condition is not of truth values");
  op.emit_plain(fb::BuiltinOperator::SELECT_V2, 1);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::LESS, read_compare<CompareKind::less>, graph::Compare::kName, write_compare},
    OperatorRow{fb::BuiltinOperator::LESS_EQUAL, read_compare<CompareKind::less_equal>},
    OperatorRow{fb::BuiltinOperator::GREATER, read_compare<CompareKind::greater>},
    OperatorRow{fb::BuiltinOperator::GREATER_EQUAL, read_compare<CompareKind::greater_equal>},
    OperatorRow{fb::BuiltinOperator::EQUAL, read_compare<CompareKind::equal>},
    OperatorRow{fb::BuiltinOperator::NOT_EQUAL, read_compare<CompareKind::not_equal>},
    OperatorRow{fb::BuiltinOperator::LOGICAL_AND, read_both<BinaryKind::minimum>},
    OperatorRow{fb::BuiltinOperator::LOGICAL_OR, read_both<BinaryKind::maximum>},
    OperatorRow{fb::BuiltinOperator::LOGICAL_NOT, read_not},
    OperatorRow{fb::BuiltinOperator::SELECT, read_select_first, graph::Select::kName, write_select},
    OperatorRow{fb::BuiltinOperator::SELECT_V2, read_select_second},
};

}  // namespace

std::span<const OperatorRow> logic_rows() { return kRows; }

}  // namespace mote::formats::tflite
