// `mote features show`: a feature block on a dataset: its parameters, what comes out, what it costs, and how a sample
// looks through it.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "command.hpp"
#include "drawing.hpp"
#include "feature_meanings.hpp"
#include "mote/samples/dataset_source.hpp"
#include "sample_drawing.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

struct Options {
  std::string folder;
  std::string block = "raw";
  std::vector<std::string> settings;
  double unit = 1.0;
  std::size_t sample = 0;
};

Result<features::FeatureConfig> config_of(const Options& options) {
  std::vector<features::Parameter> given;
  for (const std::string& setting : options.settings) {
    const std::size_t equals = setting.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(Code::invalid_argument, fmt::format("features show: --set {}: write it as parameter=value", setting));
    }
    given.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return features::parse_config(options.block, given);
}

std::string shape_text(const std::vector<std::uint32_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string sensor_text(const features::SensorSpec& sensor) {
  if (sensor.element == features::Element::u8)
    return fmt::format("u8 [{}, {}, {}]", sensor.height, sensor.width, sensor.channels);
  std::string text =
      fmt::format("i16 [{}{}, {}]", sensor.variable_length ? "up to " : "", sensor.length, sensor.channels);
  if (sensor.rate_hz > 0) text += fmt::format(" at {:g} Hz", sensor.rate_hz);
  return text;
}

std::string parameter_table(const features::FeatureConfig& config) {
  TextTable table({{"parameter"}, {"value"}, {"meaning"}});
  for (const auto& [name, value] : features::parameters(config)) {
    table.add({name, value, std::string(feature_parameter_meaning(features::block_name(config), name))});
  }
  return table.text();
}

/// One value a line, with its name: for blocks whose output is a list of statistics.
std::string draw_list(const features::Extractor& extractor, const std::vector<float>& real) {
  constexpr std::size_t kMostRows = 64;
  const std::vector<std::string> names = extractor.output_names();
  float largest = 1e-30f;
  for (const float v : real) largest = std::max(largest, std::abs(v));
  TextTable table({{"feature"}, {"value", Align::right}, {""}});
  for (std::size_t i = 0; i < std::min(kMostRows, real.size()); ++i) {
    table.add({names.empty() ? std::to_string(i) : names[i % names.size()], fmt::format("{:.4g}", real[i]),
               draw_bar(static_cast<double>(std::abs(real[i]) / largest), 24)});
  }
  return table.text() +
         (real.size() > kMostRows ? fmt::format("and {} more; --json gives all\n", real.size() - kMostRows) : "");
}

/// Time to the right, low bands at the bottom.
std::string draw_frames(std::size_t frames, std::size_t bands, const std::vector<float>& real) {
  std::vector<float> turned(real.size());
  for (std::size_t t = 0; t < frames; ++t) {
    for (std::size_t b = 0; b < bands; ++b) turned[(bands - 1 - b) * frames + t] = real[t * bands + b];
  }
  const std::size_t cells_wide = frames <= 50 ? 2 : 1;
  return draw_shades(turned, bands, frames, {std::min<std::size_t>(bands, 64), std::min<std::size_t>(frames, 100)},
                     cells_wide);
}

std::string draw_sequence(std::size_t steps, std::size_t channels, const std::vector<std::string>& names,
                          const std::vector<float>& real) {
  std::string out;
  for (std::size_t c = 0; c < std::min<std::size_t>(channels, 8); ++c) {
    std::vector<float> channel(steps);
    for (std::size_t t = 0; t < steps; ++t) channel[t] = real[t * channels + c];
    const auto [low, high] = std::minmax_element(channel.begin(), channel.end());
    out += fmt::format("{}, {:.4g} to {:.4g}\n", c < names.size() ? names[c] : fmt::format("channel {}", c + 1), *low,
                       *high);
    out += draw_signal(channel, 80, 4);
  }
  return out;
}

std::string draw_features(const features::Extractor& extractor, const std::vector<float>& real) {
  const std::vector<std::uint32_t>& shape = extractor.output_shape();
  const bool is_image = extractor.sensor().element == features::Element::u8;
  if (shape.size() == 1) return draw_list(extractor, real);
  if (shape.size() == 2) return draw_sequence(shape[0], shape[1], extractor.output_names(), real);
  if (!is_image) return draw_frames(shape[0], shape[1] * shape[2], real);
  std::vector<float> gray(std::size_t{shape[0]} * shape[1]);
  for (std::size_t i = 0; i < real.size(); ++i) gray[i / shape[2]] += real[i];
  return draw_shades(gray, shape[0], shape[1], picture_size(shape[0], shape[1], 48), 2);
}

/// For float data, whether the chosen unit uses the 16 bits that a device's sensor has.
std::string unit_note(const data::Dataset& dataset, const std::vector<float>& values, double unit) {
  if (dataset.about().element != data::Element::f32) return {};
  double peak = 0;
  for (const float v : values) peak = std::max(peak, std::abs(static_cast<double>(v)));
  const double counts = peak / unit;
  if (counts >= 256 && counts <= 32'767) return {};
  const double better = peak > 0 ? std::exp2(std::ceil(std::log2(peak / 32'767))) : 1.0;
  return fmt::format(
      "note: with --unit {:g} the largest value is {:.4g} counts of 32767; --unit {:g} would use the range\n", unit,
      counts, better);
}

struct Extracted {
  std::vector<std::int16_t> counts;
  std::vector<float> real;
};

Result<Extracted> extract(const data::Dataset& dataset, const features::Extractor& extractor, std::size_t i) {
  MOTE_TRY(const auto source,
           samples::DatasetSource::create(dataset, {static_cast<std::uint32_t>(i)}, extractor, 1.0, {}));
  Extracted out{std::vector<std::int16_t>(extractor.output_count()), {}};
  MOTE_TRY_VOID(source->features(0, out.counts));
  for (const std::int16_t count : out.counts) out.real.push_back(static_cast<float>(count * extractor.output_scale()));
  return out;
}

std::string text_of(const data::Dataset& dataset, const features::Extractor& extractor) {
  std::string text = fmt::format("{} on {}\n\n", features::block_name(extractor.config()), dataset.about().name);
  text += parameter_table(extractor.config()) + "\n";
  text += fmt::format("input    {}, {} bytes\n", sensor_text(extractor.sensor()), extractor.input_bytes());
  text += fmt::format("output   {}, {} values of int16, scale {:g}\n", shape_text(extractor.output_shape()),
                      extractor.output_count(), extractor.output_scale());
  return text + fmt::format("scratch  {} bytes\n", extractor.scratch_bytes());
}

Json json_of(const data::Dataset& dataset, const features::Extractor& extractor) {
  Json json{{"dataset", dataset.folder().string()}, {"block", features::block_name(extractor.config())}};
  json["parameters"] = Json::array();
  for (const auto& [name, value] : features::parameters(extractor.config())) {
    json["parameters"].push_back(
        {{"name", name},
         {"value", value},
         {"meaning", feature_parameter_meaning(features::block_name(extractor.config()), name)}});
  }
  json["sensor"] = Json::parse(extractor.sensor().schema(), nullptr, false);
  json["output_shape"] = extractor.output_shape();
  json["output_count"] = extractor.output_count();
  json["output_scale"] = extractor.output_scale();
  json["output_names"] = extractor.output_names();
  json["input_bytes"] = extractor.input_bytes();
  json["scratch_bytes"] = extractor.scratch_bytes();
  return json;
}

Result<Outcome> show(const Options& options) {
  if (!(options.unit > 0) || !std::isfinite(options.unit)) {
    return fail(Code::invalid_argument,
                fmt::format("features show: --unit {:g}: must be a number above 0", options.unit));
  }
  MOTE_TRY(const features::FeatureConfig config, config_of(options));
  MOTE_TRY(const data::Dataset dataset, data::Dataset::open(options.folder));
  MOTE_TRY(const std::vector<float> values, sample_values(dataset, options.sample));
  auto sensor = samples::sensor_of(dataset, options.unit);
  if (!sensor) return fail(std::move(sensor).error(), options.folder);
  auto extractor = features::Extractor::create(config, *sensor);
  if (!extractor) return fail(std::move(extractor).error(), options.folder);
  MOTE_TRY(const Extracted extracted, extract(dataset, *extractor, options.sample));
  Outcome out{text_of(dataset, *extractor), json_of(dataset, *extractor)};
  out.text += unit_note(dataset, values, options.unit);
  out.text += "\n" + sample_title(dataset, options.sample) + "\n" + draw_features(*extractor, extracted.real);
  const auto [low, high] = std::minmax_element(extracted.real.begin(), extracted.real.end());
  out.json["sample"] = {{"index", options.sample},
                        {"label", label_of(dataset, options.sample)},
                        {"source", std::string(dataset.info(options.sample).source)},
                        {"minimum", *low},
                        {"maximum", *high},
                        {"counts", extracted.counts}};
  return out;
}

Action set_up(CLI::App& app) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> blocks;
  for (const std::string_view name : features::block_names()) blocks.emplace_back(name);
  app.add_option("dataset", options->folder, "folder of the dataset")->required();
  app.add_option("--block", options->block, "the features")->check(CLI::IsMember(blocks))->capture_default_str();
  // One value an occurrence, so that the dataset may follow it.
  app.add_option("--set", options->settings, "a parameter of the block, as parameter=value; may be given often")
      ->expected(1)
      ->take_all();
  app.add_option("--unit", options->unit, "real value of one count, for series and strokes of floats")
      ->capture_default_str();
  app.add_option("--sample", options->sample, "which sample to draw, from 0")->capture_default_str();
  return [options](Progress&) { return show(*options); };
}

}  // namespace

std::vector<Command> features_commands() {
  return {{"features show", "what a feature block makes of a dataset, and what it costs",
           "mote features show digits --block mfe --set num_filters=32 --set frame_stride=0.02 --sample 12", set_up}};
}

}  // namespace mote::app
