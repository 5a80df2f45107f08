// RESHAPE, SQUEEZE and EXPAND_DIMS: the output's own shape counts; further inputs say the same again. SHAPE, RANK, FILL
// and ZEROS_LIKE: values that follow from shapes.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

Result<void> read_same_elements(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  if (op.shape(x).elements() != op.shape(output).elements()) {
    return op.refuse(Code::malformed, "it turns " + op.shape(x).text() + " into " + op.shape(output).text());
  }
  op.append(graph::Reshape{}, {x}, output);
  return {};
}

Result<void> read_reshape(OperatorReader& op) {
  if (op.has_input(1)) {
    MOTE_TRY([[maybe_unused]] const graph::TensorId shape, op.constant(1, {graph::DType::i32, graph::DType::i64}));
  }
  return read_same_elements(op);
}

/// Whole numbers as the output's type has them.
Result<void> set_integers(OperatorReader& op, graph::TensorId output, std::span<const std::int32_t> values) {
  if (op.tensor(output).dtype == graph::DType::i32) return op.set_constant(output, graph::constant_data(values));
  if (op.tensor(output).dtype != graph::DType::i64)
    return op.refuse(Code::malformed, "its output is not of whole numbers");
  const std::vector<std::int64_t> wide(values.begin(), values.end());
  return op.set_constant(output, graph::constant_data(std::span<const std::int64_t>(wide)));
}

/// The input's value does not matter, so that it need not be constant. One sample: what the file says of the batch is
/// fixed.
Result<void> read_shape(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  return set_integers(op, output, op.shape(x).dims());
}

Result<void> read_rank(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  const auto rank = static_cast<std::int32_t>(op.shape(x).rank());
  return set_integers(op, output, {&rank, 1});
}

Result<void> read_fill(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId value, op.operand(1));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(value, output));
  if (op.shape(value).elements() != 1)
    return op.refuse(Code::malformed, "it fills with " + op.shape(value).text() + " values");
  const std::vector<std::int32_t> ones(op.shape(output).rank(), 1);
  op.append(graph::Broadcast{}, {op.reshaped(value, graph::Shape(ones))}, output);
  return {};
}

Result<void> read_zeros_like(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId output, op.output());
  if (op.tensor(output).quantization.present()) return op.refuse(Code::unsupported, "it gives quantized zeros");
  MOTE_TRY_VOID(op.charge(op.tensor(output).size_bytes()));
  return op.set_constant(output, std::make_shared<const Bytes>(op.tensor(output).size_bytes()));
}

Result<void> write_reshape(OperatorWriter& op, const graph::Op& source) {
  const auto dims = op.output().shape.dims();
  if (dims.empty()) {
    op.emit_to(fb::BuiltinOperator::RESHAPE, 1,
               fb::CreateReshapeOptions(op.builder(), op.builder().CreateVector(dims.data(), 0)), {source.inputs[0]},
               source.outputs[0]);
    return {};
  }
  const FileTensor shape = op.integers("/shape", {static_cast<std::int32_t>(dims.size())}, dims);
  const auto options = fb::CreateReshapeOptions(op.builder(), op.builder().CreateVector(dims.data(), dims.size()));
  op.emit_to(fb::BuiltinOperator::RESHAPE, 1, options, {source.inputs[0], shape}, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::RESHAPE, read_reshape, graph::Reshape::kName, write_reshape},
    OperatorRow{fb::BuiltinOperator::SQUEEZE, read_same_elements},
    OperatorRow{fb::BuiltinOperator::EXPAND_DIMS, read_same_elements},
    OperatorRow{fb::BuiltinOperator::SHAPE, read_shape},
    OperatorRow{fb::BuiltinOperator::RANK, read_rank},
    OperatorRow{fb::BuiltinOperator::FILL, read_fill},
    OperatorRow{fb::BuiltinOperator::ZEROS_LIKE, read_zeros_like},
};

}  // namespace

std::span<const OperatorRow> reshape_rows() { return kRows; }

}  // namespace mote::formats::tflite
