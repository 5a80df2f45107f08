#include "frame_front_end.hpp"

#include <bit>
#include <cmath>

#include "tables.hpp"

namespace mote::features {
namespace {

/// Seconds as whole samples. @error invalid_argument  less than one sample, or beyond any input.
Result<std::uint32_t> samples_of(const FeatureConfig& block, std::string_view name, double seconds, double rate_hz) {
  const double samples = std::round(seconds * rate_hz);
  if (!(samples >= 1)) return bad_parameter(block, name, "is shorter than one sample; give seconds");
  if (samples > (1 << 24)) return bad_parameter(block, name, "is longer than any input; give seconds");
  return static_cast<std::uint32_t>(samples);
}

std::uint32_t frames_of(const FrameConfig& config, std::uint32_t length, std::uint32_t frame, std::uint32_t stride) {
  if (config.frames != 0) return config.frames;
  return length <= frame ? 1 : 1 + (length - frame) / stride;
}

Result<void> check_ranges(const FeatureConfig& block, const FrameConfig& config, const SensorSpec& sensor) {
  if (sensor.channels != 1) {
    return fail(Code::invalid_argument, std::string(block_name(block)) + ": needs one channel, but the sensor gives " +
                                            std::to_string(sensor.channels));
  }
  if (!(sensor.rate_hz > 0))
    return fail(Code::invalid_argument, std::string(block_name(block)) + ": the sensor's rate_hz is not given");
  if (!(config.pre_cof >= 0 && config.pre_cof <= 1)) return bad_parameter(block, "pre_cof", "must be 0 to 1");
  if (!(config.trim_db >= 0 && config.trim_db <= 90)) return bad_parameter(block, "trim_db", "must be 0 (off) to 90");
  if (!(config.noise_floor_db >= -127 && config.noise_floor_db <= 0))
    return bad_parameter(block, "noise_floor_db", "must be -127 to 0");
  if (!(config.floor_relative_db >= 0 && config.floor_relative_db <= 120)) {
    return bad_parameter(block, "floor_relative_db", "must be 0 (off) to 120");
  }
  return {};
}

}  // namespace

Result<void> check_fft_length(const FeatureConfig& block, std::uint32_t fft_length) {
  if (std::has_single_bit(fft_length) && fft_length >= 32 && fft_length <= 1024) return {};
  return bad_parameter(block, "fft_length", "must be 32, 64, 128, 256, 512 or 1024, not " + std::to_string(fft_length));
}

FrontEnd::FrontEnd(Window window, std::uint32_t frame_length, std::uint32_t fft_length)
    : window_(window_table_q15(window, frame_length)), twiddles_(twiddle_table(fft_length)) {
  const WindowSums sums = window_sums(window_, frame_length);
  window_gain_db_ = 20 * std::log10(sums.sum);
  window_power_db_ = 10 * std::log10(sums.squares);
  params_.frame_length = static_cast<std::int32_t>(frame_length);
  params_.window_q15 = window_.data();
  params_.twiddles = twiddles_.data();
}

Result<std::shared_ptr<const FrontEnd>> FrontEnd::create(const FeatureConfig& block, const FrameConfig& config,
                                                         const SensorSpec& sensor) {
  MOTE_TRY_VOID(require_series(block, sensor));
  MOTE_TRY_VOID(check_ranges(block, config, sensor));
  MOTE_TRY_VOID(check_fft_length(block, config.fft_length));
  MOTE_TRY(const std::uint32_t length, samples_of(block, "frame_length", config.frame_length, sensor.rate_hz));
  MOTE_TRY(const std::uint32_t stride, samples_of(block, "frame_stride", config.frame_stride, sensor.rate_hz));
  if (length < 2) return bad_parameter(block, "frame_length", "is shorter than two samples; give seconds");
  if (length > config.fft_length) {
    return bad_parameter(block, "frame_length",
                         std::to_string(length) + " samples exceed fft_length " + std::to_string(config.fft_length) +
                             "; shorten frame_length or raise fft_length");
  }
  // Energies of blocks of one stride are compared when trimming; their sums must fit.
  if (stride > 65535) return bad_parameter(block, "frame_stride", std::to_string(stride) + " samples exceed 65535");
  const std::uint32_t frames = frames_of(config, sensor.length, length, stride);
  if (frames > 4096 || std::uint64_t{frames} * stride > (1u << 24)) {
    return bad_parameter(block, "frames",
                         std::to_string(frames) + " frames are too many; at most 4096 and 2^24 samples");
  }
  std::shared_ptr<FrontEnd> front(new FrontEnd(config.window, length, config.fft_length));
  front->params_.frames = static_cast<std::int32_t>(frames);
  front->params_.frame_stride = static_cast<std::int32_t>(stride);
  front->params_.pre_emphasis_q15 = rounded(config.pre_cof * 32768);
  front->params_.trim_ratio_q32 =
      config.trim_db > 0 ? static_cast<std::uint32_t>(std::pow(10, -config.trim_db / 10) * 4294967295.0) : 0;
  return std::shared_ptr<const FrontEnd>(std::move(front));
}

std::shared_ptr<const FrontEnd> FrontEnd::welch(std::uint32_t fft_length) {
  std::shared_ptr<FrontEnd> front(new FrontEnd(Window::hann, fft_length, fft_length));
  front->params_.frame_stride = static_cast<std::int32_t>(fft_length / 2);
  front->params_.frames = 1;
  return front;
}

double FrontEnd::full_scale_db() const { return (28 - log2_points()) * 20 * std::log10(2.0) + window_gain_db_; }

device::LevelParams FrontEnd::level(const FrameConfig& config) const {
  return {rounded(-256 * full_scale_db()), rounded(256 * config.noise_floor_db),
          rounded(256 * config.floor_relative_db)};
}

void FrontEnd::emit(CodeWriter& code, const std::string& prefix) const {
  const auto window = code.table("window_q15", "First half of the symmetric window of a frame, Q15.",
                                 std::span<const std::int16_t>(window_));
  const auto twiddles =
      code.table("twiddles", "Twiddle factors of the transform, Q15: cosine in the low half, sine in the top half.",
                 std::span<const std::uint32_t>(twiddles_));
  code.field(prefix + ".frames", params_.frames);
  code.field(prefix + ".frame_length", params_.frame_length);
  code.field(prefix + ".frame_stride", params_.frame_stride);
  code.field(prefix + ".pre_emphasis_q15", params_.pre_emphasis_q15);
  code.field(prefix + ".trim_ratio_q32", std::to_string(params_.trim_ratio_q32) + "u");
  code.field(prefix + ".window_q15", window);
  code.field(prefix + ".twiddles", twiddles);
}

void emit_level(CodeWriter& code, const std::string& prefix, const device::LevelParams& level) {
  code.field(prefix + ".offset_db_q8", level.offset_db_q8);
  code.field(prefix + ".noise_floor_db_q8", level.noise_floor_db_q8);
  code.field(prefix + ".floor_relative_db_q8", level.floor_relative_db_q8);
}

}  // namespace mote::features
