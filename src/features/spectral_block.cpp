// Block `spectral`.

#include <cmath>

#include "features/spectral.hpp"
#include "frame_front_end.hpp"
#include "tables.hpp"

namespace mote::features {
namespace {

std::string short_number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

class SpectralBlock final : public Block {
 public:
  SpectralBlock(const SpectralConfig& config, const SensorSpec& sensor, std::vector<std::uint16_t> edges)
      : Block(config, sensor),
        front_(FrontEnd::welch(config.fft_length)),
        biquads_(butterworth_q28(config.filter_type, config.filter_order, config.filter_cutoff, sensor.rate_hz)),
        edges_(std::move(edges)) {
    params_.frame = front_->params();
    params_.channels = static_cast<std::int32_t>(sensor.channels);
    params_.max_length = static_cast<std::int32_t>(sensor.length);
    params_.sections = static_cast<std::int32_t>(biquads_.size() / 5);
    params_.biquads = biquads_.data();
    params_.peaks = static_cast<std::int32_t>(config.spectral_peaks_count);
    params_.peaks_threshold_db_q8 = rounded(256 * config.spectral_peaks_threshold);
    params_.bands = edges_.empty() ? 0 : static_cast<std::int32_t>(edges_.size() - 1);
    params_.band_edges = edges_.data();
    // Summed powers are 2^-8 of power_spectrum's, whose full-scale sine has an amplitude of 2^15 counts.
    const double count_db = front_->full_scale_db() - 15 * 20 * std::log10(2.0) - 80 * std::log10(2.0);
    params_.peak_offset_db_q8 = rounded(-256 * count_db);
    // |2X|^2 of a bin to mean square: a quarter for the 2, twice for the negative frequencies, over N times the
    // window's power.
    const double bin_db = count_db - front_->window_gain_db();
    const double density_db = bin_db + front_->window_power_db() + 10 * std::log10(config.fft_length * 2.0);
    params_.band_offset_db_q8 = rounded(-256 * density_db);
    shape_ = {sensor.channels * (1 + 2 * config.spectral_peaks_count + static_cast<std::uint32_t>(params_.bands))};
    scale_ = 1.0 / 256;
    name_outputs(config);
  }

  [[nodiscard]] std::size_t scratch_words() const override {
    return static_cast<std::size_t>(device::spectral_scratch_words(params_, front_->log2_points()));
  }
  void run(const Input& input, std::int16_t* out, std::int32_t* scratch) const override {
    with_log2_points(front_->log2_points(),
                     [&](auto log2) { device::spectral<log2>(params_, input.series, out, scratch); });
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/spectral.hpp");
    code.line("mote::device::SpectralParams p;");
    front_->emit(code, "frame");
    code.field("channels", params_.channels);
    code.field("max_length", params_.max_length);
    code.field("sections", params_.sections);
    code.field("biquads", biquads_.empty() ? "nullptr"
                                           : code.table("biquads", "Filter sections b0 b1 b2 a1 a2, Q28.",
                                                        std::span<const std::int32_t>(biquads_)));
    code.field("peaks", params_.peaks);
    code.field("peaks_threshold_db_q8", params_.peaks_threshold_db_q8);
    code.field("bands", params_.bands);
    code.field("band_edges", edges_.empty() ? "nullptr"
                                            : code.table("band_edges", "First bin of each band, and the end.",
                                                         std::span<const std::uint16_t>(edges_)));
    code.field("peak_offset_db_q8", params_.peak_offset_db_q8);
    code.field("band_offset_db_q8", params_.band_offset_db_q8);
    code.line("mote::device::spectral<" + std::to_string(front_->log2_points()) + ">(p, series, features, working);");
  }

 private:
  void name_outputs(const SpectralConfig& config) {
    for (std::uint32_t c = 0; c < sensor_.channels; ++c) {
      const std::string channel = channel_name(c, sensor_.channels);
      const std::string prefix = channel.empty() ? "" : channel + " ";
      names_.push_back(prefix + "level");
      for (std::uint32_t i = 1; i <= config.spectral_peaks_count; ++i) {
        names_.push_back(prefix + "peak " + std::to_string(i) + " frequency");
        names_.push_back(prefix + "peak " + std::to_string(i) + " height");
      }
      for (std::size_t i = 0; i + 1 < config.spectral_power_edges.size(); ++i) {
        names_.push_back(prefix + "band " + short_number(config.spectral_power_edges[i]) + "-" +
                         short_number(config.spectral_power_edges[i + 1]) + " Hz");
      }
    }
  }

  std::shared_ptr<const FrontEnd> front_;
  std::vector<std::int32_t> biquads_;
  std::vector<std::uint16_t> edges_;
  device::SpectralParams params_{};
};

/// Band edges as bins: a bin belongs to the band that holds its centre.
Result<std::vector<std::uint16_t>> band_edges(const SpectralConfig& config, const SensorSpec& sensor) {
  const double bin_hz = sensor.rate_hz / config.fft_length;
  std::vector<std::uint16_t> bins;
  const auto& edges = config.spectral_power_edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const std::string text = short_number(edges[i]) + " Hz";
    if (!(edges[i] >= 0) || edges[i] > sensor.rate_hz / 2) {
      return bad_parameter(config, "spectral_power_edges",
                           text + " lies outside 0 to half the rate, " + short_number(sensor.rate_hz / 2) + " Hz");
    }
    const auto bin = static_cast<std::uint16_t>(edges[i] == sensor.rate_hz / 2 ? config.fft_length / 2 + 1
                                                                               : std::ceil(edges[i] / bin_hz - 1e-9));
    if (i > 0 && !(edges[i] > edges[i - 1]))
      return bad_parameter(config, "spectral_power_edges", text + " is not above the edge before it");
    if (i > 0 && bin == bins.back()) {
      return bad_parameter(config, "spectral_power_edges",
                           "the band that ends at " + text + " holds no bin (one every " + short_number(bin_hz) +
                               " Hz); widen it or raise fft_length");
    }
    bins.push_back(bin);
  }
  if (bins.size() == 1)
    return bad_parameter(config, "spectral_power_edges", "one edge makes no band; give two or more, or none");
  return bins;
}

Result<void> check_filter(const SpectralConfig& config, const SensorSpec& sensor) {
  if (config.filter_type == FilterType::none) return {};
  if (config.filter_order < 2 || config.filter_order > 8 || config.filter_order % 2 != 0) {
    return bad_parameter(config, "filter_order", "must be 2, 4, 6 or 8");
  }
  // Below a thousandth of the rate the Q28 coefficients of a low-pass lose their meaning.
  if (!(config.filter_cutoff >= sensor.rate_hz / 1000 && config.filter_cutoff < sensor.rate_hz / 2)) {
    return bad_parameter(config, "filter_cutoff",
                         "must lie between " + short_number(sensor.rate_hz / 1000) + " Hz and half the rate, " +
                             short_number(sensor.rate_hz / 2) + " Hz");
  }
  return {};
}

}  // namespace

BlockResult make_spectral(const SpectralConfig& config, const SensorSpec& sensor) {
  MOTE_TRY_VOID(require_series(config, sensor));
  if (!(sensor.rate_hz > 0)) return fail(Code::invalid_argument, "spectral: the sensor's rate_hz is not given");
  if (sensor.length > device::kFlattenMaxLength) {
    return fail(Code::invalid_argument, "spectral: the series is longer than 32768 samples; use shorter windows");
  }
  MOTE_TRY_VOID(check_fft_length(config, config.fft_length));
  MOTE_TRY_VOID(check_filter(config, sensor));
  if (config.spectral_peaks_count > config.fft_length / 4) {
    return bad_parameter(config, "spectral_peaks_count", "exceeds a quarter of fft_length");
  }
  if (!(config.spectral_peaks_threshold >= 0 && config.spectral_peaks_threshold <= 100)) {
    return bad_parameter(config, "spectral_peaks_threshold", "must be 0 to 100 dB above one count");
  }
  MOTE_TRY(auto edges, band_edges(config, sensor));
  return std::make_shared<SpectralBlock>(config, sensor, std::move(edges));
}

}  // namespace mote::features
