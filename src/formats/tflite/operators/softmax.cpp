// SOFTMAX and LOG_SOFTMAX.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

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

/// x - largest - log(sum of exp(x - largest)), over the innermost dimension.
Result<void> read_log_softmax(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  if (op.tensor(x).dtype != graph::DType::f32) return op.refuse(Code::unsupported, "it is not float32");
  const graph::Tensor like = op.tensor(x);
  if (like.shape.rank() == 0) return op.refuse(Code::malformed, "its input has no dimension");
  graph::Tensor row = like;
  std::vector<std::int32_t> dims(like.shape.dims().begin(), like.shape.dims().end());
  dims.back() = 1;
  row.shape = graph::Shape(std::move(dims));
  const std::vector<std::int32_t> innermost{static_cast<std::int32_t>(like.shape.rank()) - 1};
  const auto apply = [&](std::string_view suffix, const graph::Tensor& kind, graph::Attributes attributes,
                         std::vector<graph::TensorId> inputs) {
    const graph::TensorId y = op.intermediate(suffix, kind);
    op.append(std::move(attributes), std::move(inputs), y);
    return y;
  };
  const graph::TensorId largest = apply("/largest", row, graph::Reduce{graph::ReduceKind::maximum, innermost}, {x});
  const graph::TensorId below = apply("/below", like, graph::Binary{graph::BinaryKind::sub}, {x, largest});
  const graph::TensorId powers = apply("/exp", like, graph::Unary{graph::UnaryKind::exp}, {below});
  const graph::TensorId sum = apply("/sum", row, graph::Reduce{graph::ReduceKind::sum, innermost}, {powers});
  const graph::TensorId log = apply("/log", row, graph::Unary{graph::UnaryKind::log}, {sum});
  op.append(graph::Binary{graph::BinaryKind::sub}, {below, log}, output);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::SOFTMAX, read_softmax, Softmax::kName, write_softmax},
                           OperatorRow{fb::BuiltinOperator::LOG_SOFTMAX, read_log_softmax}};

}  // namespace

std::span<const OperatorRow> softmax_rows() { return kRows; }

}  // namespace mote::formats::tflite
