#include "mote/samples/body_source.hpp"

#include <algorithm>
#include <cmath>

namespace mote::samples {

Result<std::unique_ptr<BodySource>> BodySource::create(const train::BatchSource& samples, const graph::Graph& body) {
  if (body.input().dtype != graph::DType::i8 || body.output().dtype != graph::DType::i8 ||
      body.input().shape.elements() != samples.sample_shape().elements())
    return fail(Code::invalid_argument, "the model takes " + std::string(graph::name(body.input().dtype)) +
                                            body.input().shape.text() + ", the features are " +
                                            samples.sample_shape().text());
  std::unique_ptr<BodySource> source(new BodySource(samples, body));
  MOTE_TRY(graph::Executor executor, graph::Executor::create(body));
  source->idle_.push_back(std::move(executor));
  return source;
}

Result<graph::Executor> BodySource::take_executor() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      graph::Executor executor = std::move(idle_.back());
      idle_.pop_back();
      return executor;
    }
  }
  return graph::Executor::create(body_);
}

Result<void> BodySource::load(std::size_t index, std::uint64_t seed, bool augment, std::span<float> sample) const {
  std::vector<float> values(samples_.sample_shape().elements());
  MOTE_TRY_VOID(samples_.load(index, seed, augment, values));
  const graph::Quantization &from = body_.input().quantization, &to = body_.output().quantization;
  Bytes input(values.size()), output(sample.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float step = std::round(values[i] / from.scale()) + static_cast<float>(from.zero_point());
    input[i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(step, -128.0f, 127.0f)));
  }
  MOTE_TRY(graph::Executor executor, take_executor());
  MOTE_TRY_VOID(executor.run(input, output));
  for (std::size_t i = 0; i < sample.size(); ++i)
    sample[i] = to.scale() * static_cast<float>(static_cast<std::int8_t>(output[i]) - to.zero_point());
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(executor));
  return {};
}

Digest BodySource::fingerprint() const {
  return Hasher().field(samples_.fingerprint().bytes).field(graph::content_hash(body_).bytes).finish();
}

}  // namespace mote::samples
