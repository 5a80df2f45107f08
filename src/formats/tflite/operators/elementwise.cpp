// ADD, RELU, RELU6 and SOFTMAX: one output element for each input element.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Activate;
using graph::Activation;
using graph::Add;
using graph::Softmax;

Result<void> read_add(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.optional_options<fb::AddOptions>());
  MOTE_TRY(const graph::TensorId a, op.operand(0));
  MOTE_TRY(const graph::TensorId b, op.operand(1));
  MOTE_TRY(const graph::TensorId output, op.output());
  if (op.shape(a) != op.shape(b)) {
    return op.refuse(Code::unsupported,
                     "it adds " + op.shape(a).text() + " and " + op.shape(b).text() + "; both must have one shape");
  }
  MOTE_TRY_VOID(op.same_type(a, b));
  MOTE_TRY_VOID(op.same_type(a, output));
  MOTE_TRY_VOID(op.rescales(2.0 * std::max(op.scale(a), op.scale(b)), output));
  Add attributes;
  if (options != nullptr) {
    MOTE_TRY(attributes.activation, op.activation(options->activation()));
  }
  op.append(attributes, {a, b}, output);
  return {};
}

Result<void> write_add(OperatorWriter& op, const graph::Op& source) {
  const auto options = fb::CreateAddOptions(op.builder(), activation_function(source.as<Add>()->activation));
  op.emit(fb::BuiltinOperator::ADD, op.is_int8() ? 2 : 1, options);
  return {};
}

template <Activation kActivation>
Result<void> read_activate(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  MOTE_TRY_VOID(op.rescales(op.scale(x), output));
  op.append(Activate{kActivation}, {x}, output);
  return {};
}

Result<void> write_activate(OperatorWriter& op, const graph::Op& source) {
  const Activation activation = source.as<Activate>()->activation;
  if (activation == Activation::none) return op.refuse("it does nothing, and TensorFlow Lite has no operator for that");
  const auto code = activation == Activation::relu6 ? fb::BuiltinOperator::RELU6 : fb::BuiltinOperator::RELU;
  op.emit_plain(code, op.is_int8() ? 2 : 1);
  return {};
}

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

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::ADD, read_add, Add::kName, write_add},
    OperatorRow{fb::BuiltinOperator::RELU, read_activate<Activation::relu>, Activate::kName, write_activate},
    OperatorRow{fb::BuiltinOperator::RELU6, read_activate<Activation::relu6>},
    OperatorRow{fb::BuiltinOperator::SOFTMAX, read_softmax, Softmax::kName, write_softmax},
};

}  // namespace

std::span<const OperatorRow> elementwise_rows() { return kRows; }

}  // namespace mote::formats::tflite
