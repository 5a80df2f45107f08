#include "project.hpp"

#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"

namespace mote::app {
namespace {

Result<Setting<TargetSettings>> read_target(pipeline::Config& config) {
  MOTE_TRY(auto section, config.section("target"));
  Setting<TargetSettings> out;
  MOTE_TRY(const std::string name, section.require<std::string>("board"));
  auto board = board::load_board(name.ends_with(".toml") ? (config.folder() / name).string() : name);
  if (!board) return section.refuse("board", "is not usable: " + board.error().message());
  if (board->runs_here() && !board->emulated())
    return section.refuse("board", "is this machine, where nothing can be measured; name a board of 'mote boards'");
  out.value.board = std::move(*board);
  // The board alone decides what is compiled and measured; budgets only judge.
  out.text = section.canonical_text();
  if (name.ends_with(".toml")) {
    MOTE_TRY(const Bytes file, read_file(config.folder() / name));
    out.text += "board file " + sha256(file).hex() + "\n";
  }
  Budgets& b = out.value.budgets;
  const auto whole = [&](std::string_view key, std::optional<std::uint64_t>& to) -> Result<void> {
    MOTE_TRY(const auto found, section.find_quantity(key, pipeline::Unit::bytes));
    if (found) to = static_cast<std::uint64_t>(*found);
    return {};
  };
  MOTE_TRY_VOID(whole("flash", b.flash_bytes));
  MOTE_TRY_VOID(whole("ram", b.ram_bytes));
  MOTE_TRY(b.latency_ms, section.find_quantity("latency", pipeline::Unit::milliseconds));
  MOTE_TRY(b.energy_uj, section.find_quantity("energy", pipeline::Unit::microjoules));
  if (b.energy_uj && !(out.value.board.run_current_ma > 0 && out.value.board.supply_volts > 0)) {
    return section.refuse("energy", "cannot be judged: the current of board " + out.value.board.name + " is not known");
  }
  MOTE_TRY(b.accuracy, section.find_quantity("accuracy", pipeline::Unit::ratio));
  return out;
}

Result<Setting<EvaluateSettings>> read_evaluate(pipeline::Config& config) {
  MOTE_TRY(auto section, config.optional_section("evaluate"));
  Setting<EvaluateSettings> out;
  MOTE_TRY(const int samples, section.get<int>("board_samples", 1000, {0, 100'000'000}));
  out.value.board_samples = static_cast<std::size_t>(samples);
  MOTE_TRY(out.value.qemu, section.get<bool>("qemu", false));
  out.text = section.canonical_text();
  return out;
}

Result<void> apply(pipeline::Config& config, const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Code::invalid_argument,
                  "--set " + text + ": section.key=value is expected, for example --set train.epochs=5");
    }
    MOTE_TRY_VOID(config.set(text.substr(0, equals), text.substr(equals + 1)));
  }
  return {};
}

}  // namespace

Result<Project> load_project(const std::filesystem::path& where, const std::vector<std::string>& overrides) {
  std::error_code ignored;
  const auto file = std::filesystem::is_directory(where, ignored) ? where / "mote.toml" : where;
  if (!std::filesystem::exists(file, ignored)) {
    return fail(Code::not_found, file.string() + ": there is no such project; 'mote new DIR' makes one");
  }
  MOTE_TRY(pipeline::Config config, pipeline::Config::load(file));
  MOTE_TRY_VOID(apply(config, overrides));
  Project project;
  project.folder = config.folder();
  MOTE_TRY(auto about, config.section("project"));
  MOTE_TRY(project.name, about.require<std::string>("name"));
  MOTE_TRY(project.description, about.get<std::string>("description", ""));
  MOTE_TRY(project.data, read_data(config));
  MOTE_TRY(project.split, read_split(config));
  MOTE_TRY(project.features, read_features(config));
  MOTE_TRY(project.target, read_target(config));
  MOTE_TRY(project.model, read_model(config));
  MOTE_TRY(project.train, read_train(config));
  MOTE_TRY(project.head_only, read_head_only(config));
  MOTE_TRY(project.augment, read_augment(config));
  MOTE_TRY(project.quantize, read_quantize(config));
  MOTE_TRY(project.evaluate, read_evaluate(config));
  MOTE_TRY_VOID(config.finish());
  return project;
}

}  // namespace mote::app
