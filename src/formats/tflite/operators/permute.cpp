// TRANSPOSE, DEPTH_TO_SPACE, SPACE_TO_DEPTH, TILE and BROADCAST_TO.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Shape;
using graph::TensorId;
using graph::Transpose;

Result<void> read_transpose(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> permutation, op.integers(1, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  Transpose attributes;
  for (const std::int64_t p : permutation) {
    MOTE_TRY(const std::size_t axis, op.axis(p, op.shape(x).rank()));
    attributes.permutation.push_back(static_cast<std::int32_t>(axis));
  }
  op.append(attributes, {x}, output);
  return {};
}

Result<void> write_transpose(OperatorWriter& op, const graph::Op& source) {
  if (op.output().shape.rank() == 0) return op.refuse("TensorFlow Lite takes no scalar here");
  const auto& permutation = source.as<Transpose>()->permutation;
  const FileTensor table = op.integers("/permutation", {static_cast<std::int32_t>(permutation.size())}, permutation);
  op.emit_plain_to(fb::BuiltinOperator::TRANSPOSE, op.is_int8() ? 2 : 1, {op.input_id(0), table}, source.outputs[0]);
  return {};
}

/// Reshape, Transpose, Reshape: what moves blocks between space and depth.
Result<void> append_permuted(OperatorReader& op, TensorId x, const Shape& split, std::vector<std::int32_t> permutation,
                             TensorId output) {
  MOTE_TRY_VOID(op.same_quantization(x, output));
  if (split.elements() != op.shape(x).elements() || op.shape(output).elements() != op.shape(x).elements()) {
    return op.refuse(Code::malformed, "it turns " + op.shape(x).text() + " into " + op.shape(output).text());
  }
  std::vector<std::int32_t> dims;
  for (const std::int32_t p : permutation) dims.push_back(split[static_cast<std::size_t>(p)]);
  graph::Tensor like = op.tensor(output);
  like.shape = Shape(dims);
  const TensorId from = op.reshaped(x, split);
  const TensorId to = op.intermediate("/permuted", std::move(like));
  op.append(Transpose{std::move(permutation)}, {from}, to);
  op.append(graph::Reshape{}, {to}, output);
  return {};
}

Result<void> read_depth_to_space(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::DepthToSpaceOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& s = op.shape(x);
  const std::int32_t b = options->block_size();
  const std::int64_t square = std::int64_t{b} * b;
  if (s.rank() != 4 || b < 1 || b > 4096 || s[3] % square != 0)
    return op.refuse(Code::malformed, "its block of " + std::to_string(b) + " does not fit its input " + s.text());
  const Shape expected{s[0], s[1] * b, s[2] * b, static_cast<std::int32_t>(s[3] / square)};
  if (op.shape(output) != expected)
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  return append_permuted(op, x, {s[0] * s[1], s[2], b, b, expected[3]}, {0, 2, 1, 3, 4}, output);
}

Result<void> read_space_to_depth(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::SpaceToDepthOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& s = op.shape(x);
  const std::int32_t b = options->block_size();
  if (s.rank() != 4 || b < 1 || b > 4096 || s[1] % b != 0 || s[2] % b != 0)
    return op.refuse(Code::malformed, "its block of " + std::to_string(b) + " does not fit its input " + s.text());
  const Shape expected{s[0], s[1] / b, s[2] / b, s[3] * b * b};
  if (op.shape(output) != expected)
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  return append_permuted(op, x, {s[0] * s[1] / b, b, s[2] / b, b, s[3]}, {0, 2, 1, 3, 4}, output);
}

/// `from` repeated to `to`, both of one rank: a Broadcast where from has 1, then the output's own shape.
Result<void> append_broadcast(OperatorReader& op, TensorId x, const Shape& from, const Shape& to, TensorId output) {
  MOTE_TRY_VOID(op.same_quantization(x, output));
  const TensorId source = op.reshaped(x, from);
  if (to == op.shape(output)) {
    op.append(graph::Broadcast{}, {source}, output);
    return {};
  }
  graph::Tensor like = op.tensor(output);
  like.shape = to;
  const TensorId middle = op.intermediate("/repeated", std::move(like));
  op.append(graph::Broadcast{}, {source}, middle);
  op.append(graph::Reshape{}, {middle}, output);
  return {};
}

Result<void> read_tile(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> repeats, op.integers(1, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& in = op.shape(x);
  const Shape& out = op.shape(output);
  bool fits = repeats.size() == in.rank() && out.rank() == in.rank();
  for (std::size_t d = 0; fits && d < in.rank(); ++d)
    fits = repeats[d] >= 1 && repeats[d] == out[d] / in[d] && out[d] % in[d] == 0;
  if (!fits) return op.refuse(Code::malformed, "it turns " + in.text() + " into " + out.text());
  std::vector<std::int32_t> from, to;
  for (std::size_t d = 0; d < in.rank(); ++d) {
    const auto times = static_cast<std::int32_t>(repeats[d]);
    if (times > 1) {
      from.push_back(1);
      to.push_back(times);
    }
    from.push_back(in[d]);
    to.push_back(in[d]);
  }
  return append_broadcast(op, x, Shape(from), Shape(to), output);
}

Result<void> read_broadcast_to(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& in = op.shape(x);
  const Shape& out = op.shape(output);
  if (in.rank() > out.rank()) return op.refuse(Code::malformed, "it turns " + in.text() + " into " + out.text());
  std::vector<std::int32_t> from(out.rank() - in.rank(), 1);
  from.insert(from.end(), in.dims().begin(), in.dims().end());
  return append_broadcast(op, x, Shape(from), Shape(out), output);
}

Result<void> write_broadcast(OperatorWriter& op, const graph::Op& source) {
  if (op.output().shape.rank() == 0) return op.refuse("TensorFlow Lite takes no scalar here");
  const auto dims = op.output().shape.dims();
  const FileTensor shape = op.integers("/shape", {static_cast<std::int32_t>(dims.size())}, dims);
  op.emit_plain_to(fb::BuiltinOperator::BROADCAST_TO, 2, {op.input_id(0), shape}, source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::TRANSPOSE, read_transpose, Transpose::kName, write_transpose},
    OperatorRow{fb::BuiltinOperator::DEPTH_TO_SPACE, read_depth_to_space},
    OperatorRow{fb::BuiltinOperator::SPACE_TO_DEPTH, read_space_to_depth},
    OperatorRow{fb::BuiltinOperator::TILE, read_tile},
    OperatorRow{fb::BuiltinOperator::BROADCAST_TO, read_broadcast_to, graph::Broadcast::kName, write_broadcast},
};

}  // namespace

std::span<const OperatorRow> permute_rows() { return kRows; }

}  // namespace mote::formats::tflite
