#pragma once
// What the read function of one ONNX operator sees: its attributes, its inputs as tensors of the graph, and ways to
// append graph operators.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mote/graph/graph.hpp"
#include "onnx_schema.hpp"

namespace mote::formats::onnx {

using Dims = std::vector<std::int32_t>;

/// The graph as it grows, and which tensor each name of the file stands for.
struct Model {
  graph::Graph graph;
  std::map<std::string, graph::TensorId, std::less<>> values;
  std::int64_t opset = 0;
  std::size_t budget_bytes = 0;  ///< what constants may still take
  /// uint8 in the file, held as int8: values and zero points are 128 less.
  std::set<graph::TensorId> unsigned_bytes;
  /// What nodes read and the model gives.
  std::set<std::string, std::less<>> used;
  /// Inputs of int8 and uint8 whose scale no node has told yet.
  std::set<graph::TensorId> without_scale;
};

class NodeReader {
 public:
  NodeReader(Model& model, const schema::Node& node, std::size_t index) : model_(model), node_(node), index_(index) {}

  [[nodiscard]] std::int64_t opset() const { return model_.opset; }
  [[nodiscard]] const std::string& type() const { return node_.op_type(); }

  // Attributes.
  [[nodiscard]] const schema::Attribute* attribute(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  [[nodiscard]] float real(std::string_view name, float otherwise) const;
  [[nodiscard]] std::string text(std::string_view name, std::string otherwise) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const;

  // Inputs.
  [[nodiscard]] std::size_t input_count() const { return static_cast<std::size_t>(node_.input_size()); }
  [[nodiscard]] std::size_t output_count() const { return static_cast<std::size_t>(node_.output_size()); }
  [[nodiscard]] bool has(std::size_t i) const { return i < input_count() && !node_.input(static_cast<int>(i)).empty(); }
  [[nodiscard]] Result<graph::TensorId> in(std::size_t i) const;
  /// Input `i`, which must be a constant.
  [[nodiscard]] Result<graph::TensorId> constant(std::size_t i) const;
  /// Whole numbers of a constant input; where older operator sets have an attribute instead, that.
  [[nodiscard]] Result<std::vector<std::int64_t>> numbers(std::size_t i, std::string_view attribute_name = {}) const;
  [[nodiscard]] const graph::Tensor& tensor(graph::TensorId id) const { return model_.graph.tensor(id); }
  [[nodiscard]] const graph::Shape& shape(graph::TensorId id) const { return tensor(id).shape; }
  [[nodiscard]] Dims dims(graph::TensorId id) const { return {shape(id).dims().begin(), shape(id).dims().end()}; }
  [[nodiscard]] Result<std::size_t> axis(std::int64_t axis, std::size_t rank) const;

  /// Whether anything reads output `i`.
  [[nodiscard]] bool is_used(std::size_t i) const {
    return i < output_count() && model_.used.contains(node_.output(static_cast<int>(i)));
  }

  // Appending. Operators with constant inputs are computed at once.
  /// @param shape  where it does not follow from the inputs
  [[nodiscard]] Result<graph::TensorId> emit(graph::Attributes attributes, std::vector<graph::TensorId> inputs,
                                             std::optional<Dims> shape = std::nullopt,
                                             std::optional<graph::DType> type = std::nullopt,
                                             std::optional<graph::Quantization> quantization = std::nullopt);
  [[nodiscard]] Result<graph::TensorId> reshaped(graph::TensorId x, Dims shape);
  [[nodiscard]] Result<graph::TensorId> transposed(graph::TensorId x, Dims permutation);
  /// Truth values.
  [[nodiscard]] Result<graph::TensorId> compare(graph::CompareKind kind, graph::TensorId a, graph::TensorId b);
  [[nodiscard]] Result<graph::TensorId> floats(const std::vector<float>& values, Dims shape);
  [[nodiscard]] Result<graph::TensorId> whole_words(const std::vector<std::int32_t>& values, Dims shape);
  [[nodiscard]] Result<graph::TensorId> whole_numbers(const std::vector<std::int64_t>& values, Dims shape);
  [[nodiscard]] Result<graph::TensorId> tensor_attribute(const schema::Attribute& attribute);
  /// Floats that are whole multiples of scales, which then stand in the tensor's quantization; see keep_scales().
  [[nodiscard]] Result<graph::TensorId> scaled(const std::vector<float>& values, Dims shape,
                                               graph::Quantization scales);
  /// Hands the scales of the slices of `source` along `source_axis` on to `weights`, which are its elements in another
  /// order with these slices along `axis`, from slice `first`. One scale for all goes along by itself.
  void keep_scales(graph::TensorId source, std::int32_t source_axis, graph::TensorId weights, std::int32_t axis,
                   std::int32_t first = 0);
  [[nodiscard]] Result<graph::TensorId> integers(const std::vector<std::int8_t>& values, Dims shape,
                                                 graph::Quantization scales);
  [[nodiscard]] bool is_unsigned(graph::TensorId id) const { return model_.unsigned_bytes.contains(id); }
  [[nodiscard]] bool knows_scale(graph::TensorId id) const { return !model_.without_scale.contains(id); }
  /// An input of the model that turns out to be quantized.
  void set_quantization(graph::TensorId id, graph::Quantization q) {
    model_.graph.tensor(id).quantization = std::move(q);
    model_.without_scale.erase(id);
  }
  [[nodiscard]] graph::TensorId indices(const std::vector<std::int32_t>& values);
  /// Makes output `i` of the node stand for a tensor.
  [[nodiscard]] Result<void> give(graph::TensorId id, std::size_t i = 0);
  [[nodiscard]] Result<void> give(Result<graph::TensorId> id, std::size_t i = 0);

  [[nodiscard]] tl::unexpected<Error> refuse(Code code, const std::string& message) const;
  [[nodiscard]] Result<void> charge(std::size_t bytes) const;

 private:
  [[nodiscard]] std::string fresh_name() const;

  Model& model_;
  const schema::Node& node_;
  std::size_t index_;
};

constexpr std::string_view kMlDomain = "ai.onnx.ml";

struct OperatorRow {
  std::string_view type;
  Result<void> (*read)(NodeReader&);
  std::string_view domain = {};  ///< empty: the standard's own
};

// operators/*.cpp
[[nodiscard]] std::vector<OperatorRow> elementwise_rows();
[[nodiscard]] std::vector<OperatorRow> layer_rows();
[[nodiscard]] std::vector<OperatorRow> logic_rows();
[[nodiscard]] std::vector<OperatorRow> move_rows();
[[nodiscard]] std::vector<OperatorRow> quantize_rows();
[[nodiscard]] std::vector<OperatorRow> recurrent_rows();
[[nodiscard]] std::vector<OperatorRow> reduce_rows();
[[nodiscard]] std::vector<OperatorRow> tree_rows();

}  // namespace mote::formats::onnx
