// `mote data import KIND`: one parser a kind of source; each fills the typed description that the importer takes.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data_commands.hpp"
#include "mote/data/import.hpp"
#include "option_types.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

namespace fs = std::filesystem;
using Label = data::Naming::Label;

/// What every kind has.
struct Common {
  std::string out;
  std::string name;
  std::string classes;
};

/// How files tell label, group and part.
struct NamingWords {
  std::string label_from;
  std::string pattern;
  std::string test_when;

  [[nodiscard]] data::Naming naming(Label otherwise) const {
    static const Choices<Label> kLabels{{"folder", Label::folder}, {"pattern", Label::pattern}, {"none", Label::none}};
    const bool in_pattern = pattern.find("{label}") != std::string::npos;
    const Label label = !label_from.empty() ? chosen(kLabels, label_from) : in_pattern ? Label::pattern : otherwise;
    return {label, pattern, test_when};
  }
};

struct Kind {
  CLI::App* parser = nullptr;
  std::function<data::ImportSpec()> spec;
};

CLI::App& add_kind(CLI::App& import, const std::string& kind, const std::string& summary, const std::string& example) {
  CLI::App* app = import.add_subcommand(kind, summary);
  app->fallthrough();
  app->footer("Example:\n  " + example);
  return *app;
}

void add_common(CLI::App& app, Common& common, const std::string& classes_option, const std::string& classes) {
  app.add_option("--out", common.out, "folder of the dataset; one that is there is replaced when all went well")
      ->required();
  app.add_option("--name", common.name, "name of the dataset; default: the folder's");
  app.add_option(classes_option, common.classes, classes);
}

void add_pattern(CLI::App& app, NamingWords& words) {
  app.add_option("--pattern", words.pattern,
                 "what file names tell: \"{label}_{group}_{index}.wav\", \"{group}/{label}/{*}\"; also {partition}");
  app.add_option("--test-when", words.test_when, "which files are the test part: \"index < 5\", \"group == theo\"");
}

void add_label_from(CLI::App& app, NamingWords& words) {
  app.add_option("--label-from", words.label_from,
                 "what tells the class; default: the pattern when it has {label}, else the folder")
      ->check(CLI::IsMember(std::vector<std::string>{"folder", "pattern", "none"}));
}

constexpr const char* kClosedSet =
    "the classes, with commas; a file of any other is refused; default: those that are found";

template <class Spec>
void fill(Spec& spec, const Common& common) {
  spec.name = common.name;
  spec.labels = comma_list(common.classes);
}

Kind idx_kind(CLI::App& import, const std::shared_ptr<Common>& common) {
  CLI::App& app = add_kind(import, "idx", "IDX files, plain or gzip (the format of MNIST)",
                           "mote data import idx train-images.idx3.gz --labels train-labels.idx1.gz --out fashion");
  auto spec = std::make_shared<data::IdxSpec>();
  app.add_option("images", spec->images, "the samples: one item each")->required();
  app.add_option("--labels", spec->labels, "the class numbers of the samples; default: unlabelled");
  app.add_option("--test-images", spec->test_images, "the samples of the test part");
  app.add_option("--test-labels", spec->test_labels, "the class numbers of the test part");
  add_common(app, *common, "--label-names",
             "names of the classes in the order of their numbers, with commas; default: the numbers");
  return {&app, [spec, common] {
            spec->name = common->name;
            spec->label_names = comma_list(common->classes);
            return data::ImportSpec(*spec);
          }};
}

Kind audio_kind(CLI::App& import, const std::shared_ptr<Common>& common) {
  using Channels = data::AudioSpec::Channels;
  static const Choices<Channels> kChannels{
      {"mix_to_mono", Channels::mix_to_mono}, {"first", Channels::first}, {"keep", Channels::keep}};
  CLI::App& app = add_kind(
      import, "audio", "a folder of WAV or FLAC files",
      "mote data import audio ./fsdd --pattern \"{label}_{group}_{index}.wav\" --test-when \"index < 5\" --out digits");
  struct State {
    data::AudioSpec spec;
    NamingWords words;
    std::string channels = "mix_to_mono";
  };
  auto state = std::make_shared<State>();
  app.add_option("folder", state->spec.folder, "searched with all its folders")->required();
  add_label_from(app, state->words);
  add_pattern(app, state->words);
  add_choice(app, "--channels", state->channels, kChannels, "what becomes of stereo")->capture_default_str();
  app.add_option("--rate-hz", state->spec.rate_hz,
                 "files of another rate are refused; 0: the rate of the first good file")
      ->capture_default_str();
  app.add_option("--max-seconds", state->spec.max_seconds, "longer files are refused")->capture_default_str();
  add_common(app, *common, "--only-labels", kClosedSet);
  return {&app, [state, common] {
            fill(state->spec, *common);
            state->spec.naming = state->words.naming(Label::folder);
            state->spec.channels = chosen(kChannels, state->channels);
            return data::ImportSpec(state->spec);
          }};
}

const Choices<unsigned> kPictureChannels{{"0", 0}, {"1", 1}, {"3", 3}};

Kind images_kind(CLI::App& import, const std::shared_ptr<Common>& common) {
  CLI::App& app = add_kind(import, "images", "a folder of PNG or JPEG files",
                           "mote data import images ./parts --channels 1 --out parts-dataset");
  struct State {
    data::ImageSpec spec;
    NamingWords words;
    std::string channels = "0";
  };
  auto state = std::make_shared<State>();
  app.add_option("folder", state->spec.folder, "searched with all its folders")->required();
  add_label_from(app, state->words);
  add_pattern(app, state->words);
  add_choice(app, "--channels", state->channels, kPictureChannels, "1 gray, 3 RGB, 0: as the first good file has")
      ->capture_default_str();
  app.add_option("--max-side", state->spec.max_side, "pixels; larger pictures are refused")->capture_default_str();
  add_common(app, *common, "--only-labels", kClosedSet);
  return {&app, [state, common] {
            fill(state->spec, *common);
            state->spec.channels = chosen(kPictureChannels, state->channels);
            state->spec.naming = state->words.naming(Label::folder);
            return data::ImportSpec(state->spec);
          }};
}

/// Roles of columns, windows and labels of `series` as they are typed.
struct SeriesState {
  data::SeriesSpec spec;
  NamingWords words;
  std::string channels, label_from, group_from;
  std::string header = "detect", delimiter = "detect", mixed = "majority";
};

using Series = data::SeriesSpec;
const Choices<Series::Label> kSeriesLabels{{"column", Series::Label::column},
                                           {"file_name", Series::Label::file_name},
                                           {"folder", Series::Label::folder},
                                           {"pattern", Series::Label::pattern},
                                           {"none", Series::Label::none}};
const Choices<Series::Group> kSeriesGroups{{"recording", Series::Group::recording},
                                           {"column", Series::Group::column},
                                           {"pattern", Series::Group::pattern},
                                           {"none", Series::Group::none}};
const Choices<Series::Header> kHeaders{
    {"detect", Series::Header::detect}, {"yes", Series::Header::yes}, {"no", Series::Header::no}};
const Choices<char> kDelimiters{{"detect", '\0'}, {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"blank", ' '}};
const Choices<data::MixedLabels> kMixed{{"majority", data::MixedLabels::majority}, {"drop", data::MixedLabels::drop}};

void add_series_columns(CLI::App& app, SeriesState& state) {
  app.add_option("--channels", state.channels, "columns with values, with commas; default: all without another role");
  app.add_option("--time-column", state.spec.time_column, "by name, or by number as \"#1\"; must not go backwards");
  app.add_option("--time-scale", state.spec.time_scale, "seconds per unit of the time column; 0.001 for milliseconds")
      ->capture_default_str();
  app.add_option("--label-column", state.spec.label_column, "the column with the class");
  app.add_option("--group-column", state.spec.group_column, "the column with speaker, volunteer, device ...");
  add_choice(app, "--delimiter", state.delimiter, kDelimiters, "between two cells")->capture_default_str();
  add_choice(app, "--header", state.header, kHeaders, "whether the first line has the names")->capture_default_str();
}

void add_series_windows(CLI::App& app, SeriesState& state) {
  app.add_option("--window", state.spec.window_rows, "rows of a sample; 0: a recording is one sample")
      ->capture_default_str();
  app.add_option("--stride", state.spec.stride_rows, "rows between the starts of two windows; 0: a window's length")
      ->capture_default_str();
  add_choice(app, "--mixed-labels", state.mixed, kMixed, "what becomes of a window with several classes")
      ->capture_default_str();
  app.add_option("--rate-hz", state.spec.rate_hz, "rows a second; 0: from the time column")->capture_default_str();
}

data::ImportSpec series_spec(SeriesState& state, const Common& common) {
  data::SeriesSpec& spec = state.spec;
  fill(spec, common);
  const bool label_in_pattern = state.words.pattern.find("{label}") != std::string::npos;
  const bool group_in_pattern = state.words.pattern.find("{group}") != std::string::npos;
  // What was named is what is meant, unless --label-from or --group-from says otherwise.
  spec.label = !state.label_from.empty()    ? chosen(kSeriesLabels, state.label_from)
               : !spec.label_column.empty() ? Series::Label::column
               : label_in_pattern           ? Series::Label::pattern
                                            : Series::Label::file_name;
  spec.group = !state.group_from.empty()    ? chosen(kSeriesGroups, state.group_from)
               : !spec.group_column.empty() ? Series::Group::column
               : group_in_pattern           ? Series::Group::pattern
                                            : Series::Group::recording;
  spec.naming = state.words.naming(Label::none);
  spec.channels = comma_list(state.channels);
  spec.delimiter = chosen(kDelimiters, state.delimiter);
  spec.header = chosen(kHeaders, state.header);
  spec.mixed = chosen(kMixed, state.mixed);
  return spec;
}

Kind series_kind(CLI::App& import, const std::shared_ptr<Common>& common) {
  CLI::App& app = add_kind(import, "series", "CSV or TSV files of sampled channels",
                           "mote data import series ./walks --time-column t --label-column activity --group-column "
                           "person --window 128 --out walks-dataset");
  auto state = std::make_shared<SeriesState>();
  app.add_option("path", state->spec.path, "a file, or a folder of .csv, .tsv, .txt")->required();
  add_series_columns(app, *state);
  add_series_windows(app, *state);
  add_choice(app, "--label-from", state->label_from, kSeriesLabels,
             "what tells the class; default: the column or pattern that was given, else file_name");
  add_choice(app, "--group-from", state->group_from, kSeriesGroups,
             "what belongs together; default: the column or pattern that was given, else recording");
  add_pattern(app, state->words);
  add_common(app, *common, "--only-labels", kClosedSet);
  return {&app, [state, common] { return series_spec(*state, *common); }};
}

Kind strokes_kind(CLI::App& import, const std::shared_ptr<Common>& common) {
  CLI::App& app = add_kind(import, "strokes", "JSON strokes of the magic wand recorder",
                           "mote data import strokes ./wand_data.json --out gestures");
  struct State {
    data::StrokesSpec spec;
    NamingWords words;
  };
  auto state = std::make_shared<State>();
  app.add_option("path", state->spec.path, "a file, or a folder of .json")->required();
  app.add_option("--min-points", state->spec.min_points, "shorter strokes are refused")->capture_default_str();
  app.add_option("--rate-hz", state->spec.rate_hz, "points a second; 0: not known")->capture_default_str();
  add_pattern(app, state->words);
  add_common(app, *common, "--only-labels",
             "the classes, with commas; a stroke of any other is refused; default: those that are found");
  return {&app, [state, common] {
            fill(state->spec, *common);
            state->spec.naming = state->words.naming(Label::none);
            return data::ImportSpec(state->spec);
          }};
}

std::string report_text(const std::string& out, const data::ImportReport& report) {
  constexpr std::size_t kShown = 10;
  std::string text =
      fmt::format("{}: {} from {}\n", out, counted(report.samples, "sample"), counted(report.files_used, "file"));
  if (!report.refused.empty()) text += fmt::format("  refused {}:\n", grouped(report.refused.size()));
  for (std::size_t i = 0; i < std::min(kShown, report.refused.size()); ++i)
    text += "    " + report.refused[i].sentence() + "\n";
  if (report.refused.size() > kShown)
    text += fmt::format("    and {} more; --json lists all\n", grouped(report.refused.size() - kShown));
  if (report.files_ignored > 0)
    text += fmt::format("  ignored {} of other kinds\n", counted(report.files_ignored, "file"));
  if (report.windows_dropped > 0)
    text += fmt::format("  dropped {} of several classes\n", counted(report.windows_dropped, "window"));
  if (report.rows_left_over > 0)
    text += fmt::format("  left over {} behind the last whole windows\n", counted(report.rows_left_over, "row"));
  for (const std::string& note : report.notes) text += "  note: " + note + "\n";
  return text + "  content " + report.content_hash.hex() + "\n";
}

Json report_json(const std::string& out, const data::ImportReport& report) {
  Json refused = Json::array();
  for (const data::Refusal& refusal : report.refused)
    refused.push_back({{"file", refusal.file}, {"reason", refusal.reason}});
  return {{"dataset", out},
          {"samples", report.samples},
          {"files_used", report.files_used},
          {"files_ignored", report.files_ignored},
          {"windows_dropped", report.windows_dropped},
          {"rows_left_over", report.rows_left_over},
          {"refused", refused},
          {"notes", report.notes},
          {"content_hash", report.content_hash.hex()}};
}

Result<Outcome> import_dataset(const std::vector<Kind>& kinds, Common& common, Progress& progress) {
  // "digits" and "digits/" are one folder.
  fs::path out = fs::path(common.out).lexically_normal();
  if (!out.has_filename()) out = out.parent_path();
  if (common.name.empty()) common.name = out.filename().string();
  for (const Kind& kind : kinds) {
    if (!kind.parser->parsed()) continue;
    MOTE_TRY(const data::ImportReport report, data::import(kind.spec(), out, progress));
    return Outcome{report_text(out.string(), report), report_json(out.string(), report)};
  }
  return fail(Code::invalid_argument,
              "data import: say what kind of files they are: idx, audio, images, series or strokes");
}

}  // namespace

Command data_import_command() {
  return {
      "data import", "make a dataset from files: idx, audio, images, series, strokes",
      "mote data import audio ./fsdd --pattern \"{label}_{group}_{index}.wav\" --test-when \"index < 5\" --out digits",
      [](CLI::App& app) -> Action {
        app.require_subcommand(1);
        auto common = std::make_shared<Common>();
        const std::vector<Kind> kinds{idx_kind(app, common), audio_kind(app, common), images_kind(app, common),
                                      series_kind(app, common), strokes_kind(app, common)};
        return [kinds, common](Progress& progress) { return import_dataset(kinds, *common, progress); };
      }};
}

}  // namespace mote::app
