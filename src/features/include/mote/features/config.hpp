#pragma once
// What a user configures: the sensor's signal and one feature block with its parameters (the field's names and
// defaults). Times are in seconds, frequencies in Hz, levels in dB relative to a full-scale sine unless stated.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mote/base/error.hpp"

namespace mote::features {

enum class Element : std::uint8_t { u8, i16 };

/// The signal a module receives. Images are u8 [height][width][channels]; series are i16 [length][channels], oldest
/// sample first.
struct SensorSpec {
  Element element = Element::i16;
  std::uint32_t height = 0;  ///< images only
  std::uint32_t width = 0;   ///< images only
  std::uint32_t length = 0;  ///< series: samples per channel; the most there can be where the length varies
  std::uint32_t channels = 1;
  bool variable_length = false;  ///< the input then begins with a u32 count of samples per channel
  double rate_hz = 0;            ///< series; 0 where time has no meaning
  double unit = 1;               ///< real value of one count of an i16 sample; a u8 count is 1/255

  [[nodiscard]] static SensorSpec image(std::uint32_t height, std::uint32_t width, std::uint32_t channels = 1);
  [[nodiscard]] static SensorSpec audio(std::uint32_t max_length, double rate_hz);
  /// Windows of one length.
  [[nodiscard]] static SensorSpec series(std::uint32_t length, std::uint32_t channels, double rate_hz, double unit = 1);
  /// Drawn paths of up to `max_length` points (x, y).
  [[nodiscard]] static SensorSpec strokes(std::uint32_t max_length);

  /// Canonical JSON text of all fields, for hashing (the module header's sensor_schema).
  [[nodiscard]] std::string schema() const;
  /// @error invalid_argument  an empty or oversized shape.
  [[nodiscard]] Result<void> validate() const;

  bool operator==(const SensorSpec&) const = default;
};

/// `raw`: the input itself. Series are padded with zeros or cropped around their middle to `length`.
/// Output: images [height, width, channels]; series [length, channels].
struct RawConfig {
  std::uint32_t length = 0;  ///< samples; 0: the sensor's length
  bool operator==(const RawConfig&) const = default;
};

enum class ResizeMode : std::uint8_t {
  squash,        ///< the aspect ratio may change
  fit_shortest,  ///< scale until the shorter side fits, crop the longer around its middle
  fit_longest,   ///< scale until the longer side fits, black bars beside the shorter
};
enum class Interpolation : std::uint8_t { nearest, bilinear };

/// `image`: crop, then resize, then grayscale. Output [height, width, channels].
struct ImageConfig {
  std::uint32_t width = 0;     ///< 0: the sensor's
  std::uint32_t height = 0;    ///< 0: the sensor's
  std::uint32_t channels = 0;  ///< 1: grayscale, 3: RGB, 0: the sensor's
  ResizeMode resize_mode = ResizeMode::squash;
  Interpolation interpolation = Interpolation::bilinear;
  std::uint32_t crop_x = 0;
  std::uint32_t crop_y = 0;
  std::uint32_t crop_width = 0;   ///< 0: to the right edge
  std::uint32_t crop_height = 0;  ///< 0: to the lower edge
  bool operator==(const ImageConfig&) const = default;
};

/// `flatten`: statistics of each channel. Output [channels * statistics]. Average to stdev are in counts, skewness and
/// excess kurtosis are scaled by 2048: one tensor, one scale of 1/2048, so an amplitude of 2048 counts reads 1.
struct FlattenConfig {
  bool average = true;
  bool minimum = true;
  bool maximum = true;
  bool rms = true;
  bool stdev = true;
  bool skewness = true;
  bool kurtosis = true;
  bool operator==(const FlattenConfig&) const = default;
};

enum class FilterType : std::uint8_t { none, low, high };

/// `spectral`: vibration analysis. Output [channels * (1 + 2 * spectral_peaks_count + bands)]: level, then frequency
/// (percent of Nyquist) and height of each peak, then the power of each band between two edges; levels in dB above one
/// count, never negative.
struct SpectralConfig {
  FilterType filter_type = FilterType::none;
  double filter_cutoff = 3;        ///< Hz, Butterworth, -3 dB
  std::uint32_t filter_order = 6;  ///< 2, 4, 6 or 8
  std::uint32_t fft_length = 64;   ///< 32..1024, a power of two; Hann windows, half overlapping, averaged
  std::uint32_t spectral_peaks_count = 3;
  double spectral_peaks_threshold = 6;  ///< dB above one count; lower peaks are not given out
  std::vector<double> spectral_power_edges = {0.1, 0.5, 1, 2, 5};  ///< Hz, rising
  bool operator==(const SpectralConfig&) const = default;
};

enum class Window : std::uint8_t { hann, hamming, rectangular };

/// How spectrogram, mfe and mfcc cut the signal into frames, and what level counts as nothing.
/// The (trimmed) clip is centred in the window of frames; outside it is silence.
struct FrameConfig {
  double frame_length = 0.025;     ///< s; at most fft_length samples
  double frame_stride = 0.0125;    ///< s
  std::uint32_t frames = 0;        ///< number of frames; 0: as many as fit whole into the sensor's length
  std::uint32_t fft_length = 256;  ///< 32..1024, a power of two
  Window window = Window::hann;
  double pre_cof = 0;  ///< pre-emphasis y[n] = x[n] - pre_cof x[n-1]; 0..1
  double trim_db = 0;  ///< > 0: cut the clip before its first and after its last stride whose energy is less than this
                       ///< below the peak's
  double noise_floor_db = -80;  ///< output is dB above the floor, never negative
  double floor_relative_db =
      0;  ///< > 0: the floor lies this far below the loudest value, which makes the output independent of the volume
  bool operator==(const FrameConfig&) const = default;
};

/// `spectrogram`: output [frames, fft_length / 2 + 1, 1], dB above the floor.
struct SpectrogramConfig {
  FrameConfig frame;
  bool operator==(const SpectrogramConfig&) const = default;
};

/// Triangular filters, equally spaced on the mel scale (2595 log10(1 + f / 700)), height 1.
struct MelConfig {
  std::uint32_t num_filters = 40;
  double low_frequency = 0;
  double high_frequency = 0;  ///< 0: half the rate
  bool operator==(const MelConfig&) const = default;
};

/// `mfe`: output [frames, num_filters, 1], dB above the floor.
struct MfeConfig {
  FrameConfig frame;
  MelConfig mel;
  bool operator==(const MfeConfig&) const = default;
};

/// `mfcc`: output [frames, num_cepstral, 1], orthonormal DCT-II of the mfe levels.
struct MfccConfig {
  FrameConfig frame;
  MelConfig mel;
  std::uint32_t num_cepstral = 13;
  std::uint32_t win_size = 0;  ///< frames of the sliding mean subtracted from each coefficient, odd; 0: none
  bool operator==(const MfccConfig&) const = default;
};

/// `trajectory`: a path [n, 2] resampled to `points` equally spaced in time, centred and scaled to the unit box.
/// Output [points, 4]: x, y in [-1, 1], and the steps dx, dy times delta_gain (saturating at 2).
struct TrajectoryConfig {
  std::uint32_t points = 64;
  std::uint32_t delta_gain = 8;  ///< 1, 2, 4, 8 or 16
  bool operator==(const TrajectoryConfig&) const = default;
};

using FeatureConfig = std::variant<RawConfig, ImageConfig, FlattenConfig, SpectralConfig, SpectrogramConfig, MfeConfig,
                                   MfccConfig, TrajectoryConfig>;

/// "raw", "image", "flatten", "spectral", "spectrogram", "mfe", "mfcc" or "trajectory".
[[nodiscard]] std::string_view block_name(const FeatureConfig& config);
[[nodiscard]] std::vector<std::string_view> block_names();

/// One parameter as text: numbers "0.025", truth "true", choices by name ("hann", "fit_shortest"), lists "[0.1, 0.5]".
using Parameter = std::pair<std::string, std::string>;

/// All parameters of a block in canonical order and form; parse_config of them gives the same config.
[[nodiscard]] std::vector<Parameter> parameters(const FeatureConfig& config);

/// Reads a block by name; parameters that are not given keep their default.
/// @error invalid_argument  an unknown block or parameter, one given twice, or a value that is not of its type.
[[nodiscard]] Result<FeatureConfig> parse_config(std::string_view block, const std::vector<Parameter>& given);

}  // namespace mote::features
