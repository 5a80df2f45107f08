// SOFTMAX and LOG_SOFTMAX.

#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::LogSoftmax;
using graph::Softmax;

Result<void> read_softmax(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::SoftmaxOptions>());
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  if (!std::isnormal(options->beta()) || options->beta() < 0.0f)
    return op.refuse(Code::malformed, "its beta is not a positive number");
  const graph::Quantization& q = op.tensor(output).quantization;
  // TensorFlow Lite's own condition.
  if (q.present() && (std::fabs(q.scale() * 256.0f - 1.0f) > 1e-3f || q.zero_point() != -128)) {
    return op.refuse(Code::malformed, "its int8 output must have the scale 1/256 and the zero point -128");
  }
  op.append(Softmax{options->beta()}, {x}, output);
  return {};
}

Result<void> write_softmax(OperatorWriter& op, const graph::Op& source) {
  op.emit(fb::BuiltinOperator::SOFTMAX, op.is_int8() ? 2 : 1,
          fb::CreateSoftmaxOptions(op.builder(), source.as<Softmax>()->beta));
  return {};
}

Result<void> read_log_softmax(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  op.append(LogSoftmax{}, {x}, output);
  return {};
}

Result<void> write_log_softmax(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::LOG_SOFTMAX, op.is_int8() ? 2 : 1, fb::CreateLogSoftmaxOptions(op.builder()));
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::SOFTMAX, read_softmax, Softmax::kName, write_softmax},
    OperatorRow{fb::BuiltinOperator::LOG_SOFTMAX, read_log_softmax, LogSoftmax::kName, write_log_softmax}};

}  // namespace

std::span<const OperatorRow> softmax_rows() { return kRows; }

}  // namespace mote::formats::tflite
