// QUANTIZE, DEQUANTIZE and CAST.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;
using graph::Tensor;
using graph::TensorId;

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

/// Whether each number differs from 0.
Result<void> read_truth(OperatorReader& op, TensorId x, TensorId output) {
  Tensor like = op.tensor(x);
  like.shape = graph::Shape(std::vector<std::int32_t>(like.shape.rank(), 1));
  if (like.dtype != DType::f32 && like.dtype != DType::i32 && like.dtype != DType::i8)
    return op.refuse(Code::unsupported, "it makes truth values of " + std::string(graph::name(like.dtype)));
  Bytes zero(graph::size_bytes(like.dtype), 0);
  if (like.dtype == DType::i8) zero[0] = static_cast<std::uint8_t>(like.quantization.zero_point());
  const TensorId none = op.constant_like("/zero", like, std::make_shared<const Bytes>(std::move(zero)));
  op.append(graph::Compare{graph::CompareKind::not_equal}, {x, none}, output);
  return {};
}

/// Numbers of another type. What counts in steps of 1 is quantized with that scale, uint8 with a zero point.
Result<void> read_cast(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  for (const TensorId id : {x, output}) {
    const Tensor& t = op.tensor(id);
    if (t.quantization.present() && (t.quantization.per_channel() || t.quantization.scale() != 1.0f ||
                                     t.quantization.zero_point() != (op.was_unsigned(id) ? -128 : 0)))
      return op.refuse(Code::unsupported, "tensor " + in_quotes(t.name) +
                                              " is quantized, and its steps as numbers are of no use; DEQUANTIZE gives "
                                              "what they stand for");
  }
  if (op.shape(x).elements() != op.shape(output).elements())
    return op.refuse(Code::malformed, "it turns " + op.shape(x).text() + " into " + op.shape(output).text());
  const DType from = op.tensor(x).dtype, to = op.tensor(output).dtype;
  if (op.is_truth(output) && !op.is_truth(x)) return read_truth(op, x, output);
  if (from == to && op.was_unsigned(x) == op.was_unsigned(output)) {
    op.append(graph::Reshape{}, {x}, output);
    return {};
  }
  if (op.was_unsigned(output) || (op.was_unsigned(x) && to == DType::i8))
    return op.refuse(Code::unsupported, "it turns other numbers into uint8, or uint8 into int8");
  if (to == DType::f32 && (from == DType::i8 || from == DType::i16)) {
    op.append(graph::Dequantize{}, {x}, output);
    return {};
  }
  if (op.was_unsigned(x)) {
    if (to == DType::i64) return op.refuse(Code::unsupported, "it turns uint8 into int64");
    op.set_scale_1(output);
    op.append(graph::Quantize{}, {x}, output);
    return {};
  }
  op.append(graph::Cast{}, {x}, output);
  return {};
}

Result<void> write_cast(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::CAST, 1,
          fb::CreateCastOptions(op.builder(), tensor_type(op.input(0).dtype), tensor_type(op.output().dtype)));
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::QUANTIZE, read_quantize, graph::Quantize::kName, write_quantize},
    OperatorRow{fb::BuiltinOperator::DEQUANTIZE, read_dequantize, graph::Dequantize::kName, write_dequantize},
    OperatorRow{fb::BuiltinOperator::CAST, read_cast, graph::Cast::kName, write_cast},
};

}  // namespace

std::span<const OperatorRow> quantize_rows() { return kRows; }

}  // namespace mote::formats::tflite
