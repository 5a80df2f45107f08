#include "mote/features/extractor.hpp"

#include <cmath>
#include <cstring>

#include "block.hpp"

namespace mote::features {
namespace {

BlockResult make_block(const FeatureConfig& config, const SensorSpec& sensor) {
  struct Make {
    const SensorSpec& sensor;
    BlockResult operator()(const RawConfig& c) const { return make_raw(c, sensor); }
    BlockResult operator()(const ImageConfig& c) const { return make_image(c, sensor); }
    BlockResult operator()(const FlattenConfig& c) const { return make_flatten(c, sensor); }
    BlockResult operator()(const SpectralConfig& c) const { return make_spectral(c, sensor); }
    BlockResult operator()(const SpectrogramConfig& c) const { return make_spectrogram(c, sensor); }
    BlockResult operator()(const MfeConfig& c) const { return make_mfe(c, sensor); }
    BlockResult operator()(const MfccConfig& c) const { return make_mfcc(c, sensor); }
    BlockResult operator()(const TrajectoryConfig& c) const { return make_trajectory(c, sensor); }
  };
  return std::visit(Make{sensor}, config);
}

/// The `length` samples per channel with the most energy, of a longer clip; the first of several.
std::span<const std::int16_t> loudest_stretch(std::span<const std::int16_t> samples, std::size_t length,
                                              std::size_t channels) {
  const std::size_t size = length * channels;
  if (samples.size() <= size) return samples;
  const auto square = [](std::int16_t x) { return static_cast<std::int64_t>(x) * x; };
  std::int64_t energy = 0;
  for (std::size_t i = 0; i < size; ++i) energy += square(samples[i]);
  std::int64_t best = energy;
  std::size_t best_begin = 0;
  for (std::size_t begin = channels; begin + size <= samples.size(); begin += channels) {
    for (std::size_t c = 0; c < channels; ++c)
      energy += square(samples[begin + size - channels + c]) - square(samples[begin - channels + c]);
    if (energy > best) {
      best = energy;
      best_begin = begin;
    }
  }
  return samples.subspan(best_begin, size);
}

Result<std::span<const std::int16_t>> checked_samples(const Block& block, std::span<const std::int16_t> samples) {
  const SensorSpec& sensor = block.sensor();
  if (sensor.element != Element::i16)
    return fail(Code::invalid_argument, "features: samples given, but the sensor's element is u8 (images)");
  if (samples.size() % sensor.channels != 0) {
    return fail(Code::invalid_argument, "features: " + std::to_string(samples.size()) +
                                            " samples are no multiple of the sensor's " +
                                            std::to_string(sensor.channels) + " channels");
  }
  if (!sensor.variable_length && samples.size() != std::size_t{sensor.length} * sensor.channels) {
    return fail(Code::invalid_argument, "features: " + std::to_string(samples.size() / sensor.channels) +
                                            " samples given, but the sensor's fixed length is " +
                                            std::to_string(sensor.length));
  }
  return loudest_stretch(samples, sensor.length, sensor.channels);
}

Result<void> check_output(const Block& block, std::span<std::int16_t> out) {
  if (out.size() == block.count()) return {};
  return fail(Code::invalid_argument, "features: the output holds " + std::to_string(out.size()) +
                                          " values, but the block gives " + std::to_string(block.count()));
}

void run_block(const Block& block, const Input& input, std::span<std::int16_t> out) {
  std::vector<std::int32_t> scratch(block.scratch_words());
  block.run(input, out.data(), scratch.data());
}

std::string json_value(const std::string& text) {
  const bool bare = text == "true" || text == "false" || text.front() == '[' || text.front() == '-' ||
                    (text.front() >= '0' && text.front() <= '9');
  return bare ? text : "\"" + text + "\"";
}

}  // namespace

Result<Quantization> quantization_for(double feature_scale, double input_scale, std::int32_t input_zero_point) {
  const double ratio = feature_scale / input_scale;
  if (!(feature_scale > 0) || !(input_scale > 0) || !std::isfinite(ratio)) {
    return fail(Code::invalid_argument, "features: the scales of features and model input must be above 0");
  }
  if (input_zero_point < -128 || input_zero_point > 127) {
    return fail(Code::invalid_argument, "features: zero point " + std::to_string(input_zero_point) + " is not an int8");
  }
  int exponent = 0;
  const double mantissa = std::frexp(ratio, &exponent);
  auto multiplier = std::llround(std::ldexp(mantissa, 31));
  if (multiplier == (1LL << 31)) {
    multiplier /= 2;
    ++exponent;
  }
  if (exponent < -31 || exponent > 14) {
    return fail(
        Code::invalid_argument,
        "features: the model's input scale differs from the features' by more than 2^14 or 2^-31; recalibrate it");
  }
  return Quantization{static_cast<std::int32_t>(multiplier), exponent, input_zero_point};
}

void quantize(std::span<const std::int16_t> features, const Quantization& quantization, std::span<std::int8_t> output) {
  MOTE_CHECK(features.size() == output.size());
  device::quantize_features(features.data(), static_cast<std::int32_t>(features.size()), quantization, output.data());
}

Result<Extractor> Extractor::create(const FeatureConfig& config, const SensorSpec& sensor) {
  MOTE_TRY_VOID(sensor.validate());
  MOTE_TRY(auto block, make_block(config, sensor));
  if (block->count() > (1u << 24)) {
    return fail(Code::invalid_argument,
                std::string(block_name(config)) + ": gives more than 2^24 values; reduce its output");
  }
  return Extractor(std::move(block));
}

Result<Extractor> Extractor::warped(double alpha) const {
  if (!(alpha >= 0.5 && alpha <= 2)) return fail(Code::invalid_argument, "features: alpha must be 0.5 to 2");
  MOTE_TRY(auto block, block_->warped(alpha));
  return Extractor(std::move(block));
}

const FeatureConfig& Extractor::config() const { return block_->config(); }
const SensorSpec& Extractor::sensor() const { return block_->sensor(); }
const std::vector<std::uint32_t>& Extractor::output_shape() const { return block_->shape(); }
std::size_t Extractor::output_count() const { return block_->count(); }
double Extractor::output_scale() const { return block_->scale(); }
std::vector<std::string> Extractor::output_names() const { return block_->names(); }

std::size_t Extractor::input_bytes() const {
  const SensorSpec& s = sensor();
  if (s.element == Element::u8) return std::size_t{s.height} * s.width * s.channels;
  return std::size_t{s.length} * s.channels * 2 + (s.variable_length ? 4 : 0);
}

std::size_t Extractor::scratch_bytes() const { return (output_count() * 2 + 3) / 4 * 4 + block_->scratch_words() * 4; }

std::string Extractor::schema() const {
  std::string text = "{\"arithmetic\":" + std::to_string(kArithmeticVersion) + ",\"block\":\"" +
                     std::string(block_name(config())) + "\"";
  for (const auto& [name, value] : parameters(config())) text += ",\"" + name + "\":" + json_value(value);
  return text + ",\"sensor\":" + sensor().schema() + "}";
}

Result<Bytes> Extractor::pack(std::span<const std::int16_t> samples) const {
  MOTE_TRY(const auto kept, checked_samples(*block_, samples));
  ByteWriter writer;
  if (sensor().variable_length) writer.u32_le(static_cast<std::uint32_t>(kept.size() / sensor().channels));
  for (const std::int16_t sample : kept) writer.u16_le(static_cast<std::uint16_t>(sample));
  Bytes bytes = std::move(writer).take();
  bytes.resize(input_bytes());
  return bytes;
}

Result<Bytes> Extractor::pack(ByteSpan pixels) const {
  if (sensor().element != Element::u8)
    return fail(Code::invalid_argument, "features: an image given, but the sensor's element is i16 (series)");
  if (pixels.size() != input_bytes()) {
    return fail(Code::invalid_argument, "features: an image of " + std::to_string(pixels.size()) +
                                            " bytes given, but the sensor's have " + std::to_string(input_bytes()));
  }
  return Bytes(pixels.begin(), pixels.end());
}

Result<void> Extractor::run(ByteSpan input, std::span<std::int16_t> out) const {
  MOTE_TRY_VOID(check_output(*block_, out));
  if (input.size() != input_bytes()) {
    return fail(Code::invalid_argument, "features: a module input of " + std::to_string(input.size()) +
                                            " bytes given, but it has " + std::to_string(input_bytes()));
  }
  if (sensor().element == Element::u8) {
    run_block(*block_, {input.data(), {nullptr, 0}}, out);
    return {};
  }
  // Samples are read as int16: bring them to an address that is even.
  std::vector<std::uint32_t> aligned((input.size() + 3) / 4);
  std::memcpy(aligned.data(), input.data(), input.size());
  const auto* bytes = reinterpret_cast<const unsigned char*>(aligned.data());
  const auto length = static_cast<std::int32_t>(sensor().length);
  const auto series =
      sensor().variable_length ? device::read_variable_series(bytes, length) : device::read_fixed_series(bytes, length);
  run_block(*block_, {nullptr, series}, out);
  return {};
}

Result<void> Extractor::run_samples(std::span<const std::int16_t> samples, std::span<std::int16_t> out) const {
  MOTE_TRY_VOID(check_output(*block_, out));
  MOTE_TRY(const auto kept, checked_samples(*block_, samples));
  run_block(*block_, {nullptr, {kept.data(), static_cast<std::int32_t>(kept.size() / sensor().channels)}}, out);
  return {};
}

}  // namespace mote::features
