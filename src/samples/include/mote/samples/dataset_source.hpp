#pragma once
// A dataset seen through its features: float tensors for training, int8 tensors for the quantized model, packed sensor
// data for the module. All three come from the same fixed-point features, so that what is trained on is what the device
// computes.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "mote/data/augment_audio.hpp"
#include "mote/data/augment_image.hpp"
#include "mote/data/augment_series.hpp"
#include "mote/data/augment_spectrogram.hpp"
#include "mote/data/dataset.hpp"
#include "mote/features/extractor.hpp"
#include "mote/train/batch_source.hpp"

namespace mote::samples {

/// What is done to training samples. Which parts apply follows from the modality; a part with its defaults does
/// nothing.
struct Augmentation {
  data::ImageAugmentation image;
  data::AudioAugmentation audio;
  bool audio_on = false;
  double vtlp = 0.0;  ///< audio: mel filters warped by up to this fraction, 0.1 is +-10 %
  data::SpectrogramAugmentation spectrogram;
  data::SeriesAugmentation series;
};

/// Shape [1,H,W,C], [1,1,T,C] or [1,N] of a model input for an extractor's output.
[[nodiscard]] graph::Shape model_input_shape(const features::Extractor& extractor);

/// The sensor that a dataset's samples come from.
/// @param unit        real value of one int16 count for datasets of floats (series, strokes).
/// @param max_length  most samples a channel that the device's buffer holds, 0 for the longest of the dataset; of
/// longer ones the extractor
///                    keeps the stretch with the most energy. No effect on images.
/// @error unsupported  samples of different sizes where the modality has none (images).
[[nodiscard]] Result<features::SensorSpec> sensor_of(const data::Dataset& dataset, double unit,
                                                     std::uint32_t max_length = 0);

class DatasetSource final : public train::BatchSource {
 public:
  /// @param indices  samples of the dataset, in order.
  /// @param gain     float value of one real unit of the features; brings inputs near unit variance.
  /// @error  whatever reading or extracting a sample may meet, with the sample's source.
  [[nodiscard]] static Result<std::unique_ptr<DatasetSource>> create(data::Dataset dataset,
                                                                     std::vector<std::uint32_t> indices,
                                                                     features::Extractor extractor, double gain,
                                                                     const Augmentation& augmentation);

  [[nodiscard]] std::size_t size() const override { return indices_.size(); }
  [[nodiscard]] graph::Shape sample_shape() const override { return shape_; }
  [[nodiscard]] std::int32_t label(std::size_t index) const override;
  [[nodiscard]] Result<void> load(std::size_t index, std::uint64_t seed, bool augment,
                                  std::span<float> sample) const override;
  [[nodiscard]] Digest fingerprint() const override;

  /// Fixed-point features of a sample, never augmented.
  [[nodiscard]] Result<void> features(std::size_t index, std::span<std::int16_t> out) const;
  /// What the module receives for a sample.
  [[nodiscard]] Result<Bytes> module_input(std::size_t index) const;
  /// Float value of one count of the features.
  [[nodiscard]] double feature_scale() const { return extractor_.output_scale() * gain_; }
  [[nodiscard]] const features::Extractor& extractor() const { return extractor_; }
  [[nodiscard]] const data::Dataset& dataset() const { return dataset_; }
  [[nodiscard]] std::uint32_t dataset_index(std::size_t index) const { return indices_[index]; }

 private:
  DatasetSource(data::Dataset dataset, std::vector<std::uint32_t> indices, features::Extractor extractor, double gain,
                const Augmentation& augmentation);
  [[nodiscard]] Result<void> precompute();
  [[nodiscard]] Result<std::vector<std::int16_t>> counts_of(std::size_t index) const;
  [[nodiscard]] Result<void> extract(std::size_t index, std::span<std::int16_t> out) const;
  [[nodiscard]] Result<void> extract_augmented(std::size_t index, Rng& rng, std::span<std::int16_t> out) const;
  void augment_values(std::span<float> sample, Rng& rng) const;

  data::Dataset dataset_;
  std::vector<std::uint32_t> indices_;
  features::Extractor extractor_;
  std::vector<features::Extractor> warped_;
  double gain_;
  Augmentation augmentation_;
  graph::Shape shape_;
  std::vector<std::int16_t> cache_;  // all features, when they fit
};

/// A power of two that brings the features of (up to 1,000 of) these samples near unit standard deviation.
[[nodiscard]] Result<double> unit_gain(const data::Dataset& dataset, std::span<const std::uint32_t> indices,
                                       const features::Extractor& extractor);

}  // namespace mote::samples
