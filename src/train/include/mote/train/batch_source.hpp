#pragma once
// Where training takes its samples from. Shuffling, batching, mixup and label smoothing are the trainer's; decoding,
// features and augmentation are the source's.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/graph/types.hpp"

namespace mote::train {

/// Labelled samples by index. All functions are called from several threads at once.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// Number of samples.
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Shape of one sample; as many elements as the graph's input has.
  [[nodiscard]] virtual graph::Shape sample_shape() const = 0;
  /// Class of a sample, or -1 where there is none (autoencoder).
  [[nodiscard]] virtual std::int32_t label(std::size_t index) const = 0;

  /// Writes sample `index`, row-major (NHWC), into `sample`, which holds sample_shape().elements() floats.
  /// @param seed     the only source of randomness: the same (index, seed, augment) gives the same bits. It differs
  /// from epoch to epoch.
  /// @param augment  false while evaluating and calibrating.
  /// @error  whatever reading the sample may meet; it ends the training.
  [[nodiscard]] virtual Result<void> load(std::size_t index, std::uint64_t seed, bool augment,
                                          std::span<float> sample) const = 0;

  /// Identifies content and augmentation: a checkpoint continues only on the same fingerprint. The default covers size,
  /// shape and labels.
  [[nodiscard]] virtual Digest fingerprint() const;
};

/// Samples held in memory, without augmentation.
class MemorySource final : public BatchSource {
 public:
  /// @param values  size * shape.elements() floats, sample after sample.   @param labels  one for each sample, or none
  /// at all.
  /// @error invalid_argument  the sizes do not agree.
  [[nodiscard]] static Result<MemorySource> create(graph::Shape shape, std::vector<float> values,
                                                   std::vector<std::int32_t> labels);

  [[nodiscard]] std::size_t size() const override { return values_.size() / elements_; }
  [[nodiscard]] graph::Shape sample_shape() const override { return shape_; }
  [[nodiscard]] std::int32_t label(std::size_t index) const override { return labels_.empty() ? -1 : labels_[index]; }
  [[nodiscard]] Result<void> load(std::size_t index, std::uint64_t seed, bool augment,
                                  std::span<float> sample) const override;
  [[nodiscard]] Digest fingerprint() const override;

 private:
  MemorySource(graph::Shape shape, std::vector<float> values, std::vector<std::int32_t> labels);
  graph::Shape shape_;
  std::size_t elements_;
  std::vector<float> values_;
  std::vector<std::int32_t> labels_;
};

}  // namespace mote::train
