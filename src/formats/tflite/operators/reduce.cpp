// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, ARG_MAX and ARG_MIN. MEAN of floats over height and width is a global
// average pool: the same function, for which quantizing has a faster form. In int8 it keeps its own arithmetic.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::ArgKind;
using graph::ArgReduce;
using graph::Reduce;
using graph::ReduceKind;
using graph::Shape;
using graph::TensorId;

/// What the reduction gives before dimensions of 1 are dropped: `output` itself, or a tensor for `append_dropped`.
Result<TensorId> kept_output(OperatorReader& op, Shape kept, TensorId output) {
  if (op.shape(output) == kept) return output;
  if (op.shape(output).elements() != kept.elements())
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  graph::Tensor like = op.tensor(output);
  like.shape = std::move(kept);
  return op.intermediate("/kept", std::move(like));
}
void append_dropped(OperatorReader& op, TensorId kept, TensorId output) {
  if (kept != output) op.append(graph::Reshape{}, {kept}, output);
}

template <ReduceKind kKind>
Result<void> read_reduce(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> axes, op.integers(1, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  const Shape shape = op.shape(x);  // a copy: tensors are added below
  Reduce a{kKind, {}};
  for (const std::int64_t given : axes) {
    MOTE_TRY(const std::size_t axis, op.axis(given, shape.rank()));
    a.axes.push_back(static_cast<std::int32_t>(axis));
  }
  std::ranges::sort(a.axes);
  const auto twice = std::unique(a.axes.begin(), a.axes.end());
  a.axes.erase(twice, a.axes.end());
  if (kKind == ReduceKind::sum || kKind == ReduceKind::mean) {
    MOTE_TRY_VOID(op.rescales(op.scale(x), output));
  } else {
    MOTE_TRY_VOID(op.same_quantization(x, output));
  }
  std::vector<std::int32_t> dims(shape.dims().begin(), shape.dims().end());
  for (const std::int32_t axis : a.axes) dims[static_cast<std::size_t>(axis)] = 1;
  MOTE_TRY(const TensorId kept, kept_output(op, Shape(dims), output));
  const bool plane = shape.rank() == 4 && a.axes == std::vector<std::int32_t>{1, 2};
  if (kKind == ReduceKind::mean && plane && op.tensor(x).dtype == graph::DType::f32) {
    graph::Pool2D pool;
    pool.kernel_h = pool.stride_h = shape[1];
    pool.kernel_w = pool.stride_w = shape[2];
    op.append(pool, {x}, kept);
  } else {
    op.append(a, {x}, kept);
  }
  append_dropped(op, kept, output);
  return {};
}

Result<void> write_reduce(OperatorWriter& op, const graph::Op& source) {
  using B = fb::BuiltinOperator;
  const Reduce& a = *source.as<Reduce>();
  const FileTensor axes = op.integers("/axes", {static_cast<std::int32_t>(a.axes.size())}, a.axes);
  const auto emit = [&](B code, std::int32_t int8_version) {
    op.emit_to(code, op.is_int8() ? int8_version : 1, fb::CreateReducerOptions(op.builder(), true),
               {op.input_id(0), axes}, source.outputs[0]);
  };
  if (a.axes.empty()) return op.refuse("it reduces no axis");
  switch (a.kind) {
    case ReduceKind::sum:
      emit(B::SUM, 2);
      return {};
    case ReduceKind::mean:
      emit(B::MEAN, 2);
      return {};
    case ReduceKind::maximum:
      emit(B::REDUCE_MAX, 2);
      return {};
    case ReduceKind::minimum:
      emit(B::REDUCE_MIN, 2);
      return {};
    case ReduceKind::product:
      emit(B::REDUCE_PROD, 1);
      return {};
  }
  return op.refuse("it is of an unknown kind");
}

template <ArgKind kKind>
Result<void> read_arg(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> axes, op.integers(1, 1));
  MOTE_TRY(const TensorId output, op.output());
  if (axes.size() != 1) return op.refuse(Code::malformed, "it has no axis");
  MOTE_TRY(const std::size_t axis, op.axis(axes[0], op.shape(x).rank()));
  MOTE_TRY_VOID(op.indices_are_int32(output));
  std::vector<std::int32_t> dims(op.shape(x).dims().begin(), op.shape(x).dims().end());
  dims[axis] = 1;
  MOTE_TRY(const TensorId kept, kept_output(op, Shape(dims), output));
  op.append(ArgReduce{kKind, static_cast<std::int32_t>(axis)}, {x}, kept);
  append_dropped(op, kept, output);
  return {};
}

/// The format drops the axis; the graph keeps it as 1.
Result<void> write_arg(OperatorWriter& op, const graph::Op& source) {
  const ArgReduce& a = *source.as<ArgReduce>();
  graph::Tensor dropped = op.output();
  std::vector<std::int32_t> dims(dropped.shape.dims().begin(), dropped.shape.dims().end());
  dims.erase(dims.begin() + a.axis);
  dropped.shape = Shape(dims);
  const FileTensor axis = op.integers("/axis", {}, {&a.axis, 1}), value = op.value("/dropped", dropped);
  const std::int32_t version = op.is_int8() ? 2 : 1;
  if (a.kind == ArgKind::maximum) {
    op.emit_to(fb::BuiltinOperator::ARG_MAX, version, fb::CreateArgMaxOptions(op.builder(), fb::TensorType::INT32),
               {op.input_id(0), axis}, value);
  } else {
    op.emit_to(fb::BuiltinOperator::ARG_MIN, version, fb::CreateArgMinOptions(op.builder(), fb::TensorType::INT32),
               {op.input_id(0), axis}, value);
  }
  const auto kept = op.output().shape.dims();
  const FileTensor shape = op.integers("/shape", {static_cast<std::int32_t>(kept.size())}, kept);
  op.emit_to(fb::BuiltinOperator::RESHAPE, 1,
             fb::CreateReshapeOptions(op.builder(), op.builder().CreateVector(kept.data(), kept.size())),
             {value, shape}, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::MEAN, read_reduce<ReduceKind::mean>, Reduce::kName, write_reduce},
    OperatorRow{fb::BuiltinOperator::SUM, read_reduce<ReduceKind::sum>},
    OperatorRow{fb::BuiltinOperator::REDUCE_MAX, read_reduce<ReduceKind::maximum>},
    OperatorRow{fb::BuiltinOperator::REDUCE_MIN, read_reduce<ReduceKind::minimum>},
    OperatorRow{fb::BuiltinOperator::REDUCE_PROD, read_reduce<ReduceKind::product>},
    OperatorRow{fb::BuiltinOperator::ARG_MAX, read_arg<ArgKind::maximum>, ArgReduce::kName, write_arg},
    OperatorRow{fb::BuiltinOperator::ARG_MIN, read_arg<ArgKind::minimum>},
};

}  // namespace

std::span<const OperatorRow> reduce_rows() { return kRows; }

}  // namespace mote::formats::tflite
