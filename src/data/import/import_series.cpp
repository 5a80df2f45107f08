#include <algorithm>
#include <cmath>
#include <map>

#include "../parse/csv.hpp"
#include "file_name.hpp"
#include "import_run.hpp"
#include "mote/base/file.hpp"
#include "series_columns.hpp"

namespace mote::data {
namespace fs = std::filesystem;
namespace {

std::string shown(std::string_view cell) {
  return "'" + std::string(cell.substr(0, 40)) + (cell.size() > 40 ? "...'" : "'");
}

/// What the first good file fixes for all others.
struct Common {
  std::vector<std::string> channel_names;
  std::string first_file;
  double rate_hz = 0;
};

/// Rows of the recording that is being read, cut into windows as they come.
class WindowCutter {
 public:
  WindowCutter(const SeriesSpec& spec, ImportRun& run, const SourceFile& file, const FileRole& role)
      : spec_(spec), run_(run), file_(file), role_(role) {}

  [[nodiscard]] std::vector<float>& values() { return values_; }
  [[nodiscard]] std::size_t rows() const { return lines_.size(); }
  void set_width(std::size_t channels) { channels_ = channels; }

  /// Starts the next recording; `column_group` is the group cell, or empty.
  void start(std::string_view column_group) {
    ++recording_;
    skip_rows_ = 0;
    switch (spec_.group) {
      case SeriesSpec::Group::recording:
        group_ = file_.relative + (recording_ > 1 ? "#" + std::to_string(recording_) : "");
        break;
      case SeriesSpec::Group::column:
        group_ = column_group;
        break;
      case SeriesSpec::Group::pattern:
        group_ = role_.group;
        break;
      case SeriesSpec::Group::none:
        group_.clear();
        break;
    }
  }

  /// The row's values are already in `values()`.
  Result<void> end_row(std::size_t line, std::string_view label) {
    if (skip_rows_ > 0) {
      --skip_rows_;
      values_.resize(values_.size() - channels_);
      return {};
    }
    lines_.push_back(line);
    labels_.push_back(label_number(label));
    if (spec_.window_rows == 0 && values_.size() * sizeof(float) > kMaxSampleBytes) {
      return fail(Code::too_large, "line " + std::to_string(line) + ": the recording is larger than " +
                                       std::to_string(kMaxSampleBytes >> 20) + " MiB; set window_rows");
    }
    if (spec_.window_rows == 0 || rows() < spec_.window_rows) return {};
    MOTE_TRY_VOID(emit());
    ++windows_;
    const std::size_t stride = spec_.stride_rows == 0 ? spec_.window_rows : spec_.stride_rows;
    skip_rows_ = stride - std::min(stride, rows());
    drop(std::min(stride, rows()));
    return {};
  }

  /// Ends the recording.
  Result<void> finish() {
    if (recording_ == 0) return {};
    if (spec_.window_rows == 0 && rows() > 0) {
      MOTE_TRY_VOID(emit());
      ++windows_;
    } else if (rows() > 0 && windows_ == 0) {
      too_short_.push_back({file_.relative, "line " + std::to_string(lines_.back()) + ": the recording ends after " +
                                                std::to_string(rows()) + " rows, a window needs " +
                                                std::to_string(spec_.window_rows)});
    } else {
      left_over_ += rows();
    }
    drop(rows());
    windows_ = 0;
    return {};
  }

  /// What the file as a whole adds to the report.
  void report_to(ImportReport& report) const {
    report.windows_dropped += dropped_;
    report.rows_left_over += left_over_;
    report.refused.insert(report.refused.end(), too_short_.begin(), too_short_.end());
  }

 private:
  std::size_t label_number(std::string_view label) {
    const auto found = label_numbers_.find(label);
    if (found != label_numbers_.end()) return found->second;
    label_names_.emplace_back(label);
    return label_numbers_.emplace(std::string(label), label_names_.size() - 1).first->second;
  }

  /// The label most rows have; among equals the one that comes last.
  [[nodiscard]] std::size_t majority() const {
    std::vector<std::size_t> counts(label_names_.size());
    std::size_t best = labels_.back();
    for (const std::size_t label : labels_) ++counts[label];
    for (std::size_t k = labels_.size(); k-- > 0;) {
      if (counts[labels_[k]] > counts[best]) best = labels_[k];
    }
    return best;
  }

  Result<void> emit() {
    const bool uniform =
        std::all_of(labels_.begin(), labels_.end(), [&](std::size_t label) { return label == labels_.front(); });
    if (!uniform && spec_.mixed == MixedLabels::drop) {
      ++dropped_;
      return {};
    }
    const std::string& label =
        spec_.label == SeriesSpec::Label::column ? label_names_[uniform ? labels_.front() : majority()] : role_.label;
    const std::string source = file_.relative + ":" + std::to_string(lines_.front());
    const NewSample sample{Shape::sequence(static_cast<std::uint32_t>(rows()), static_cast<std::uint32_t>(channels_)),
                           bytes_of(std::span<const float>(values_)),
                           label,
                           group_,
                           role_.partition,
                           source};
    auto appended = run_.writer().append(sample);
    if (!appended) return fail(std::move(appended).error(), "line " + std::to_string(lines_.front()));
    return {};
  }

  void drop(std::size_t count) {
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count * channels_));
    lines_.erase(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(count));
    labels_.erase(labels_.begin(), labels_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  const SeriesSpec& spec_;
  ImportRun& run_;
  const SourceFile& file_;
  const FileRole& role_;
  std::size_t channels_ = 0;
  std::vector<float> values_;  // [rows, channels]
  std::vector<std::size_t> lines_;
  std::vector<std::size_t> labels_;
  std::vector<std::string> label_names_;
  std::map<std::string, std::size_t, std::less<>> label_numbers_;
  std::string group_;
  std::size_t recording_ = 0;
  std::size_t windows_ = 0;  // of this recording
  std::size_t skip_rows_ = 0;
  std::size_t dropped_ = 0;
  std::size_t left_over_ = 0;
  std::vector<Refusal> too_short_;
};

/// Reads one file from its first line to its last window.
class FileImport {
 public:
  FileImport(const SeriesSpec& spec, ImportRun& run, const SourceFile& file, const FileRole& role, Common& common)
      : spec_(spec), run_(run), file_(file), common_(common), cutter_(spec, run, file, role) {}

  Result<void> run(ByteSpan text) {
    const bool is_tsv = file_.path.extension() == ".tsv";
    CsvReader reader(text, spec_.delimiter != 0 ? spec_.delimiter : is_tsv ? '\t' : guess_delimiter(text));
    MOTE_TRY_VOID(read_first_row(reader));
    for (std::size_t count = 1;; ++count) {
      MOTE_TRY(const bool more, reader.next());
      if (!more) break;
      if (count % 65'536 == 0) MOTE_TRY_VOID(run_.check_cancelled());
      MOTE_TRY_VOID(add_row(reader));
    }
    MOTE_TRY_VOID(end_recording());
    if (!any_row_) return fail(Code::malformed, "line 1: the file has a header but no rows");
    cutter_.report_to(run_.report());
    if (common_.first_file.empty()) {
      common_.first_file = file_.relative;
      common_.channel_names = columns_.channel_names();
      common_.rate_hz = rate_hz_;
    }
    return {};
  }

 private:
  Result<void> read_first_row(CsvReader& reader) {
    do {
      MOTE_TRY(const bool more, reader.next());
      if (!more) return fail(Code::malformed, "line 1: the file is empty");
    } while (reader.row().empty());
    const bool has_header = is_header(spec_, reader.row());
    MOTE_TRY(columns_, resolve_columns(spec_, reader.row(), has_header));
    cutter_.set_width(columns_.channels.size());
    if (!common_.first_file.empty() && common_.channel_names != columns_.channel_names()) {
      return fail(Code::malformed,
                  "line " + std::to_string(reader.line()) + ": has other channels than " + common_.first_file);
    }
    return has_header ? Result<void>() : add_row(reader);
  }

  [[nodiscard]] std::string place(const CsvReader& reader, std::size_t column) const {
    return "line " + std::to_string(reader.line()) + ", column " + std::to_string(column + 1) +
           (columns_.names[column].starts_with('#') ? "" : " (" + columns_.names[column] + ")") + ": ";
  }

  Result<void> add_row(const CsvReader& reader) {
    const auto& row = reader.row();
    if (row.empty()) return end_recording();
    if (row.size() != columns_.count) {
      return fail(Code::malformed, "line " + std::to_string(reader.line()) + ", column " + std::to_string(row.size()) +
                                       ": the row has " + std::to_string(row.size()) + " cells, " +
                                       std::to_string(columns_.count) + " are expected");
    }
    MOTE_TRY_VOID(follow_group(reader));
    MOTE_TRY_VOID(follow_time(reader));
    for (const std::size_t column : columns_.channels) {
      const auto value = parse_number(row[column]);
      if (!value) {
        const bool blank = row[column].find_first_not_of(" \t") == std::string_view::npos;
        return fail(Code::malformed,
                    place(reader, column) + (blank ? "the cell is empty" : shown(row[column]) + " is not a number"));
      }
      cutter_.values().push_back(static_cast<float>(*value));
      if (!std::isfinite(cutter_.values().back())) {
        return fail(Code::malformed, place(reader, column) + shown(row[column]) + " is not a finite number");
      }
    }
    std::string_view label;
    if (columns_.label) {
      label = row[*columns_.label];
      if (label.empty()) return fail(Code::malformed, place(reader, *columns_.label) + "the label is empty");
    }
    any_row_ = true;
    return cutter_.end_row(reader.line(), label);
  }

  /// A recording starts with its first row, and again where the group changes.
  Result<void> follow_group(const CsvReader& reader) {
    std::string_view group;
    if (columns_.group) {
      group = reader.row()[*columns_.group];
      if (group.empty()) return fail(Code::malformed, place(reader, *columns_.group) + "the group is empty");
    }
    if (in_recording_ && group == group_) return {};
    MOTE_TRY_VOID(end_recording());
    group_ = group;
    in_recording_ = true;
    rows_in_recording_ = 0;
    cutter_.start(group);
    return {};
  }

  Result<void> follow_time(const CsvReader& reader) {
    if (!columns_.time) return {};
    const std::string_view cell = reader.row()[*columns_.time];
    auto time = parse_number(cell);
    if (time) *time *= spec_.time_scale;
    if (!time) time = parse_timestamp(cell);
    if (!time || !std::isfinite(*time)) {
      return fail(Code::malformed, place(reader, *columns_.time) + shown(cell) +
                                       " is neither a number nor a time like 2015-09-01 13:45:00");
    }
    if (rows_in_recording_ == 0) {
      first_time_ = *time;
    } else if (*time < last_time_) {
      return fail(Code::malformed, place(reader, *columns_.time) + "the time " + shown(cell) + " goes backwards");
    }
    last_time_ = *time;
    ++rows_in_recording_;
    return {};
  }

  Result<void> end_recording() {
    if (!in_recording_) return {};
    in_recording_ = false;
    if (columns_.time && rate_hz_ == 0 && last_time_ > first_time_) {
      rate_hz_ = static_cast<double>(rows_in_recording_ - 1) / (last_time_ - first_time_);
    }
    return cutter_.finish();
  }

  const SeriesSpec& spec_;
  ImportRun& run_;
  const SourceFile& file_;
  Common& common_;
  SeriesColumns columns_;
  WindowCutter cutter_;
  std::string group_;
  bool in_recording_ = false;
  bool any_row_ = false;
  std::size_t rows_in_recording_ = 0;
  double first_time_ = 0;
  double last_time_ = 0;
  double rate_hz_ = 0;
};

Result<NamingRule> naming_rule(const SeriesSpec& spec) {
  Naming naming = spec.naming;
  naming.label = spec.label == SeriesSpec::Label::pattern  ? Naming::Label::pattern
                 : spec.label == SeriesSpec::Label::folder ? Naming::Label::folder
                                                           : Naming::Label::none;
  MOTE_TRY(NamingRule rule, NamingRule::create(naming));
  if (spec.group == SeriesSpec::Group::pattern && !rule.has_group()) {
    return fail(Code::invalid_argument,
                "the file name pattern '" + naming.pattern + "' has no {group}, though groups are to come from it");
  }
  return rule;
}

Result<void> check_spec(const SeriesSpec& spec) {
  if (spec.label == SeriesSpec::Label::column && spec.label_column.empty()) {
    return fail(Code::invalid_argument, "labels are to come from a column, but no label column is named");
  }
  if (spec.group == SeriesSpec::Group::column && spec.group_column.empty()) {
    return fail(Code::invalid_argument, "groups are to come from a column, but no group column is named");
  }
  if (!(spec.time_scale > 0) || !(spec.rate_hz >= 0)) {
    return fail(Code::invalid_argument, "time_scale must be positive and rate_hz not negative");
  }
  if (spec.window_rows == 0 && spec.stride_rows > 0) {
    return fail(Code::invalid_argument, "stride_rows without window_rows means nothing; set window_rows");
  }
  return {};
}

const char* name(SeriesSpec::Label label) {
  switch (label) {
    case SeriesSpec::Label::column:
      return "column";
    case SeriesSpec::Label::file_name:
      return "file_name";
    case SeriesSpec::Label::folder:
      return "folder";
    case SeriesSpec::Label::pattern:
      return "pattern";
    case SeriesSpec::Label::none:
      return "none";
  }
  return "unknown";
}

const char* name(SeriesSpec::Group group) {
  switch (group) {
    case SeriesSpec::Group::recording:
      return "recording";
    case SeriesSpec::Group::column:
      return "column";
    case SeriesSpec::Group::pattern:
      return "pattern";
    case SeriesSpec::Group::none:
      return "none";
  }
  return "unknown";
}

void describe(Provenance& provenance, const SeriesSpec& spec) {
  provenance.setting("label", name(spec.label));
  provenance.setting("group", name(spec.group));
  const auto given = [&](const char* name, const std::string& value) {
    if (!value.empty()) provenance.setting(name, value);
  };
  given("label_column", spec.label_column);
  given("group_column", spec.group_column);
  given("time_column", spec.time_column);
  given("pattern", spec.naming.pattern);
  given("test_when", spec.naming.test_when);
  std::string channels;
  for (const std::string& channel : spec.channels) channels += (channels.empty() ? "" : ",") + channel;
  given("channels", channels);
  provenance.setting("window_rows", std::to_string(spec.window_rows));
  provenance.setting("stride_rows", std::to_string(spec.stride_rows));
  provenance.setting("mixed", spec.mixed == MixedLabels::majority ? "majority" : "drop");
}

/// Refuses what is wrong with the file; an error ends the whole import.
Result<void> import_file(const SeriesSpec& spec, ImportRun& run, const NamingRule& rule, const SourceFile& file,
                         Common& common) {
  auto role = rule.role(file.relative);
  auto text = MappedFile::open(file.path);
  if (!role || !text) {
    run.refuse(file.relative, !role ? role.error() : without_path(text.error(), file.path));
    return {};
  }
  if (spec.label == SeriesSpec::Label::file_name) role->label = file.path.stem().string();
  const std::size_t before = run.writer().size();
  FileImport one(spec, run, file, *role, common);
  if (auto done = one.run(text->bytes()); !done) {
    if (done.error().code() == Code::cancelled || done.error().code() == Code::io) return done;
    // A window of a broken recording is not worth keeping: the file is in or out as a whole.
    run.refuse(file.relative, done.error());
    return run.writer().rewind(before);
  }
  ++run.report().files_used;
  run.provenance().source(file.relative, text->bytes().size(), sha256(text->bytes()));
  return {};
}

}  // namespace

Result<ImportReport> import_series(const SeriesSpec& spec, const fs::path& out, Progress& progress) {
  MOTE_TRY_VOID(check_spec(spec));
  MOTE_TRY(const NamingRule rule, naming_rule(spec));
  std::size_t ignored = 0;
  MOTE_TRY(const auto files, list_files(spec.path, {".csv", ".tsv", ".txt"}, ignored));
  DatasetInfo info{spec.name, Modality::series, Element::f32, spec.rate_hz, spec.labels, {}, {}};
  MOTE_TRY(ImportRun run, ImportRun::start(out, std::move(info), "series", progress));
  run.report().files_ignored = ignored;
  describe(run.provenance(), spec);

  Common common;
  for (std::size_t k = 0; k < files.size(); ++k) {
    MOTE_TRY_VOID(run.check_cancelled());
    progress.step("import", k, files.size(), files[k].relative);
    MOTE_TRY_VOID(import_file(spec, run, rule, files[k], common));
  }
  progress.step("import", files.size(), files.size(), "");
  if (spec.rate_hz == 0) run.writer().set_rate_hz(common.rate_hz);
  return run.finish(spec.path);
}

}  // namespace mote::data
