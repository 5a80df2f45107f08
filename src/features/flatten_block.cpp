// Block `flatten`.

#include "block.hpp"
#include "features/flatten.hpp"

namespace mote::features {
namespace {

struct Statistic {
  const char* name;
  bool FlattenConfig::*wanted;
  device::FlattenStatistic bit;
};

constexpr Statistic kStatistics[] = {
    {"average", &FlattenConfig::average, device::flatten_average},
    {"minimum", &FlattenConfig::minimum, device::flatten_minimum},
    {"maximum", &FlattenConfig::maximum, device::flatten_maximum},
    {"rms", &FlattenConfig::rms, device::flatten_rms},
    {"stdev", &FlattenConfig::stdev, device::flatten_stdev},
    {"skewness", &FlattenConfig::skewness, device::flatten_skewness},
    {"kurtosis", &FlattenConfig::kurtosis, device::flatten_kurtosis},
};

class FlattenBlock final : public Block {
 public:
  FlattenBlock(const FlattenConfig& config, const SensorSpec& sensor) : Block(config, sensor) {
    params_.channels = static_cast<std::int32_t>(sensor.channels);
    for (std::uint32_t c = 0; c < sensor.channels; ++c) {
      const std::string channel = channel_name(c, sensor.channels);
      for (const auto& statistic : kStatistics) {
        if (!(config.*statistic.wanted)) continue;
        params_.statistics |= statistic.bit;
        names_.push_back(channel.empty() ? statistic.name : channel + " " + statistic.name);
      }
    }
    shape_ = {static_cast<std::uint32_t>(names_.size())};
    scale_ = 1.0 / (1 << device::kFlattenFractionBits);
  }

  void run(const Input& input, std::int16_t* out, std::int32_t*) const override {
    device::flatten(params_, input.series, out);
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/flatten.hpp");
    code.line("mote::device::FlattenParams p;");
    code.field("channels", params_.channels);
    code.field("statistics", params_.statistics);
    code.line("mote::device::flatten(p, series, features);");
  }

 private:
  device::FlattenParams params_{};
};

}  // namespace

BlockResult make_flatten(const FlattenConfig& config, const SensorSpec& sensor) {
  MOTE_TRY_VOID(require_series(config, sensor));
  if (sensor.length > device::kFlattenMaxLength) {
    return fail(Code::invalid_argument, "flatten: the series is longer than 32768 samples; use shorter windows");
  }
  auto block = std::make_shared<FlattenBlock>(config, sensor);
  if (block->count() == 0)
    return bad_parameter(config, "average", "no statistic is switched on; switch on at least one");
  return block;
}

}  // namespace mote::features
