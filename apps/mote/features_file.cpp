#include "features_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mote/features/emit.hpp"
#include "mote/pipeline/config.hpp"
#include "project.hpp"
#include "steps/compile_model.hpp"

namespace mote::app {

Result<FeaturesFile> read_features_file(const std::filesystem::path& path) {
  MOTE_TRY(pipeline::Config config, pipeline::Config::load(path));
  MOTE_TRY(pipeline::Section sensor, config.section("sensor"));
  MOTE_TRY(const double rate, sensor.require<double>("rate_hz", {1e-3, 1e9}));
  MOTE_TRY(const int window, sensor.require<int>("window", {1, 1 << 20}));
  MOTE_TRY(const int hop, sensor.get<int>("hop", window, {1, window}));
  MOTE_TRY(const int channels, sensor.get<int>("channels", 1, {1, 64}));
  MOTE_TRY(const auto block, read_features(config));
  MOTE_TRY(pipeline::Section section, config.section("features"));
  MOTE_TRY(const double gain, section.get<double>("gain", 1.0, {1e-12, 1e12}));
  MOTE_TRY_VOID(config.finish());
  auto extractor = features::Extractor::create(
      block.value.config, features::SensorSpec::series(static_cast<std::uint32_t>(window),
                                                       static_cast<std::uint32_t>(channels), rate, block.value.unit));
  if (!extractor) return fail(std::move(extractor).error(), path.string());
  return FeaturesFile{std::move(*extractor), static_cast<std::size_t>(hop) * static_cast<std::size_t>(channels) * 2,
                      gain};
}

Result<features::Quantization> input_quantization(const FeaturesFile& file, const graph::Graph& model) {
  const graph::Tensor& input = model.input();
  if (input.dtype != graph::DType::i8 || input.shape.elements() != file.extractor.output_count()) {
    return fail(Code::invalid_argument,
                fmt::format("the features are {} values, the model takes {} {}", file.extractor.output_count(),
                            graph::name(input.dtype), input.shape.text()));
  }
  return features::quantization_for(file.extractor.output_scale() * file.gain,
                                    static_cast<double>(input.quantization.scale()), input.quantization.zero_point());
}

Result<compile::FeatureStage> feature_stage(const FeaturesFile& file, const features::Quantization& quantization) {
  MOTE_TRY(compile::FeatureStage stage, feature_stage(file.extractor, quantization));
  stage.history_bytes = stage.input_bytes - file.hop_bytes;
  stage.input_bytes = file.hop_bytes;
  return stage;
}

FeatureStream::FeatureStream(const FeaturesFile& file, const features::Quantization& quantization)
    : file_(file), quantization_(quantization), window_(file.extractor.input_bytes(), 0) {}

Result<Bytes> FeatureStream::next(ByteSpan input) {
  std::ranges::copy(ByteSpan(window_).subspan(input.size()), window_.begin());
  std::ranges::copy(input, window_.end() - static_cast<std::ptrdiff_t>(input.size()));
  std::vector<std::int16_t> values(file_.extractor.output_count());
  MOTE_TRY_VOID(file_.extractor.run(window_, values));
  Bytes model_input(values.size());
  features::quantize(values, quantization_, {reinterpret_cast<std::int8_t*>(model_input.data()), model_input.size()});
  return model_input;
}

}  // namespace mote::app
