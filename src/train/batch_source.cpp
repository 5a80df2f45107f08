#include "mote/train/batch_source.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mote::train {

Digest BatchSource::fingerprint() const {
  Hasher hasher;
  hasher.field(static_cast<std::uint64_t>(size())).field(sample_shape().text());
  for (std::size_t i = 0; i < size(); ++i) hasher.field(static_cast<std::uint64_t>(label(i)));
  return hasher.finish();
}

MemorySource::MemorySource(graph::Shape shape, std::vector<float> values, std::vector<std::int32_t> labels)
    : shape_(std::move(shape)), elements_(shape_.elements()), values_(std::move(values)), labels_(std::move(labels)) {}

Result<MemorySource> MemorySource::create(graph::Shape shape, std::vector<float> values,
                                          std::vector<std::int32_t> labels) {
  const std::size_t elements = shape.elements();
  if (elements == 0 || values.size() % elements != 0) {
    return fail(Code::invalid_argument,
                fmt::format("{} values do not divide into samples of shape {}: give whole samples", values.size(),
                            shape.text()));
  }
  if (!labels.empty() && labels.size() != values.size() / elements) {
    return fail(Code::invalid_argument, fmt::format("{} labels for {} samples: give one label for each sample, or none",
                                                    labels.size(), values.size() / elements));
  }
  return MemorySource(std::move(shape), std::move(values), std::move(labels));
}

Result<void> MemorySource::load(std::size_t index, std::uint64_t, bool, std::span<float> sample) const {
  std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(index * elements_), elements_, sample.begin());
  return {};
}

Digest MemorySource::fingerprint() const {
  Hasher hasher;
  hasher.field(shape_.text());
  hasher.field(bytes_of(std::span<const float>(values_)));
  hasher.field(bytes_of(std::span<const std::int32_t>(labels_)));
  return hasher.finish();
}

}  // namespace mote::train
