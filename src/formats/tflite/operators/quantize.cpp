// QUANTIZE and DEQUANTIZE.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;

Result<void> read_quantize(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  const DType from = op.tensor(x).dtype, to = op.tensor(output).dtype;
  if (to != DType::i8 && to != DType::i16 && (to != DType::i32 || from == DType::f32))
    return op.refuse(Code::unsupported, "its output is not int8 or int16, nor int32 of int8 or int16");
  if (to == DType::i32 && !op.tensor(output).quantization.present())
    return op.refuse(Code::malformed, "its output is int32 without a scale");
  if (from == DType::i8 || from == DType::i16) MOTE_TRY_VOID(op.rescales(op.scale(x), output));
  op.append(graph::Quantize{}, {x}, output);
  return {};
}

Result<void> write_quantize(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::QUANTIZE, op.is_int8() ? 2 : 1, fb::CreateQuantizeOptions(op.builder()));
  return {};
}

Result<void> read_dequantize(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  const DType from = op.tensor(x).dtype;
  if ((from != DType::i8 && from != DType::i16) || op.tensor(output).dtype != DType::f32) {
    return op.refuse(Code::unsupported, "it does not turn int8 or int16 into float32");
  }
  op.append(graph::Dequantize{}, {x}, output);
  return {};
}

Result<void> write_dequantize(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::DEQUANTIZE, op.input(0).dtype == DType::i16 ? 3 : 2,
          fb::CreateDequantizeOptions(op.builder()));
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::QUANTIZE, read_quantize, graph::Quantize::kName, write_quantize},
    OperatorRow{fb::BuiltinOperator::DEQUANTIZE, read_dequantize, graph::Dequantize::kName, write_dequantize},
};

}  // namespace

std::span<const OperatorRow> quantize_rows() { return kRows; }

}  // namespace mote::formats::tflite
