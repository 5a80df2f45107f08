#pragma once
// Cuts an epoch's shuffled samples into batches and shards and loads them. Whoever computes a shard loads what is
// missing of it; a thread that has nothing to compute loads samples of the next batch meanwhile, so no core waits for
// another.

#include <torch/torch.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "mote/train/batch_source.hpp"
#include "mote/train/options.hpp"

namespace mote::train {

/// How samples divide into steps: every sample once an epoch, batches of nearly one size.
struct BatchPlan {
  std::size_t samples = 0;
  std::size_t steps = 0;   ///< an epoch
  std::size_t shards = 0;  ///< a batch
  BatchPlan(std::size_t sample_count, const TrainOptions& options);
  [[nodiscard]] std::size_t begin(std::size_t step) const { return samples * step / steps; }
  [[nodiscard]] std::size_t batch_size(std::size_t step) const { return begin(step + 1) - begin(step); }
  [[nodiscard]] std::size_t largest_batch() const { return (samples + steps - 1) / steps; }
  /// First sample of a shard in a batch of `size`.
  [[nodiscard]] std::size_t shard_begin(std::size_t size, std::size_t shard) const { return size * shard / shards; }
};

/// What one shard computes on.
struct ShardBatch {
  torch::Tensor inputs;   ///< [n, elements]
  torch::Tensor targets;  ///< [n, classes], rows add up to the sample's weight; undefined without classes
  std::vector<std::int32_t> labels;
};

class Loader {
 public:
  /// @param classes  0: no labels.   @param class_weights  one for each class
  Loader(const BatchSource& source, const TrainOptions& options, std::size_t classes, std::vector<float> class_weights);

  [[nodiscard]] const BatchPlan& plan() const { return plan_; }

  /// Makes global step `step` the current one; not during the other calls.
  void advance_to(std::int64_t step);
  /// Loads what is missing of a shard of the current batch, mixes and labels it. Thread-safe for different shards.
  [[nodiscard]] Result<ShardBatch> take(std::size_t shard);
  /// Loads one sample of the next batch. Thread-safe.  @return false: all are loaded or being loaded.
  [[nodiscard]] Result<bool> prefetch_one();

 private:
  struct Slot {
    std::int64_t step = -1;
    std::vector<std::size_t> indices;
    std::vector<std::uint8_t> loaded;
    std::vector<std::size_t> order;  ///< of prefetching: a little of every shard
    std::atomic<std::size_t> claimed{0};
    std::vector<float> values;
  };
  void fill(Slot& slot, std::int64_t step);
  [[nodiscard]] const std::vector<std::size_t>& epoch_order(std::int64_t epoch);
  [[nodiscard]] Result<void> load(Slot& slot, std::size_t position);
  void mix_pairs(ShardBatch& batch, std::uint64_t seed) const;
  [[nodiscard]] Slot& slot_of(std::int64_t step) { return slots_[static_cast<std::size_t>(step % 2)]; }

  const BatchSource& source_;
  const TrainOptions& options_;
  BatchPlan plan_;
  std::size_t classes_;
  std::size_t elements_;
  std::vector<float> class_weights_;
  std::int64_t step_ = 0;
  std::int64_t order_epoch_ = -1;
  std::vector<std::size_t> order_;
  Slot slots_[2];
};

}  // namespace mote::train
