// FULLY_CONNECTED and BATCH_MATMUL.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "weights.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Dense;
using graph::TensorId;

/// A dense layer for each row of the input. One row is a Dense; more are a convolution of 1x1 over a picture that is
/// one pixel wide.
Result<void> append_rows(OperatorReader& op, const Dense& a, std::vector<graph::TensorId> inputs,
                         graph::TensorId output) {
  const graph::Shape weights = op.shape(inputs[1]);
  const std::size_t elements = op.shape(inputs[0]).elements(), depth = static_cast<std::size_t>(weights[1]);
  const std::size_t rows = elements / depth;
  if (elements % depth != 0 || op.shape(output).elements() != rows * static_cast<std::size_t>(weights[0])) {
    return op.refuse(Code::malformed, "its weights take " + std::to_string(depth) +
                                          " values, its input has the shape " + op.shape(inputs[0]).text() +
                                          " and its output " + op.shape(output).text());
  }
  const auto count = static_cast<std::int32_t>(rows);
  const graph::Shape result = rows == 1 ? graph::Shape{1, weights[0]} : graph::Shape{1, count, 1, weights[0]};
  graph::TensorId to = output;
  if (op.shape(output) != result) {
    graph::Tensor like = op.tensor(output);
    like.shape = result;
    to = op.intermediate("/rows", std::move(like));
  }
  if (rows == 1) {
    op.append(a, inputs, to);
  } else {
    inputs[0] = op.reshaped(inputs[0], graph::Shape{1, count, 1, weights[1]});
    inputs[1] = op.reshaped(inputs[1], graph::Shape{weights[0], 1, 1, weights[1]});
    graph::Conv2D conv;
    conv.activation = a.activation;
    op.append(conv, inputs, to);
  }
  if (to != output) op.append(graph::Reshape{}, {to}, output);
  return {};
}

Result<void> read_dense(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::FullyConnectedOptions>());
  if (options->weights_format() != 0)
    return op.refuse(Code::unsupported, "its weights are stored shuffled for one ARM kernel");
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY(const std::vector<graph::TensorId> inputs, read_weights(op, x, output, 0, 2));
  Dense a;
  MOTE_TRY(a.activation, op.activation(options->activation()));
  return append_rows(op, a, inputs, output);
}

/// The last two dimensions exchanged.
TensorId turned_matrices(OperatorReader& op, TensorId x) {
  graph::Tensor like = op.tensor(x);
  const std::size_t rank = like.shape.rank();
  std::vector<std::int32_t> dims(like.shape.dims().begin(), like.shape.dims().end()), permutation;
  for (std::size_t d = 0; d < rank; ++d) permutation.push_back(static_cast<std::int32_t>(d));
  std::swap(dims[rank - 1], dims[rank - 2]);
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  like.shape = graph::Shape(dims);
  const TensorId y = op.intermediate("/turned", std::move(like));
  op.append(graph::Transpose{permutation}, {x}, y);
  return y;
}

/// A product of two computed matrices, or of many.
Result<void> read_computed_matmul(OperatorReader& op, const fb::BatchMatMulOptions& options, TensorId output) {
  MOTE_TRY(TensorId a, op.operand(0));
  MOTE_TRY(TensorId b, op.operand(1));
  MOTE_TRY_VOID(op.same_type(a, output));
  MOTE_TRY_VOID(op.same_type(b, output));
  if (op.shape(a).rank() < 2 || op.shape(b).rank() < 2)
    return op.refuse(Code::malformed, "it multiplies " + op.shape(a).text() + " and " + op.shape(b).text());
  MOTE_TRY_VOID(op.rescales(op.scale(a) * op.scale(b), output));
  if (options.adj_x()) a = turned_matrices(op, a);
  if (options.adj_y()) b = turned_matrices(op, b);
  op.append(graph::MatMul{}, {a, b}, output);
  return {};
}

/// A product with a constant matrix.
Result<void> read_batch_matmul(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::BatchMatMulOptions>());
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  if (op.is_computed(1)) return read_computed_matmul(op, *options, output);
  MOTE_TRY(const graph::TensorId matrix, op.constant(1, {op.tensor(x).dtype}));
  if (options->adj_x()) return op.refuse(Code::unsupported, "its first matrix is transposed");
  const graph::Tensor& m = op.tensor(matrix);
  const std::size_t rank = m.shape.rank();
  if (rank < 2 ||
      m.shape.elements() != static_cast<std::size_t>(m.shape.back(0)) * static_cast<std::size_t>(m.shape.back(1))) {
    return op.refuse(Code::unsupported, "its second side " + m.shape.text() + " is more than one matrix");
  }
  MOTE_TRY_VOID(op.same_type(x, output));
  if (m.dtype != graph::DType::f32 && m.dtype != graph::DType::i8)
    return op.refuse(Code::unsupported, "it multiplies " + std::string(graph::name(m.dtype)));
  if (m.quantization.per_channel() || m.quantization.zero_point() != 0)
    return op.refuse(Code::unsupported, "its second side has a zero point or a scale for each channel");
  if (m.dtype == graph::DType::i8 && !m.quantization.present())
    return op.refuse(Code::malformed, "its second side is int8 without a scale");
  MOTE_TRY_VOID(op.rescales(op.scale(x) * op.scale(matrix), output));
  const std::int32_t rows = m.shape.back(1), columns = m.shape.back(0);
  const graph::TensorId flat = op.reshaped(matrix, graph::Shape{rows, columns});
  if (options->adj_y()) return append_rows(op, Dense{}, {x, flat}, output);
  // As a layer's weights stand: a row an output.
  graph::Tensor like = op.tensor(matrix);
  like.shape = graph::Shape{columns, rows};
  const graph::TensorId turned = op.intermediate("/turned", std::move(like));
  op.append(graph::Transpose{{1, 0}}, {flat}, turned);
  return append_rows(op, Dense{}, {x, turned}, output);
}

Result<void> write_dense(OperatorWriter& op, const graph::Op& source) {
  MOTE_TRY_VOID(check_written_weights(op));
  const auto options =
      fb::CreateFullyConnectedOptions(op.builder(), activation_function(source.as<Dense>()->activation));
  op.emit(fb::BuiltinOperator::FULLY_CONNECTED, op.is_int8() ? 4 : 1, options);
  return {};
}

Result<void> write_matmul(OperatorWriter& op, const graph::Op&) {
  op.emit(fb::BuiltinOperator::BATCH_MATMUL, op.is_int8() ? 2 : 1, fb::CreateBatchMatMulOptions(op.builder()));
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::FULLY_CONNECTED, read_dense, Dense::kName, write_dense},
    OperatorRow{fb::BuiltinOperator::BATCH_MATMUL, read_batch_matmul, graph::MatMul::kName, write_matmul},
};

}  // namespace

std::span<const OperatorRow> dense_rows() { return kRows; }

}  // namespace mote::formats::tflite
