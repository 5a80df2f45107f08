#pragma once
// From a graph to tables. ModelWriter owns the file; OperatorWriter is what one graph operator's write function sees.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mote/graph/graph.hpp"
#include "operator_table.hpp"
#include "schema.hpp"

namespace mote::formats::tflite {

/// Index of a tensor in the file. Tensors of the graph come first, under their ids.
using FileTensor = std::int32_t;

class ModelWriter {
 public:
  explicit ModelWriter(const graph::Graph& graph);
  [[nodiscard]] Result<Bytes> write() &&;

 private:
  friend class OperatorWriter;

  [[nodiscard]] FileTensor add_tensor(const graph::Tensor& tensor, bool is_truth = false);
  [[nodiscard]] FileTensor add_typed(const std::string& name, fb::TensorType type, const graph::Shape& shape,
                                     std::uint32_t buffer,
                                     flatbuffers::Offset<fb::QuantizationParameters> quantization);
  [[nodiscard]] Result<void> check_truths(const OperatorWriter& writer, const graph::Op& op) const;
  void read_states();
  void write_states();
  [[nodiscard]] flatbuffers::Offset<fb::Operator> raw_operator(fb::BuiltinOperator code, std::int32_t version,
                                                               const std::vector<std::int32_t>& inputs,
                                                               const std::vector<std::int32_t>& outputs,
                                                               fb::BuiltinOptions kind,
                                                               flatbuffers::Offset<void> options);
  [[nodiscard]] flatbuffers::Offset<fb::Operator> handle_operator(const std::string& variable, FileTensor handle);
  [[nodiscard]] flatbuffers::Offset<fb::SubGraph> first_values();
  [[nodiscard]] std::uint32_t add_buffer(const graph::Tensor& tensor);
  [[nodiscard]] std::uint32_t add_data(ByteSpan data);
  [[nodiscard]] std::uint32_t operator_code(fb::BuiltinOperator code, std::int32_t version);
  [[nodiscard]] std::string unique_name(std::string name);
  void write_metadata();
  [[nodiscard]] Bytes finish();

  const graph::Graph& graph_;
  std::set<graph::TensorId> truths_;
  std::vector<FileTensor> handles_;  // of the variables that hold the states
  flatbuffers::FlatBufferBuilder builder_;
  std::set<std::string, std::less<>> names_;
  std::map<std::shared_ptr<const Bytes>, std::uint32_t>
      shared_buffers_;  // a constant that two tensors share is stored once
  std::map<std::pair<fb::BuiltinOperator, std::int32_t>, std::uint32_t> code_indices_;
  std::vector<flatbuffers::Offset<fb::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors_;
  std::vector<flatbuffers::Offset<fb::OperatorCode>> codes_;
  std::vector<flatbuffers::Offset<fb::Operator>> operators_;
  std::vector<flatbuffers::Offset<fb::Metadata>> metadata_;
};

class OperatorWriter {
 public:
  OperatorWriter(ModelWriter& model, const graph::Op& op) : model_(model), op_(op) {}

  [[nodiscard]] const graph::Graph& graph() const { return model_.graph_; }
  [[nodiscard]] const graph::Tensor& input(std::size_t i) const { return model_.graph_.tensor(op_.inputs[i]); }
  [[nodiscard]] const graph::Tensor& output() const { return model_.graph_.tensor(op_.outputs[0]); }
  [[nodiscard]] FileTensor input_id(std::size_t i) const { return op_.inputs[i]; }
  /// Written as BOOL.
  [[nodiscard]] bool is_truth(graph::TensorId id) const { return model_.truths_.contains(id); }
  /// True when the operator computes with int8 (or int16): newer operator versions than for float.
  [[nodiscard]] bool is_int8() const { return input(0).dtype != graph::DType::f32; }
  [[nodiscard]] flatbuffers::FlatBufferBuilder& builder() { return model_.builder_; }

  /// A constant that only the file needs, such as a shape or paddings.
  [[nodiscard]] FileTensor integers(std::string_view suffix, graph::Shape shape, std::span<const std::int32_t> values);
  /// A constant of zeros that only the file needs, of the shape, type and quantization of `like`.
  [[nodiscard]] FileTensor zeros(std::string_view suffix, graph::Tensor like);
  /// A constant that only the file needs.
  [[nodiscard]] FileTensor constant(std::string_view suffix, graph::Tensor tensor);
  /// A value that only the file needs.
  [[nodiscard]] FileTensor value(std::string_view suffix, graph::Tensor like);

  /// The graph operator's inputs, to be changed for the file.
  [[nodiscard]] std::vector<FileTensor> inputs() const { return {op_.inputs.begin(), op_.inputs.end()}; }

  /// The operator with its graph inputs and output.
  template <class Options>
  void emit(fb::BuiltinOperator code, std::int32_t version, flatbuffers::Offset<Options> options) {
    emit_to(code, version, options, inputs(), op_.outputs[0]);
  }
  /// An operator with other tensors.
  template <class Options>
  void emit_to(fb::BuiltinOperator code, std::int32_t version, flatbuffers::Offset<Options> options,
               const std::vector<std::int32_t>& inputs, FileTensor output) {
    emit_to_all(code, version, options, inputs, {output});
  }
  /// An operator with several outputs.
  template <class Options>
  void emit_to_all(fb::BuiltinOperator code, std::int32_t version, flatbuffers::Offset<Options> options,
                   const std::vector<std::int32_t>& inputs, const std::vector<FileTensor>& outputs) {
    emit_raw(code, version, fb::BuiltinOptionsTraits<Options>::enum_value, options.Union(), inputs, outputs);
  }
  /// An operator without options.
  void emit_plain(fb::BuiltinOperator code, std::int32_t version) {
    emit_plain_to(code, version, inputs(), op_.outputs[0]);
  }
  void emit_plain_to(fb::BuiltinOperator code, std::int32_t version, const std::vector<std::int32_t>& inputs,
                     FileTensor output) {
    emit_raw(code, version, fb::BuiltinOptions::NONE, 0, inputs, {output});
  }

  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view message) const;

 private:
  void emit_raw(fb::BuiltinOperator code, std::int32_t version, fb::BuiltinOptions kind,
                flatbuffers::Offset<void> options, const std::vector<std::int32_t>& inputs,
                const std::vector<FileTensor>& outputs);

  ModelWriter& model_;
  const graph::Op& op_;
};

[[nodiscard]] fb::TensorType tensor_type(graph::DType type);
[[nodiscard]] fb::ActivationFunction activation_function(graph::Activation activation);

}  // namespace mote::formats::tflite
