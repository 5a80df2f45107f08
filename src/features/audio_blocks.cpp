// Blocks `spectrogram`, `mfe` and `mfcc`.

#include <cmath>

#include "features/mfcc.hpp"
#include "features/spectrogram.hpp"
#include "frame_front_end.hpp"
#include "tables.hpp"

namespace mote::features {
namespace {

constexpr double kDecibelScale = 1.0 / 256;

std::string hertz(double value) { return std::to_string(std::lround(value)) + " Hz"; }

class SpectrogramBlock final : public Block {
 public:
  SpectrogramBlock(const SpectrogramConfig& config, const SensorSpec& sensor, std::shared_ptr<const FrontEnd> front)
      : Block(config, sensor), front_(std::move(front)), params_{front_->params(), front_->level(config.frame)} {
    const std::uint32_t bins = front_->fft_length() / 2 + 1;
    shape_ = {front_->frames(), bins, 1};
    scale_ = kDecibelScale;
    for (std::uint32_t k = 0; k < bins; ++k) names_.push_back(hertz(k * sensor.rate_hz / front_->fft_length()));
  }

  [[nodiscard]] std::size_t scratch_words() const override { return front_->scratch_words(); }
  void run(const Input& input, std::int16_t* out, std::int32_t* scratch) const override {
    with_log2_points(front_->log2_points(),
                     [&](auto log2) { device::spectrogram<log2>(params_, input.series, out, scratch); });
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/spectrogram.hpp");
    code.line("mote::device::SpectrogramParams p;");
    front_->emit(code, "frame");
    emit_level(code, "level", params_.level);
    code.line("mote::device::spectrogram<" + std::to_string(front_->log2_points()) +
              ">(p, series, features, working);");
  }

 private:
  std::shared_ptr<const FrontEnd> front_;
  device::SpectrogramParams params_;
};

/// What mfe and mfcc have in common.
struct MelFilters {
  std::shared_ptr<const FrontEnd> front;
  MelBank bank;

  [[nodiscard]] static Result<MelFilters> create(const FeatureConfig& block, const FrameConfig& frame,
                                                 const MelConfig& mel, const SensorSpec& sensor, double warp);
  [[nodiscard]] device::MfeParams params(const FrameConfig& frame) const {
    return {front->params(), front->level(frame), static_cast<std::int32_t>(bank.centres_hz.size()),
            bank.first_bins.data(), bank.rise_q16.data()};
  }
  void emit(CodeWriter& code, const std::string& prefix, const device::MfeParams& params) const;
};

Result<MelFilters> MelFilters::create(const FeatureConfig& block, const FrameConfig& frame, const MelConfig& mel,
                                      const SensorSpec& sensor, double warp) {
  MelFilters filters;
  MOTE_TRY(filters.front, FrontEnd::create(block, frame, sensor));
  const double nyquist = sensor.rate_hz / 2;
  const double high = mel.high_frequency == 0 ? nyquist : mel.high_frequency;
  if (mel.num_filters == 0 || mel.num_filters > 128) return bad_parameter(block, "num_filters", "must be 1 to 128");
  if (!(mel.low_frequency >= 0)) return bad_parameter(block, "low_frequency", "must be 0 or above");
  if (!(high <= nyquist)) return bad_parameter(block, "high_frequency", "exceeds half the rate, " + hertz(nyquist));
  if (!(mel.low_frequency < high))
    return bad_parameter(block, "low_frequency", "must be below high_frequency, " + hertz(high));
  auto bank = mel_bank(mel, high, frame.fft_length, sensor.rate_hz, warp);
  if (!bank) return fail(std::move(bank).error(), block_name(block));
  filters.bank = std::move(*bank);
  return filters;
}

void MelFilters::emit(CodeWriter& code, const std::string& prefix, const device::MfeParams& params) const {
  front->emit(code, prefix + "frame");
  emit_level(code, prefix + "level", params.level);
  const auto first =
      code.table("first_bins", "First bin of each mel segment: the rise of one filter and the fall of the one below.",
                 std::span<const std::uint16_t>(bank.first_bins));
  const auto rise =
      code.table("rise_q16", "Weight of each bin in its rising filter, Q16; the falling one has the rest.",
                 std::span<const std::uint16_t>(bank.rise_q16));
  code.field(prefix + "num_filters", params.num_filters);
  code.field(prefix + "first_bins", first);
  code.field(prefix + "rise_q16", rise);
}

class MfeBlock final : public Block {
 public:
  MfeBlock(const MfeConfig& config, const SensorSpec& sensor, MelFilters filters)
      : Block(config, sensor), filters_(std::move(filters)), params_(filters_.params(config.frame)) {
    shape_ = {filters_.front->frames(), config.mel.num_filters, 1};
    scale_ = kDecibelScale;
    for (const double centre : filters_.bank.centres_hz) names_.push_back(hertz(centre));
  }

  [[nodiscard]] std::size_t scratch_words() const override { return filters_.front->scratch_words(); }
  void run(const Input& input, std::int16_t* out, std::int32_t* scratch) const override {
    with_log2_points(filters_.front->log2_points(),
                     [&](auto log2) { device::mfe<log2>(params_, input.series, out, scratch); });
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/mfe.hpp");
    code.line("mote::device::MfeParams p;");
    filters_.emit(code, "", params_);
    code.line("mote::device::mfe<" + std::to_string(filters_.front->log2_points()) +
              ">(p, series, features, working);");
  }

  [[nodiscard]] BlockResult warped(double alpha) const override {
    return make_mfe(std::get<MfeConfig>(config_), sensor_, alpha);
  }

 private:
  MelFilters filters_;
  device::MfeParams params_;
};

class MfccBlock final : public Block {
 public:
  MfccBlock(const MfccConfig& config, const SensorSpec& sensor, MelFilters filters)
      : Block(config, sensor),
        filters_(std::move(filters)),
        dct_(dct_table(config.mel.num_filters, config.num_cepstral)) {
    params_ = {filters_.params(config.frame), static_cast<std::int32_t>(config.num_cepstral),
               static_cast<std::int32_t>(config.win_size), dct_.shift, dct_.values.data()};
    shape_ = {filters_.front->frames(), config.num_cepstral, 1};
    scale_ = 1.0 / (1 << device::kCepstrumFractionBits);
    for (std::uint32_t k = 0; k < config.num_cepstral; ++k) names_.push_back("c" + std::to_string(k));
  }

  [[nodiscard]] std::size_t scratch_words() const override {
    return static_cast<std::size_t>(device::mfcc_scratch_words(params_, filters_.front->log2_points()));
  }
  void run(const Input& input, std::int16_t* out, std::int32_t* scratch) const override {
    with_log2_points(filters_.front->log2_points(),
                     [&](auto log2) { device::mfcc<log2>(params_, input.series, out, scratch); });
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/mfcc.hpp");
    code.line("mote::device::MfccParams p;");
    filters_.emit(code, "mel.", params_.mel);
    const auto dct =
        code.table("dct", "First halves of the cosine transform's rows, times 2^" + std::to_string(dct_.shift) + ".",
                   std::span<const std::int16_t>(dct_.values));
    code.field("num_cepstral", params_.num_cepstral);
    code.field("win_size", params_.win_size);
    code.field("dct_shift", params_.dct_shift);
    code.field("dct", dct);
    code.line("mote::device::mfcc<" + std::to_string(filters_.front->log2_points()) +
              ">(p, series, features, working);");
  }

  [[nodiscard]] BlockResult warped(double alpha) const override {
    return make_mfcc(std::get<MfccConfig>(config_), sensor_, alpha);
  }

 private:
  MelFilters filters_;
  DctTable dct_;
  device::MfccParams params_{};
};

}  // namespace

BlockResult make_spectrogram(const SpectrogramConfig& config, const SensorSpec& sensor) {
  MOTE_TRY(auto front, FrontEnd::create(config, config.frame, sensor));
  return std::make_shared<SpectrogramBlock>(config, sensor, std::move(front));
}

BlockResult make_mfe(const MfeConfig& config, const SensorSpec& sensor, double warp) {
  MOTE_TRY(auto filters, MelFilters::create(config, config.frame, config.mel, sensor, warp));
  return std::make_shared<MfeBlock>(config, sensor, std::move(filters));
}

BlockResult make_mfcc(const MfccConfig& config, const SensorSpec& sensor, double warp) {
  MOTE_TRY(auto filters, MelFilters::create(config, config.frame, config.mel, sensor, warp));
  if (config.num_cepstral == 0 || config.num_cepstral > config.mel.num_filters) {
    return bad_parameter(config, "num_cepstral", "must be 1 to num_filters, " + std::to_string(config.mel.num_filters));
  }
  if (config.win_size != 0 && (config.win_size % 2 == 0 || config.win_size > 4095)) {
    return bad_parameter(config, "win_size", "must be 0 (off) or odd, up to 4095");
  }
  return std::make_shared<MfccBlock>(config, sensor, std::move(filters));
}

}  // namespace mote::features
