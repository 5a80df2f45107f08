// PAD and PADV2. Zeros around height and width in front of a convolution become part of its pads: both pad with real
// zero, which is the zero point in int8. The convolution's writer puts them back where SAME and VALID do not do. Any
// other pad is an operator of its own.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "mote/graph/moves.hpp"
#include "window.hpp"

namespace mote::formats::tflite {
namespace {

/// A pad of its own, with a constant's value if the operator has one.
Result<void> append_pad(OperatorReader& op, const std::vector<std::int64_t>& amounts, graph::TensorId output) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY_VOID(op.same_quantization(x, output));
  graph::Pad pad;
  if (amounts.size() != 2 * op.shape(x).rank())
    return op.refuse(Code::malformed, "its paddings do not fit its input " + op.shape(x).text());
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    if (amounts[i] < 0 || amounts[i] > INT32_MAX)
      return op.refuse(Code::malformed, "it adds " + std::to_string(amounts[i]) + " rows or columns");
    (i % 2 == 0 ? pad.before : pad.after).push_back(static_cast<std::int32_t>(amounts[i]));
  }
  if (op.has_input(2)) {
    MOTE_TRY(const graph::TensorId id, op.constant(2, {op.tensor(x).dtype}));
    const graph::Tensor& value = op.tensor(id);
    if (value.shape.elements() != 1)
      return op.refuse(Code::malformed, "it pads with " + value.shape.text() + " values");
    if (value.dtype == graph::DType::f32) pad.value = value.values<float>()[0];
    if (value.dtype == graph::DType::i8) {
      MOTE_TRY_VOID(op.same_quantization(id, output));
      pad.value = value.quantization.scale() *
                  static_cast<float>(value.values<std::int8_t>()[0] - value.quantization.zero_point());
    }
  }
  op.append(pad, {x}, output);
  return {};
}

Result<void> read_pad_v2(OperatorReader& op) {
  MOTE_TRY(const std::vector<std::int64_t> amounts, op.integers(1, 2 * kMostDims));
  MOTE_TRY(const graph::TensorId output, op.output());
  return append_pad(op, amounts, output);
}

Result<void> read_pad(OperatorReader& op) {
  MOTE_TRY(const std::vector<std::int64_t> amounts, op.integers(1, 2 * kMostDims));
  MOTE_TRY(const graph::TensorId output, op.output());
  const bool plane = amounts.size() == 8 && amounts[0] == 0 && amounts[1] == 0 && amounts[6] == 0 && amounts[7] == 0;
  bool small = true;
  for (const std::int64_t amount : amounts) {
    if (amount < 0) return op.refuse(Code::malformed, "it adds " + std::to_string(amount) + " rows or columns");
    small = small && amount <= kMaxPad;
  }
  if (!plane || !small) return append_pad(op, amounts, output);
  MOTE_TRY(PaddedValue padded, op.padded_operand(0));
  MOTE_TRY_VOID(op.same_quantization(padded.id, output));
  const graph::Shape& in = op.shape(padded.id);
  if (in.rank() != 4) return op.refuse(Code::malformed, "its paddings do not fit its input " + in.text());
  padded.pads.top += static_cast<std::int32_t>(amounts[2]);
  padded.pads.bottom += static_cast<std::int32_t>(amounts[3]);
  padded.pads.left += static_cast<std::int32_t>(amounts[4]);
  padded.pads.right += static_cast<std::int32_t>(amounts[5]);
  for (const std::int32_t pad : {padded.pads.top, padded.pads.bottom, padded.pads.left, padded.pads.right}) {
    if (pad > kMaxPad)
      return op.refuse(Code::too_large,
                       "it and the PAD in front of it add " + std::to_string(pad) + " rows or columns");
  }
  const auto grown = [&](std::size_t axis, std::int32_t before, std::int32_t after) {
    return std::int64_t{in[axis]} + before + after == op.shape(output)[axis];
  };
  const bool fits = op.shape(output).rank() == 4 && op.shape(output)[3] == in[3] &&
                    grown(1, padded.pads.top, padded.pads.bottom) && grown(2, padded.pads.left, padded.pads.right);
  if (!fits) return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  op.pad(output, padded);
  return {};
}

/// What a pad is made of: PAD for zeros, PADV2 for another value.
void emit_pad(OperatorWriter& op, const graph::Op& source, const std::vector<std::int32_t>& amounts, FileTensor x,
              FileTensor y) {
  const FileTensor paddings = op.integers("/paddings", {static_cast<std::int32_t>(amounts.size() / 2), 2}, amounts);
  const std::int32_t version = op.is_int8() ? 2 : 1;
  if (source.as<graph::Pad>()->value == 0.0f) {
    op.emit_to(fb::BuiltinOperator::PAD, version, fb::CreatePadOptions(op.builder()), {x, paddings}, y);
    return;
  }
  graph::Tensor value = op.output();
  value.shape = {1};
  value.data = std::make_shared<const Bytes>(graph::pad_element(op.graph(), source));
  op.emit_plain_to(fb::BuiltinOperator::PADV2, version, {x, paddings, op.constant("/value", value)}, y);
}

/// `count` elements between neighbours along a dimension, as TensorFlow Lite pads only around: each element gets them
/// behind it in a dimension of its own, and the last ones are cut off. `dims` is the value's shape, before and after.
FileTensor spread(OperatorWriter& op, const graph::Op& source, FileTensor x, std::vector<std::int32_t>& dims,
                  std::size_t axis, std::int32_t count) {
  std::int32_t outer = 1, inner = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) (d < axis ? outer : inner) *= d == axis ? 1 : dims[d];
  const auto value = [&](const char* name, std::vector<std::int32_t> shape) {
    graph::Tensor like = op.output();
    like.shape = graph::Shape(std::move(shape));
    return op.value(name, std::move(like));
  };
  const auto reshaped = [&](const char* name, FileTensor from, const std::vector<std::int32_t>& shape) {
    const FileTensor to = value(name, shape);
    const FileTensor sizes = op.integers("/shape", {static_cast<std::int32_t>(shape.size())}, shape);
    op.emit_to(fb::BuiltinOperator::RESHAPE, 1,
               fb::CreateReshapeOptions(op.builder(), op.builder().CreateVector(shape)), {from, sizes}, to);
    return to;
  };
  const std::int32_t elements = outer * dims[axis];
  const FileTensor apart = reshaped("/apart", x, {elements, 1, inner});
  const FileTensor padded = value("/padded", {elements, count + 1, inner});
  emit_pad(op, source, {0, 0, 0, count, 0, 0}, apart, padded);
  std::vector<std::int32_t> joined = dims;
  joined[axis] *= count + 1;
  const FileTensor together = reshaped("/together", padded, joined);
  dims[axis] = joined[axis] - count;
  const FileTensor cut = value("/cut", dims);
  const std::vector<std::int32_t> zeros(dims.size(), 0);
  const auto rank = static_cast<std::int32_t>(dims.size());
  op.emit_plain_to(fb::BuiltinOperator::SLICE, op.is_int8() ? 2 : 1,
                   {together, op.integers("/begin", {rank}, zeros), op.integers("/size", {rank}, dims)}, cut);
  return cut;
}

Result<void> write_pad(OperatorWriter& op, const graph::Op& source) {
  if (op.output().shape.rank() == 0) return op.refuse("TensorFlow Lite takes no scalar here");
  const graph::Pad& a = *source.as<graph::Pad>();
  FileTensor x = op.input_id(0);
  const auto in = op.input(0).shape.dims();
  std::vector<std::int32_t> dims(in.begin(), in.end()), amounts;
  for (std::size_t d = 0; d < a.between.size(); ++d) {
    if (a.between[d] > 0) x = spread(op, source, x, dims, d, a.between[d]);
  }
  for (std::size_t d = 0; d < a.before.size(); ++d) {
    amounts.push_back(a.before[d]);
    amounts.push_back(a.after[d]);
  }
  emit_pad(op, source, amounts, x, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::PAD, read_pad, graph::Pad::kName, write_pad},
    OperatorRow{fb::BuiltinOperator::PADV2, read_pad_v2},
};

}  // namespace

std::span<const OperatorRow> pad_rows() { return kRows; }

}  // namespace mote::formats::tflite
