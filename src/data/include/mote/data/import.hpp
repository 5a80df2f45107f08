#pragma once
// Importers: from files as the world has them to a Dataset. Each takes a typed description and writes one dataset
// folder. A broken file is refused with its name, place and reason and the others go on; what was refused is in the
// report. An importer itself fails only when nothing can be made: wrong settings, no readable sample, a full disk, the
// user's stop.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/progress.hpp"
#include "mote/data/dataset.hpp"

namespace mote::data {

/// One file, or one item of a file, that is not in the dataset.
struct Refusal {
  std::string file;    ///< relative to the imported folder; with an item: "petewarden_0.json: strokes[3]"
  std::string reason;  ///< one sentence with byte offset, or line and column, where there is one
  [[nodiscard]] std::string sentence() const { return file + ": " + reason; }
};

struct ImportReport {
  std::size_t samples = 0;
  std::size_t files_used = 0;
  std::size_t files_ignored = 0;    ///< other file name extensions, hidden files
  std::size_t windows_dropped = 0;  ///< series: windows of mixed labels under MixedLabels::drop
  std::size_t rows_left_over = 0;   ///< series: rows behind the last whole window of a recording
  std::vector<Refusal> refused;     ///< in file order
  std::vector<std::string> notes;   ///< worth telling the user, not wrong
  Digest content_hash;
};

/// How a file's path tells label, group and partition.
struct Naming {
  enum class Label { folder, pattern, none };
  Label label = Label::folder;  ///< folder: the name of the folder that holds the file
  /// Matched against the end of the path, as many components as the pattern has: "{label}_{group}_{index}.wav",
  /// "{group}/{label}/{*}". Fields: label, group, index, partition (train or test), and * for anything; a field never
  /// spans a '/'. Without a '.' behind its last field the pattern leaves the extension open. It may be used for {group}
  /// and {index} alone when the label comes from the folder.
  std::string pattern;
  /// Which files are the source's test part: "index < 5", "group == theo", "label != noise"; operators < <= > >= == !=.
  /// Everything else is the train part. Empty: no partition (unless the pattern has {partition}).
  std::string test_when;
};

/// IDX files (LeCun's MNIST format), plain or gzip: images u8 [N,H,W] or [N,H,W,C], labels [N].
/// i16 and f32 items are taken too, as stored.
struct IdxSpec {
  std::string name = "idx";
  std::filesystem::path images;
  std::filesystem::path labels;       ///< empty: unlabelled
  std::filesystem::path test_images;  ///< empty: no test part (and no partition hints)
  std::filesystem::path test_labels;
  std::vector<std::string> label_names;  ///< in the order of the numbers; empty: the numbers themselves
};

/// A folder of WAV (PCM, float, A-law, mu-law) or FLAC files, recursively; stored as i16 [T,C] at the files' own rate.
struct AudioSpec {
  enum class Channels { mix_to_mono, first, keep };
  std::string name = "audio";
  std::filesystem::path folder;
  Naming naming;
  std::vector<std::string> labels;  ///< closed set of classes; empty: those that are found
  Channels channels = Channels::mix_to_mono;
  double rate_hz = 0;        ///< 0: that of the first good file; files of another rate are refused, never resampled
  double max_seconds = 600;  ///< longer files are refused
};

/// A folder of PNG or JPEG files, recursively; stored as u8 [H,W,C].
struct ImageSpec {
  std::string name = "images";
  std::filesystem::path folder;
  Naming naming;
  std::vector<std::string> labels;
  unsigned channels = 0;           ///< 1 gray, 3 RGB (converted); 0: as the first good file has, others are refused
  std::uint32_t max_side = 8'192;  ///< pixels; larger pictures are refused before they are unpacked
};

/// What a series importer does with a window whose rows carry several labels.
enum class MixedLabels { majority, drop };

/// CSV or TSV files of sampled channels; stored as f32 [window_rows, channels].
/// One file is one recording; a blank line or a change in the group column starts the next. No window spans two
/// recordings.
struct SeriesSpec {
  enum class Header { detect, yes, no };
  enum class Label { column, file_name, folder, pattern, none };
  enum class Group { recording, column, pattern, none };

  std::string name = "series";
  std::filesystem::path path;      ///< a file, or a folder of .csv, .tsv, .txt
  char delimiter = 0;              ///< 0: tab for .tsv, else the most frequent of , ; tab in the first line
  Header header = Header::detect;  ///< detect: there is one when the first line has a cell that is not a number
  /// Columns by name, or by number from 1 as "#2" (always so without a header).
  std::string time_column;            ///< seconds times `time_scale`, or "2015-09-01 13:45:00"; must not go backwards
  double time_scale = 1;              ///< seconds per unit of the time column: 1e-3 for milliseconds
  std::vector<std::string> channels;  ///< empty: every column that has no other role
  std::string label_column;
  std::string group_column;
  Label label = Label::file_name;
  Group group = Group::recording;  ///< recording: windows of one recording stay together in a group-wise split
  Naming naming;                   ///< pattern and test_when, for Label::pattern and Group::pattern
  std::vector<std::string> labels;
  std::size_t window_rows = 0;  ///< 0: a recording is one sample
  std::size_t stride_rows = 0;  ///< 0: window_rows
  MixedLabels mixed = MixedLabels::majority;
  double rate_hz = 0;  ///< 0: from the time column of the first file, when there is one
};

/// JSON strokes of the magic wand recorder: {"strokes":[{"index":0,"label":"7","strokePoints":[{"x":0.1,"y":0.2},
/// ...]}]}; stored as f32 [points, 2]. A broken stroke is refused alone, a file that is not JSON as a whole.
struct StrokesSpec {
  std::string name = "strokes";
  std::filesystem::path path;  ///< a file, or a folder of .json
  Naming naming;               ///< pattern only for {group} and test_when; labels are in the file
  std::vector<std::string> labels;
  std::size_t min_points = 2;  ///< shorter strokes are refused
  double rate_hz = 0;
};

using ImportSpec = std::variant<IdxSpec, AudioSpec, ImageSpec, SeriesSpec, StrokesSpec>;

/// Each writes a dataset at `out` (replacing one that is there) and reports.
/// Deterministic: files are taken in byte order of their relative paths; equal sources give equal content hashes.
/// @error invalid_argument  settings that contradict each other or the files.   @error not_found  no such file or
/// folder.
/// @error malformed  no sample is left; the message names the first refusal.   @error io, cancelled
[[nodiscard]] Result<ImportReport> import_idx(const IdxSpec& spec, const std::filesystem::path& out,
                                              Progress& progress);
[[nodiscard]] Result<ImportReport> import_audio(const AudioSpec& spec, const std::filesystem::path& out,
                                                Progress& progress);
[[nodiscard]] Result<ImportReport> import_images(const ImageSpec& spec, const std::filesystem::path& out,
                                                 Progress& progress);
[[nodiscard]] Result<ImportReport> import_series(const SeriesSpec& spec, const std::filesystem::path& out,
                                                 Progress& progress);
[[nodiscard]] Result<ImportReport> import_strokes(const StrokesSpec& spec, const std::filesystem::path& out,
                                                  Progress& progress);
[[nodiscard]] Result<ImportReport> import(const ImportSpec& spec, const std::filesystem::path& out, Progress& progress);

}  // namespace mote::data
