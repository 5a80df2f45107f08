#pragma once
// TensorFlow Lite files of one operator, for tests.

#include <memory>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/rng.hpp"
#include "tflite_generated.h"

namespace mote::formats::test {

namespace fb = tflite_schema;

/// What a case puts into its model. Values are float32, or int8 with a scale; uint8 has the same, 128 more.
struct Value {
  std::vector<std::int32_t> shape;
  float scale = 0.05f;
  std::int64_t zero = -3;
};

/// A model of one operator.
class OneOperator {
 public:
  /// @param type  of values: float32, int8 or uint8
  OneOperator(fb::BuiltinOperator code, fb::TensorType type, std::int32_t version) : type_(type) {
    model_.version = 3;
    model_.buffers.push_back(std::make_unique<fb::BufferT>());
    auto operator_code = std::make_unique<fb::OperatorCodeT>();
    operator_code->code = code;
    operator_code->short_code = static_cast<std::int8_t>(std::min(static_cast<int>(code), 127));
    operator_code->version = version;
    model_.operator_codes.push_back(std::move(operator_code));
    model_.subgraphs.push_back(std::make_unique<fb::SubGraphT>());
    graph().operators.push_back(std::make_unique<fb::OperatorT>());
  }
  void input(const Value& v) {
    graph().inputs.push_back(tensor(v));
    op().inputs.push_back(graph().inputs.back());
  }
  void output(const Value& v) {
    graph().outputs.push_back(tensor(v));
    op().outputs.push_back(graph().outputs.back());
  }
  /// Of another type than the others: with v's quantization where the scale is not 0.
  void input_of(fb::TensorType type, const Value& v) {
    graph().inputs.push_back(tensor_of(type, v));
    op().inputs.push_back(graph().inputs.back());
  }
  void output_of(fb::TensorType type, const Value& v) {
    graph().outputs.push_back(tensor_of(type, v));
    op().outputs.push_back(graph().outputs.back());
  }
  void integers(const std::vector<std::int32_t>& values, std::vector<std::int32_t> shape) {
    const ByteSpan raw = bytes_of(std::span<const std::int32_t>(values));
    op().inputs.push_back(constant(fb::TensorType::INT32, std::move(shape), raw, nullptr));
  }
  void integers(const std::vector<std::int32_t>& values) {
    integers(values, {static_cast<std::int32_t>(values.size())});
  }
  /// int32 of input scale times weight scale.
  void bias(const std::vector<std::int32_t>& values, float scale) {
    auto q = std::make_unique<fb::QuantizationParametersT>();
    q->scale = {scale};
    q->zero_point = {0};
    op().inputs.push_back(constant(fb::TensorType::INT32, {static_cast<std::int32_t>(values.size())},
                                   bytes_of(std::span<const std::int32_t>(values)), std::move(q)));
  }
  /// Of the type that goes with the values': float32, or int32 in steps of `scale`.
  void bias_of_values(const std::vector<std::int32_t>& values, float scale) {
    if (type_ != fb::TensorType::FLOAT32) return bias(values, scale);
    std::vector<float> real;
    for (const std::int32_t v : values) real.push_back(scale * static_cast<float>(v));
    op().inputs.push_back(
        constant(type_, {static_cast<std::int32_t>(values.size())}, bytes_of(std::span<const float>(real)), nullptr));
  }
  /// A constant with these bytes.
  void constant_bytes(fb::TensorType type, const Value& v, ByteSpan raw) {
    op().inputs.push_back(constant(type, v.shape, raw, quantization(v)));
  }
  /// A constant of the values' type.
  void operand(const Value& v, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<float> floats;
    std::vector<std::int8_t> bytes;
    std::size_t n = 1;
    for (const std::int32_t d : v.shape) n *= static_cast<std::size_t>(d);
    for (std::size_t i = 0; i < n; ++i) {
      bytes.push_back(static_cast<std::int8_t>(rng.between(-128, 127)));
      floats.push_back(v.scale * static_cast<float>(bytes.back() - v.zero));
    }
    if (is_unsigned()) {
      for (std::int8_t& b : bytes) b = static_cast<std::int8_t>(b ^ 0x80);
    }
    const std::int32_t id =
        type_ == fb::TensorType::FLOAT32
            ? constant(type_, v.shape, bytes_of(std::span<const float>(floats)), nullptr)
            : constant(type_, v.shape, bytes_of(std::span<const std::int8_t>(bytes)), quantization(v));
    op().inputs.push_back(id);
  }
  void indices(const std::vector<std::int32_t>& shape) {
    graph().outputs.push_back(add(fb::TensorType::INT32, shape, 0, nullptr));
    op().outputs.push_back(graph().outputs.back());
  }
  /// Truth values.
  void truth_input(const std::vector<std::int32_t>& shape) {
    graph().inputs.push_back(add(fb::TensorType::BOOL, shape, 0, nullptr));
    op().inputs.push_back(graph().inputs.back());
  }
  void truth_output(const std::vector<std::int32_t>& shape) {
    graph().outputs.push_back(add(fb::TensorType::BOOL, shape, 0, nullptr));
    op().outputs.push_back(graph().outputs.back());
  }
  template <class Options>
  void options(Options options) {
    op().options.Set(std::move(options));
  }
  [[nodiscard]] Bytes file() {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(fb::Model::Pack(builder, &model_), fb::ModelIdentifier());
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  fb::SubGraphT& graph() { return *model_.subgraphs[0]; }
  fb::OperatorT& op() { return *graph().operators[0]; }
  [[nodiscard]] bool is_unsigned() const { return type_ == fb::TensorType::UINT8; }
  [[nodiscard]] std::unique_ptr<fb::QuantizationParametersT> quantization(const Value& v) const {
    auto q = std::make_unique<fb::QuantizationParametersT>();
    q->scale = {v.scale};
    q->zero_point = {v.zero + (is_unsigned() ? 128 : 0)};
    return q;
  }
  std::int32_t add(fb::TensorType type, std::vector<std::int32_t> shape, std::uint32_t buffer,
                   std::unique_ptr<fb::QuantizationParametersT> q) {
    auto t = std::make_unique<fb::TensorT>();
    t->name = "t" + std::to_string(graph().tensors.size());
    t->type = type;
    t->shape = std::move(shape);
    t->buffer = buffer;
    t->quantization = std::move(q);
    graph().tensors.push_back(std::move(t));
    return static_cast<std::int32_t>(graph().tensors.size()) - 1;
  }
  std::int32_t tensor(const Value& v) {
    return add(type_, v.shape, 0, type_ == fb::TensorType::FLOAT32 ? nullptr : quantization(v));
  }
  std::int32_t tensor_of(fb::TensorType type, const Value& v) {
    std::unique_ptr<fb::QuantizationParametersT> q;
    if (v.scale != 0.0f) {
      q = std::make_unique<fb::QuantizationParametersT>();
      q->scale = {v.scale};
      q->zero_point = {v.zero};
    }
    return add(type, v.shape, 0, std::move(q));
  }
  std::int32_t constant(fb::TensorType type, std::vector<std::int32_t> shape, ByteSpan raw,
                        std::unique_ptr<fb::QuantizationParametersT> q) {
    auto buffer = std::make_unique<fb::BufferT>();
    buffer->data.assign(raw.begin(), raw.end());
    model_.buffers.push_back(std::move(buffer));
    return add(type, std::move(shape), static_cast<std::uint32_t>(model_.buffers.size() - 1), std::move(q));
  }

  fb::TensorType type_;
  fb::ModelT model_;
};

}  // namespace mote::formats::test
