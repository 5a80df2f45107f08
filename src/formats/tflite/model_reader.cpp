#include "model_reader.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "metadata.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;
using graph::Tensor;
using graph::TensorId;

// What a honest file may ask to be copied: everything once, with room for tables that share a string or a vector.
constexpr std::size_t kBudgetFactor = 2;
constexpr std::size_t kBudgetSlackBytes = 64 * 1024;
// The bytes that a tensor or an operator takes in a file at the very least (offset and table).
constexpr std::size_t kTableBytes = 24;
// Largest tensor. Far above any microcontroller, and small enough for products of two dimensions with strides to stay in 64 bits.
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 30;

// One step of an accumulator stands for far less than this many steps of the output in any model that was calibrated; the kernels shift
// left by the logarithm.
constexpr double kMaxRescale = 65536.0;

std::string tensor_place(std::size_t index, std::string_view name) {
  return "tensor " + std::to_string(index) + " (" + in_quotes(name) + ")";
}

Result<DType> element_type(fb::TensorType type) {
  switch (type) {
    case fb::TensorType::FLOAT32: return DType::f32;
    case fb::TensorType::INT8: return DType::i8;
    case fb::TensorType::INT32: return DType::i32;
    case fb::TensorType::INT64: return DType::i64;
    case fb::TensorType::UINT8: return fail(Code::unsupported, "has uint8 elements; convert the model again with int8 quantization");
    case fb::TensorType::INT16: return fail(Code::unsupported, "has int16 elements; convert the model again with int8 quantization");
    default: break;
  }
  const char* name = fb::EnumNameTensorType(type);
  const std::string shown = *name == '\0' ? "type " + std::to_string(static_cast<int>(type)) : std::string(name);
  return fail(Code::unsupported, "has elements of " + shown + "; float32 and int8 are supported");
}

Result<graph::Shape> read_shape(const fb::Tensor& tensor) {
  std::vector<std::int32_t> dims;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < count(tensor.shape()); ++i) {
    const std::int32_t d = tensor.shape()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (d < 1) return fail(Code::malformed, "has the dimension " + std::to_string(d) + " at position " + std::to_string(i));
    elements *= static_cast<std::uint64_t>(d);
    if (elements > kMaxElements) return fail(Code::too_large, "has more than 2^30 elements");
    dims.push_back(d);
  }
  return graph::Shape(std::move(dims));
}

}  // namespace

ModelReader::ModelReader(const VerifiedModel& file, std::string_view file_name)
    : model_(file.model()),
      file_stem_(clean_name(std::filesystem::path(file_name).stem().string())),
      budget_bytes_(file.size_bytes() * kBudgetFactor + kBudgetSlackBytes) {}

Result<void> ModelReader::charge(std::size_t bytes) {
  if (bytes > budget_bytes_) {
    return fail(Code::malformed, "many tables share the same bytes, so that the model is far larger than its file; this is no honest model");
  }
  budget_bytes_ -= bytes;
  return {};
}

Result<graph::Graph> ModelReader::read() && {
  if (model_.version() != 3) {
    return fail(Code::unsupported, "the format's version is " + std::to_string(model_.version()) + ", mote reads version 3");
  }
  if (count(model_.subgraphs()) != 1) {
    return fail(Code::unsupported, "the model has " + std::to_string(count(model_.subgraphs())) +
                                       " subgraphs, mote reads models with one: control flow and variables cannot be compiled");
  }
  const fb::SubGraph& subgraph = *model_.subgraphs()->Get(0);
  const std::string own = subgraph.name() == nullptr ? std::string() : clean_name(subgraph.name()->string_view());
  // "main" is what converters write, not a name that somebody gave.
  graph_.rename(own.empty() || own == "main" ? (file_stem_.empty() ? "model" : file_stem_) : own);
  buffers_.resize(count(model_.buffers()));
  MOTE_TRY_VOID(read_tensors(subgraph));
  MOTE_TRY_VOID(read_operators(subgraph));
  MOTE_TRY_VOID(read_outputs(subgraph));
  MOTE_TRY_VOID(read_operator_names());
  graph_.remove_unused_tensors();
  MOTE_TRY_VOID(graph::verify(graph_));
  return std::move(graph_);
}

std::string ModelReader::unique_name(const fb::Tensor& tensor, std::size_t index) {
  std::string name = tensor.name() == nullptr ? std::string() : clean_name(tensor.name()->string_view());
  if (name.empty()) name = "tensor_" + std::to_string(index);
  int& uses = names_[name];
  if (uses++ == 0) return name;
  std::string candidate;
  do {
    candidate = name + "_" + std::to_string(++uses);
  } while (!names_.emplace(candidate, 1).second);
  return candidate;
}

Result<void> ModelReader::read_tensors(const fb::SubGraph& subgraph) {
  const std::size_t tensors = count(subgraph.tensors());
  MOTE_TRY_VOID(charge(tensors * kTableBytes));
  unusable_.resize(tensors);
  for (std::size_t i = 0; i < tensors; ++i) {
    const fb::Tensor* source = subgraph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY_VOID(charge(source->name() == nullptr ? 0 : source->name()->size()));
    std::string name = unique_name(*source, i);
    auto tensor = read_tensor(*source, name);
    if (!tensor) {
      unusable_[i] = std::move(tensor).error().in(tensor_place(i, name));
      tensor = Tensor{std::move(name), DType::f32, {}, {}, nullptr};
    }
    origins_.push_back(tensor->is_constant() ? Origin::constant : Origin::unknown);
    graph_.add_tensor(std::move(*tensor));
  }
  return {};
}

Result<Tensor> ModelReader::read_tensor(const fb::Tensor& source, std::string name) {
  Tensor tensor;
  tensor.name = std::move(name);
  MOTE_TRY(tensor.dtype, element_type(source.type()));
  MOTE_TRY_VOID(charge(4 * count(source.shape())));
  MOTE_TRY(tensor.shape, read_shape(source));
  if (source.is_variable()) return fail(Code::unsupported, "is a variable that keeps its value between runs; only stateless models can be read");
  if (source.sparsity() != nullptr) return fail(Code::unsupported, "is stored sparse; convert the model again without sparsity");
  // Converters leave the range seen in training on float tensors; it has no meaning for them.
  if (source.quantization() != nullptr && tensor.dtype != DType::f32) {
    MOTE_TRY(tensor.quantization, read_quantization(*source.quantization(), tensor));
  }
  MOTE_TRY_VOID(read_data(source, tensor));
  return tensor;
}

Result<graph::Quantization> ModelReader::read_quantization(const fb::QuantizationParameters& source, const Tensor& tensor) {
  if (source.custom_kind() != 0) return fail(Code::unsupported, "has a custom quantization; convert the model again with int8 quantization");
  const std::size_t scales = count(source.scale());
  const std::size_t zero_points = count(source.zero_point());
  graph::Quantization result;
  if (scales == 0) return result;
  if (zero_points != scales && zero_points != 1) {
    return fail(Code::malformed, "has " + std::to_string(scales) + " scales and " + std::to_string(zero_points) + " zero points");
  }
  MOTE_TRY_VOID(charge(8 * scales));
  const std::int64_t limit = tensor.dtype == DType::i8 ? 128 : 0;
  for (std::size_t i = 0; i < scales; ++i) {
    const float scale = source.scale()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (!std::isnormal(scale) || scale < 0.0f) {
      return fail(Code::malformed, "has a scale that is zero, negative or not a number, at position " + std::to_string(i));
    }
    const std::int64_t zero_point = source.zero_point()->Get(static_cast<flatbuffers::uoffset_t>(zero_points == 1 ? 0 : i));
    if (zero_point < -limit || zero_point > std::max<std::int64_t>(limit - 1, 0)) {
      return fail(Code::malformed, "has the zero point " + std::to_string(zero_point) + ", outside of its type");
    }
    result.scales.push_back(scale);
    result.zero_points.push_back(static_cast<std::int32_t>(zero_point));
  }
  if (scales == 1) return result;
  // Some converters copy a depthwise convolution's axis 3 to its bias, which has only one axis (person_detect of TensorFlow Lite Micro).
  result.axis = tensor.shape.rank() == 1 ? 0 : source.quantized_dimension();
  const bool fits = result.axis >= 0 && static_cast<std::size_t>(result.axis) < tensor.shape.rank() &&
                    static_cast<std::size_t>(tensor.shape[static_cast<std::size_t>(result.axis)]) == scales;
  if (!fits) {
    return fail(Code::malformed, "has " + std::to_string(scales) + " scales along axis " + std::to_string(source.quantized_dimension()) +
                                     " of the shape " + tensor.shape.text());
  }
  return result;
}

Result<void> ModelReader::read_data(const fb::Tensor& source, Tensor& tensor) {
  const std::size_t index = source.buffer();
  if (index == 0 && buffers_.empty()) return {};
  if (index >= buffers_.size()) {
    return fail(Code::malformed, "refers to buffer " + std::to_string(index) + " of " + std::to_string(buffers_.size()));
  }
  const fb::Buffer& buffer = *model_.buffers()->Get(static_cast<flatbuffers::uoffset_t>(index));
  if (buffer.outside_offset() > 1) return fail(Code::unsupported, "has its data outside of the model's tables");
  if (count(buffer.data()) == 0) return {};
  if (buffer.data()->size() != tensor.size_bytes()) {
    return fail(Code::malformed, "has " + std::to_string(buffer.data()->size()) + " bytes of data in buffer " + std::to_string(index) + ", " +
                                     std::to_string(tensor.size_bytes()) + " are needed for the shape " + tensor.shape.text());
  }
  if (buffers_[index] == nullptr) {
    MOTE_TRY_VOID(charge(buffer.data()->size()));
    buffers_[index] = std::make_shared<const Bytes>(buffer.data()->begin(), buffer.data()->end());
  }
  tensor.data = buffers_[index];
  return {};
}

Result<TensorId> ModelReader::usable(std::int64_t index) const {
  if (index < 0 || static_cast<std::size_t>(index) >= unusable_.size()) {
    return fail(Code::malformed, "tensor " + std::to_string(index) + " does not exist, the model has " + std::to_string(unusable_.size()));
  }
  const auto& reason = unusable_[static_cast<std::size_t>(index)];
  if (reason) return fail(*reason);
  return static_cast<TensorId>(index);
}

namespace {

/// A value that enters or leaves the model, or flows between operators.
Result<void> check_value(const Tensor& tensor) {
  if (tensor.dtype != DType::f32 && tensor.dtype != DType::i8) {
    return fail(Code::unsupported, "has " + std::string(graph::name(tensor.dtype)) + " elements; values must be float32 or int8");
  }
  if (tensor.shape.rank() > 1 && tensor.shape[0] != 1) {
    return fail(Code::unsupported, "has the shape " + tensor.shape.text() + "; mote runs one sample at a time, so its first dimension must be 1");
  }
  if (tensor.dtype == DType::i8 && !tensor.quantization.present()) return fail(Code::malformed, "is int8 without a scale");
  if (tensor.quantization.per_channel()) return fail(Code::unsupported, "is a value with a scale for each channel; values need a single scale");
  return {};
}

}  // namespace

Result<void> ModelReader::read_inputs(const fb::SubGraph& subgraph) {
  MOTE_TRY_VOID(charge(4 * count(subgraph.inputs())));
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < count(subgraph.inputs()); ++i) {
    const std::string place = "model input " + std::to_string(i);
    const auto id = usable(subgraph.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
    if (!id) return fail(Error(id.error()), place);
    const Tensor& tensor = graph_.tensor(*id);
    Origin& origin = origins_[static_cast<std::size_t>(*id)];
    if (origin != Origin::unknown) return fail(Code::malformed, place + ": tensor " + in_quotes(tensor.name) + " is a constant or an input already");
    if (auto checked = check_value(tensor); !checked) return fail(std::move(checked).error(), place + ": tensor " + in_quotes(tensor.name));
    origin = Origin::value;
    ids.push_back(*id);
  }
  if (ids.empty()) return fail(Code::malformed, "the model has no input");
  graph_.set_inputs(std::move(ids));
  return {};
}

Result<const OperatorRow*> ModelReader::row_of(const OperatorReader& reader, const fb::Operator& op) const {
  if (op.opcode_index() >= count(model_.operator_codes())) {
    return reader.refuse(Code::malformed, "its code " + std::to_string(op.opcode_index()) + " does not exist, the model has " +
                                              std::to_string(count(model_.operator_codes())));
  }
  const fb::OperatorCode& code = *model_.operator_codes()->Get(op.opcode_index());
  const OperatorRow* row = row_for_code(operator_number(code));
  if (row != nullptr) return row;
  const bool custom = operator_number(code) == static_cast<std::int32_t>(fb::BuiltinOperator::CUSTOM);
  return reader.refuse(Code::unsupported, std::string(custom ? "this is a custom operator, which mote cannot know" : "mote does not have this operator") +
                                              "; those it has are listed in docs/operators.md");
}

Result<void> ModelReader::read_operators(const fb::SubGraph& subgraph) {
  const std::size_t operators = count(subgraph.operators());
  MOTE_TRY_VOID(charge(operators * kTableBytes));
  const auto name_of = [&](const fb::Operator& op) {
    return op.opcode_index() < count(model_.operator_codes()) ? operator_name(*model_.operator_codes()->Get(op.opcode_index())) : "unknown";
  };
  // An operator that mote lacks is the reason a user can act on, so it comes before anything that is wrong with a tensor.
  std::vector<const OperatorRow*> rows;
  for (std::size_t i = 0; i < operators; ++i) {
    const fb::Operator& op = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY(const OperatorRow* row, row_of(OperatorReader(*this, op, i, name_of(op)), op));
    rows.push_back(row);
  }
  MOTE_TRY_VOID(read_inputs(subgraph));
  for (std::size_t i = 0; i < operators; ++i) {
    const fb::Operator& op = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY_VOID(charge(4 * (count(op.inputs()) + count(op.outputs()))));
    OperatorReader reader(*this, op, i, name_of(op));
    MOTE_TRY_VOID(rows[i]->read(reader));
  }
  return {};
}

Result<void> ModelReader::read_outputs(const fb::SubGraph& subgraph) {
  MOTE_TRY_VOID(charge(4 * count(subgraph.outputs())));
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < count(subgraph.outputs()); ++i) {
    const std::string place = "model output " + std::to_string(i);
    const auto id = usable(subgraph.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
    if (!id) return fail(Error(id.error()), place);
    const std::string name = "tensor " + in_quotes(graph_.tensor(*id).name);
    if (padded_.contains(*id)) return fail(Code::unsupported, place + ": " + name + " comes from PAD, which is read only in front of a convolution");
    if (origins_[static_cast<std::size_t>(*id)] != Origin::value) {
      return fail(Code::malformed, place + ": " + name + " is not computed by any operator");
    }
    ids.push_back(*id);
  }
  if (ids.empty()) return fail(Code::malformed, "the model has no output");
  graph_.set_outputs(std::move(ids));
  return {};
}

Result<void> ModelReader::read_operator_names() {
  const ByteSpan text = metadata(model_, kOperatorNames);
  // Another tool may have kept the entry and changed the operators.
  if (static_cast<std::size_t>(std::ranges::count(text, 0)) != graph_.ops().size()) return {};
  MOTE_TRY_VOID(charge(text.size()));
  const std::vector<std::string> names = split_names(text);
  for (std::size_t i = 0; i < names.size(); ++i) graph_.ops()[i].name = clean_name(names[i]);
  return {};
}

OperatorReader::OperatorReader(ModelReader& model, const fb::Operator& op, std::size_t index, std::string name)
    : model_(model), op_(op), index_(index), name_(std::move(name)) {}

tl::unexpected<Error> OperatorReader::refuse(Code code, std::string_view message) const {
  std::string place = "operator " + std::to_string(index_) + " (" + name_;
  if (count(op_.outputs()) > 0) {
    const std::int32_t output = op_.outputs()->Get(0);
    if (output >= 0 && static_cast<std::size_t>(output) < model_.unusable_.size()) place += " giving " + in_quotes(model_.graph_.tensor(output).name);
  }
  return fail(code, place + "): " + std::string(message));
}

bool OperatorReader::has_input(std::size_t i) const {
  return i < count(op_.inputs()) && op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)) != -1;
}

Result<TensorId> OperatorReader::input(std::size_t i) const {
  if (!has_input(i)) return refuse(Code::malformed, "input " + std::to_string(i) + " is missing");
  auto id = model_.usable(op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
  if (!id) return refuse(id.error().code(), "input " + std::to_string(i) + ": " + id.error().message());
  return id;
}

Result<TensorId> OperatorReader::available(std::size_t i) const {
  MOTE_TRY(const TensorId id, input(i));
  const std::string place = "input " + std::to_string(i) + ", tensor " + in_quotes(tensor(id).name) + ", ";
  if (model_.origins_[static_cast<std::size_t>(id)] == ModelReader::Origin::unknown) {
    return refuse(Code::malformed, place + "is not computed by an operator before this one");
  }
  if (auto checked = check_value(tensor(id)); !checked) return refuse(checked.error().code(), place + checked.error().message());
  return id;
}

Result<TensorId> OperatorReader::operand(std::size_t i) {
  MOTE_TRY(const TensorId id, available(i));
  if (model_.padded_.contains(id)) return refuse(Code::unsupported, "a PAD stands in front of it; PAD is read only in front of a convolution");
  return id;
}

Result<PaddedValue> OperatorReader::padded_operand(std::size_t i) {
  MOTE_TRY(const TensorId id, available(i));
  const auto found = model_.padded_.find(id);
  return found == model_.padded_.end() ? PaddedValue{id, {}} : found->second;
}

Result<TensorId> OperatorReader::constant(std::size_t i, std::initializer_list<DType> types) {
  MOTE_TRY(const TensorId id, input(i));
  const Tensor& found = tensor(id);
  const std::string place = "input " + std::to_string(i) + ", tensor " + in_quotes(found.name) + ", ";
  if (!found.is_constant()) return refuse(Code::unsupported, place + "is computed; it must be a constant of the file");
  if (std::find(types.begin(), types.end(), found.dtype) == types.end()) {
    return refuse(Code::unsupported, place + "has " + std::string(graph::name(found.dtype)) + " elements, which do not go with its other inputs");
  }
  return id;
}

Result<void> OperatorReader::same_type(TensorId a, TensorId b) const {
  if (tensor(a).dtype == tensor(b).dtype) return {};
  return refuse(Code::unsupported, "tensors " + in_quotes(tensor(a).name) + " and " + in_quotes(tensor(b).name) + " have different element types");
}

Result<void> OperatorReader::same_quantization(TensorId a, TensorId b) const {
  MOTE_TRY_VOID(same_type(a, b));
  if (tensor(a).quantization == tensor(b).quantization) return {};
  return refuse(Code::unsupported, "tensors " + in_quotes(tensor(a).name) + " and " + in_quotes(tensor(b).name) + " have different scales or zero points");
}

Result<void> OperatorReader::rescales(double factor, TensorId output) const {
  if (tensor(output).dtype != DType::i8) return {};
  const double ratio = factor / scale(output);
  if (ratio < kMaxRescale) return {};
  return refuse(Code::unsupported, "the scale of its output is " + std::to_string(ratio) + " times finer than what it computes; its quantization is damaged");
}

Result<std::vector<std::int64_t>> OperatorReader::integers(std::size_t i, std::size_t most) {
  MOTE_TRY(const TensorId id, constant(i, {DType::i32, DType::i64}));
  const Tensor& found = tensor(id);
  if (found.shape.elements() > most) return refuse(Code::malformed, "input " + std::to_string(i) + " has " + found.shape.text() + " elements");
  std::vector<std::int64_t> values;
  if (found.dtype == DType::i32) {
    for (const std::int32_t v : found.values<std::int32_t>()) values.push_back(v);
  } else {
    for (const std::int64_t v : found.values<std::int64_t>()) values.push_back(v);
  }
  return values;
}

Result<TensorId> OperatorReader::output() {
  if (count(op_.outputs()) != 1) return refuse(Code::malformed, "it has " + std::to_string(count(op_.outputs())) + " outputs, 1 is expected");
  auto id = model_.usable(op_.outputs()->Get(0));
  if (!id) return refuse(id.error().code(), "output: " + id.error().message());
  auto& origin = model_.origins_[static_cast<std::size_t>(*id)];
  if (origin != ModelReader::Origin::unknown) return refuse(Code::malformed, "its output is a constant, an input, or computed already");
  if (auto checked = check_value(tensor(*id)); !checked) return refuse(checked.error().code(), "its output " + checked.error().message());
  origin = ModelReader::Origin::value;
  return id;
}

Result<graph::Activation> OperatorReader::activation(fb::ActivationFunction function) const {
  switch (function) {
    case fb::ActivationFunction::NONE: return graph::Activation::none;
    case fb::ActivationFunction::RELU: return graph::Activation::relu;
    case fb::ActivationFunction::RELU6: return graph::Activation::relu6;
    default: break;
  }
  const char* name = fb::EnumNameActivationFunction(function);
  return refuse(Code::unsupported, "its fused activation " + (*name == '\0' ? std::to_string(static_cast<int>(function)) : std::string(name)) +
                                       " is not supported; RELU and RELU6 are");
}

void OperatorReader::append(graph::Attributes attributes, std::vector<TensorId> inputs, TensorId output) {
  model_.graph_.add_op({tensor(output).name, std::move(attributes), std::move(inputs), {output}});
}

TensorId OperatorReader::intermediate(std::string_view suffix, Tensor like) {
  like.name += suffix;
  while (!model_.names_.emplace(like.name, 1).second) like.name += "_";
  like.data = nullptr;
  return model_.graph_.add_tensor(std::move(like));
}

}  // namespace mote::formats::tflite
