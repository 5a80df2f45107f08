#pragma once
// Internal: the checked geometry and tables of the frames that the spectral blocks share.

#include <cstdint>
#include <string_view>
#include <vector>

#include "block.hpp"
#include "features/frames.hpp"
#include "features/level.hpp"

namespace mote::features {

/// Device parameters of a front end together with the tables they point into; pointers stay valid as long as the object.
class FrontEnd {
 public:
  /// @error invalid_argument  names block and parameter.
  [[nodiscard]] static Result<std::shared_ptr<const FrontEnd>> create(const FeatureConfig& block, const FrameConfig& config,
                                                                      const SensorSpec& sensor);
  /// Hann-windowed frames of the transform's length, half overlapping (Welch).
  [[nodiscard]] static std::shared_ptr<const FrontEnd> welch(std::uint32_t fft_length);

  [[nodiscard]] const device::FrameParams& params() const { return params_; }
  [[nodiscard]] std::uint32_t fft_length() const { return static_cast<std::uint32_t>(sine_.size()); }
  [[nodiscard]] std::uint32_t frames() const { return static_cast<std::uint32_t>(params_.frames); }
  [[nodiscard]] std::size_t scratch_words() const {
    return static_cast<std::size_t>(device::power_spectrum_words(params_.fft.log2_points));
  }
  /// 20 log10 of the sum of the window, and 10 log10 of the sum of its squares.
  [[nodiscard]] double window_gain_db() const { return window_gain_db_; }
  [[nodiscard]] double window_power_db() const { return window_power_db_; }
  /// 10 log10 of a power that device::power_spectrum gives for a full-scale sine on a bin.
  [[nodiscard]] double full_scale_db() const;
  /// Level parameters of the block.
  [[nodiscard]] device::LevelParams level(const FrameConfig& config) const;

  /// Fields of `p.<prefix>` and the tables.
  void emit(CodeWriter& code, const std::string& prefix) const;

  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

 private:
  FrontEnd(Window window, std::uint32_t frame_length, std::uint32_t fft_length);

  std::vector<std::int16_t> window_;
  std::vector<std::int16_t> sine_;
  double window_gain_db_ = 0;
  double window_power_db_ = 0;
  device::FrameParams params_{};
};

/// @error invalid_argument  fft_length is not a power of two from 32 to 1024.
[[nodiscard]] Result<void> check_fft_length(const FeatureConfig& block, std::uint32_t fft_length);

void emit_level(CodeWriter& code, const std::string& prefix, const device::LevelParams& level);

}  // namespace mote::features
