#include "model_writer.hpp"

#include <algorithm>

#include "../names.hpp"
#include "metadata.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;
using graph::Tensor;

// Offsets of the format are 31 bits; this leaves room for the tables.
constexpr std::uint64_t kMaxDataBytes = std::uint64_t{1} << 30;

}  // namespace

fb::TensorType tensor_type(DType type) {
  switch (type) {
    case DType::f32:
      return fb::TensorType::FLOAT32;
    case DType::i8:
      return fb::TensorType::INT8;
    case DType::u8:
      return fb::TensorType::UINT8;
    case DType::i16:
      return fb::TensorType::INT16;
    case DType::i32:
      return fb::TensorType::INT32;
    case DType::i64:
      return fb::TensorType::INT64;
  }
  return fb::TensorType::FLOAT32;
}

fb::ActivationFunction activation_function(graph::Activation activation) {
  switch (activation) {
    case graph::Activation::none:
      return fb::ActivationFunction::NONE;
    case graph::Activation::relu:
      return fb::ActivationFunction::RELU;
    case graph::Activation::relu6:
      return fb::ActivationFunction::RELU6;
    case graph::Activation::relu_n1_to_1:
      return fb::ActivationFunction::RELU_N1_TO_1;
  }
  return fb::ActivationFunction::NONE;
}

ModelWriter::ModelWriter(const graph::Graph& graph) : graph_(graph), truths_(graph::truth_values(graph)) {}

/// Operators on numbers take no BOOL.
Result<void> ModelWriter::check_truths(const OperatorWriter& writer, const graph::Op& op) const {
  const bool takes = op.as<graph::Compare>() != nullptr || op.as<graph::Select>() != nullptr ||
                     op.as<graph::Cast>() != nullptr || op.as<graph::Binary>() != nullptr ||
                     op.as<graph::Reshape>() != nullptr || graph::is_move(op);
  for (const graph::TensorId id : op.inputs) {
    if (!takes && truths_.contains(id))
      return writer.refuse("it takes the truth values " + in_quotes(graph_.tensor(id).name) + " for numbers");
  }
  return {};
}

Result<Bytes> ModelWriter::write() && {
  MOTE_TRY_VOID(graph::verify(graph_));
  if (graph::weight_bytes(graph_) > kMaxDataBytes)
    return fail(Code::too_large, "a TensorFlow Lite file cannot hold more than 1 GB of weights");
  buffers_.push_back(fb::CreateBuffer(builder_));  // buffer 0 is empty by convention
  for (graph::TensorId id = 0; id < static_cast<graph::TensorId>(graph_.tensors().size()); ++id) {
    names_.insert(graph_.tensor(id).name);
    static_cast<void>(add_tensor(graph_.tensor(id), truths_.contains(id)));
  }
  read_states();
  for (const graph::Op& op : graph_.ops()) {
    OperatorWriter writer(*this, op);
    MOTE_TRY_VOID(check_truths(writer, op));
    const OperatorRow* row = row_for_graph_op(graph::op_name(op.attributes));
    if (row == nullptr) {
      return writer.refuse(
          "TensorFlow Lite has no such operator; it belongs to the training form, so optimize the model first");
    }
    MOTE_TRY_VOID(row->write(writer, op));
  }
  write_states();
  write_metadata();
  return finish();
}

std::string ModelWriter::unique_name(std::string name) {
  // In front, because what stands at the end may have a meaning for the reader.
  while (!names_.insert(name).second) name.insert(0, 1, '_');
  return name;
}

FileTensor ModelWriter::add_tensor(const Tensor& tensor, bool is_truth) {
  const graph::Quantization& q = tensor.quantization;
  flatbuffers::Offset<fb::QuantizationParameters> quantization;
  if (q.present() && !is_truth) {
    const std::vector<std::int64_t> zero_points(q.zero_points.begin(), q.zero_points.end());
    const auto scales = builder_.CreateVector(q.scales);
    const auto zeros = builder_.CreateVector(zero_points);
    quantization = fb::CreateQuantizationParameters(builder_, scales, zeros, 0, q.axis);
  }
  const std::uint32_t buffer = add_buffer(tensor);
  return add_typed(tensor.name, is_truth ? fb::TensorType::BOOL : tensor_type(tensor.dtype), tensor.shape, buffer,
                   quantization);
}

FileTensor ModelWriter::add_typed(const std::string& name, fb::TensorType type, const graph::Shape& shape,
                                  std::uint32_t buffer, flatbuffers::Offset<fb::QuantizationParameters> quantization) {
  const auto dims = shape.dims();
  const auto file_shape = builder_.CreateVector(dims.data(), dims.size());
  const auto file_name = builder_.CreateString(name);
  tensors_.push_back(fb::CreateTensor(builder_, file_shape, type, buffer, file_name, quantization));
  return static_cast<FileTensor>(tensors_.size() - 1);
}

std::uint32_t ModelWriter::add_buffer(const Tensor& tensor) {
  if (!tensor.is_constant()) return 0;
  const auto [entry, added] = shared_buffers_.try_emplace(tensor.data, 0);
  if (added) entry->second = add_data(*tensor.data);
  return entry->second;
}

std::uint32_t ModelWriter::add_data(ByteSpan data) {
  builder_.ForceVectorAlignment(data.size(), 1, 16);
  const auto bytes = builder_.CreateVector(data.data(), data.size());
  buffers_.push_back(fb::CreateBuffer(builder_, bytes));
  return static_cast<std::uint32_t>(buffers_.size() - 1);
}

std::uint32_t ModelWriter::operator_code(fb::BuiltinOperator code, std::int32_t version) {
  const auto [entry, added] = code_indices_.try_emplace({code, version}, static_cast<std::uint32_t>(codes_.size()));
  if (added) {
    const auto short_code = static_cast<std::int8_t>(std::min(static_cast<std::int32_t>(code), 127));
    codes_.push_back(fb::CreateOperatorCode(builder_, short_code, 0, version, code));
  }
  return entry->second;
}

void ModelWriter::write_metadata() {
  std::vector<std::string> names;
  bool own_names = false;
  for (const graph::Op& op : graph_.ops()) {
    own_names = own_names || op.name != graph_.tensor(op.outputs[0]).name;
    names.push_back(op.name);
  }
  if (!own_names) return;
  const std::uint32_t buffer = add_data(join_names(names));
  const auto name = builder_.CreateString(kOperatorNames.data(), kOperatorNames.size());
  metadata_.push_back(fb::CreateMetadata(builder_, name, buffer));
}

flatbuffers::Offset<fb::Operator> ModelWriter::raw_operator(fb::BuiltinOperator code, std::int32_t version,
                                                            const std::vector<std::int32_t>& inputs,
                                                            const std::vector<std::int32_t>& outputs,
                                                            fb::BuiltinOptions kind,
                                                            flatbuffers::Offset<void> options) {
  const std::uint32_t index = operator_code(code, version);
  const auto in = builder_.CreateVector(inputs);
  const auto out = builder_.CreateVector(outputs);
  return fb::CreateOperator(builder_, index, in, out, kind, options);
}

flatbuffers::Offset<fb::Operator> ModelWriter::handle_operator(const std::string& variable, FileTensor handle) {
  const auto container = builder_.CreateString("");
  const auto name = builder_.CreateString(variable);
  return raw_operator(fb::BuiltinOperator::VAR_HANDLE, 1, {}, {handle}, fb::BuiltinOptions::VarHandleOptions,
                      fb::CreateVarHandleOptions(builder_, container, name).Union());
}

/// A state is a variable, read before the first operator and assigned behind the last. A subgraph that is called once
/// gives the first values.
void ModelWriter::read_states() {
  if (graph_.states().empty()) return;
  operators_.push_back(raw_operator(fb::BuiltinOperator::CALL_ONCE, 1, {}, {}, fb::BuiltinOptions::CallOnceOptions,
                                    fb::CreateCallOnceOptions(builder_, 1).Union()));
  for (const graph::State& state : graph_.states()) {
    const std::string& name = graph_.tensor(state.read).name;
    handles_.push_back(add_typed(unique_name(name + "/handle"), fb::TensorType::RESOURCE, {}, 0, 0));
    operators_.push_back(handle_operator(name, handles_.back()));
    operators_.push_back(raw_operator(fb::BuiltinOperator::READ_VARIABLE, 1, {handles_.back()}, {state.read},
                                      fb::BuiltinOptions::ReadVariableOptions,
                                      fb::CreateReadVariableOptions(builder_).Union()));
  }
}

void ModelWriter::write_states() {
  for (std::size_t i = 0; i < graph_.states().size(); ++i) {
    operators_.push_back(
        raw_operator(fb::BuiltinOperator::ASSIGN_VARIABLE, 1, {handles_[i], graph_.states()[i].written}, {},
                     fb::BuiltinOptions::AssignVariableOptions, fb::CreateAssignVariableOptions(builder_).Union()));
  }
}

flatbuffers::Offset<fb::SubGraph> ModelWriter::first_values() {
  const auto of_model = std::exchange(tensors_, {});
  std::vector<flatbuffers::Offset<fb::Operator>> operators;
  for (const graph::State& state : graph_.states()) {
    Tensor value = graph_.tensor(state.read);
    value.data = state.initial;
    const FileTensor handle = add_typed(value.name + "/handle", fb::TensorType::RESOURCE, {}, 0, 0),
                     constant = add_tensor(value);
    operators.push_back(handle_operator(value.name, handle));
    operators.push_back(raw_operator(fb::BuiltinOperator::ASSIGN_VARIABLE, 1, {handle, constant}, {},
                                     fb::BuiltinOptions::AssignVariableOptions,
                                     fb::CreateAssignVariableOptions(builder_).Union()));
  }
  const auto tensors = builder_.CreateVector(std::exchange(tensors_, of_model));
  const auto none = builder_.CreateVector(std::vector<std::int32_t>{});
  const auto in_order = builder_.CreateVector(operators);
  const auto name = builder_.CreateString("first values");
  return fb::CreateSubGraph(builder_, tensors, none, none, in_order, name);
}

Bytes ModelWriter::finish() {
  std::vector<flatbuffers::Offset<fb::SubGraph>> all(1);
  if (!graph_.states().empty()) all.push_back(first_values());
  const auto tensors = builder_.CreateVector(tensors_);
  const auto inputs = builder_.CreateVector(graph_.inputs());
  const auto outputs = builder_.CreateVector(graph_.outputs());
  const auto operators = builder_.CreateVector(operators_);
  const auto name = builder_.CreateString(graph_.name());
  all[0] = fb::CreateSubGraph(builder_, tensors, inputs, outputs, operators, name);
  const auto subgraphs = builder_.CreateVector(all);
  const auto codes = builder_.CreateVector(codes_);
  const auto buffers = builder_.CreateVector(buffers_);
  const auto description = builder_.CreateString("written by mote");
  const auto metadata = metadata_.empty() ? 0 : builder_.CreateVector(metadata_);
  builder_.Finish(fb::CreateModel(builder_, 3, codes, subgraphs, description, buffers, metadata),
                  fb::ModelIdentifier());
  return {builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize()};
}

tl::unexpected<Error> OperatorWriter::refuse(std::string_view message) const {
  return fail(Code::unsupported,
              std::string(graph::op_name(op_.attributes)) + " " + in_quotes(op_.name) + ": " + std::string(message));
}

FileTensor OperatorWriter::integers(std::string_view suffix, graph::Shape shape, std::span<const std::int32_t> values) {
  return model_.add_tensor({model_.unique_name(output().name + std::string(suffix)),
                            DType::i32,
                            std::move(shape),
                            {},
                            graph::constant_data(values)});
}

FileTensor OperatorWriter::constant(std::string_view suffix, Tensor tensor) {
  tensor.name = model_.unique_name(output().name + std::string(suffix));
  return model_.add_tensor(tensor);
}

FileTensor OperatorWriter::zeros(std::string_view suffix, Tensor like) {
  like.data = std::make_shared<const Bytes>(like.size_bytes());
  return constant(suffix, std::move(like));
}

FileTensor OperatorWriter::value(std::string_view suffix, Tensor like) {
  like.name = model_.unique_name(output().name + std::string(suffix));
  like.data = nullptr;
  return model_.add_tensor(like);
}

void OperatorWriter::emit_raw(fb::BuiltinOperator code, std::int32_t version, fb::BuiltinOptions kind,
                              flatbuffers::Offset<void> options, const std::vector<std::int32_t>& inputs,
                              const std::vector<FileTensor>& outputs) {
  const std::uint32_t index = model_.operator_code(code, version);
  const auto in = builder().CreateVector(inputs);
  const auto out = builder().CreateVector(outputs);
  model_.operators_.push_back(fb::CreateOperator(builder(), index, in, out, kind, options));
}

}  // namespace mote::formats::tflite
