#pragma once
// Runs a graph on the host: int8 operators with the device's own portable kernels (so the result is the board's, byte
// for byte), float operators with plain loops that serve as reference.

#include <memory>
#include <span>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::graph {

class Executor {
 public:
  /// Prepares buffers and integer parameters; states are initial. The graph is copied.
  /// @error malformed, unsupported  naming the operator.
  [[nodiscard]] static Result<Executor> create(const Graph& graph);
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;

  /// Runs once, and the graph's states move on. `input` and `output` are the model's tensors, one behind the other,
  /// elements of their dtype. Not thread-safe: one executor a thread and a stream.
  /// @error invalid_argument  wrong sizes.
  [[nodiscard]] Result<void> run(ByteSpan input, std::span<std::uint8_t> output);

  /// Makes all states initial again.
  void reset();

  /// Value of a tensor after the last run (for layer-by-layer comparison).
  [[nodiscard]] ByteSpan value(TensorId id) const;

 private:
  struct State;
  explicit Executor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Output of an operator whose inputs are all constant.  @error unsupported  it cannot be computed here; malformed
/// verify_op.
[[nodiscard]] Result<Bytes> fold(const Graph& graph, const Op& op);

}  // namespace mote::graph
