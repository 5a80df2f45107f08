#include "model_writer.hpp"

#include <algorithm>

#include "metadata.hpp"

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

Result<Bytes> ModelWriter::write() && {
  MOTE_TRY_VOID(graph::verify(graph_));
  if (!graph_.states().empty())
    return fail(Code::unsupported,
                "the model keeps state, which is not written to a .tflite file; write graph text (.mote)");
  if (graph::weight_bytes(graph_) > kMaxDataBytes)
    return fail(Code::too_large, "a TensorFlow Lite file cannot hold more than 1 GB of weights");
  buffers_.push_back(fb::CreateBuffer(builder_));  // buffer 0 is empty by convention
  for (const Tensor& tensor : graph_.tensors()) {
    names_.insert(tensor.name);
    static_cast<void>(add_tensor(tensor));
  }
  for (const graph::Op& op : graph_.ops()) {
    OperatorWriter writer(*this, op);
    const OperatorRow* row = row_for_graph_op(graph::op_name(op.attributes));
    if (row == nullptr) {
      return writer.refuse(
          "TensorFlow Lite has no such operator; it belongs to the training form, so optimize the model first");
    }
    MOTE_TRY_VOID(row->write(writer, op));
  }
  write_metadata();
  return finish();
}

std::string ModelWriter::unique_name(std::string name) {
  // In front, because what stands at the end may have a meaning for the reader.
  while (!names_.insert(name).second) name.insert(0, 1, '_');
  return name;
}

FileTensor ModelWriter::add_tensor(const Tensor& tensor) {
  const graph::Quantization& q = tensor.quantization;
  flatbuffers::Offset<fb::QuantizationParameters> quantization;
  if (q.present()) {
    const std::vector<std::int64_t> zero_points(q.zero_points.begin(), q.zero_points.end());
    const auto scales = builder_.CreateVector(q.scales);
    const auto zeros = builder_.CreateVector(zero_points);
    quantization = fb::CreateQuantizationParameters(builder_, scales, zeros, 0, q.axis);
  }
  const std::uint32_t buffer = add_buffer(tensor);
  const auto dims = tensor.shape.dims();
  const auto shape = builder_.CreateVector(dims.data(), dims.size());
  const auto name = builder_.CreateString(tensor.name);
  tensors_.push_back(fb::CreateTensor(builder_, shape, tensor_type(tensor.dtype), buffer, name, quantization));
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

Bytes ModelWriter::finish() {
  const auto tensors = builder_.CreateVector(tensors_);
  const auto inputs = builder_.CreateVector(graph_.inputs());
  const auto outputs = builder_.CreateVector(graph_.outputs());
  const auto operators = builder_.CreateVector(operators_);
  const auto name = builder_.CreateString(graph_.name());
  const auto subgraph = fb::CreateSubGraph(builder_, tensors, inputs, outputs, operators, name);
  const auto subgraphs = builder_.CreateVector(&subgraph, 1);
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
