// [data], [split] and [features] of mote.toml.

#include <algorithm>

#include "project.hpp"

namespace mote::app {
namespace {

using pipeline::Section;
using Strings = std::vector<std::string>;

Result<std::filesystem::path> optional_path(Section& section, std::string_view key) {
  if (!section.has(key)) {
    MOTE_TRY(const std::string nothing, section.get<std::string>(key, ""));
    return std::filesystem::path(nothing);
  }
  return section.path(key);
}

Result<data::Naming> read_naming(Section& section) {
  data::Naming naming;
  MOTE_TRY(naming.pattern, section.get<std::string>("pattern", ""));
  MOTE_TRY(naming.test_when, section.get<std::string>("test_when", ""));
  const std::string fallback = naming.pattern.find("{label}") != std::string::npos ? "pattern" : "folder";
  MOTE_TRY(const std::string label, section.one_of("label_from", {"folder", "pattern", "none"}, fallback));
  naming.label = label == "folder"    ? data::Naming::Label::folder
                 : label == "pattern" ? data::Naming::Label::pattern
                                      : data::Naming::Label::none;
  return naming;
}

Result<data::ImportSpec> read_idx(Section& s, std::vector<std::filesystem::path>& sources) {
  data::IdxSpec spec;
  MOTE_TRY(spec.images, s.path("images"));
  MOTE_TRY(spec.labels, s.path("labels"));
  MOTE_TRY(spec.test_images, optional_path(s, "test_images"));
  MOTE_TRY(spec.test_labels, optional_path(s, "test_labels"));
  MOTE_TRY(spec.label_names, s.get<Strings>("label_names", {}));
  for (const auto& p : {spec.images, spec.labels, spec.test_images, spec.test_labels}) {
    if (!p.empty()) sources.push_back(p);
  }
  return spec;
}

Result<data::ImportSpec> read_audio(Section& s, std::vector<std::filesystem::path>& sources) {
  data::AudioSpec spec;
  MOTE_TRY(spec.folder, s.path("path"));
  MOTE_TRY(spec.naming, read_naming(s));
  MOTE_TRY(spec.labels, s.get<Strings>("only_labels", {}));
  MOTE_TRY(spec.max_seconds, s.get<double>("max_seconds", 600.0, {0.001, 86'400.0}));
  MOTE_TRY(const std::string channels, s.one_of("channels", {"mix_to_mono", "first", "keep"}, "mix_to_mono"));
  spec.channels = channels == "first"  ? data::AudioSpec::Channels::first
                  : channels == "keep" ? data::AudioSpec::Channels::keep
                                       : data::AudioSpec::Channels::mix_to_mono;
  if (s.has("rate")) {
    MOTE_TRY(spec.rate_hz, s.hertz("rate"));
  }
  sources.push_back(spec.folder);
  return spec;
}

Result<data::ImportSpec> read_images(Section& s, std::vector<std::filesystem::path>& sources) {
  data::ImageSpec spec;
  MOTE_TRY(spec.folder, s.path("path"));
  MOTE_TRY(spec.naming, read_naming(s));
  MOTE_TRY(spec.labels, s.get<Strings>("only_labels", {}));
  MOTE_TRY(const int channels, s.get<int>("channels", 0, {0, 3}));
  spec.channels = static_cast<unsigned>(channels);
  sources.push_back(spec.folder);
  return spec;
}

Result<data::ImportSpec> read_series(Section& s, std::vector<std::filesystem::path>& sources) {
  data::SeriesSpec spec;
  MOTE_TRY(spec.path, s.path("path"));
  MOTE_TRY(spec.time_column, s.get<std::string>("time_column", ""));
  MOTE_TRY(spec.time_scale, s.get<double>("time_scale", 1.0, {1e-12, 1e12}));
  MOTE_TRY(spec.channels, s.get<Strings>("channels", {}));
  MOTE_TRY(spec.label_column, s.get<std::string>("label_column", ""));
  MOTE_TRY(spec.group_column, s.get<std::string>("group_column", ""));
  MOTE_TRY(spec.naming.pattern, s.get<std::string>("pattern", ""));
  MOTE_TRY(spec.naming.test_when, s.get<std::string>("test_when", ""));
  using Label = data::SeriesSpec::Label;
  const std::string label_fallback = !spec.label_column.empty()                                 ? "column"
                                     : spec.naming.pattern.find("{label}") != std::string::npos ? "pattern"
                                                                                                : "file_name";
  MOTE_TRY(const std::string label,
           s.one_of("label_from", {"column", "file_name", "folder", "pattern", "none"}, label_fallback));
  spec.label = label == "column"      ? Label::column
               : label == "file_name" ? Label::file_name
               : label == "folder"    ? Label::folder
               : label == "pattern"   ? Label::pattern
                                      : Label::none;
  if (!spec.group_column.empty())
    spec.group = data::SeriesSpec::Group::column;
  else if (spec.naming.pattern.find("{group}") != std::string::npos)
    spec.group = data::SeriesSpec::Group::pattern;
  MOTE_TRY(const int rows, s.get<int>("window", 0, {0, 1'000'000}));
  MOTE_TRY(const int stride, s.get<int>("stride", 0, {0, 1'000'000}));
  spec.window_rows = static_cast<std::size_t>(rows);
  spec.stride_rows = static_cast<std::size_t>(stride);
  MOTE_TRY(spec.labels, s.get<Strings>("only_labels", {}));
  if (s.has("rate")) {
    MOTE_TRY(spec.rate_hz, s.hertz("rate"));
  }
  sources.push_back(spec.path);
  return spec;
}

Result<data::ImportSpec> read_strokes(Section& s, std::vector<std::filesystem::path>& sources) {
  data::StrokesSpec spec;
  MOTE_TRY(spec.path, s.path("path"));
  MOTE_TRY(spec.naming.pattern, s.get<std::string>("pattern", ""));
  MOTE_TRY(spec.naming.test_when, s.get<std::string>("test_when", ""));
  MOTE_TRY(spec.labels, s.get<Strings>("only_labels", {}));
  MOTE_TRY(const int points, s.get<int>("min_points", 2, {2, 100'000}));
  spec.min_points = static_cast<std::size_t>(points);
  sources.push_back(spec.path);
  return spec;
}

using Reader = Result<data::ImportSpec> (*)(Section&, std::vector<std::filesystem::path>&);
Reader reader_of(const std::string& kind) {
  return kind == "idx"      ? read_idx
         : kind == "audio"  ? read_audio
         : kind == "images" ? read_images
         : kind == "series" ? read_series
                            : read_strokes;
}

Result<unsigned> fold_number(Section& s, std::string_view key, int fallback, int least) {
  MOTE_TRY(const int n, s.get<int>(key, fallback, {least, 1000}));
  return static_cast<unsigned>(n);
}

/// Parameters of a feature block by the type that their default has.
Result<std::vector<features::Parameter>> read_parameters(Section& s, const std::vector<features::Parameter>& defaults) {
  std::vector<features::Parameter> given;
  for (const auto& [key, text] : defaults) {
    if (!s.has(key)) continue;
    if (text == "true" || text == "false") {
      MOTE_TRY(const bool v, s.require<bool>(key));
      given.emplace_back(key, v ? "true" : "false");
    } else if (text.starts_with("[")) {
      MOTE_TRY(const auto list, s.require<std::vector<double>>(key));
      std::string joined;
      for (const double v : list) joined += (joined.empty() ? "" : ", ") + pipeline::canonical_number(v);
      given.emplace_back(key, "[" + joined + "]");
    } else if (text.find_first_not_of("0123456789.-+e") == std::string::npos) {
      MOTE_TRY(const double v, s.require<double>(key));
      given.emplace_back(key, pipeline::canonical_number(v));
    } else {
      MOTE_TRY(const std::string v, s.require<std::string>(key));
      given.emplace_back(key, v);
    }
  }
  return given;
}

}  // namespace

Result<Setting<DataSettings>> read_data(pipeline::Config& config) {
  MOTE_TRY(Section section, config.section("data"));
  Setting<DataSettings> out;
  MOTE_TRY(const std::string kind, section.one_of("kind", {"idx", "audio", "images", "series", "strokes"}));
  MOTE_TRY(out.value.spec, reader_of(kind)(section, out.value.sources));
  MOTE_TRY(const std::string name, section.get<std::string>("name", kind));
  std::visit([&](auto& spec) { spec.name = name; }, out.value.spec);
  // Seen from where mote was started; the pipeline sees relative ones from the project's folder.
  for (auto& source : out.value.sources) source = std::filesystem::absolute(source).lexically_normal();
  out.text = section.canonical_text();
  MOTE_TRY(out.value.licence, section.get<std::string>("licence", ""));
  MOTE_TRY(out.value.source, section.get<std::string>("source", ""));
  return out;
}

Result<Setting<data::SplitSpec>> read_split(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("split"));
  Setting<data::SplitSpec> out;
  MOTE_TRY(
      const std::string rule,
      s.one_of("rule", {"hint", "fraction", "kfold", "groups", "group_fraction", "leave_one_group_out"}, "fraction"));
  const auto part = [&](std::string_view key, double fallback) { return s.get<double>(key, fallback, {0.0, 0.95}); };
  if (rule == "hint") {
    data::SplitByHint r;
    MOTE_TRY(r.validation, part("validation", 0.0));
    out.value.rule = r;
  } else if (rule == "fraction") {
    data::SplitByFraction r;
    MOTE_TRY(r.validation, part("validation", 0.1));
    MOTE_TRY(r.test, part("test", 0.2));
    out.value.rule = r;
  } else if (rule == "kfold") {
    data::SplitKFold r;
    MOTE_TRY(r.folds, fold_number(s, "folds", 5, 2));
    MOTE_TRY(r.fold, fold_number(s, "fold", 0, 0));
    MOTE_TRY(r.validation, part("validation", 0.0));
    out.value.rule = r;
  } else if (rule == "groups") {
    data::SplitByGroup r;
    MOTE_TRY(r.test, s.require<Strings>("test_groups"));
    MOTE_TRY(r.validation, s.get<Strings>("validation_groups", {}));
    out.value.rule = r;
  } else if (rule == "group_fraction") {
    data::SplitByGroupFraction r;
    MOTE_TRY(r.validation, part("validation", 0.1));
    MOTE_TRY(r.test, part("test", 0.2));
    out.value.rule = r;
  } else {
    data::SplitLeaveOneGroupOut r;
    MOTE_TRY(r.fold, fold_number(s, "fold", 0, 0));
    MOTE_TRY(r.validation_groups, fold_number(s, "validation_groups", 0, 0));
    out.value.rule = r;
  }
  MOTE_TRY(const int seed, s.get<int>("seed", 1, {0, 2'000'000'000}));
  out.value.seed = static_cast<std::uint64_t>(seed);
  out.text = s.canonical_text();
  return out;
}

Result<Setting<FeatureSettings>> read_features(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("features"));
  Setting<FeatureSettings> out;
  Strings names;
  for (const auto block : features::block_names()) names.emplace_back(block);
  MOTE_TRY(const std::string block, s.one_of("block", names, "raw"));
  MOTE_TRY(const auto plain, features::parse_config(block, {}));
  MOTE_TRY(const auto given, read_parameters(s, features::parameters(plain)));
  auto parsed = features::parse_config(block, given);
  if (!parsed) return s.refuse("block", "is not usable: " + parsed.error().message());
  out.value.config = std::move(*parsed);
  MOTE_TRY(out.value.unit, s.get<double>("unit", 1.0, {1e-12, 1e12}));
  MOTE_TRY(const int max_length, s.get<int>("max_length", 0, {0, 100'000'000}));
  out.value.max_length = static_cast<std::uint32_t>(max_length);
  out.text = s.canonical_text();
  return out;
}

}  // namespace mote::app
