#pragma once
// From verified tables to a graph. ModelReader owns what concerns the whole file; OperatorReader is what one operator's
// read function sees: checked access to its operands and options, and refusals that say where in the file it stands.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/graph/graph.hpp"
#include "operator_table.hpp"
#include "schema.hpp"

namespace mote::formats::tflite {

/// A value, and the zeros that a PAD operator put around it.
struct PaddedValue {
  graph::TensorId id = graph::kNoTensor;
  graph::Pads pads;
};

/// What VAR_HANDLE names and operators read and assign: a state of the graph, where a value lives from one inference to
/// the next.
struct Variable {
  std::string name;                             ///< as a person may read it
  std::optional<graph::Tensor> initial;         ///< what CALL_ONCE assigned
  graph::TensorId before = graph::kNoTensor;    ///< what an inference finds in it, once an operator has read that
  graph::TensorId assigned = graph::kNoTensor;  ///< by the latest operator
};

/// A value that enters or leaves the model, or flows between operators: int8 has one scale.
/// @error malformed, unsupported  to be put behind "tensor x ".
[[nodiscard]] Result<void> check_value(const graph::Tensor& tensor);
/// What kernels work on: float32 or int8. Other types stand in models for shapes, which are folded away.
[[nodiscard]] Result<void> check_element_type(const graph::Tensor& tensor);

class ModelReader {
 public:
  ModelReader(const VerifiedModel& file, std::string_view file_name);
  [[nodiscard]] Result<graph::Graph> read() &&;

 private:
  friend class OperatorReader;
  enum class Origin : std::uint8_t { unknown, constant, value, variable };
  /// The bytes that a tensor or an operator takes in a file at the very least (offset and table).
  static constexpr std::size_t kTableBytes = 24;

  [[nodiscard]] Result<void> read_tensors(const fb::SubGraph& subgraph);
  /// Of each tensor of a subgraph, whether CAST reads or writes it: a number then, where it has no scale.
  [[nodiscard]] std::vector<bool> plain_numbers(const fb::SubGraph& subgraph) const;
  /// @param plain  8 and 16 bits without a scale count in steps of 1
  [[nodiscard]] Result<graph::Tensor> read_tensor(const fb::Tensor& tensor, std::string name, bool plain);
  [[nodiscard]] Result<graph::Quantization> read_quantization(const fb::QuantizationParameters& source,
                                                              const graph::Tensor& tensor, fb::TensorType type);
  [[nodiscard]] Result<void> read_data(const fb::Tensor& source, graph::Tensor& tensor);
  [[nodiscard]] std::string unique_name(const fb::Tensor& tensor, std::size_t index);
  [[nodiscard]] Result<void> read_inputs(const fb::SubGraph& subgraph);
  [[nodiscard]] Result<void> read_operators(const fb::SubGraph& subgraph);
  [[nodiscard]] Result<const OperatorRow*> row_of(const OperatorReader& reader, const fb::Operator& op) const;
  /// Operators with constant inputs become constants, and what is left must work on values that devices have.
  [[nodiscard]] Result<void> settle(const OperatorReader& reader, std::size_t first_op);
  [[nodiscard]] Result<void> read_outputs(const fb::SubGraph& subgraph);
  [[nodiscard]] Result<void> read_operator_names();
  /// A tensor index of the file, in range and of a kind the graph can hold.
  [[nodiscard]] Result<graph::TensorId> usable(std::int64_t index) const;
  void materialize_pad(graph::TensorId output);
  /// Runs the subgraph of a CALL_ONCE: what it assigns is what variables hold at first.
  [[nodiscard]] Result<void> initialize(const OperatorReader& reader, std::int64_t subgraph);
  /// Variables become states, or constants where nothing is ever assigned to them.
  [[nodiscard]] Result<void> settle_variables();
  /// The value whose elements `id` has under another shape, or `id`.
  [[nodiscard]] graph::TensorId viewed(graph::TensorId id) const;
  /// Control flow has subgraphs of its own; what is read here are the first one and those that initialize variables.
  [[nodiscard]] Result<void> check_subgraphs() const;
  /// `like` under a name that no tensor has yet.
  [[nodiscard]] graph::TensorId add_tensor(graph::Tensor like, std::string_view suffix);
  /// Accounts for bytes about to be copied out of the file. Tables may share what they point at; without this, a small
  /// file could ask for gigabytes.
  [[nodiscard]] Result<void> charge(std::size_t bytes);

  /// For a subgraph that initializes variables.
  ModelReader(const fb::Model& model, const fb::SubGraph& subgraph, std::size_t budget_bytes);

  const fb::Model& model_;
  const fb::SubGraph* subgraph_ = nullptr;  // the one that is read
  bool initializes_ = false;
  std::string file_stem_;
  std::size_t budget_bytes_;
  graph::Graph graph_;
  std::vector<Origin> origins_;  // of each tensor, as far as operators have been read
  std::vector<std::optional<Error>>
      unusable_;                // why a tensor of the file cannot be in the graph; reported when it is used
  std::vector<bool> unsigned_;  // of each tensor of the file: uint8 there
  std::vector<std::shared_ptr<const Bytes>> buffers_;  // copies made so far
  std::map<std::string, int, std::less<>> names_;
  std::map<graph::TensorId, PaddedValue> padded_;  // outputs of PAD operators
  std::map<std::string, Variable, std::less<>> variables_;
  std::map<graph::TensorId, std::string> handles_;  // tensors that stand for a variable
  std::vector<bool> initializers_;                  // subgraphs that a CALL_ONCE has run
};

/// The most dimensions a list of axes or sizes may name.
inline constexpr std::size_t kMostDims = 8;

class OperatorReader {
 public:
  OperatorReader(ModelReader& model, const fb::Operator& op, std::size_t index, std::string name);

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const graph::Graph& graph() const { return model_.graph_; }
  [[nodiscard]] const graph::Tensor& tensor(graph::TensorId id) const { return model_.graph_.tensor(id); }
  [[nodiscard]] const graph::Shape& shape(graph::TensorId id) const { return tensor(id).shape; }

  /// Input `i`: a float32 or int8 tensor, computed earlier or constant.
  [[nodiscard]] Result<graph::TensorId> operand(std::size_t i);
  /// The same for operators that have explicit pads: takes in PAD operators in front.
  [[nodiscard]] Result<PaddedValue> padded_operand(std::size_t i);
  /// Input `i`, which must be a constant of one of the types.
  [[nodiscard]] Result<graph::TensorId> constant(std::size_t i, std::initializer_list<graph::DType> types);
  /// True when input `i` is present and not a constant.
  [[nodiscard]] bool is_computed(std::size_t i) const;
  /// Input `i`, a variable of the file that belongs to this operator alone, as a state of this shape: what it is before
  /// the operator. Initially real zeros.
  [[nodiscard]] Result<graph::TensorId> state(std::size_t i, graph::Shape shape);
  /// What a state is after the operator.
  void renew(graph::TensorId before, graph::TensorId after);
  /// The output is a handle of the variable with this key, which is made when it is new.
  [[nodiscard]] Result<void> handle(std::string key, std::string name);
  /// The variable whose handle input `i` is.
  [[nodiscard]] Result<Variable*> variable(std::size_t i);
  /// What an inference finds in a variable that nothing was assigned to yet, as a value like `output`.
  [[nodiscard]] Result<graph::TensorId> found_in(Variable& variable, graph::TensorId output);
  /// Runs a subgraph that gives variables their first value.
  [[nodiscard]] Result<void> initialize(std::int64_t subgraph) { return model_.initialize(*this, subgraph); }
  /// Scale and zero point of input `i`, whatever it is.
  [[nodiscard]] Result<graph::Quantization> quantization_of_input(std::size_t i, graph::DType type) const;
  /// The same of one of the tensors that only carry the quantization of a value inside of the operator.
  [[nodiscard]] Result<graph::Quantization> quantization_of_intermediate(std::size_t i) const;
  /// True when input `i` is present.
  [[nodiscard]] bool has_input(std::size_t i) const;
  /// The only output, not computed before.
  [[nodiscard]] Result<graph::TensorId> output();
  /// Every output, for operators that have several.
  [[nodiscard]] Result<std::vector<graph::TensorId>> outputs();
  [[nodiscard]] std::size_t input_count() const { return count(op_.inputs()); }
  /// @error unsupported  two tensors of different element types.
  [[nodiscard]] Result<void> same_type(graph::TensorId a, graph::TensorId b) const;
  /// For operators that move int8 values without arithmetic on them.  @error unsupported  types, scales or zero points
  /// differ.
  [[nodiscard]] Result<void> same_quantization(graph::TensorId a, graph::TensorId b) const;
  /// uint8 in the file, and held as int8.
  [[nodiscard]] bool was_unsigned(graph::TensorId id) const {
    return static_cast<std::size_t>(id) < model_.unsigned_.size() && model_.unsigned_[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] double scale(graph::TensorId id) const { return static_cast<double>(tensor(id).quantization.scale()); }
  /// BOOL in the file.
  [[nodiscard]] bool is_truth(graph::TensorId id) const;
  /// For int32 that Quantize gives as numbers.
  void set_scale_1(graph::TensorId id) {
    model_.graph_.tensor(id).quantization = graph::Quantization::per_tensor(1.0f, 0);
  }
  /// For int8 operators that multiply by `factor` over the output's scale: fixed-point multipliers end at a certain
  /// size.
  /// @error unsupported
  [[nodiscard]] Result<void> rescales(double factor, graph::TensorId output) const;
  /// Small integers of a constant int32 or int64 input: axes, paddings.
  [[nodiscard]] Result<std::vector<std::int64_t>> integers(std::size_t i, std::size_t most);

  /// Accounts for a constant that the file does not have.
  [[nodiscard]] Result<void> charge(std::size_t bytes) {
    if (auto paid = model_.charge(bytes); !paid) return refuse(paid.error().code(), paid.error().message());
    return {};
  }

  /// The operator's options.  @error malformed  absent, or another operator's.
  template <class Options>
  [[nodiscard]] Result<const Options*> options() const {
    const Options* found = op_.options_as<Options>();
    if (found == nullptr) return refuse(Code::malformed, "its options are missing or another operator's");
    return found;
  }
  /// The operator's options, or null where the format lets them be absent.
  template <class Options>
  [[nodiscard]] Result<const Options*> optional_options() const {
    if (op_.options_type() == fb::BuiltinOptions::NONE) return static_cast<const Options*>(nullptr);
    return options<Options>();
  }
  [[nodiscard]] Result<graph::Activation> activation(fb::ActivationFunction function) const;

  /// Appends a graph operator that computes the file's operator's output.
  void append(graph::Attributes attributes, std::vector<graph::TensorId> inputs, graph::TensorId output);
  /// `x` under another shape with as many elements: itself where that is its own, else a Reshape's output.
  [[nodiscard]] graph::TensorId reshaped(graph::TensorId x, graph::Shape shape);
  /// Gives an output that needs no computation its value.  @error malformed  of another size than the tensor.
  [[nodiscard]] Result<void> set_constant(graph::TensorId output, std::shared_ptr<const Bytes> data);
  /// A constant that a graph operator needs and the file has in another form.
  [[nodiscard]] graph::TensorId integers_constant(std::string_view suffix, const std::vector<std::int32_t>& values);
  /// A constant like `like` with other elements.
  [[nodiscard]] graph::TensorId constant_like(std::string_view suffix, const graph::Tensor& like,
                                              std::shared_ptr<const Bytes> data);
  /// Indices are int32 here; files that count in int64 get them so.  @error malformed  not of whole numbers.
  [[nodiscard]] Result<void> indices_are_int32(graph::TensorId output);
  /// `axis` counted from the front.  @error malformed  outside of the rank.
  [[nodiscard]] Result<std::size_t> axis(std::int64_t axis, std::size_t rank) const;
  /// A value between two graph operators that stand for one of the file.
  [[nodiscard]] graph::TensorId intermediate(std::string_view suffix, graph::Tensor like);
  /// Appends the Pad that was only remembered, for an operator that cannot take it in.
  void materialize_pad(graph::TensorId output) { model_.materialize_pad(output); }
  /// Remembers that `output` is `source` with zeros around it; operators with pads take them in.
  void pad(graph::TensorId output, PaddedValue source) { model_.padded_[output] = source; }

  [[nodiscard]] tl::unexpected<Error> refuse(Code code, std::string_view message) const;

 private:
  [[nodiscard]] Result<graph::TensorId> input(std::size_t i) const;
  [[nodiscard]] Result<graph::TensorId> available(std::size_t i) const;
  [[nodiscard]] Result<graph::TensorId> new_output(std::size_t i);

  ModelReader& model_;
  const fb::Operator& op_;
  std::size_t index_;
  std::string name_;
};

}  // namespace mote::formats::tflite
