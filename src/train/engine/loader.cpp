#include "loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mote/base/rng.hpp"

namespace mote::train {
namespace {

// Streams of randomness that must not repeat each other.
constexpr std::uint64_t kShuffleStream = 0x5348;
constexpr std::uint64_t kSampleStream = 0x5341;
constexpr std::uint64_t kMixStream = 0x4d58;

/// Gamma(alpha, 1) by Marsaglia and Tsang (2000), "A simple method for generating gamma variables".
double gamma_variate(Rng& rng, double alpha) {
  if (alpha < 1.0) return gamma_variate(rng, alpha + 1.0) * std::pow(1.0 - rng.uniform(), 1.0 / alpha);
  const double d = alpha - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = rng.normal();
    const double v = std::pow(1.0 + c * x, 3.0);
    if (v <= 0.0) continue;
    if (std::log(1.0 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double beta_variate(Rng& rng, double alpha) {
  const double a = gamma_variate(rng, alpha);
  const double b = gamma_variate(rng, alpha);
  return a + b > 0.0 ? a / (a + b) : 0.5;
}

}  // namespace

BatchPlan::BatchPlan(std::size_t sample_count, const TrainOptions& options) : samples(sample_count) {
  const auto batch = static_cast<std::size_t>(options.batch_size);
  const auto shard = static_cast<std::size_t>(options.shard_size);
  steps = std::max<std::size_t>(1, (samples + batch / 2) / batch);
  const std::size_t smallest = samples / steps;
  shards = std::clamp<std::size_t>((smallest + shard / 2) / shard, 1, std::max<std::size_t>(1, smallest));
}

Loader::Loader(const BatchSource& source, const TrainOptions& options, std::size_t classes,
               std::vector<float> class_weights)
    : source_(source),
      options_(options),
      plan_(source.size(), options),
      classes_(classes),
      elements_(source.sample_shape().elements()),
      class_weights_(std::move(class_weights)) {
  for (Slot& slot : slots_) slot.values.resize(plan_.largest_batch() * elements_);
}

const std::vector<std::size_t>& Loader::epoch_order(std::int64_t epoch) {
  if (order_epoch_ != epoch) {
    order_.resize(plan_.samples);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Rng rng(mix(mix(options_.seed, kShuffleStream), static_cast<std::uint64_t>(epoch)));
    rng.shuffle(std::span(order_));
    order_epoch_ = epoch;
  }
  return order_;
}

void Loader::fill(Slot& slot, std::int64_t step) {
  const auto steps = static_cast<std::int64_t>(plan_.steps);
  const auto in_epoch = static_cast<std::size_t>(step % steps);
  const auto& order = epoch_order(step / steps);
  const std::size_t size = plan_.batch_size(in_epoch);
  slot.step = step;
  slot.indices.assign(order.begin() + static_cast<std::ptrdiff_t>(plan_.begin(in_epoch)),
                      order.begin() + static_cast<std::ptrdiff_t>(plan_.begin(in_epoch + 1)));
  slot.loaded.assign(size, 0);
  slot.claimed = 0;
  slot.order.clear();
  const std::size_t deepest = size / plan_.shards + 1;
  for (std::size_t depth = 0; depth < deepest; ++depth) {
    for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
      const std::size_t position = plan_.shard_begin(size, shard) + depth;
      if (position < plan_.shard_begin(size, shard + 1)) slot.order.push_back(position);
    }
  }
}

void Loader::advance_to(std::int64_t step) {
  step_ = step;
  if (slot_of(step).step != step) fill(slot_of(step), step);
  if (slot_of(step + 1).step != step + 1) fill(slot_of(step + 1), step + 1);
}

Result<void> Loader::load(Slot& slot, std::size_t position) {
  const std::size_t index = slot.indices[position];
  const auto epoch = static_cast<std::uint64_t>(slot.step / static_cast<std::int64_t>(plan_.steps));
  const std::uint64_t seed = mix(mix(mix(options_.seed, kSampleStream), epoch), index);
  const std::span<float> sample(slot.values.data() + position * elements_, elements_);
  if (Result<void> loaded = source_.load(index, seed, true, sample); !loaded) {
    return fail(std::move(loaded).error(), fmt::format("training sample {}", index));
  }
  slot.loaded[position] = 1;
  return {};
}

Result<bool> Loader::prefetch_one() {
  Slot& slot = slot_of(step_ + 1);
  const std::size_t claim = slot.claimed++;
  if (claim >= slot.order.size()) return false;
  MOTE_TRY_VOID(load(slot, slot.order[claim]));
  return true;
}

Result<ShardBatch> Loader::take(std::size_t shard) {
  Slot& slot = slot_of(step_);
  const std::size_t first = plan_.shard_begin(slot.indices.size(), shard);
  const std::size_t last = plan_.shard_begin(slot.indices.size(), shard + 1);
  for (std::size_t position = first; position < last; ++position) {
    if (slot.loaded[position] == 0) MOTE_TRY_VOID(load(slot, position));
  }
  const auto count = static_cast<std::int64_t>(last - first);
  ShardBatch batch;
  batch.inputs =
      torch::from_blob(slot.values.data() + first * elements_, {count, static_cast<std::int64_t>(elements_)});
  for (std::size_t position = first; position < last; ++position)
    batch.labels.push_back(source_.label(slot.indices[position]));
  if (classes_ > 0) {
    const auto smoothing = static_cast<float>(options_.label_smoothing);
    batch.targets = torch::full({count, static_cast<std::int64_t>(classes_)}, smoothing / static_cast<float>(classes_));
    float* row = batch.targets.data_ptr<float>();
    for (const std::int32_t label : batch.labels) {
      row[label] += 1.0f - smoothing;
      row += classes_;
    }
  }
  if (options_.mixup_alpha > 0.0)
    mix_pairs(batch, mix(mix(mix(options_.seed, kMixStream), static_cast<std::uint64_t>(step_)), shard));
  if (batch.targets.defined()) {
    float* row = batch.targets.data_ptr<float>();
    for (std::int64_t i = 0; i < count; ++i, row += classes_) {
      for (std::size_t c = 0; c < classes_; ++c) row[c] *= class_weights_[c];
    }
  }
  return batch;
}

// Each sample is mixed with the next of its shard (the last with the first): shuffling has made neighbours random
// already.
void Loader::mix_pairs(ShardBatch& batch, std::uint64_t seed) const {
  Rng rng(seed);
  const std::int64_t count = batch.inputs.size(0);
  torch::Tensor weights = torch::empty({count, 1});
  for (std::int64_t i = 0; i < count; ++i) {
    const double lambda = beta_variate(rng, options_.mixup_alpha);
    weights.data_ptr<float>()[i] = static_cast<float>(std::max(lambda, 1.0 - lambda));
  }
  const auto blend = [&](const torch::Tensor& t) { return t * weights + torch::roll(t, -1, 0) * (1.0 - weights); };
  batch.inputs = blend(batch.inputs);
  if (batch.targets.defined()) batch.targets = blend(batch.targets);
}

}  // namespace mote::train
