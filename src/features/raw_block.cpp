// Block `raw`.

#include "block.hpp"
#include "features/raw.hpp"

namespace mote::features {
namespace {

class RawImageBlock final : public Block {
 public:
  RawImageBlock(const RawConfig& config, const SensorSpec& sensor) : Block(config, sensor) {
    shape_ = {sensor.height, sensor.width, sensor.channels};
    scale_ = 1.0 / 255;
    for (std::uint32_t c = 0; c < sensor.channels; ++c)
      names_.push_back(sensor.channels == 1 ? "value" : "channel " + std::to_string(c));
  }

  void run(const Input& input, std::int16_t* out, std::int32_t*) const override {
    device::raw_bytes(input.pixels, static_cast<std::int32_t>(count()), out);
  }

  void emit(CodeWriter& code, const device::FeatureQuantization& q) const override {
    code.include("features/raw.hpp");
    const std::string size = std::to_string(count());
    // The model's input has the bytes' scale and zero point -128: each byte minus 128, without the detour over int16.
    const bool same_scale = q.multiplier == (1 << 30) && q.shift == 1 && q.zero_point == -128;
    if (same_scale) {
      code.line("mote::device::raw_bytes_to_int8(input, " + size + ", output);");
      code.writes_output();
    } else {
      code.line("mote::device::raw_bytes(input, " + size + ", features);");
    }
  }
};

class RawSeriesBlock final : public Block {
 public:
  RawSeriesBlock(const RawConfig& config, const SensorSpec& sensor) : Block(config, sensor) {
    const std::uint32_t length = config.length == 0 ? sensor.length : config.length;
    params_ = {static_cast<std::int32_t>(length), static_cast<std::int32_t>(sensor.channels)};
    shape_ = {length, sensor.channels};
    scale_ = sensor.unit;
    for (std::uint32_t c = 0; c < sensor.channels; ++c) {
      names_.push_back(sensor.channels == 1 ? "value" : channel_name(c, sensor.channels));
    }
  }

  void run(const Input& input, std::int16_t* out, std::int32_t*) const override {
    device::raw_series(params_, input.series, out);
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/raw.hpp");
    code.line("mote::device::RawSeriesParams p;");
    code.field("length", params_.length);
    code.field("channels", params_.channels);
    code.line("mote::device::raw_series(p, series, features);");
  }

 private:
  device::RawSeriesParams params_{};
};

}  // namespace

BlockResult make_raw(const RawConfig& config, const SensorSpec& sensor) {
  if (sensor.element == Element::u8) {
    if (config.length != 0)
      return bad_parameter(config, "length", "is for series; leave it 0 for images, or use the block image");
    return std::make_shared<RawImageBlock>(config, sensor);
  }
  if (std::uint64_t{config.length} * sensor.channels > (1u << 24))
    return bad_parameter(config, "length", "exceeds 2^24 values");
  return std::make_shared<RawSeriesBlock>(config, sensor);
}

}  // namespace mote::features
