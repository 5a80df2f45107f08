#pragma once
// Samples as an int8 model's body sees them: what its last layer is trained on when the layers in front of it stay as
// they are. By the device's own arithmetic, so that the head learns from what it will be given.

#include <memory>
#include <mutex>
#include <vector>

#include "mote/graph/executor.hpp"
#include "mote/train/batch_source.hpp"

namespace mote::samples {

class BodySource final : public train::BatchSource {
 public:
  /// @param samples  float, of the body's input; borrowed.
  /// @param body     int8, one input and one output.
  /// @error invalid_argument  the body's input has not as many elements as a sample.   What Executor::create says.
  [[nodiscard]] static Result<std::unique_ptr<BodySource>> create(const train::BatchSource& samples,
                                                                  const graph::Graph& body);

  [[nodiscard]] std::size_t size() const override { return samples_.size(); }
  [[nodiscard]] graph::Shape sample_shape() const override { return body_.output().shape; }
  [[nodiscard]] std::int32_t label(std::size_t index) const override { return samples_.label(index); }
  [[nodiscard]] Result<void> load(std::size_t index, std::uint64_t seed, bool augment,
                                  std::span<float> sample) const override;
  [[nodiscard]] Digest fingerprint() const override;

 private:
  BodySource(const train::BatchSource& samples, const graph::Graph& body) : samples_(samples), body_(body) {}
  [[nodiscard]] Result<graph::Executor> take_executor() const;

  const train::BatchSource& samples_;
  graph::Graph body_;
  mutable std::mutex mutex_;
  mutable std::vector<graph::Executor> idle_;  // as many as threads were here at once
};

}  // namespace mote::samples
