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
  if (op.tensor(output).dtype != DType::i8) return op.refuse(Code::unsupported, "its output is not int8");
  if (op.tensor(x).dtype == DType::i8) MOTE_TRY_VOID(op.rescales(op.scale(x), output));
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
  if (op.tensor(x).dtype != DType::i8 || op.tensor(output).dtype != DType::f32) {
    return op.refuse(Code::unsupported, "it does not turn int8 into float32");
  }
  op.append(graph::Dequantize{}, {x}, output);
  return {};
}

Result<void> write_dequantize(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::DEQUANTIZE, 2, fb::CreateDequantizeOptions(op.builder()));
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::QUANTIZE, read_quantize, graph::Quantize::kName, write_quantize},
    OperatorRow{fb::BuiltinOperator::DEQUANTIZE, read_dequantize, graph::Dequantize::kName, write_dequantize},
};

}  // namespace

std::span<const OperatorRow> quantize_rows() { return kRows; }

}  // namespace mote::formats::tflite
