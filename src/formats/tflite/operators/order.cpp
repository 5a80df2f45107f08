// TOPK_V2, CUMSUM and ONE_HOT.

#include <array>
#include <cstring>
#include <numeric>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::tflite {
namespace {

using graph::CumSum;
using graph::DType;
using graph::Shape;
using graph::Tensor;
using graph::TensorId;
using graph::TopK;

Result<std::int64_t> number(OperatorReader& op, std::size_t i) {
  MOTE_TRY(const std::vector<std::int64_t> values, op.integers(i, 1));
  if (values.size() != 1) return op.refuse(Code::malformed, "input " + std::to_string(i) + " is no number");
  return values[0];
}

/// One graph operator for each of its outputs.
Result<void> read_top_k(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::int64_t k, number(op, 1));
  MOTE_TRY(const std::vector<TensorId> outputs, op.outputs());
  if (outputs.size() != 2) return op.refuse(Code::malformed, "it has not two outputs");
  const Shape& shape = op.shape(x);
  if (shape.rank() == 0 || k < 1 || k > shape.back())
    return op.refuse(Code::malformed, "it takes " + std::to_string(k) + " of " + shape.text());
  MOTE_TRY_VOID(op.same_quantization(x, outputs[0]));
  MOTE_TRY_VOID(op.indices_are_int32(outputs[1]));
  const TopK along{graph::ArgKind::maximum, static_cast<std::int32_t>(shape.rank() - 1)};
  op.append(along, {x}, outputs[0]);
  op.append(along, {x}, outputs[1]);
  return {};
}

/// The other output of the file's operator is of no use.
Result<void> write_top_k(OperatorWriter& op, const graph::Op& source) {
  const TopK& a = *source.as<TopK>();
  const Tensor y = op.output();
  if (a.kind != graph::ArgKind::maximum || static_cast<std::size_t>(a.axis) + 1 != y.shape.rank())
    return op.refuse("TensorFlow Lite takes the largest elements along the last dimension alone");
  const bool indices = y.dtype == DType::i32;
  Tensor other = indices ? op.input(0) : y;
  other.shape = y.shape;
  if (!indices) {
    other.dtype = DType::i32;
    other.quantization = {};
  }
  const std::int32_t k = y.shape.back();
  const FileTensor count = op.integers("/k", {}, {&k, 1}), unused = op.value("/unused", std::move(other));
  std::vector<FileTensor> outputs{source.outputs[0], unused};
  if (indices) std::swap(outputs[0], outputs[1]);
  op.emit_to_all(fb::BuiltinOperator::TOPK_V2, op.is_int8() ? 2 : 1, fb::CreateTopKV2Options(op.builder()),
                 {op.input_id(0), count}, outputs);
  return {};
}

Result<void> read_cumsum(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.optional_options<fb::CumsumOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::int64_t given, number(op, 1));
  MOTE_TRY(const std::size_t axis, op.axis(given, op.shape(x).rank()));
  MOTE_TRY(const TensorId output, op.output());
  CumSum a{static_cast<std::int32_t>(axis)};
  if (options != nullptr) {
    a.exclusive = options->exclusive() ? 1 : 0;
    a.reverse = options->reverse() ? 1 : 0;
  }
  op.append(a, {x}, output);
  return {};
}

Result<void> write_cumsum(OperatorWriter& op, const graph::Op& source) {
  const CumSum& a = *source.as<CumSum>();
  const FileTensor axis = op.integers("/axis", {}, {&a.axis, 1});
  op.emit_to(fb::BuiltinOperator::CUMSUM, 1, fb::CreateCumsumOptions(op.builder(), a.exclusive != 0, a.reverse != 0),
             {op.input_id(0), axis}, source.outputs[0]);
  return {};
}

/// The number behind input `i`, as a tensor that broadcasts.
Result<TensorId> scalar(OperatorReader& op, std::size_t i, const Tensor& like, std::string_view suffix) {
  MOTE_TRY(const TensorId id, op.constant(i, {DType::f32}));
  if (op.shape(id).elements() != 1) return op.refuse(Code::malformed, "input " + std::to_string(i) + " is no number");
  Tensor one = like;
  one.shape = Shape(std::vector<std::int32_t>(like.shape.rank(), 1));
  return op.constant_like(suffix, one, op.tensor(id).data);
}

/// Which of the numbers up to the depth is the index? Where it is, one value, elsewhere the other.
Result<void> read_one_hot(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::OneHotOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::int64_t depth, number(op, 1));
  MOTE_TRY(const TensorId output, op.output());
  const Tensor y = op.tensor(output), indices = op.tensor(x);
  if (indices.dtype != DType::i32 || y.dtype != DType::f32)
    return op.refuse(Code::unsupported, "it does not make float32 of int32 indices");
  const std::size_t rank = indices.shape.rank() + 1;
  MOTE_TRY(const std::size_t axis, op.axis(options->axis(), rank));
  std::vector<std::int32_t> dims(indices.shape.dims().begin(), indices.shape.dims().end()), across(rank, 1);
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  if (depth < 1 || depth > INT32_MAX || y.shape.rank() != rank || y.shape[axis] != depth)
    return op.refuse(Code::malformed, "it gives " + y.shape.text() + " for a depth of " + std::to_string(depth));
  MOTE_TRY_VOID(op.charge(4 * static_cast<std::size_t>(depth)));
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(depth));
  std::iota(numbers.begin(), numbers.end(), 0);
  across[axis] = static_cast<std::int32_t>(depth);
  const TensorId counted = op.constant_like("/numbers", {y.name, DType::i32, Shape(across), {}, nullptr},
                                            graph::constant_data(std::span<const std::int32_t>(numbers)));
  MOTE_TRY(const TensorId on, scalar(op, 2, y, "/on"));
  MOTE_TRY(const TensorId off, scalar(op, 3, y, "/off"));
  const TensorId hot = op.intermediate("/hot", {y.name, DType::i8, y.shape, graph::truth_quantization(), nullptr});
  const TensorId placed = op.reshaped(x, Shape(dims));
  op.append(graph::Compare{graph::CompareKind::equal}, {placed, counted}, hot);
  op.append(graph::Select{}, {hot, on, off}, output);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::TOPK_V2, read_top_k, TopK::kName, write_top_k},
    OperatorRow{fb::BuiltinOperator::CUMSUM, read_cumsum, CumSum::kName, write_cumsum},
    OperatorRow{fb::BuiltinOperator::ONE_HOT, read_one_hot},
};

}  // namespace

std::span<const OperatorRow> order_rows() { return kRows; }

}  // namespace mote::formats::tflite
