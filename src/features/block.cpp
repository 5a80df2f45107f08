#include "block.hpp"

namespace mote::features {

std::size_t Block::count() const {
  std::size_t count = 1;
  for (const auto size : shape_) count *= size;
  return count;
}

BlockResult Block::warped(double) const {
  return fail(Code::invalid_argument,
              std::string(block_name(config_)) + ": has no mel filters to warp; use mfe or mfcc");
}

tl::unexpected<Error> bad_parameter(const FeatureConfig& config, std::string_view parameter, std::string_view why) {
  return fail(Code::invalid_argument,
              std::string(block_name(config)) + ": " + std::string(parameter) + ": " + std::string(why));
}

Result<void> require_series(const FeatureConfig& config, const SensorSpec& sensor) {
  if (sensor.element == Element::i16) return {};
  return fail(Code::invalid_argument,
              std::string(block_name(config)) + ": needs a series of samples, but the sensor gives images");
}

Result<void> require_image(const FeatureConfig& config, const SensorSpec& sensor) {
  if (sensor.element == Element::u8) return {};
  return fail(Code::invalid_argument,
              std::string(block_name(config)) + ": needs images, but the sensor gives a series of samples");
}

std::string channel_name(std::uint32_t channel, std::uint32_t channels) {
  if (channels == 1) return "";
  if (channels <= 3) return std::string(1, "xyz"[channel]);
  return "channel " + std::to_string(channel);
}

}  // namespace mote::features
