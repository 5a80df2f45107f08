// CONCATENATION, PACK, SPLIT, SPLIT_V and UNPACK.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Concat;
using graph::Shape;
using graph::TensorId;

std::vector<std::int32_t> dims_of(const Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }

Result<std::vector<TensorId>> read_parts(OperatorReader& op) {
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < op.input_count(); ++i) {
    MOTE_TRY(const TensorId id, op.operand(i));
    parts.push_back(id);
  }
  if (parts.empty()) return op.refuse(Code::malformed, "it joins nothing");
  return parts;
}

Result<void> read_concatenation(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::ConcatenationOptions>());
  MOTE_TRY(const std::vector<TensorId> parts, read_parts(op));
  MOTE_TRY(const TensorId output, op.output());
  for (const TensorId part : parts) MOTE_TRY_VOID(op.same_quantization(part, output));
  MOTE_TRY(const graph::Activation activation, op.activation(options->activation()));
  if (activation != graph::Activation::none) return op.refuse(Code::unsupported, "it has a fused activation");
  MOTE_TRY(const std::size_t axis, op.axis(options->axis(), op.shape(output).rank()));
  op.append(Concat{static_cast<std::int32_t>(axis)}, parts, output);
  return {};
}

Result<void> write_concat(OperatorWriter& op, const graph::Op& source) {
  op.emit(fb::BuiltinOperator::CONCATENATION, op.is_int8() ? 2 : 1,
          fb::CreateConcatenationOptions(op.builder(), source.as<Concat>()->axis));
  return {};
}

Result<void> read_pack(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::PackOptions>());
  MOTE_TRY(std::vector<TensorId> parts, read_parts(op));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY(const std::size_t axis, op.axis(options->axis(), op.shape(parts[0]).rank() + 1));
  for (TensorId& part : parts) {
    MOTE_TRY_VOID(op.same_quantization(part, output));
    std::vector<std::int32_t> dims = dims_of(op.shape(part));
    if (axis > dims.size()) return op.refuse(Code::malformed, "its inputs have different shapes");
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    part = op.reshaped(part, Shape(dims));
  }
  op.append(Concat{static_cast<std::int32_t>(axis)}, parts, output);
  return {};
}

/// Outputs that follow one another along `axis`, each as long as it says.
Result<void> append_slices(OperatorReader& op, TensorId x, std::size_t axis, const std::vector<TensorId>& outputs) {
  std::int64_t place = 0;
  for (const TensorId output : outputs) {
    MOTE_TRY_VOID(op.same_quantization(x, output));
    const Shape& shape = op.shape(output);
    if (shape.rank() != op.shape(x).rank())
      return op.refuse(Code::malformed, "an output has the shape " + shape.text());
    graph::Slice slice{std::vector<std::int32_t>(shape.rank(), 0), std::vector<std::int32_t>(shape.rank(), 1)};
    slice.begin[axis] = static_cast<std::int32_t>(place);
    place += shape[axis];
    if (place > op.shape(x)[axis]) break;
    op.append(slice, {x}, output);
  }
  if (place != op.shape(x)[axis])
    return op.refuse(Code::malformed, "its outputs take " + std::to_string(place) + " of " + op.shape(x).text());
  return {};
}

Result<std::size_t> axis_input(OperatorReader& op, std::size_t input, std::size_t rank) {
  MOTE_TRY(const std::vector<std::int64_t> values, op.integers(input, 1));
  if (values.size() != 1) return op.refuse(Code::malformed, "it has no axis");
  return op.axis(values[0], rank);
}

Result<void> read_split(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(1));
  MOTE_TRY(const std::size_t axis, axis_input(op, 0, op.shape(x).rank()));
  MOTE_TRY(const std::vector<TensorId> outputs, op.outputs());
  return append_slices(op, x, axis, outputs);
}

Result<void> read_split_v(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::size_t axis, axis_input(op, 2, op.shape(x).rank()));
  MOTE_TRY(const std::vector<TensorId> outputs, op.outputs());
  return append_slices(op, x, axis, outputs);
}

Result<void> read_unpack(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::UnpackOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<TensorId> outputs, op.outputs());
  MOTE_TRY(const std::size_t axis, op.axis(options->axis(), op.shape(x).rank()));
  std::vector<std::int32_t> dims = dims_of(op.shape(x));
  if (static_cast<std::size_t>(dims[axis]) != outputs.size()) {
    return op.refuse(Code::malformed,
                     "it has " + std::to_string(outputs.size()) + " outputs for " + op.shape(x).text());
  }
  dims[axis] = 1;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    MOTE_TRY_VOID(op.same_quantization(x, outputs[i]));
    graph::Tensor like = op.tensor(x);
    like.shape = Shape(dims);
    const TensorId slice = op.intermediate("/slice", std::move(like));
    graph::Slice attributes{std::vector<std::int32_t>(dims.size(), 0), std::vector<std::int32_t>(dims.size(), 1)};
    attributes.begin[axis] = static_cast<std::int32_t>(i);
    op.append(attributes, {x}, slice);
    op.append(graph::Reshape{}, {slice}, outputs[i]);
  }
  return {};
}

/// The window's last rows, and the new ones behind them.
Result<void> write_shift(OperatorWriter& op, const graph::Op& source) {
  const auto axis = static_cast<std::size_t>(source.as<graph::Shift>()->axis);
  const graph::Shape window = op.input(0).shape, rows = op.input(1).shape;
  std::vector<std::int32_t> begin(window.rank(), 0), size = dims_of(window);
  begin[axis] = rows[axis];
  size[axis] -= rows[axis];
  std::vector<std::int32_t> parts{op.input_id(1)};
  if (size[axis] > 0) {
    graph::Tensor like = op.output();
    like.shape = Shape(size);
    const FileTensor kept = op.value("/kept", std::move(like));
    const auto rank = static_cast<std::int32_t>(window.rank());
    op.emit_plain_to(fb::BuiltinOperator::SLICE, op.is_int8() ? 2 : 1,
                     {op.input_id(0), op.integers("/begin", {rank}, begin), op.integers("/size", {rank}, size)}, kept);
    parts.insert(parts.begin(), kept);
  }
  op.emit_to(fb::BuiltinOperator::CONCATENATION, op.is_int8() ? 2 : 1,
             fb::CreateConcatenationOptions(op.builder(), static_cast<std::int32_t>(axis)), parts, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::CONCATENATION, read_concatenation, Concat::kName, write_concat},
    OperatorRow{fb::BuiltinOperator::PACK, read_pack, graph::Shift::kName, write_shift},
    OperatorRow{fb::BuiltinOperator::SPLIT, read_split},
    OperatorRow{fb::BuiltinOperator::SPLIT_V, read_split_v},
    OperatorRow{fb::BuiltinOperator::UNPACK, read_unpack},
};

}  // namespace

std::span<const OperatorRow> join_rows() { return kRows; }

}  // namespace mote::formats::tflite
