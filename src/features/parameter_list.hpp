#pragma once
// Internal: the one list of every block's parameters, by name and in canonical order. Parsing, printing and hashing
// walk it.

#include <array>
#include <span>
#include <string_view>

#include "mote/features/config.hpp"

namespace mote::features {

inline constexpr std::array<std::string_view, 3> kResizeModes = {"squash", "fit_shortest", "fit_longest"};
inline constexpr std::array<std::string_view, 2> kInterpolations = {"nearest", "bilinear"};
inline constexpr std::array<std::string_view, 3> kFilterTypes = {"none", "low", "high"};
inline constexpr std::array<std::string_view, 3> kWindows = {"hann", "hamming", "rectangular"};

/// True where `Config`, const or not, is T.
template <class Config, class T>
concept ConfigOf = std::same_as<std::remove_const_t<Config>, T>;

template <ConfigOf<RawConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("length", c.length);
}

template <ConfigOf<ImageConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("width", c.width);
  visit("height", c.height);
  visit("channels", c.channels);
  visit("resize_mode", c.resize_mode, std::span<const std::string_view>(kResizeModes));
  visit("interpolation", c.interpolation, std::span<const std::string_view>(kInterpolations));
  visit("crop_x", c.crop_x);
  visit("crop_y", c.crop_y);
  visit("crop_width", c.crop_width);
  visit("crop_height", c.crop_height);
}

template <ConfigOf<FlattenConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("average", c.average);
  visit("minimum", c.minimum);
  visit("maximum", c.maximum);
  visit("rms", c.rms);
  visit("stdev", c.stdev);
  visit("skewness", c.skewness);
  visit("kurtosis", c.kurtosis);
}

template <ConfigOf<SpectralConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("filter_type", c.filter_type, std::span<const std::string_view>(kFilterTypes));
  visit("filter_cutoff", c.filter_cutoff);
  visit("filter_order", c.filter_order);
  visit("fft_length", c.fft_length);
  visit("spectral_peaks_count", c.spectral_peaks_count);
  visit("spectral_peaks_threshold", c.spectral_peaks_threshold);
  visit("spectral_power_edges", c.spectral_power_edges);
}

template <ConfigOf<FrameConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("frame_length", c.frame_length);
  visit("frame_stride", c.frame_stride);
  visit("frames", c.frames);
  visit("fft_length", c.fft_length);
  visit("window", c.window, std::span<const std::string_view>(kWindows));
  visit("pre_cof", c.pre_cof);
  visit("trim_db", c.trim_db);
  visit("noise_floor_db", c.noise_floor_db);
  visit("floor_relative_db", c.floor_relative_db);
}

template <ConfigOf<MelConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("num_filters", c.num_filters);
  visit("low_frequency", c.low_frequency);
  visit("high_frequency", c.high_frequency);
}

template <ConfigOf<SpectrogramConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit_parameters(c.frame, visit);
}

template <ConfigOf<MfeConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit_parameters(c.frame, visit);
  visit_parameters(c.mel, visit);
}

template <ConfigOf<MfccConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit_parameters(c.frame, visit);
  visit_parameters(c.mel, visit);
  visit("num_cepstral", c.num_cepstral);
  visit("win_size", c.win_size);
}

template <ConfigOf<TrajectoryConfig> Config, class Visitor>
void visit_parameters(Config& c, Visitor& visit) {
  visit("points", c.points);
  visit("delta_gain", c.delta_gain);
}

}  // namespace mote::features
