#pragma once
// A model as data: tensors and operators in execution order. Built by the zoo or a reader, changed by passes, trained,
// compiled, run.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/graph/ops.hpp"
#include "mote/graph/types.hpp"

namespace mote::graph {

struct Op {
  std::string name;
  Attributes attributes;
  std::vector<TensorId> inputs;  ///< kNoTensor where an optional input is absent
  std::vector<TensorId> outputs;

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&attributes);
  }
  bool operator==(const Op&) const = default;
};

/// A value that lives from one inference to the next. Operators read it as `read`; when all of them are done it becomes
/// what `written` holds.
struct State {
  TensorId read = kNoTensor;             ///< a value that no operator computes and no caller gives
  TensorId written = kNoTensor;          ///< computed by an operator; type, shape and quantization of `read`
  std::shared_ptr<const Bytes> initial;  ///< elements of `read` before the first inference and after a reset
  bool operator==(const State& other) const;
};

class Graph {
 public:
  explicit Graph(std::string name = "model") : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  void rename(std::string name) { name_ = std::move(name); }

  TensorId add_tensor(Tensor tensor);
  /// Appends an operator; its inputs must exist. Order of appending is order of execution.
  void add_op(Op op);
  void set_inputs(std::vector<TensorId> ids) { inputs_ = std::move(ids); }
  void set_outputs(std::vector<TensorId> ids) { outputs_ = std::move(ids); }
  void add_state(State state) { states_.push_back(std::move(state)); }

  [[nodiscard]] std::span<const Tensor> tensors() const { return tensors_; }
  [[nodiscard]] const Tensor& tensor(TensorId id) const { return tensors_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Tensor& tensor(TensorId id) { return tensors_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const std::vector<Op>& ops() const { return ops_; }
  [[nodiscard]] std::vector<Op>& ops() { return ops_; }
  [[nodiscard]] const std::vector<TensorId>& inputs() const { return inputs_; }
  [[nodiscard]] const std::vector<TensorId>& outputs() const { return outputs_; }
  [[nodiscard]] const std::vector<State>& states() const { return states_; }
  [[nodiscard]] std::vector<State>& states() { return states_; }

  /// The only input or output of a single-input, single-output model.
  [[nodiscard]] const Tensor& input() const { return tensor(inputs_.front()); }
  [[nodiscard]] const Tensor& output() const { return tensor(outputs_.front()); }

  /// Index of the operator that writes `id`, or -1 for inputs and constants.
  [[nodiscard]] std::int32_t producer(TensorId id) const;
  /// Indices of the operators that read `id`, in order.
  [[nodiscard]] std::vector<std::int32_t> consumers(TensorId id) const;

  /// Whether `id` outlives the operators: an output, or what a state becomes.
  [[nodiscard]] bool is_kept(TensorId id) const;

  /// Drops tensors that no operator, input, output or state mentions, and renumbers the rest.
  void remove_unused_tensors();

  bool operator==(const Graph&) const = default;

 private:
  std::string name_;
  std::vector<Tensor> tensors_;
  std::vector<Op> ops_;
  std::vector<TensorId> inputs_;
  std::vector<TensorId> outputs_;
  std::vector<State> states_;
};

/// Checks everything a reader or a pass could have got wrong: ids in range, one producer a tensor, inputs produced
/// before use, shapes and types that agree with the operator's rules, quantization present where the type needs it,
/// constants of the right size, unique names; each state read as one value and written by an operator.
/// @error malformed  one sentence naming the operator and tensor.
[[nodiscard]] Result<void> verify(const Graph& graph);

/// What of this concerns one operator alone: its tensors exist, and their shapes and types agree with its rules.
[[nodiscard]] Result<void> verify_op(const Graph& graph, const Op& op);

/// The output shape that `op` must have, given its inputs' shapes.  @error malformed  they do not fit.
[[nodiscard]] Result<Shape> infer_shape(const Graph& graph, const Op& op);

/// Bytes of all inputs, and of all outputs, one behind the other.
[[nodiscard]] std::size_t input_bytes(const Graph& graph);
[[nodiscard]] std::size_t output_bytes(const Graph& graph);
/// Bytes of all states.
[[nodiscard]] std::size_t state_bytes(const Graph& graph);

/// Multiply-accumulates of one operator; 0 for operators without weights or windows.
[[nodiscard]] std::uint64_t macs(const Graph& graph, const Op& op);
[[nodiscard]] std::uint64_t macs(const Graph& graph);
/// Trainable and folded parameters: elements of all constants.
[[nodiscard]] std::uint64_t parameter_count(const Graph& graph);
[[nodiscard]] std::uint64_t weight_bytes(const Graph& graph);

/// Human-readable, complete text form (constants in base64): parse(print(g)) == g.
[[nodiscard]] std::string print(const Graph& graph);
/// The same without constants' contents: for people and golden tests.
[[nodiscard]] std::string print_summary(const Graph& graph);
/// @error malformed  with line number.
[[nodiscard]] Result<Graph> parse(std::string_view text);

/// SHA-256 of the text form.
[[nodiscard]] Digest content_hash(const Graph& graph);

}  // namespace mote::graph
