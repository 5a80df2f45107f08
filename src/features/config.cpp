#include "mote/features/config.hpp"

#include <charconv>
#include <cmath>

#include "parameter_list.hpp"

namespace mote::features {
namespace {

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Error bad_value(std::string_view block, std::string_view name, std::string_view value, std::string_view wanted) {
  return {Code::invalid_argument, std::string(block) + ": " + std::string(name) + ": '" + std::string(value) +
                                      "' is not " + std::string(wanted)};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if constexpr (std::is_floating_point_v<T>) return std::isfinite(value);
  return true;
}

/// Text of a value; the shortest that reads back as the same number.
struct Print {
  std::vector<Parameter> out;

  static std::string number(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  }
  void operator()(std::string_view name, const bool& value) { out.emplace_back(name, value ? "true" : "false"); }
  void operator()(std::string_view name, const std::uint32_t& value) { out.emplace_back(name, std::to_string(value)); }
  void operator()(std::string_view name, const double& value) { out.emplace_back(name, number(value)); }
  void operator()(std::string_view name, const std::vector<double>& values) {
    std::string text = "[";
    for (const double value : values) text += (text.size() > 1 ? ", " : "") + number(value);
    out.emplace_back(name, text + "]");
  }
  template <class Enum>
  void operator()(std::string_view name, const Enum& value, std::span<const std::string_view> choices) {
    out.emplace_back(name, choices[static_cast<std::size_t>(value)]);
  }
};

/// Sets the one parameter called `wanted`.
struct Assign {
  std::string_view wanted;
  std::string_view text;
  bool found = false;
  std::string_view expected = {};  // what the value should have been, where it is not
  std::string choice_text = {};

  bool is(std::string_view name) {
    if (name != wanted) return false;
    found = true;
    return true;
  }
  void operator()(std::string_view name, bool& value) {
    if (!is(name)) return;
    if (text != "true" && text != "false") expected = "true or false";
    value = text == "true";
  }
  void operator()(std::string_view name, std::uint32_t& value) {
    if (is(name) && !parse_number(text, value)) expected = "a whole number from 0";
  }
  void operator()(std::string_view name, double& value) {
    if (is(name) && !parse_number(text, value)) expected = "a number";
  }
  void operator()(std::string_view name, std::vector<double>& values) {
    if (is(name) && !parse_list(values)) expected = "a list of numbers like [1, 2.5]";
  }
  template <class Enum>
  void operator()(std::string_view name, Enum& value, std::span<const std::string_view> choices) {
    if (!is(name)) return;
    choice_text = "one of";
    for (std::size_t i = 0; i < choices.size(); ++i) {
      choice_text += (i > 0 ? ", " : " ") + std::string(choices[i]);
      if (choices[i] == text) value = static_cast<Enum>(i);
    }
    bool known = false;
    for (const auto choice : choices) known = known || choice == text;
    if (!known) expected = choice_text;
  }

  bool parse_list(std::vector<double>& values) const {
    std::string_view rest = trimmed(text);
    if (rest.size() < 2 || rest.front() != '[' || rest.back() != ']') return false;
    rest = trimmed(rest.substr(1, rest.size() - 2));
    values.clear();
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      double value = 0;
      if (!parse_number(rest.substr(0, comma), value)) return false;
      values.push_back(value);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      if (comma != std::string_view::npos && trimmed(rest).empty()) return false;
    }
    return true;
  }
};

struct BlockEntry {
  std::string_view name;
  FeatureConfig defaults;
};

const std::vector<BlockEntry>& blocks() {
  static const std::vector<BlockEntry> table = {
      {"raw", RawConfig{}},
      {"image", ImageConfig{}},
      {"flatten", FlattenConfig{}},
      {"spectral", SpectralConfig{}},
      {"spectrogram", SpectrogramConfig{}},
      {"mfe", MfeConfig{}},
      {"mfcc", MfccConfig{}},
      {"trajectory", TrajectoryConfig{}},
  };
  return table;
}

}  // namespace

SensorSpec SensorSpec::image(std::uint32_t height, std::uint32_t width, std::uint32_t channels) {
  SensorSpec spec;
  spec.element = Element::u8;
  spec.height = height;
  spec.width = width;
  spec.channels = channels;
  spec.unit = 1.0 / 255;
  return spec;
}

SensorSpec SensorSpec::audio(std::uint32_t max_length, double rate_hz) {
  SensorSpec spec = series(max_length, 1, rate_hz, 1.0 / 32768);
  spec.variable_length = true;
  return spec;
}

SensorSpec SensorSpec::series(std::uint32_t length, std::uint32_t channels, double rate_hz, double unit) {
  SensorSpec spec;
  spec.length = length;
  spec.channels = channels;
  spec.rate_hz = rate_hz;
  spec.unit = unit;
  return spec;
}

SensorSpec SensorSpec::strokes(std::uint32_t max_length) {
  SensorSpec spec = series(max_length, 2, 0);
  spec.variable_length = true;
  return spec;
}

std::string SensorSpec::schema() const {
  if (element == Element::u8) {
    return "{\"element\":\"u8\",\"shape\":[" + std::to_string(height) + "," + std::to_string(width) + "," +
           std::to_string(channels) + "]}";
  }
  return "{\"element\":\"i16\",\"length\":" + std::to_string(length) + ",\"channels\":" + std::to_string(channels) +
         ",\"variable_length\":" + (variable_length ? "true" : "false") + ",\"rate_hz\":" + Print::number(rate_hz) +
         ",\"unit\":" + Print::number(unit) + "}";
}

Result<void> SensorSpec::validate() const {
  constexpr std::uint64_t kLimit = 1u << 24;
  const std::uint64_t size = element == Element::u8 ? std::uint64_t{height} * width : length;
  if (size == 0 || channels == 0)
    return fail(Code::invalid_argument, "sensor: the shape " + schema() + " is empty; give every size");
  if (height > 65535 || width > 65535 || channels > 1024 || size * channels > kLimit) {
    return fail(Code::invalid_argument,
                "sensor: the shape " + schema() + " exceeds 2^24 values; shorten or scale the input");
  }
  if (!(rate_hz >= 0) || !std::isfinite(rate_hz))
    return fail(Code::invalid_argument, "sensor: rate_hz must be a number from 0");
  if (!(unit > 0) || !std::isfinite(unit)) return fail(Code::invalid_argument, "sensor: unit must be a number above 0");
  return {};
}

std::string_view block_name(const FeatureConfig& config) { return blocks()[config.index()].name; }

std::vector<std::string_view> block_names() {
  std::vector<std::string_view> names;
  for (const auto& block : blocks()) names.push_back(block.name);
  return names;
}

std::vector<Parameter> parameters(const FeatureConfig& config) {
  Print print;
  std::visit([&](const auto& block) { visit_parameters(block, print); }, config);
  return std::move(print.out);
}

Result<FeatureConfig> parse_config(std::string_view block, const std::vector<Parameter>& given) {
  const BlockEntry* entry = nullptr;
  std::string known;
  for (const auto& candidate : blocks()) {
    if (candidate.name == block) entry = &candidate;
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  if (entry == nullptr)
    return fail(Code::invalid_argument, "features: no block " + quoted(block) + "; there are " + known);
  FeatureConfig config = entry->defaults;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& [name, text] = given[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (given[j].first == name)
        return fail(Code::invalid_argument, std::string(block) + ": " + name + " is given twice");
    }
    Assign assign{name, text};
    std::visit([&](auto& values) { visit_parameters(values, assign); }, config);
    if (!assign.found) {
      std::string names;
      for (const auto& parameter : parameters(config)) names += (names.empty() ? "" : ", ") + parameter.first;
      return fail(Code::invalid_argument,
                  std::string(block) + ": no parameter " + quoted(name) + "; there are " + names);
    }
    if (!assign.expected.empty()) return fail(bad_value(block, name, text, assign.expected));
  }
  return config;
}

}  // namespace mote::features
