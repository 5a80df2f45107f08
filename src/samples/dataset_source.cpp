#include "mote/samples/dataset_source.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>

#include "mote/base/parallel.hpp"

namespace mote::samples {
namespace {

constexpr std::size_t kCacheLimitBytes = std::size_t{2} << 30;
constexpr int kWarpsEachSide = 8;

/// Samples of a series as int16 counts. Values beyond the range of int16 saturate, as a sensor does.
std::vector<std::int16_t> to_counts(std::span<const float> values, double unit) {
  std::vector<std::int16_t> counts;
  counts.reserve(values.size());
  for (const float v : values) {
    counts.push_back(
        static_cast<std::int16_t>(std::clamp(std::round(static_cast<double>(v) / unit), -32768.0, 32767.0)));
  }
  return counts;
}

/// Makes a clip that augmentation has stretched or cut as long as the sensor's window again: silence around it, or a
/// part of it, at a random place.
void fit_length(std::vector<std::int16_t>& clip, std::size_t length, Rng& rng) {
  if (clip.size() > length) {
    const auto first = static_cast<std::ptrdiff_t>(rng.below(clip.size() - length + 1));
    clip.erase(clip.begin(), clip.begin() + first);
    clip.resize(length);
  } else if (clip.size() < length) {
    const std::size_t before = rng.below(length - clip.size() + 1);
    clip.insert(clip.begin(), before, std::int16_t{0});
    clip.resize(length, 0);
  }
}

std::uint32_t longest(const data::Dataset& dataset) {
  std::uint32_t length = 1;
  for (std::size_t i = 0; i < dataset.size(); ++i) length = std::max(length, dataset.info(i).shape.dims[0]);
  return length;
}

}  // namespace

graph::Shape model_input_shape(const features::Extractor& extractor) {
  const auto& shape = extractor.output_shape();
  std::vector<std::int32_t> dims{1};
  if (shape.size() == 2) dims.push_back(1);
  for (const std::uint32_t d : shape) dims.push_back(static_cast<std::int32_t>(d));
  return graph::Shape(std::move(dims));
}

Result<features::SensorSpec> sensor_of(const data::Dataset& dataset, double unit, std::uint32_t max_length) {
  if (dataset.size() == 0) return fail(Code::invalid_argument, "the dataset is empty");
  const data::DatasetInfo& about = dataset.about();
  const data::Shape first = dataset.info(0).shape;
  const auto uniform = dataset.uniform_shape();
  features::SensorSpec sensor;
  if (about.modality == data::Modality::image) {
    if (!uniform || about.element != data::Element::u8) {
      return fail(Code::unsupported,
                  "the images of the dataset differ in size or are not 8-bit; a sensor has one size");
    }
    sensor = features::SensorSpec::image(first.dims[0], first.dims[1], first.dims[2]);
  } else {
    sensor.element = features::Element::i16;
    const std::uint32_t present = longest(dataset);
    sensor.length = max_length > 0 ? std::min(max_length, present) : present;
    sensor.channels = first.dims[1];
    sensor.variable_length = !uniform.has_value() || sensor.length < present;
    sensor.rate_hz = about.rate_hz;
    sensor.unit = about.element == data::Element::f32 ? unit : 1.0;
  }
  MOTE_TRY_VOID(sensor.validate());
  return sensor;
}

DatasetSource::DatasetSource(data::Dataset dataset, std::vector<std::uint32_t> indices, features::Extractor extractor,
                             double gain, const Augmentation& augmentation)
    : dataset_(std::move(dataset)),
      indices_(std::move(indices)),
      extractor_(std::move(extractor)),
      gain_(gain),
      augmentation_(augmentation),
      shape_(model_input_shape(extractor_)) {}

Result<std::unique_ptr<DatasetSource>> DatasetSource::create(data::Dataset dataset, std::vector<std::uint32_t> indices,
                                                             features::Extractor extractor, double gain,
                                                             const Augmentation& augmentation) {
  std::unique_ptr<DatasetSource> source(
      new DatasetSource(std::move(dataset), std::move(indices), std::move(extractor), gain, augmentation));
  if (augmentation.vtlp > 0.0) {
    for (int k = -kWarpsEachSide; k <= kWarpsEachSide; ++k) {
      MOTE_TRY(auto warped, source->extractor_.warped(1.0 + augmentation.vtlp * k / kWarpsEachSide));
      source->warped_.push_back(std::move(warped));
    }
  }
  MOTE_TRY_VOID(source->precompute());
  return source;
}

Result<void> DatasetSource::precompute() {
  const std::size_t count = extractor_.output_count();
  if (size() * count * sizeof(std::int16_t) > kCacheLimitBytes) return {};
  std::vector<std::int16_t> cache(size() * count);
  std::mutex mutex;
  std::optional<Error> failure;
  parallel_for(size(), [&](std::size_t i, std::size_t) {
    auto result = extract(i, std::span(cache).subspan(i * count, count));
    if (result) return;
    const std::scoped_lock lock(mutex);
    if (!failure) failure = std::move(result).error();
  });
  if (failure) return fail(std::move(*failure));
  cache_ = std::move(cache);
  return {};
}

std::int32_t DatasetSource::label(std::size_t index) const { return dataset_.info(indices_[index]).label; }

Result<std::vector<std::int16_t>> DatasetSource::counts_of(std::size_t index) const {
  const std::size_t i = indices_[index];
  const ByteSpan view = dataset_.view(i);
  if (dataset_.about().element == data::Element::i16) {
    const auto* values = reinterpret_cast<const std::int16_t*>(view.data());
    return std::vector<std::int16_t>(values, values + view.size() / 2);
  }
  std::vector<float> values(dataset_.info(i).shape.count());
  dataset_.to_floats(i, values);
  return to_counts(values, extractor_.sensor().unit);
}

Result<void> DatasetSource::extract(std::size_t index, std::span<std::int16_t> out) const {
  const auto with_place = [&](Result<void> result) -> Result<void> {
    if (!result) return fail(std::move(result).error(), dataset_.info(indices_[index]).source);
    return {};
  };
  if (dataset_.about().modality == data::Modality::image) {
    MOTE_TRY(const Bytes packed, extractor_.pack(dataset_.view(indices_[index])));
    return with_place(extractor_.run(packed, out));
  }
  MOTE_TRY(const auto counts, counts_of(index));
  return with_place(extractor_.run_samples(counts, out));
}

Result<void> DatasetSource::extract_augmented(std::size_t index, Rng& rng, std::span<std::int16_t> out) const {
  thread_local data::AudioScratch scratch;
  thread_local std::vector<std::int16_t> changed;
  MOTE_TRY(const auto counts, counts_of(index));
  data::augment_audio(counts, static_cast<float>(dataset_.about().rate_hz), augmentation_.audio, rng, scratch, changed);
  if (!extractor_.sensor().variable_length) fit_length(changed, extractor_.sensor().length, rng);
  const features::Extractor& extractor = warped_.empty() ? extractor_ : warped_[rng.below(warped_.size())];
  return extractor.run_samples(changed, out);
}

Result<void> DatasetSource::features(std::size_t index, std::span<std::int16_t> out) const {
  if (cache_.empty()) return extract(index, out);
  std::copy_n(cache_.begin() + static_cast<std::ptrdiff_t>(index * out.size()), out.size(), out.begin());
  return {};
}

Result<void> DatasetSource::load(std::size_t index, std::uint64_t seed, bool augment, std::span<float> sample) const {
  thread_local std::vector<std::int16_t> counts;
  counts.resize(sample.size());
  Rng rng(mix(seed, index));
  const bool from_waveform = augment && augmentation_.audio_on && dataset_.about().modality == data::Modality::audio;
  MOTE_TRY_VOID(from_waveform ? extract_augmented(index, rng, counts) : features(index, counts));
  const auto scale = static_cast<float>(feature_scale());
  for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = static_cast<float>(counts[i]) * scale;
  if (augment) augment_values(sample, rng);
  return {};
}

void DatasetSource::augment_values(std::span<float> sample, Rng& rng) const {
  thread_local std::vector<float> scratch;
  scratch.resize(sample.size());
  const auto dim = [&](std::size_t i) { return static_cast<std::size_t>(shape_[i]); };
  switch (dataset_.about().modality) {
    case data::Modality::image: {
      if (shape_.rank() != 4) return;
      data::ImageAugmentation parameters = augmentation_.image;
      parameters.full_scale = static_cast<float>(gain_);  // features of images are fractions of white
      data::augment_image(sample, {dim(1), dim(2), dim(3)}, parameters, rng, scratch);
      return;
    }
    case data::Modality::audio:
      if (shape_.rank() == 4)
        data::augment_spectrogram(sample, {dim(1), dim(2) * dim(3)}, augmentation_.spectrogram, rng);
      return;
    case data::Modality::series:
    case data::Modality::strokes:
      if (shape_.rank() == 4) data::augment_series(sample, {dim(2), dim(3)}, augmentation_.series, rng, scratch);
      return;
  }
}

Result<Bytes> DatasetSource::module_input(std::size_t index) const {
  if (dataset_.about().modality == data::Modality::image) return extractor_.pack(dataset_.view(indices_[index]));
  MOTE_TRY(const auto counts, counts_of(index));
  return extractor_.pack(counts);
}

Digest DatasetSource::fingerprint() const {
  Hasher hasher;
  hasher.field(dataset_.content_hash().bytes)
      .field(extractor_.schema())
      .field(bytes_of(std::span<const std::uint32_t>(indices_)));
  const Augmentation& a = augmentation_;
  // Plain structs of numbers without padding surprises would hash by bytes; these have some, so one sample stands for
  // the augmentation.
  std::vector<float> sample(shape_.elements());
  if (size() > 0 && load(0, 12345, true, sample)) hasher.field(bytes_of(std::span<const float>(sample)));
  return hasher.field(static_cast<std::uint64_t>(a.audio_on))
      .field(static_cast<std::uint64_t>(std::llround(a.vtlp * 1e6)))
      .finish();
}

Result<double> unit_gain(const data::Dataset& dataset, std::span<const std::uint32_t> indices,
                         const features::Extractor& extractor) {
  std::vector<std::uint32_t> some;
  const std::size_t step = std::max<std::size_t>(1, indices.size() / 1000);
  for (std::size_t i = 0; i < indices.size(); i += step) some.push_back(indices[i]);
  MOTE_TRY(const auto source, DatasetSource::create(dataset, some, extractor, 1.0, {}));
  std::vector<float> sample(extractor.output_count());
  double sum = 0.0, squares = 0.0, n = 0.0;
  for (std::size_t i = 0; i < source->size(); ++i) {
    MOTE_TRY_VOID(source->load(i, 0, false, sample));
    for (const float v : sample) {
      sum += static_cast<double>(v);
      squares += static_cast<double>(v) * static_cast<double>(v);
      n += 1.0;
    }
  }
  const double variance = n > 0.0 ? squares / n - (sum / n) * (sum / n) : 1.0;
  return variance > 1e-12 ? std::exp2(-std::round(std::log2(std::sqrt(variance)))) : 1.0;
}

}  // namespace mote::samples
