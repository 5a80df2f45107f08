#pragma once
// Internal: what each feature block gives to Extractor and emit_cpp.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "code_writer.hpp"
#include "features/quantize.hpp"
#include "features/series.hpp"
#include "mote/base/error.hpp"
#include "mote/features/config.hpp"

namespace mote::features {

/// Bumped whenever the same configuration begins to give other bytes.
constexpr int kArithmeticVersion = 1;

/// A checked input: the pixels of an image, or a series.
struct Input {
  const std::uint8_t* pixels = nullptr;
  device::Series series{nullptr, 0};
};

class Block {
 public:
  Block(FeatureConfig config, const SensorSpec& sensor) : config_(std::move(config)), sensor_(sensor) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  virtual ~Block() = default;

  [[nodiscard]] const FeatureConfig& config() const { return config_; }
  [[nodiscard]] const SensorSpec& sensor() const { return sensor_; }
  [[nodiscard]] const std::vector<std::uint32_t>& shape() const { return shape_; }
  [[nodiscard]] double scale() const { return scale_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] std::size_t count() const;

  /// Words of scratch that run needs, the output not included.
  [[nodiscard]] virtual std::size_t scratch_words() const { return 0; }
  virtual void run(const Input& input, std::int16_t* out, std::int32_t* scratch) const = 0;
  /// Writes tables, parameters and the call that fills the int16 `features`; or the int8 `output` itself, and says so.
  virtual void emit(CodeWriter& code, const device::FeatureQuantization& quantization) const = 0;
  /// See Extractor::warped.
  [[nodiscard]] virtual Result<std::shared_ptr<const Block>> warped(double alpha) const;

 protected:
  FeatureConfig config_;
  SensorSpec sensor_;
  std::vector<std::uint32_t> shape_;
  double scale_ = 1;
  std::vector<std::string> names_;
};

using BlockResult = Result<std::shared_ptr<const Block>>;

/// A parameter of a block that makes no sense: "mfe: frame_length: ...".
[[nodiscard]] tl::unexpected<Error> bad_parameter(const FeatureConfig& config, std::string_view parameter,
                                                  std::string_view why);

/// @error invalid_argument  the sensor gives no series (or image).
[[nodiscard]] Result<void> require_series(const FeatureConfig& config, const SensorSpec& sensor);
[[nodiscard]] Result<void> require_image(const FeatureConfig& config, const SensorSpec& sensor);

[[nodiscard]] BlockResult make_raw(const RawConfig& config, const SensorSpec& sensor);
[[nodiscard]] BlockResult make_image(const ImageConfig& config, const SensorSpec& sensor);
[[nodiscard]] BlockResult make_flatten(const FlattenConfig& config, const SensorSpec& sensor);
[[nodiscard]] BlockResult make_spectral(const SpectralConfig& config, const SensorSpec& sensor);
[[nodiscard]] BlockResult make_spectrogram(const SpectrogramConfig& config, const SensorSpec& sensor);
[[nodiscard]] BlockResult make_mfe(const MfeConfig& config, const SensorSpec& sensor, double warp = 1);
[[nodiscard]] BlockResult make_mfcc(const MfccConfig& config, const SensorSpec& sensor, double warp = 1);
[[nodiscard]] BlockResult make_trajectory(const TrajectoryConfig& config, const SensorSpec& sensor);

/// "x", "y", "z" for up to three channels, else "channel 0" and so on; empty for one channel.
[[nodiscard]] std::string channel_name(std::uint32_t channel, std::uint32_t channels);

}  // namespace mote::features
