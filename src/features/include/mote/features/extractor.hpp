#pragma once
// Feature extraction on the host by the very code that runs on the device (device/features): the same bytes in, the
// same bytes out.
//
//   MOTE_TRY(auto extractor, Extractor::create(MfeConfig{}, SensorSpec::audio(8000, 8000)));
//   std::vector<std::int16_t> features(extractor.output_count());
//   MOTE_TRY_VOID(extractor.run_samples(clip, features));          // real value = feature * extractor.output_scale()

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "features/quantize.hpp"
#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/features/config.hpp"

namespace mote::features {

class Block;

/// int16 feature to int8 model input, TensorFlow Lite's arithmetic: multiplier in [2^30, 2^31), shift positive to the
/// left.
using Quantization = device::FeatureQuantization;

/// The quantization that maps features of `feature_scale` to a model input of (input_scale, input_zero_point).
/// @error invalid_argument  a scale that is not positive and finite, a zero point outside int8, or a ratio outside
/// 2^-31 .. 2^14.
[[nodiscard]] Result<Quantization> quantization_for(double feature_scale, double input_scale,
                                                    std::int32_t input_zero_point);

/// By the device's code. Both spans have the same length.
void quantize(std::span<const std::int16_t> features, const Quantization& quantization, std::span<std::int8_t> output);

/// A configured block with its tables. Immutable; copies share the tables; all functions may be called from several
/// threads.
class Extractor {
 public:
  /// @error invalid_argument  a parameter that makes no sense, alone or with this sensor; the sentence names block and
  /// parameter.
  [[nodiscard]] static Result<Extractor> create(const FeatureConfig& config, const SensorSpec& sensor);

  /// The same block with the mel filters' frequencies warped by `alpha` (vocal tract length perturbation, Jaitly and
  /// Hinton 2013); cheap. For augmentation: shape, scale and layout are unchanged.
  /// @error invalid_argument  the block has no mel filters, alpha outside [0.5, 2], or a filter becomes empty.
  [[nodiscard]] Result<Extractor> warped(double alpha) const;

  [[nodiscard]] const FeatureConfig& config() const;
  [[nodiscard]] const SensorSpec& sensor() const;

  /// As documented at the block's config; without a batch dimension.
  [[nodiscard]] const std::vector<std::uint32_t>& output_shape() const;
  [[nodiscard]] std::size_t output_count() const;
  /// Real value of one count of the int16 output.
  [[nodiscard]] double output_scale() const;
  /// One name a value of the last dimension's period ("x rms", "band 0.5-1 Hz"): output_count() is a multiple of their
  /// number.
  [[nodiscard]] std::vector<std::string> output_names() const;

  /// Size of the module's input: image [height][width][channels] u8, or series i16 [length][channels], the latter after
  /// a u32 count of samples per channel where the length varies. Little-endian, 4-byte aligned on the device.
  [[nodiscard]] std::size_t input_bytes() const;
  /// What the generated function needs, the int16 features included; 4-byte aligned.
  [[nodiscard]] std::size_t scratch_bytes() const;

  /// Canonical JSON text of everything that decides the output: arithmetic version, block, parameters, sensor.
  [[nodiscard]] std::string schema() const;

  /// Lays samples out as the module's input, input_bytes() long, unused space zero. Of a clip longer than the sensor's
  /// length the stretch with the most energy is kept.
  /// @error invalid_argument  the sensor is an image, the number is no multiple of the channels, or a fixed length
  /// differs.
  [[nodiscard]] Result<Bytes> pack(std::span<const std::int16_t> samples) const;
  /// The same for an image. @error invalid_argument  the sensor is a series, or the size differs.
  [[nodiscard]] Result<Bytes> pack(ByteSpan pixels) const;

  /// Features of a module input. @error invalid_argument  input is not input_bytes() long, or out not output_count().
  [[nodiscard]] Result<void> run(ByteSpan input, std::span<std::int16_t> out) const;
  /// run(pack(samples), out) without the copy.
  [[nodiscard]] Result<void> run_samples(std::span<const std::int16_t> samples, std::span<std::int16_t> out) const;

  /// For emit_cpp.
  [[nodiscard]] const Block& block() const { return *block_; }

 private:
  explicit Extractor(std::shared_ptr<const Block> block) : block_(std::move(block)) {}
  std::shared_ptr<const Block> block_;
};

}  // namespace mote::features
