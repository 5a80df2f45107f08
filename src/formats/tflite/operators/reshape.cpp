// RESHAPE. The output's own shape counts; the second input, if there is one, says the same again.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

Result<void> read_reshape(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  if (op.has_input(1)) {
    MOTE_TRY([[maybe_unused]] const graph::TensorId shape, op.constant(1, {graph::DType::i32, graph::DType::i64}));
  }
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  if (op.shape(x).elements() != op.shape(output).elements()) {
    return op.refuse(Code::malformed, "it turns " + op.shape(x).text() + " into " + op.shape(output).text());
  }
  op.append(graph::Reshape{}, {x}, output);
  return {};
}

Result<void> write_reshape(OperatorWriter& op, const graph::Op& source) {
  const auto dims = op.output().shape.dims();
  const FileTensor shape = op.integers("/shape", {static_cast<std::int32_t>(dims.size())}, dims);
  const auto options = fb::CreateReshapeOptions(op.builder(), op.builder().CreateVector(dims.data(), dims.size()));
  op.emit_to(fb::BuiltinOperator::RESHAPE, 1, options, {source.inputs[0], shape}, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::RESHAPE, read_reshape, graph::Reshape::kName, write_reshape}};

}  // namespace

std::span<const OperatorRow> reshape_rows() { return kRows; }

}  // namespace mote::formats::tflite
