// ModelReader's part for tensors: element types, shapes, quantization and data.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "model_reader.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::tflite {

using graph::DType;
using graph::Tensor;

namespace {

// Largest tensor. Far above any microcontroller, and small enough for products of two dimensions with strides to stay
// in 64 bits.
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 30;

std::string tensor_place(std::size_t index, std::string_view name) {
  return "tensor " + std::to_string(index) + " (" + in_quotes(name) + ")";
}

/// The verifier aligns a vector's length, which has 4 bytes, but not its elements of 8.
std::int64_t element_at(const flatbuffers::Vector<std::int64_t>& vector, std::size_t i) {
  std::int64_t value = 0;
  std::memcpy(&value, vector.Data() + i * sizeof value, sizeof value);
  return flatbuffers::EndianScalar(value);
}

Result<DType> element_type(fb::TensorType type) {
  switch (type) {
    case fb::TensorType::FLOAT32:
      return DType::f32;
    case fb::TensorType::INT8:
      return DType::i8;
    case fb::TensorType::INT32:
      return DType::i32;
    case fb::TensorType::INT64:
      return DType::i64;
    case fb::TensorType::UINT8:  // held as int8
    case fb::TensorType::INT4:   // unpacked
    case fb::TensorType::BOOL:
      return DType::i8;
    case fb::TensorType::INT16:
      return DType::i16;
    default:
      break;
  }
  const char* name = fb::EnumNameTensorType(type);
  const std::string shown = *name == '\0' ? "type " + std::to_string(static_cast<int>(type)) : std::string(name);
  return fail(Code::unsupported, "has elements of " + shown + "; float32, int8 and uint8 are supported");
}

Result<graph::Shape> read_shape(const fb::Tensor& tensor) {
  std::vector<std::int32_t> dims;
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < count(tensor.shape()); ++i) {
    const std::int32_t d = tensor.shape()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (d < 1)
      return fail(Code::malformed, "has the dimension " + std::to_string(d) + " at position " + std::to_string(i));
    elements *= static_cast<std::uint64_t>(d);
    if (elements > kMaxElements) return fail(Code::too_large, "has more than 2^30 elements");
    dims.push_back(d);
  }
  return graph::Shape(std::move(dims));
}

/// int4 to int8: the first of two elements is a byte's low half.
Bytes unpacked(const flatbuffers::Vector<std::uint8_t>& halves, std::size_t elements) {
  Bytes bytes;
  bytes.reserve(elements);
  for (std::size_t i = 0; i < elements; ++i) {
    const std::uint32_t half = (halves.Get(static_cast<flatbuffers::uoffset_t>(i / 2)) >> (i % 2 == 0 ? 0 : 4)) & 15u;
    bytes.push_back(static_cast<std::uint8_t>((half ^ 8u) - 8u));
  }
  return bytes;
}

/// uint8 to int8, 128 less.
Bytes shifted(const flatbuffers::Vector<std::uint8_t>& bytes) {
  Bytes less(bytes.begin(), bytes.end());
  for (std::uint8_t& b : less) b ^= 0x80;
  return less;
}

}  // namespace

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
  const std::vector<bool> plain = plain_numbers(subgraph);
  for (std::size_t i = 0; i < tensors; ++i) {
    const fb::Tensor* source = subgraph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY_VOID(charge(source->name() == nullptr ? 0 : source->name()->size()));
    std::string name = unique_name(*source, i);
    auto tensor = read_tensor(*source, name, plain[i]);
    if (!tensor) {
      unusable_[i] = std::move(tensor).error().in(tensor_place(i, name));
      tensor = Tensor{std::move(name), DType::f32, {}, {}, nullptr};
    }
    unsigned_.push_back(source->type() == fb::TensorType::UINT8);
    origins_.push_back(source->is_variable()   ? Origin::variable
                       : tensor->is_constant() ? Origin::constant
                                               : Origin::unknown);
    graph_.add_tensor(std::move(*tensor));
  }
  return {};
}

std::vector<bool> ModelReader::plain_numbers(const fb::SubGraph& subgraph) const {
  std::vector<bool> plain(count(subgraph.tensors()), false);
  const auto mark = [&](const flatbuffers::Vector<std::int32_t>* ids) {
    const std::int32_t id = count(ids) > 0 ? ids->Get(0) : -1;
    if (id >= 0 && static_cast<std::size_t>(id) < plain.size()) plain[static_cast<std::size_t>(id)] = true;
  };
  for (std::size_t i = 0; i < count(subgraph.operators()); ++i) {
    const fb::Operator& op = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (op.opcode_index() >= count(model_.operator_codes())) continue;
    if (operator_number(*model_.operator_codes()->Get(op.opcode_index())) !=
        static_cast<std::int32_t>(fb::BuiltinOperator::CAST))
      continue;
    mark(op.inputs());
    mark(op.outputs());
  }
  return plain;
}

Result<Tensor> ModelReader::read_tensor(const fb::Tensor& source, std::string name, bool plain) {
  Tensor tensor;
  tensor.name = std::move(name);
  MOTE_TRY(tensor.dtype, element_type(source.type()));
  MOTE_TRY_VOID(charge(4 * count(source.shape())));
  MOTE_TRY(tensor.shape, read_shape(source));
  if (source.sparsity() != nullptr)
    return fail(Code::unsupported, "is stored sparse; convert the model again without sparsity");
  // Converters leave the range seen in training on float tensors; it has no meaning for them.
  if (source.quantization() != nullptr && tensor.dtype != DType::f32) {
    MOTE_TRY(tensor.quantization, read_quantization(*source.quantization(), tensor, source.type()));
  }
  const bool narrow = tensor.dtype == DType::i8 || tensor.dtype == DType::i16;
  if (plain && narrow && !tensor.quantization.present())
    tensor.quantization = graph::Quantization::per_tensor(1.0f, source.type() == fb::TensorType::UINT8 ? -128 : 0);
  if (source.type() == fb::TensorType::BOOL) tensor.quantization = graph::truth_quantization();
  if (source.type() == fb::TensorType::UINT8 && !tensor.quantization.present())
    return fail(Code::unsupported, "has uint8 elements without a scale; quantized models have one");
  if (!source.is_variable()) MOTE_TRY_VOID(read_data(source, tensor));
  return tensor;
}

Result<graph::Quantization> ModelReader::read_quantization(const fb::QuantizationParameters& source,
                                                           const Tensor& tensor, fb::TensorType type) {
  if (source.custom_kind() != 0)
    return fail(Code::unsupported, "has a custom quantization; convert the model again with int8 quantization");
  const std::size_t scales = count(source.scale());
  const std::size_t zero_points = count(source.zero_point());
  graph::Quantization result;
  if (scales == 0) return result;
  if (zero_points != scales && zero_points != 1) {
    return fail(Code::malformed,
                "has " + std::to_string(scales) + " scales and " + std::to_string(zero_points) + " zero points");
  }
  MOTE_TRY_VOID(charge(8 * scales));
  const std::int64_t limit = type == fb::TensorType::INT4 ? 8 : tensor.dtype == DType::i8 ? 128 : 0;
  // uint8 values and their zero points are 128 less as int8.
  const std::int64_t offset = type == fb::TensorType::UINT8 ? 128 : 0;
  for (std::size_t i = 0; i < scales; ++i) {
    const float scale = source.scale()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (!std::isnormal(scale) || scale < 0.0f) {
      return fail(Code::malformed,
                  "has a scale that is zero, negative or not a number, at position " + std::to_string(i));
    }
    const std::int64_t zero_point = element_at(*source.zero_point(), zero_points == 1 ? 0 : i);
    if (zero_point < offset - limit || zero_point > offset + std::max<std::int64_t>(limit - 1, 0)) {
      return fail(Code::malformed, "has the zero point " + std::to_string(zero_point) + ", outside of its type");
    }
    result.scales.push_back(scale);
    result.zero_points.push_back(static_cast<std::int32_t>(zero_point - offset));
  }
  if (scales == 1) return result;
  // Some converters copy a depthwise convolution's axis 3 to its bias, which has only one axis (person_detect of
  // TensorFlow Lite Micro).
  result.axis = tensor.shape.rank() == 1 ? 0 : source.quantized_dimension();
  const bool fits = result.axis >= 0 && static_cast<std::size_t>(result.axis) < tensor.shape.rank() &&
                    static_cast<std::size_t>(tensor.shape[static_cast<std::size_t>(result.axis)]) == scales;
  if (!fits) {
    return fail(Code::malformed, "has " + std::to_string(scales) + " scales along axis " +
                                     std::to_string(source.quantized_dimension()) + " of the shape " +
                                     tensor.shape.text());
  }
  return result;
}

Result<void> ModelReader::read_data(const fb::Tensor& source, Tensor& tensor) {
  const std::size_t index = source.buffer();
  if (index == 0 && buffers_.empty()) return {};
  if (index >= buffers_.size()) {
    return fail(Code::malformed,
                "refers to buffer " + std::to_string(index) + " of " + std::to_string(buffers_.size()));
  }
  const fb::Buffer& buffer = *model_.buffers()->Get(static_cast<flatbuffers::uoffset_t>(index));
  if (buffer.outside_offset() > 1) return fail(Code::unsupported, "has its data outside of the model's tables");
  if (count(buffer.data()) == 0) return {};
  const bool packed = source.type() == fb::TensorType::INT4;  // two in a byte
  const std::size_t expected = packed ? (tensor.shape.elements() + 1) / 2 : tensor.size_bytes();
  if (buffer.data()->size() != expected) {
    return fail(Code::malformed, "has " + std::to_string(buffer.data()->size()) + " bytes of data in buffer " +
                                     std::to_string(index) + ", " + std::to_string(expected) +
                                     " are needed for the shape " + tensor.shape.text());
  }
  if (packed || source.type() == fb::TensorType::UINT8) {
    MOTE_TRY_VOID(charge(tensor.size_bytes()));
    tensor.data =
        std::make_shared<const Bytes>(packed ? unpacked(*buffer.data(), tensor.size_bytes()) : shifted(*buffer.data()));
    return {};
  }
  if (buffers_[index] == nullptr) {
    MOTE_TRY_VOID(charge(buffer.data()->size()));
    buffers_[index] = std::make_shared<const Bytes>(buffer.data()->begin(), buffer.data()->end());
  }
  tensor.data = buffers_[index];
  return {};
}

}  // namespace mote::formats::tflite
