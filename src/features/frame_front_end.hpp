#pragma once
// Internal: the checked geometry and tables of the frames that the spectral blocks share.

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "block.hpp"
#include "features/frames.hpp"
#include "features/level.hpp"

namespace mote::features {

/// Device parameters of a front end together with the tables they point into; pointers stay valid as long as the
/// object.
class FrontEnd {
 public:
  /// @error invalid_argument  names block and parameter.
  [[nodiscard]] static Result<std::shared_ptr<const FrontEnd>> create(const FeatureConfig& block,
                                                                      const FrameConfig& config,
                                                                      const SensorSpec& sensor);
  /// Hann-windowed frames of the transform's length, half overlapping (Welch).
  [[nodiscard]] static std::shared_ptr<const FrontEnd> welch(std::uint32_t fft_length);

  [[nodiscard]] const device::FrameParams& params() const { return params_; }
  [[nodiscard]] std::uint32_t fft_length() const { return static_cast<std::uint32_t>(twiddles_.size() / 3 * 4); }
  [[nodiscard]] std::uint32_t frames() const { return static_cast<std::uint32_t>(params_.frames); }
  [[nodiscard]] std::int32_t log2_points() const { return std::countr_zero(fft_length()); }
  [[nodiscard]] std::size_t scratch_words() const {
    return static_cast<std::size_t>(device::power_spectrum_words(log2_points()));
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
  std::vector<std::uint32_t> twiddles_;
  double window_gain_db_ = 0;
  double window_power_db_ = 0;
  device::FrameParams params_{};
};

/// @error invalid_argument  fft_length is not a power of two from 32 to 1024.
[[nodiscard]] Result<void> check_fft_length(const FeatureConfig& block, std::uint32_t fft_length);

/// Calls `body(std::integral_constant<std::int32_t, log2_points>)`: the length of a transform is a template parameter
/// of the device's code.
template <class Body>
void with_log2_points(std::int32_t log2_points, const Body& body) {
  switch (log2_points) {
    case 5:
      return body(std::integral_constant<std::int32_t, 5>());
    case 6:
      return body(std::integral_constant<std::int32_t, 6>());
    case 7:
      return body(std::integral_constant<std::int32_t, 7>());
    case 8:
      return body(std::integral_constant<std::int32_t, 8>());
    case 9:
      return body(std::integral_constant<std::int32_t, 9>());
    default:
      return body(std::integral_constant<std::int32_t, 10>());
  }
}

void emit_level(CodeWriter& code, const std::string& prefix, const device::LevelParams& level);

}  // namespace mote::features
