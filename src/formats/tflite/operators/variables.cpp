// VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE: variables that several operators share. What an inference
// finds in one is a state of the graph; what is assigned to it last is what the next inference finds.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Tensor;
using graph::TensorId;

std::string text(const flatbuffers::String* s) { return s == nullptr ? std::string() : s->str(); }

Result<void> read_handle(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::VarHandleOptions>());
  const std::string name = text(options->shared_name());
  const std::string shown = clean_name(name);
  return op.handle(text(options->container()) + '\0' + name, shown.empty() ? "variable" : shown);
}

/// Two values that the same variable holds.
Result<void> same_kind(const OperatorReader& op, const Variable& variable, const Tensor& a, const Tensor& b) {
  if (a.dtype == b.dtype && a.shape.elements() == b.shape.elements() && a.quantization == b.quantization) return {};
  return op.refuse(Code::unsupported, "the variable " + in_quotes(variable.name) + " holds " +
                                          std::string(graph::name(a.dtype)) + a.shape.text() + " and " +
                                          std::string(graph::name(b.dtype)) + b.shape.text() +
                                          ", or values of different scales");
}

Result<void> read_value(OperatorReader& op) {
  MOTE_TRY(Variable* const variable, op.variable(0));
  MOTE_TRY(const TensorId output, op.output());
  TensorId held = variable->assigned;
  if (held == graph::kNoTensor) {
    MOTE_TRY(held, op.found_in(*variable, output));
  }
  MOTE_TRY_VOID(same_kind(op, *variable, op.tensor(held), op.tensor(output)));
  op.append(graph::Reshape{}, {held}, output);
  return {};
}

Result<void> read_assignment(OperatorReader& op) {
  MOTE_TRY(Variable* const variable, op.variable(0));
  MOTE_TRY(const TensorId value, op.operand(1));
  if (auto checked = check_element_type(op.tensor(value)); !checked)
    return op.refuse(checked.error().code(),
                     "the variable " + in_quotes(variable->name) + " " + checked.error().message());
  if (variable->before != graph::kNoTensor)
    MOTE_TRY_VOID(same_kind(op, *variable, op.tensor(variable->before), op.tensor(value)));
  variable->assigned = value;
  return {};
}

Result<void> read_once(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::CallOnceOptions>());
  return op.initialize(options->init_subgraph_index());
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::VAR_HANDLE, read_handle},
    OperatorRow{fb::BuiltinOperator::READ_VARIABLE, read_value},
    OperatorRow{fb::BuiltinOperator::ASSIGN_VARIABLE, read_assignment},
    OperatorRow{fb::BuiltinOperator::CALL_ONCE, read_once},
};

}  // namespace

std::span<const OperatorRow> variable_rows() { return kRows; }

}  // namespace mote::formats::tflite
