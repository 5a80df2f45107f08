// MEAN over height and width: a global average pool. Float only: for int8, TensorFlow Lite multiplies the sum by a
// fixed-point reciprocal in MEAN and divides it with rounding in AVERAGE_POOL_2D, so that results may differ by one.

#include <algorithm>
#include <array>

#include "model_reader.hpp"

namespace mote::formats::tflite {
namespace {

Result<void> read_mean(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.optional_options<fb::ReducerOptions>());
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  if (op.tensor(x).dtype != graph::DType::f32) {
    return op.refuse(Code::unsupported,
                     "it averages int8 values with an arithmetic of its own; use an average pool of the whole plane");
  }
  const graph::Shape& shape = op.shape(x);
  if (shape.rank() != 4)
    return op.refuse(Code::unsupported, "its input has the shape " + shape.text() + ", [1,H,W,C] is needed");
  MOTE_TRY(std::vector<std::int64_t> axes, op.integers(1, 4));
  for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::ranges::sort(axes);
  if (axes != std::vector<std::int64_t>{1, 2})
    return op.refuse(Code::unsupported, "it averages over other axes than height and width");
  const bool keeps = options != nullptr && options->keep_dims();
  const graph::Shape pooled{1, 1, 1, shape[3]};
  if (op.shape(output) != (keeps ? pooled : graph::Shape{1, shape[3]})) {
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  }
  graph::Pool2D a;
  a.kernel_h = a.stride_h = shape[1];
  a.kernel_w = a.stride_w = shape[2];
  if (keeps) {
    op.append(a, {x}, output);
    return {};
  }
  graph::Tensor like = op.tensor(output);
  like.shape = pooled;
  const graph::TensorId middle = op.intermediate("/pooled", std::move(like));
  op.append(a, {x}, middle);
  op.append(graph::Reshape{}, {middle}, output);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::MEAN, read_mean}};

}  // namespace

std::span<const OperatorRow> mean_rows() { return kRows; }

}  // namespace mote::formats::tflite
