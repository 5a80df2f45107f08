// FULLY_CONNECTED.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "weights.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Dense;

Result<void> read_dense(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::FullyConnectedOptions>());
  if (options->weights_format() != 0)
    return op.refuse(Code::unsupported, "its weights are stored shuffled for one ARM kernel");
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY(const std::vector<graph::TensorId> inputs, read_weights(op, x, output, 0, 2));
  const graph::Shape& weights = op.shape(inputs[1]);
  if (op.shape(x).elements() != static_cast<std::size_t>(weights[1])) {
    return op.refuse(Code::unsupported, "its weights take " + std::to_string(weights[1]) +
                                            " values and its input has the shape " + op.shape(x).text() +
                                            "; it can be applied once a run only");
  }
  Dense a;
  MOTE_TRY(a.activation, op.activation(options->activation()));
  const graph::Shape flat{1, weights[0]};
  if (op.shape(output) == flat) {
    op.append(a, inputs, output);
    return {};
  }
  // keep_num_dims: the same elements under a longer shape.
  if (op.shape(output).elements() != flat.elements())
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  graph::Tensor like = op.tensor(output);
  like.shape = flat;
  const graph::TensorId middle = op.intermediate("/flat", std::move(like));
  op.append(a, inputs, middle);
  op.append(graph::Reshape{}, {middle}, output);
  return {};
}

Result<void> write_dense(OperatorWriter& op, const graph::Op& source) {
  const auto options =
      fb::CreateFullyConnectedOptions(op.builder(), activation_function(source.as<Dense>()->activation));
  op.emit(fb::BuiltinOperator::FULLY_CONNECTED, op.is_int8() ? 4 : 1, options);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::FULLY_CONNECTED, read_dense, Dense::kName, write_dense}};

}  // namespace

std::span<const OperatorRow> dense_rows() { return kRows; }

}  // namespace mote::formats::tflite
