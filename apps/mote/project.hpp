#pragma once
// mote.toml as typed settings. Every step gets its own part together with the canonical text of just the keys it was
// read from.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mote/board/board_spec.hpp"
#include "mote/data/import.hpp"
#include "mote/data/split.hpp"
#include "mote/features/config.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/pipeline/config.hpp"
#include "mote/samples/dataset_source.hpp"
#include "mote/train/calibrate.hpp"
#include "mote/train/options.hpp"

namespace mote::app {

/// A value and the canonical text of the keys that decide it.
template <class T>
struct Setting {
  T value{};
  std::string text;
};

struct DataSettings {
  data::ImportSpec spec;
  std::vector<std::filesystem::path> sources;  ///< files and folders whose contents decide the result
  std::string licence, source;                 ///< for the report
};

struct FeatureSettings {
  features::FeatureConfig config;
  double unit = 1.0;             ///< real value of one int16 count, for datasets of floats
  std::uint32_t max_length = 0;  ///< samples a channel that the device's buffer holds; 0: the longest of the dataset
};

/// Limits a result must keep; absent ones are not checked.
struct Budgets {
  std::optional<std::uint64_t> flash_bytes, ram_bytes;
  std::optional<double> latency_ms, energy_uj, accuracy;
};

struct TargetSettings {
  board::BoardSpec board;
  Budgets budgets;
};

struct QuantizeSettings {
  bool aware = false;  ///< quantization-aware training after calibration
  train::CalibrationOptions calibration;
  train::TrainOptions training;  ///< of the quantization-aware phase
};

struct EvaluateSettings {
  std::size_t board_samples = 1000;  ///< test samples run on the emulated board; 0: all
  bool qemu = false;                 ///< the same samples also under QEMU, an emulator of another family
};

struct Project {
  std::string name, description;
  std::filesystem::path folder;
  Setting<DataSettings> data;
  Setting<data::SplitSpec> split;
  Setting<FeatureSettings> features;
  Setting<TargetSettings> target;
  Setting<graph::ZooOptions> model;  ///< input and classes are filled in when the data is known
  Setting<train::TrainOptions> train;
  /// Folder of an earlier run's artifacts, of whose model the last layer alone is trained on; empty: a new model. The
  /// text has the digests of what is in it.
  Setting<std::filesystem::path> head_only;
  Setting<samples::Augmentation> augment;
  Setting<QuantizeSettings> quantize;
  Setting<EvaluateSettings> evaluate;
};

/// Reads DIR/mote.toml (or the file itself), strictly.
/// @param overrides  "section.key=value", as given by --set.
/// @error  one sentence with file, line and column.
[[nodiscard]] Result<Project> load_project(const std::filesystem::path& where,
                                           const std::vector<std::string>& overrides);

// Parts, one a file.
[[nodiscard]] Result<Setting<DataSettings>> read_data(pipeline::Config& config);
[[nodiscard]] Result<Setting<data::SplitSpec>> read_split(pipeline::Config& config);
[[nodiscard]] Result<Setting<FeatureSettings>> read_features(pipeline::Config& config);
[[nodiscard]] Result<Setting<graph::ZooOptions>> read_model(pipeline::Config& config);
[[nodiscard]] Result<Setting<train::TrainOptions>> read_train(pipeline::Config& config);
[[nodiscard]] Result<Setting<std::filesystem::path>> read_head_only(pipeline::Config& config);
[[nodiscard]] Result<Setting<samples::Augmentation>> read_augment(pipeline::Config& config);
[[nodiscard]] Result<Setting<QuantizeSettings>> read_quantize(pipeline::Config& config);

}  // namespace mote::app
