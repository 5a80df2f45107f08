#include "feature_meanings.hpp"

#include <array>

namespace mote::app {
namespace {

struct Meaning {
  std::string_view block;  ///< empty: the same in every block that has the parameter
  std::string_view parameter;
  std::string_view text;
};

constexpr std::array kMeanings{
    Meaning{"raw", "length", "samples per channel, cropped or padded around the middle; 0: the sensor's"},
    Meaning{"image", "width", "pixels; 0: the sensor's"},
    Meaning{"image", "height", "pixels; 0: the sensor's"},
    Meaning{"image", "channels", "1 gray, 3 RGB, 0: the sensor's"},
    Meaning{"image", "resize_mode", "squash, fit_shortest (crops) or fit_longest (black bars)"},
    Meaning{"image", "interpolation", "nearest or bilinear"},
    Meaning{"image", "crop_x", "pixels left of the crop, which comes first"},
    Meaning{"image", "crop_y", "pixels above the crop"},
    Meaning{"image", "crop_width", "pixels; 0: to the right edge"},
    Meaning{"image", "crop_height", "pixels; 0: to the lower edge"},
    Meaning{"flatten", "average", "mean of each channel"},
    Meaning{"flatten", "minimum", "smallest value"},
    Meaning{"flatten", "maximum", "largest value"},
    Meaning{"flatten", "rms", "root of the mean square"},
    Meaning{"flatten", "stdev", "standard deviation"},
    Meaning{"flatten", "skewness", "third standardized moment"},
    Meaning{"flatten", "kurtosis", "excess kurtosis"},
    Meaning{"spectral", "filter_type", "none, low or high pass before everything else"},
    Meaning{"spectral", "filter_cutoff", "Hz at -3 dB"},
    Meaning{"spectral", "filter_order", "of the Butterworth filter: 2, 4, 6 or 8"},
    Meaning{"spectral", "fft_length", "samples of a window: 32 to 1024, a power of two"},
    Meaning{"spectral", "spectral_peaks_count", "how many peaks are given out"},
    Meaning{"spectral", "spectral_peaks_threshold", "dB above one count; lower peaks are not given out"},
    Meaning{"spectral", "spectral_power_edges", "Hz; the power between each two is a feature"},
    Meaning{"", "frame_length", "seconds of sound in a frame"},
    Meaning{"", "frame_stride", "seconds from one frame to the next"},
    Meaning{"", "frames", "how many; 0: as many as fit into the sensor's length"},
    Meaning{"", "fft_length", "samples; 32 to 1024, a power of two, at least a frame"},
    Meaning{"", "window", "hann, hamming or rectangular"},
    Meaning{"", "pre_cof", "pre-emphasis, 0 to 1"},
    Meaning{"", "trim_db", "cut silence this many dB below the peak off both ends; 0: keep all"},
    Meaning{"", "noise_floor_db", "dB of full scale that read as 0"},
    Meaning{"", "floor_relative_db", "dB below the loudest value that read as 0; 0: the fixed floor"},
    Meaning{"", "num_filters", "mel bands"},
    Meaning{"", "low_frequency", "Hz, lower edge of the first band"},
    Meaning{"", "high_frequency", "Hz, upper edge of the last band; 0: half the rate"},
    Meaning{"", "num_cepstral", "coefficients of a frame"},
    Meaning{"", "win_size", "frames of the sliding mean that is taken off, odd; 0: none"},
    Meaning{"trajectory", "points", "to which the path is resampled"},
    Meaning{"trajectory", "delta_gain", "by which steps between points are multiplied: 1, 2, 4, 8 or 16"},
};

}  // namespace

std::string_view feature_parameter_meaning(std::string_view block, std::string_view parameter) {
  std::string_view common;
  for (const Meaning& meaning : kMeanings) {
    if (meaning.parameter != parameter) continue;
    if (meaning.block == block) return meaning.text;
    if (meaning.block.empty()) common = meaning.text;
  }
  return common;
}

}  // namespace mote::app
