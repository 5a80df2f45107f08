#pragma once
// What a report shows, as plain data. Whoever measured something fills in the matching part; an empty part is a section
// that does not appear. Nothing here is computed, drawn or checked: see report.hpp. Deliberately absent: dates and
// paths, because the same data must give the same bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mote::report {

/// A measured number. Absent, infinite and NaN all mean "not measured" and are shown as "n/a".
using Figure = std::optional<double>;

enum class Unit { count, bytes, milliseconds, microjoules, fraction };
enum class Bound { at_most, at_least };

/// A limit of the project and what the result needs of it, both in `unit` (fractions in [0,1]).
struct Budget {
  std::string name;
  Unit unit = Unit::count;
  Bound bound = Bound::at_most;
  double limit = 0;
  Figure value;
  bool estimated = false;
};

/// A step of the way from data to report, with the content hash of what it made.
struct LineageStep {
  std::string stage;   ///< "data", "features", "train", "int8", "module", "report"
  std::string id;      ///< hexadecimal hash; shown shortened to 12 digits
  std::string detail;  ///< a few words: "60,000 images", "seed 7, 16 epochs"
};

struct Board {
  std::string name;         ///< catalogue name: "nucleo-l4r5zi"
  std::string description;  ///< "STM32L4R5ZI, Cortex-M4F"
  Figure clock_hz;
};

/// The result in one look.
struct Headline {
  std::string metric = "accuracy";  ///< what the three results are; fractions in [0,1], higher is better
  Figure result_float;              ///< float model, host
  Figure result_int8;               ///< int8 model, host
  Figure result_board;              ///< int8 module, on the board
  std::uint64_t test_samples = 0;   ///< how many samples the results are over; 0 when unknown
  Figure latency_ms;
  Figure energy_uj;
  Figure flash_bytes;
  Figure ram_bytes;
};

/// 8-bit gray, row by row from the top: pixels.size() == width * height.
struct GrayImage {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;
};
/// One or more channels over time; any unit, scaled to fit.
struct Waveform {
  std::vector<std::vector<double>> channels;
};
struct Point {
  double x = 0;
  double y = 0;  ///< grows downwards, like a screen
};
/// Polylines in the plane; any unit, scaled to fit with equal axes.
struct Strokes {
  std::vector<std::vector<Point>> lines;
};
using Picture = std::variant<GrayImage, Waveform, Strokes>;

struct Sample {
  Picture picture;
  std::uint32_t label = 0;  ///< index into ReportData::classes
  std::string name;         ///< file or id; may be empty
};

struct Group {
  std::string name;  ///< speaker, volunteer, device
  std::uint64_t samples = 0;
};

struct Split {
  std::string name;                         ///< "train", "validation", "test"
  std::vector<std::uint64_t> class_counts;  ///< one a class
  std::vector<Group> groups;                ///< empty when the split is not by group
};

struct RefusedFile {
  std::string path;  ///< relative to the data set
  std::string reason;
};

struct DataSummary {
  std::string name;
  std::string form;  ///< "28 x 28 gray images", "1 s of audio at 8 kHz"
  std::string source;
  std::string licence;
  std::string group_by;  ///< what a group is, "speaker"; empty without groups
  std::vector<Split> splits;
  std::vector<Sample> samples;  ///< a few of each class, for thumbnails
  std::vector<RefusedFile> refused;
};

/// Accuracies are fractions in [0,1].
struct Epoch {
  Figure train_loss;
  Figure validation_loss;
  Figure train_accuracy;
  Figure validation_accuracy;
  Figure learning_rate;
};

struct TrainingPhase {
  std::string name;  ///< "float", "quantization-aware"
  std::vector<Epoch> epochs;
};

struct Misclassified {
  Picture picture;
  std::uint32_t truth = 0;      ///< index into ReportData::classes
  std::uint32_t predicted = 0;  ///< index into ReportData::classes
  Figure confidence;            ///< of the wrong answer, in [0,1]
  std::string name;
};

/// Confusion matrices are row-major [truth][predicted], classes x classes counts; empty when not known.
struct Evaluation {
  std::string split = "test";
  std::vector<std::uint64_t> confusion_int8;
  std::vector<std::uint64_t> confusion_float;
  Figure agreement;  ///< fraction of samples for which float and int8 name the same class
  std::vector<Misclassified> worst;
};

enum class TensorRole { input, activation, scratch, output };

/// A buffer in the arena: bytes [offset, offset + size) during ops [first_op, last_op], both included.
struct ArenaTensor {
  std::string name;
  std::string type;  ///< "int8"
  std::vector<std::int64_t> shape;
  TensorRole role = TensorRole::activation;
  std::uint64_t offset_bytes = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t first_op = 0;
  std::uint32_t last_op = 0;
};

struct ArenaMap {
  std::uint64_t arena_bytes = 0;
  std::vector<std::string> ops;  ///< names in order of execution
  std::vector<ArenaTensor> tensors;
};

struct LayerCost {
  std::string name;
  std::string op;                   ///< "conv", "depthwise", ...
  std::vector<std::int64_t> shape;  ///< of the output
  std::uint64_t macs = 0;
  Figure cycles;
  Figure instructions;
};

struct LayerProfile {
  std::vector<LayerCost> layers;
  std::optional<LayerCost> features;  ///< the pre-processing, a row of its own
  Figure total_cycles;                ///< of the whole inference with features, as timed from outside
};

/// Bytes of one named thing. `group` is what it is coloured and summed by.
struct MemoryPart {
  std::string group;  ///< flash: "code", "weights", "tables", "header"; RAM: "arena", "stack", "static"
  std::string name;   ///< function, tensor, section
  std::uint64_t bytes = 0;
};

struct Footprint {
  std::vector<MemoryPart> flash;
  std::vector<MemoryPart> ram;
  Figure flash_limit_bytes;  ///< budget or size of the board; absent shows the parts alone
  Figure ram_limit_bytes;
};

struct Setting {
  std::string group;  ///< section of the project file: "data", "train"
  std::string key;
  std::string value;
};
struct NamedText {
  std::string name;
  std::string text;
};

/// A figure that is not measured. `figure` is a documented key: accuracy, latency_ms, energy_uj, flash, ram, cycles,
/// instructions.
struct Estimate {
  std::string figure;
  std::string how;  ///< "from the data sheet's typical current"
};

struct Provenance {
  std::vector<Setting> settings;
  std::vector<NamedText> seeds;
  std::vector<NamedText> tools;       ///< program and version
  std::vector<std::string> commands;  ///< shell lines that give this result again, in order
  std::vector<Estimate> estimates;
};

struct ReportData {
  std::string project;
  std::string description;
  Board board;
  Headline headline;
  std::vector<Budget> budgets;
  std::vector<LineageStep> lineage;  ///< from left to right
  std::vector<std::string> classes;
  DataSummary data;
  std::vector<TrainingPhase> training;
  Evaluation evaluation;
  ArenaMap arena;
  LayerProfile profile;
  Footprint footprint;
  Provenance provenance;
};

}  // namespace mote::report
