#include "mote/graph/executor.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "executor_kernels.hpp"

namespace mote::graph {

struct Executor::State {
  Graph graph;
  std::vector<Bytes> values;  // one buffer a value tensor; empty for constants
  std::vector<std::function<void()>> steps;
  std::vector<Bytes> next;  // of each state, while all are renewed at once

  /// States may hand their values to each other, so all are read before any is written.
  void renew_states() {
    for (std::size_t i = 0; i < next.size(); ++i) {
      const std::uint8_t* from = read(graph.states()[i].written);
      next[i].assign(from, from + next[i].size());
    }
    for (std::size_t i = 0; i < next.size(); ++i) std::ranges::copy(next[i], write(graph.states()[i].read));
  }

  [[nodiscard]] const std::uint8_t* read(TensorId id) const {
    const Tensor& t = graph.tensor(id);
    return t.is_constant() ? t.data->data() : values[static_cast<std::size_t>(id)].data();
  }
  [[nodiscard]] std::uint8_t* write(TensorId id) { return values[static_cast<std::size_t>(id)].data(); }
};

Executor::Executor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

Result<Executor> Executor::create(const Graph& graph) {
  MOTE_TRY_VOID(verify(graph));
  auto state = std::make_unique<State>();
  state->graph = graph;
  for (const Tensor& t : graph.tensors()) state->values.emplace_back(t.is_constant() ? 0 : t.size_bytes());
  for (const graph::State& kept : graph.states()) state->next.emplace_back(graph.tensor(kept.read).size_bytes());
  for (const Op& op : state->graph.ops()) {
    std::vector<const std::uint8_t*> inputs;
    for (const TensorId id : op.inputs) inputs.push_back(id == kNoTensor ? nullptr : state->read(id));
    MOTE_TRY(auto step, executor::prepare(state->graph, op, inputs, state->write(op.outputs[0])));
    state->steps.push_back(std::move(step));
  }
  Executor executor(std::move(state));
  executor.reset();
  return executor;
}

void Executor::reset() {
  for (const graph::State& state : state_->graph.states()) std::ranges::copy(*state.initial, state_->write(state.read));
}

Result<void> Executor::run(ByteSpan input, std::span<std::uint8_t> output) {
  const Graph& graph = state_->graph;
  const std::size_t takes = input_bytes(graph), gives = output_bytes(graph);
  if (input.size() != takes || output.size() != gives) {
    return fail(Code::invalid_argument, "the model takes " + std::to_string(takes) + " bytes and gives " +
                                            std::to_string(gives) + ", asked were " + std::to_string(input.size()) +
                                            " and " + std::to_string(output.size()));
  }
  for (const TensorId id : graph.inputs()) {
    Bytes& to = state_->values[static_cast<std::size_t>(id)];
    std::ranges::copy(input.first(to.size()), to.begin());
    input = input.subspan(to.size());
  }
  for (const auto& step : state_->steps) step();
  for (const TensorId id : graph.outputs()) {
    const std::size_t size = graph.tensor(id).size_bytes();
    std::memcpy(output.data(), state_->read(id), size);
    output = output.subspan(size);
  }
  state_->renew_states();
  return {};
}

Result<Bytes> fold(const Graph& graph, const Op& op) {
  MOTE_TRY_VOID(verify_op(graph, op));
  std::vector<const std::uint8_t*> inputs;
  for (const TensorId id : op.inputs) inputs.push_back(id == kNoTensor ? nullptr : graph.tensor(id).data->data());
  Bytes result(graph.tensor(op.outputs[0]).size_bytes());
  MOTE_TRY(const auto step, executor::prepare(graph, op, inputs, result.data()));
  step();
  return result;
}

ByteSpan Executor::value(TensorId id) const { return {state_->read(id), state_->graph.tensor(id).size_bytes()}; }

}  // namespace mote::graph
