// new, run, train, optimize, report, why.

#include <fmt/format.h>

#include <chrono>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/pipeline/runner.hpp"
#include "mote/registry/lineage.hpp"
#include "mote/registry/store.hpp"
#include "mote/report/report.hpp"
#include "steps/budgets.hpp"
#include "steps/steps.hpp"

namespace mote::app {
namespace {

struct RunArguments {
  std::string folder = ".";
  std::vector<std::string> overrides;
  bool force = false;
};

class Observer final : public pipeline::RunObserver {
 public:
  explicit Observer(Progress& progress) : progress_(progress) {}
  void started(const std::string& step, std::size_t index, std::size_t total, const std::string& reason) override {
    progress_.note(fmt::format("[{}/{}] {} ({})", index + 1, total, step, reason));
  }
  void finished(const pipeline::StepResult& result, std::size_t index, std::size_t total) override {
    if (result.cached) return;
    progress_.note(fmt::format("[{}/{}] {} took {:.1f} s", index + 1, total, result.name, result.seconds));
  }

 private:
  Progress& progress_;
};

/// What of a run a user wants to have as a file, and under which name.
struct Export {
  const char* step;
  const char* output;
  const char* key;
};
constexpr Export kExports[] = {{"quantize", "tflite", "tflite"},
                               {"quantize", "float_tflite", "float_tflite"},
                               {"quantize", "int8", "int8"},
                               {"quantize", "input", "input"},
                               {"compile", "module", "module"},
                               {"compile", "firmware", "firmware"},
                               {"compile", "source", "source"},
                               {"compile", "bench", "bench"},
                               {"evaluate", "evaluation", "evaluation"},
                               {"report", "html", "report"}};

Result<Json> export_artifacts(registry::Store& store, const pipeline::RunResult& run,
                              const std::filesystem::path& folder) {
  Json artifacts = Json::object();
  for (const Export& e : kExports) {
    const pipeline::StepResult* step = run.step(e.step);
    if (step == nullptr) continue;
    const auto found = step->outputs.find(e.output);
    if (found == step->outputs.end()) continue;
    const auto path = folder / "out" / found->second.file_name;
    // Unchanged files are left alone: their time stamps mean something to people.
    const auto present = registry::digest_of(path);
    if (!present || present->id != found->second.artifact.id)
      MOTE_TRY_VOID(store.export_to(found->second.artifact, path));
    artifacts[e.key] = path.lexically_normal().string();
  }
  return artifacts;
}

Result<Json> load_json(registry::Store& store, const pipeline::RunResult& run, std::string_view step,
                       const std::string& output) {
  MOTE_TRY(const Bytes bytes, store.read(run.step(step)->outputs.at(output).artifact.id));
  return Json::parse(bytes.begin(), bytes.end(), nullptr, false);
}

std::string result_table(const Project& project, const Json& bench, const Json& evaluation,
                         const std::vector<pipeline::Budget>& budgets, const Json& artifacts) {
  const auto percent = [](const Json& v) { return fmt::format("{:.2f} %", 100.0 * v.get<double>()); };
  std::string text = fmt::format("\n{} on {}\n", project.name, project.target.value.board.name);
  text += fmt::format("  accuracy   {} int8, {} float, on {} test samples\n", percent(evaluation["int8"]),
                      percent(evaluation["float"]), evaluation["n"].get<std::uint64_t>());
  text += fmt::format("  board      {} of {} samples run on the emulated board gave the host's bytes\n",
                      evaluation["board_equal"].get<std::uint64_t>(), evaluation["board_n"].get<std::uint64_t>());
  if (evaluation["qemu_n"].get<std::uint64_t>() > 0) {
    text += fmt::format("             {} of {} of them under QEMU, too\n",
                        evaluation["qemu_equal"].get<std::uint64_t>(), evaluation["qemu_n"].get<std::uint64_t>());
  }
  text += fmt::format("  latency    {:.2f} ms, {} cycles\n", bench["latency_ms"].get<double>(),
                      bench["cycles"].get<std::uint64_t>());
  text += fmt::format("  RAM        {} bytes (arena {}, stack {})\n", bench["ram"]["total"].get<std::uint64_t>(),
                      bench["ram"]["arena"].get<std::uint64_t>(), bench["ram"]["stack"].get<std::uint64_t>());
  text += fmt::format("  flash      {} bytes (code {}, constants {})\n", bench["flash"]["total"].get<std::uint64_t>(),
                      bench["flash"]["code"].get<std::uint64_t>(), bench["flash"]["weights"].get<std::uint64_t>());
  for (const pipeline::Budget& b : budgets)
    text += fmt::format("  {} {}\n", b.ok() ? "within    " : "BROKEN    ", pipeline::sentence(b));
  if (artifacts.contains("report")) text += fmt::format("  report     {}\n", artifacts["report"].get<std::string>());
  return text;
}

Result<Outcome> run_project(const RunArguments& arguments, const std::string& until, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  MOTE_TRY(const Project project, load_project(arguments.folder, arguments.overrides));
  MOTE_TRY(const pipeline::Graph graph, build_pipeline(project));
  MOTE_TRY(auto store, registry::Store::open(project.folder, registry::Access::write));
  Observer observer(progress);
  pipeline::RunOptions options;
  options.progress = &progress;
  options.observer = &observer;
  options.until = until;
  if (arguments.force) {
    for (const auto& node : graph.nodes()) options.force.insert(node.step->name());
  }
  MOTE_TRY(const pipeline::RunResult run, pipeline::Runner(store, project.folder).run(graph, options));
  for (const std::string& note : run.notes) progress.note(note);
  // Names mean the latest run, also where it took everything from earlier ones.
  for (const pipeline::StepResult& step : run.steps) {
    for (const auto& [output, made] : step.outputs)
      MOTE_TRY_VOID(store.set_alias(step.name + "." + output, made.artifact.id));
  }
  MOTE_TRY(const Json artifacts, export_artifacts(store, run, project.folder));

  Outcome out;
  out.json = {{"project", project.name}, {"board", project.target.value.board.name}, {"artifacts", artifacts}};
  if (run.step("evaluate") != nullptr) {
    MOTE_TRY(const Json bench, load_json(store, run, "compile", "bench"));
    MOTE_TRY(const Json evaluation, load_json(store, run, "evaluate", "evaluation"));
    const auto budgets = judge(project.target.value.budgets, bench, evaluation);
    out.json["metric"] = evaluation["metric"];
    out.json["result"] = {{"float", evaluation["float"]},     {"int8", evaluation["int8"]},
                          {"board", evaluation["board"]},     {"n", evaluation["n"]},
                          {"board_n", evaluation["board_n"]}, {"board_equal", evaluation["board_equal"]},
                          {"qemu_n", evaluation["qemu_n"]},   {"qemu_equal", evaluation["qemu_equal"]}};
    out.json["budgets"] = Json::parse(pipeline::to_json(budgets));
    out.text = result_table(project, bench, evaluation, budgets, artifacts);
    for (const pipeline::Budget& b : budgets) out.holds = out.holds && b.ok();
  } else {
    out.text = fmt::format("{} is done\n", until);
  }
  out.json["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.json["cached_steps"] = run.cached_steps();
  out.json["steps"] = Json::array();
  for (const pipeline::StepResult& s : run.steps) {
    out.json["steps"].push_back({{"name", s.name},
                                 {"cached", s.cached},
                                 {"seconds", s.seconds},
                                 {"recorded_seconds", s.recorded_seconds},
                                 {"reason", s.reason}});
  }
  return out;
}

/// A command that runs the pipeline up to a step.
Command run_command(std::string name, std::string summary, std::string example, std::string until) {
  return {
      std::move(name), std::move(summary), std::move(example), [until = std::move(until)](CLI::App& parser) -> Action {
        auto arguments = std::make_shared<RunArguments>();
        parser.add_option("DIR", arguments->folder, "folder of mote.toml, or the file itself")->capture_default_str();
        parser.add_option("--set", arguments->overrides, "override a setting: section.key=value (repeatable)")
            ->allow_extra_args(false);
        parser.add_flag("--force", arguments->force, "run every step again");
        return [arguments, until](Progress& progress) { return run_project(*arguments, until, progress); };
      }};
}

constexpr const char* kTemplate = R"([project]
name = "{}"
description = "what it is for"

[data]
kind = "images"          # idx, audio, images, series or strokes: mote data import --help
path = "data"            # a folder a class

[split]
rule = "fraction"
validation = 0.1
test = 0.2

[features]
block = "image"
width = 28
height = 28
channels = 1

[target]
board = "nucleo-l4r5zi"  # mote boards
flash = "64 KiB"
ram = "24 KiB"
latency = "50 ms"

[model]
architecture = "ds_cnn"
blocks = ["24 s2", "24", "48 s2", "48"]

[train]
epochs = 20

[quantize]
method = "post_training"
)";

/// The folder's name with what TOML's quotes or a device's log would not take replaced.
std::string project_name(const std::filesystem::path& folder) {
  const auto normal = folder.lexically_normal();
  std::string name = (normal.has_filename() ? normal : normal.parent_path()).filename().string();
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\') c = '-';
  }
  return name.empty() ? "project" : name;
}

/// Adds to a .gitignore what it lacks; what stands there stays.
Result<void> ignore_outputs(const std::filesystem::path& file) {
  std::error_code ignored;
  std::string text;
  if (std::filesystem::exists(file, ignored)) {
    MOTE_TRY(text, read_text(file));
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  const std::string before = text;
  for (const std::string line : {".mote/\n", "out/\n"}) {
    if (("\n" + text).find("\n" + line) == std::string::npos) text += line;
  }
  return text == before ? Result<void>{} : write_file(file, text);
}

Result<Outcome> new_project(const std::filesystem::path& folder) {
  if (folder.empty()) return fail(Code::invalid_argument, "a project needs a folder: 'mote new my-sensor'");
  const auto file = folder / "mote.toml";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    return fail(Code::invalid_argument, file.string() + ": is there already; nothing was changed");
  const std::string name = project_name(std::filesystem::absolute(folder, ignored));
  MOTE_TRY_VOID(write_file(file, fmt::format(kTemplate, name)));
  MOTE_TRY_VOID(ignore_outputs(folder / ".gitignore"));
  Outcome out;
  out.text = fmt::format("{} is made; set its data, then 'mote run {}'\n", file.string(), folder.string());
  out.json = {{"project", name}, {"file", file.string()}};
  return out;
}

Result<Outcome> why(const std::string& folder, const std::string& id) {
  MOTE_TRY(const auto store, registry::Store::open(folder, registry::Access::read));
  MOTE_TRY(const registry::Lineage lineage, store.why(id));
  Outcome out;
  out.text = registry::to_text(lineage);
  out.json = Json::parse(registry::to_json(lineage), nullptr, false);
  return out;
}

/// Renders a report again from its data, or says where the latest one lies.
Result<Outcome> render_report(const std::string& from, const std::string& to) {
  std::error_code ignored;
  std::string text;
  if (std::filesystem::is_directory(from, ignored)) {
    MOTE_TRY(auto store, registry::Store::open(from, registry::Access::read));
    const auto data = store.resolve("report.data");
    if (!data) return fail(Code::not_found, from + ": there is no report yet; 'mote run' makes one");
    MOTE_TRY(const Bytes bytes, store.read(*data));
    text.assign(bytes.begin(), bytes.end());
  } else {
    MOTE_TRY(text, read_text(from));
  }
  auto data = report::from_json(text);
  if (!data) return fail(std::move(data).error(), from);
  MOTE_TRY_VOID(write_file(to, report::render_html(*data)));
  Outcome out;
  out.text = to + "\n";
  out.json = {{"report", to}, {"project", data->project}};
  return out;
}

}  // namespace

std::vector<Command> project_commands() {
  return {
      {"new", "make a project", "mote new my-sensor",
       [](CLI::App& parser) -> Action {
         auto folder = std::make_shared<std::string>();
         parser.add_option("DIR", *folder, "folder to make")->required();
         return [folder](Progress&) { return new_project(*folder); };
       }},
      run_command("run", "data to measured model: runs what is not up to date, then judges the budgets",
                  "mote run examples/fashion --set train.epochs=5", ""),
      run_command("train", "the pipeline up to the trained float model; goes on where it was interrupted",
                  "mote train examples/fashion", "train"),
      run_command("optimize", "the pipeline up to the quantized model",
                  "mote optimize examples/fashion --set quantize.method=aware", "quantize"),
      {"report", "write the report of the latest run, or of a report.json, as one HTML file",
       "mote report examples/fashion --out report.html",
       [](CLI::App& parser) -> Action {
         auto from = std::make_shared<std::string>(".");
         auto to = std::make_shared<std::string>("report.html");
         parser.add_option("FROM", *from, "project folder, or a report.json")->capture_default_str();
         parser.add_option("--out", *to, "file to write")->capture_default_str();
         return [from, to](Progress&) { return render_report(*from, *to); };
       }},
      {"why", "where an artifact comes from and what was made of it", "mote why train.model --project examples/fashion",
       [](CLI::App& parser) -> Action {
         auto id = std::make_shared<std::string>();
         auto folder = std::make_shared<std::string>(".");
         parser.add_option("ID", *id, "hash or its beginning, step.output, an alias, or a file")->required();
         parser.add_option("--project", *folder, "folder of mote.toml")->capture_default_str();
         return [id, folder](Progress&) { return why(*folder, *id); };
       }},
  };
}

}  // namespace mote::app
