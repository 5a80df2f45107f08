#pragma once
// What happens to the weights after the gradients of a step are known: optimizer, running statistics of batch norm,
// weight averaging.

#include <span>
#include <vector>

#include "learner.hpp"
#include "mote/train/options.hpp"
#include "state.hpp"

namespace mote::train {

/// Adds the gradients of all shards in order, applies the optimizer to state.current.parameters and zeroes the
/// gradients.
void apply_gradients(State& state, std::span<std::vector<float>> gradients, const std::vector<Slot>& slots,
                     const TrainOptions& options, double learning_rate);

/// Moves the running statistics toward those of the whole batch, put together from its shards.
/// @param moments  mean, variance, mean, ... of each shard, laid out as `slots`   @param weights  samples of each shard
void merge_moments(std::vector<float>& running, std::span<const std::vector<float>> moments,
                   std::span<const std::size_t> weights, const std::vector<Slot>& slots, double momentum);

/// averaged = decay * averaged + (1 - decay) * current; the decay rises to its value over the first steps (1 + step) /
/// (10 + step).
void average_weights(Weights& averaged, const Weights& current, double decay, std::int64_t step);

}  // namespace mote::train
