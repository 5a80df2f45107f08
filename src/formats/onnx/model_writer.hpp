#pragma once
// From a graph to ONNX nodes. A tensor of the graph may stand in the file in several ways, each made when it is first
// asked for: as it is, or as the real numbers that its integers mean (DequantizeLinear), and with its channels last, as
// in the graph, or first, as ONNX's layers want them (Transpose).

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mote/graph/graph.hpp"
#include "onnx_schema.hpp"

namespace mote::formats::onnx {

enum class Layout : std::uint8_t { last, first };

/// An attribute of a node.
struct NodeAttribute {
  std::string_view name;
  enum class Kind : std::uint8_t { integer, real, integers, reals, text, texts } kind;
  std::int64_t integer = 0;
  float real = 0.0f;
  std::vector<std::int64_t> integers{};
  std::vector<float> reals{};
  std::string text{};
  std::vector<std::string> texts{};
};
[[nodiscard]] NodeAttribute integer(std::string_view name, std::int64_t value);
[[nodiscard]] NodeAttribute real(std::string_view name, float value);
[[nodiscard]] NodeAttribute integers(std::string_view name, std::vector<std::int64_t> values);
[[nodiscard]] NodeAttribute reals(std::string_view name, std::vector<float> values);
[[nodiscard]] NodeAttribute text(std::string_view name, std::string value);
[[nodiscard]] NodeAttribute texts(std::string_view name, std::vector<std::string> values);

using Attributes = std::vector<NodeAttribute>;

class ModelWriter {
 public:
  /// @param graph  outlives the writer.
  explicit ModelWriter(const graph::Graph& graph);
  [[nodiscard]] Result<Bytes> write() &&;

  // ---- What the operators' write functions use.
  [[nodiscard]] const graph::Graph& graph() const { return graph_; }
  [[nodiscard]] const graph::Tensor& tensor(graph::TensorId id) const { return graph_.tensor(id); }
  /// int8 values with a scale that are no truth values.
  [[nodiscard]] bool is_quantized(graph::TensorId id) const;
  [[nodiscard]] bool is_truth(graph::TensorId id) const { return truths_.contains(id); }

  /// Name of the value as the graph holds it; truth values are bool.
  [[nodiscard]] std::string stored(graph::TensorId id, Layout layout = Layout::last);
  /// Name of the real numbers.
  [[nodiscard]] std::string real(graph::TensorId id, Layout layout = Layout::last);
  /// Whether it stands in the file with channels first already.
  [[nodiscard]] bool has_first(graph::TensorId id) const { return stored_.contains({id, Layout::first}); }
  /// Whether a node gives it already.
  [[nodiscard]] bool is_given(graph::TensorId id) const { return stored_.contains({id, Layout::last}); }
  /// A constant that is written anew, in another order: with its quantization's scales along `axis`.
  [[nodiscard]] std::string real_constant(graph::Tensor changed);

  /// Appends a node. @return its output's name.
  std::string node(std::string_view type, std::vector<std::string> inputs, const Attributes& attributes = {},
                   std::string_view domain = {});
  /// The same with two outputs.
  std::pair<std::string, std::string> node_of_two(std::string_view type, std::vector<std::string> inputs,
                                                  const Attributes& attributes);
  /// The number that the format has for the value's type as the graph holds it.
  [[nodiscard]] std::int64_t type_number(graph::TensorId id) const;
  /// The node that computes `id` as the graph holds it.
  void give_stored(graph::TensorId id, std::string_view type, std::vector<std::string> inputs,
                   const Attributes& attributes = {}, Layout layout = Layout::last, std::string_view domain = {});
  /// The node that computes real numbers of `id`, which are clamped and, where the graph holds integers, quantized.
  void give_real(graph::TensorId id, std::string_view type, std::vector<std::string> inputs,
                 const Attributes& attributes = {}, Layout layout = Layout::last,
                 graph::Activation activation = graph::Activation::none, std::string_view domain = {});
  [[nodiscard]] std::string floats(const std::vector<float>& values, const std::vector<std::int64_t>& dims);
  [[nodiscard]] std::string whole_numbers(const std::vector<std::int64_t>& values);

  [[nodiscard]] tl::unexpected<Error> refuse(const graph::Op& op, const std::string& message) const;

 private:
  using Key = std::pair<graph::TensorId, Layout>;

  [[nodiscard]] Result<void> check_types(const graph::Op& op) const;
  [[nodiscard]] std::string fresh(std::string name);
  [[nodiscard]] std::string name_for(graph::TensorId id, Layout layout);
  void append(std::string_view type, std::vector<std::string> inputs, const Attributes& attributes, std::string output,
              std::string_view domain);
  schema::Node& append_node(std::string_view type, std::vector<std::string> inputs, const Attributes& attributes);
  void add_initializer(const graph::Tensor& tensor, const std::string& name, bool is_truth);
  /// Names of scale and zero point as DequantizeLinear and QuantizeLinear take them; int32 has no zero point.
  [[nodiscard]] std::vector<std::string> scale_and_zero(const graph::Tensor& tensor);
  [[nodiscard]] std::string dequantized(const std::string& stored, const graph::Tensor& like);
  [[nodiscard]] std::string quantized(const std::string& x, const graph::Tensor& like, const std::string& name);
  [[nodiscard]] std::string transposed(const std::string& x, Layout to, const std::string& name);
  void declare(bool input, graph::TensorId id, const std::string& name);

  const graph::Graph& graph_;
  schema::Model file_;
  std::set<graph::TensorId> truths_;
  std::set<std::string, std::less<>> names_;
  std::map<Key, std::string> stored_, real_;
  std::map<std::pair<std::vector<float>, std::vector<std::int32_t>>, std::vector<std::string>> scales_;
  bool has_trees_ = false;
};

/// Permutations between the layouts of a tensor of four dimensions.
[[nodiscard]] const std::vector<std::int32_t>& to_first();
[[nodiscard]] const std::vector<std::int32_t>& to_last();

/// A constant with its dimensions in another order; the scales' axis moves along.
[[nodiscard]] graph::Tensor permuted(const graph::Tensor& tensor, const std::vector<std::int32_t>& permutation);

// write_*.cpp: one function an operator of the graph.
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::Conv2D& conv);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::DepthwiseConv2D& conv);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::Dense& dense);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::BatchNorm& norm);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::Pool2D& pool);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::MatMul& product);
[[nodiscard]] Result<void> write_layer(ModelWriter& writer, const graph::Op& op, const graph::ResizeBilinear& resize);
[[nodiscard]] Result<void> write_trees(ModelWriter& writer, const graph::Op& op, const graph::TreeEnsemble& trees);
[[nodiscard]] Result<void> write_trees(ModelWriter& writer, const graph::Op& op, const graph::Scores& scores);
/// The others: element by element, reductions, moves. False: it is none of them.
[[nodiscard]] Result<bool> write_elementwise(ModelWriter& writer, const graph::Op& op);
[[nodiscard]] Result<bool> write_move(ModelWriter& writer, const graph::Op& op);

}  // namespace mote::formats::onnx
