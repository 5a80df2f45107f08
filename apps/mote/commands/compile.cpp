// compile and bench: a model file on a board, without a project.

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "budgets.hpp"
#include "command.hpp"
#include "compile_set.hpp"
#include "features_file.hpp"
#include "model_file.hpp"
#include "model_host.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/mlperf.hpp"
#include "mote/bench/tune.hpp"
#include "mote/compile/source_package.hpp"
#include "mote/optimize/passes.hpp"
#include "option_types.hpp"
#include "steps/compile_model.hpp"
#include "steps/materials.hpp"

namespace mote::app {
namespace {

struct Arguments {
  std::vector<std::string> files;
  std::string file;  ///< the first of them
  std::string board = "nucleo-l4r5zi";
  std::string out;
  bool per_op = false, tune = false;
  double latency_ms = 0;
  std::uint64_t flash = 0, ram = 0;
  std::vector<std::string> features;
  std::string mlperf;
  int inferences = 0;
  std::string framework, name, version = "1.0.0";
};

Result<graph::Graph> load_model(const std::string& path) {
  MOTE_TRY(const ModelFile file, read_model_file(path));
  return graph_of(file, path);
}

struct Built {
  board::BoardSpec board;
  graph::Graph graph;   ///< as in the file
  graph::Graph simple;  ///< what was compiled
  compile::CompiledModel model;
  bench::BenchResult measured;
  std::optional<bench::Tuned> tuned;  ///< its model has moved to `model`
};

Bytes random_bytes(Rng& rng, std::size_t count) {
  Bytes bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

/// Enough inferences for what a model keeps to go once through all of it.
constexpr std::size_t kStreamed = 64;

/// A module with state gives the host's bytes along a stream.
Result<void> check_stream(const Built& built, const Bytes& first, Rng& rng, ModelHost& host) {
  std::vector<Bytes> inputs{first};
  const bool sensor = built.model.program.features.has_value();
  while (inputs.size() < kStreamed)
    inputs.push_back(sensor ? random_bytes(rng, first.size()) : bench::random_input(built.graph, rng));
  SilentProgress silent;
  MOTE_TRY(const std::vector<Bytes> outputs, bench::run_stream_on_board(
                                                 built.model.firmware, built.board, inputs.size(),
                                                 [&](std::size_t i) -> Result<Bytes> { return inputs[i]; }, silent));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    MOTE_TRY(const Bytes expected, host.next(inputs[i]));
    if (!bench::outputs_agree(built.graph, expected, outputs[i]))
      return fail(Code::internal, fmt::format("at inference {} of a stream the board computes other bytes than the "
                                              "host; please report this",
                                              i + 1));
  }
  return {};
}

/// By estimates, or by measuring.
Result<void> make_model(const Arguments& a, const compile::CompileOptions& options, ByteSpan input, Progress& progress,
                        Built& built) {
  if (!a.tune) {
    auto model = compile::compile(built.simple, built.board, options);
    if (!model) return fail(std::move(model).error(), a.file);
    built.model = std::move(*model);
    return {};
  }
  const bench::TuneOptions tuning{options, a.latency_ms, bench::user_tune_cache()};
  auto tuned = bench::tune(built.simple, built.board, tuning, input, progress);
  if (!tuned) return fail(std::move(tuned).error(), a.file);
  built.model = std::move(tuned->model);
  built.tuned = std::move(*tuned);
  return {};
}

/// Compiles, measures on a fixed random input, and compares the output with the host's.
Result<Built> build(const Arguments& a, Progress& progress) {
  Built built;
  MOTE_TRY(built.board, board::load_board(a.board));
  MOTE_TRY(built.graph, load_model(a.file));
  compile::CompileOptions options;
  std::optional<FeatureStream> features;
  if (!a.features.empty()) {
    MOTE_TRY(const FeaturesFile file, read_features_file(a.features.back()));
    MOTE_TRY(const auto quantization, input_quantization(file, built.graph));
    MOTE_TRY(options.program.features, feature_stage(file, quantization));
    features.emplace(file, quantization);
  }
  Rng rng(1);
  const Bytes input = options.program.features ? random_bytes(rng, options.program.features->input_bytes)
                                               : bench::random_input(built.graph, rng);
  MOTE_TRY(auto simplified, optimize::simplify(built.graph));
  built.simple = std::move(simplified.graph);
  options.flash_budget = static_cast<std::size_t>(a.flash);
  options.program.arena_budget = static_cast<std::size_t>(a.ram);
  MOTE_TRY_VOID(make_model(a, options, input, progress, built));
  if (progress.cancelled()) return fail(Code::cancelled, "stopped");
  MOTE_TRY(built.measured, bench::measure(built.model, built.simple, built.board, input));
  built.measured.macs = graph::macs(built.graph);
  MOTE_TRY(built.model.module,
           compile::with_stack_bytes(built.model.module, static_cast<std::uint32_t>(built.measured.ram.stack)));
  MOTE_TRY(built.model.firmware, compile::make_firmware(built.model.module, built.board));
  MOTE_TRY(auto host, ModelHost::create(built.graph, features));
  MOTE_TRY(const Bytes expected, host.next(input));
  if (!bench::outputs_agree(built.graph, expected, built.measured.output)) {
    return fail(Code::internal, a.file + ": the board computes other bytes than the host; please report this");
  }
  if (!built.model.program.states.empty()) {
    MOTE_TRY(auto anew, ModelHost::create(built.graph, features));
    MOTE_TRY_VOID(check_stream(built, input, rng, anew));
  }
  return built;
}

/// What one model takes of --flash and --ram.
std::vector<Budget> budgets_of(const Arguments& a, const bench::BenchResult& measured) {
  return {{"flash", a.flash, measured.flash.total()}, {"ram", a.ram, measured.ram.arena}};
}

/// What tuning found, layer by layer; a budget that is not met is a result that does not hold.
void add_tuning(const Built& built, bool per_op, Outcome& out) {
  if (!built.tuned) return;
  const bench::Tuned& t = *built.tuned;
  out.json["tuning"] = {{"forms", t.forms},     {"measured", t.measured},
                        {"modules", t.modules}, {"untuned_cycles", t.untuned},
                        {"within", t.within},   {"layers", Json::array()}};
  out.holds = out.holds && t.within;
  out.text += fmt::format("  tuned    {} forms of {} layers, {} measured now, in {} modules; {:.1f} % of {} cycles\n{}",
                          t.forms, t.layers.size(), t.measured, t.modules,
                          100.0 * static_cast<double>(t.cycles) / static_cast<double>(t.untuned), t.untuned,
                          t.within ? "" : "  BROKEN   no forms meet all budgets; this is the nearest\n");
  if (per_op) out.text += fmt::format("\n  {:>10} {:>10} {:>6}  {}\n", "estimated", "tuned", "forms", "layer");
  for (const bench::TunedLayer& l : t.layers) {
    out.json["tuning"]["layers"].push_back({{"op", l.op},
                                            {"shape", l.summary},
                                            {"forms", l.forms},
                                            {"kernel", l.kernel},
                                            {"cycles", l.cycles},
                                            {"untuned_kernel", l.by_estimate},
                                            {"untuned_cycles", l.estimated}});
    if (per_op && l.kernel != l.by_estimate)
      out.text += fmt::format("  {:>10} {:>10} {:>6}  {}: {} instead of {}\n", l.estimated, l.cycles, l.forms,
                              l.summary, l.kernel, l.by_estimate);
  }
}

std::string function_names(const std::vector<compile::SourceModel>& models) {
  std::string text;
  for (const compile::SourceModel& model : models) text += (text.empty() ? "" : ", ") + model.name + "_...";
  return text;
}

/// Inferences that an exported example checks: of several models in turns, enough to notice one writing over another.
constexpr std::size_t kExampleSteps = 3;

/// The models as source for a framework. Nothing is measured: the board need not run here.
Result<Outcome> run_export(const Arguments& a) {
  MOTE_TRY(const board::BoardSpec board, board::load_board(a.board));
  // Source in plain C++ is for any core, of which mote need not know.
  const auto core = board::core_of(board);
  const auto& names = compile::framework_names();
  const bool several = a.files.size() > 1;
  compile::SourcePackageOptions options;
  options.framework = static_cast<compile::Framework>(std::ranges::find(names, a.framework) - names.begin());
  options.name = a.name.empty() ? "models" : a.name;
  options.version = a.version;
  options.arena_budget = static_cast<std::size_t>(a.ram);
  options.steps = several ? kExampleSteps : 1;
  std::deque<graph::Graph> graphs;
  std::vector<compile::SourceModel> models;
  for (const std::string& file : a.files) {
    MOTE_TRY(const graph::Graph graph, load_model(file));
    // Its self-test compares bytes.
    if (!std::ranges::all_of(graph.outputs(), [&](auto id) { return bench::is_exact(graph, id); }))
      return fail(Code::unsupported, file +
                                         ": models that compute with float32 are not exported as source; quantize "
                                         "the model first ('mote convert --int8')");
    MOTE_TRY(auto simplified, optimize::simplify(graph));
    compile::SourceModel model;
    model.graph = &graphs.emplace_back(std::move(simplified.graph));
    model.name = several || a.name.empty() ? compile::c_name(model_name(file)) : a.name;
    model.program.lowering.target = core ? compile::target_of(**core) : compile::Target::portable;
    MOTE_TRY(auto host, ModelHost::create(graph, {}));
    Rng rng(1);
    for (std::size_t step = 0; step < options.steps; ++step) {
      Bytes input = random_bytes(rng, graph::input_bytes(graph));
      MOTE_TRY(Bytes output, host.next(input));
      model.vectors.emplace_back(std::move(input), std::move(output));
    }
    models.push_back(std::move(model));
  }
  auto files = compile::source_package(models, options);
  if (!files) return several ? tl::unexpected(std::move(files).error()) : fail(std::move(files).error(), a.file);
  const std::string name = several ? options.name : models[0].name;
  const std::filesystem::path folder = a.out.empty() ? name + "." + a.framework : a.out;
  Outcome out;
  out.json = {{"framework", a.framework},   {"folder", folder.string()}, {"name", name},
              {"version", options.version}, {"board", board.name},       {"core", board.core},
              {"models", Json::array()},    {"files", Json::array()}};
  for (const compile::SourceModel& model : models) out.json["models"].push_back(model.name);
  for (const compile::SourceFile& file : *files) {
    MOTE_TRY_VOID(write_file(folder / file.path, as_bytes(file.text)));
    out.json["files"].push_back(file.path);
  }
  out.text = fmt::format("{}: {} files for {}, functions {}, version {}; README.md says how to use them\n",
                         folder.string(), files->size(), a.framework, function_names(models), options.version);
  return out;
}

Result<Outcome> run_compile(const Arguments& a, Progress& progress) {
  if (!a.framework.empty()) return run_export(a);
  if (a.files.size() > 1) {
    if (a.tune) return fail(Code::invalid_argument, "--tune takes one model: the forms of several are estimated");
    return compile_set_command({a.files, a.features, a.board, a.out, a.per_op, a.flash, a.ram}, progress);
  }
  MOTE_TRY(const Built built, build(a, progress));
  const std::filesystem::path folder =
      a.out.empty() ? std::filesystem::path(a.file).stem().string() + "." + built.board.name : a.out;
  MOTE_TRY_VOID(write_file(folder / "module.bin", built.model.module));
  MOTE_TRY_VOID(write_file(folder / "module.elf", built.model.module_elf));
  MOTE_TRY_VOID(write_file(folder / "firmware.elf", built.model.firmware));
  MOTE_TRY_VOID(write_file(folder / "model.cpp", built.model.source));
  const bool assembled = !built.model.assembly.empty();
  if (assembled) MOTE_TRY_VOID(write_file(folder / "kernels.S", built.model.assembly));
  const Json measured = bench_json(built.measured);
  Outcome out;
  out.json = {{"module", (folder / "module.bin").string()},
              {"firmware", (folder / "firmware.elf").string()},
              {"source", (folder / "model.cpp").string()},
              {"assembly", assembled ? Json((folder / "kernels.S").string()) : Json(nullptr)},
              {"board", built.board.name},
              {"ram", measured["ram"]},
              {"flash", measured["flash"]},
              {"op_count", built.graph.ops().size()},
              {"planner", program_json(built.model)}};
  out.text = bench_text(built.measured, a.per_op);
  add_budgets(budgets_of(a, built.measured), out);
  add_tuning(built, a.per_op, out);
  out.text += fmt::format("\n  arena peak at step {}, where these are live:", built.model.program.peak_step);
  for (const std::string& tensor : built.model.program.peak_tensors) out.text += " " + tensor;
  out.text += fmt::format("\n  wrote {}/module.bin, firmware.elf, module.elf, model.cpp{}\n", folder.string(),
                          assembled ? ", kernels.S" : "");
  return out;
}

/// The benchmark's own script on the virtual UART.
Result<Outcome> run_mlperf(const Arguments& a, Progress& progress) {
  MOTE_TRY(const Built built, build(a, progress));
  const auto& models = bench::mlperf_models();
  const auto chosen = std::ranges::find(models, a.mlperf, &bench::MlperfModel::name);
  MOTE_TRY(const bench::MlperfRun run,
           bench::measure_mlperf(built.model, built.simple, built.board, *chosen,
                                 a.inferences > 0 ? a.inferences : chosen->inferences, chosen->warmups));
  Outcome out;
  out.text =
      fmt::format("{} as {} on {}: {:.2f} inferences a second ({} in {:.3f} s, after {} to warm up)\n  results  {}\n",
                  a.file, run.model, built.board.name, run.inferences_per_second(), run.inferences,
                  run.microseconds / 1e6, chosen->warmups, run.results);
  out.json = {{"model", a.file},
              {"board", built.board.name},
              {"benchmark", run.model},
              {"device", run.name},
              {"profile", run.profile},
              {"inferences", run.inferences},
              {"microseconds", run.microseconds},
              {"inferences_per_second", run.inferences_per_second()},
              {"results", run.results}};
  return out;
}

Result<Outcome> run_bench(const Arguments& a, Progress& progress) {
  if (!a.mlperf.empty()) return run_mlperf(a, progress);
  MOTE_TRY(const Built built, build(a, progress));
  Outcome out{bench_text(built.measured, a.per_op), bench_json(built.measured), true};
  add_budgets(budgets_of(a, built.measured), out);
  add_tuning(built, a.per_op, out);
  return out;
}

Action with_arguments(CLI::App& parser, Result<Outcome> (*run)(const Arguments&, Progress&), bool writes) {
  auto a = std::make_shared<Arguments>();
  auto* files = parser.add_option("FILE", a->files, "model: .tflite, .onnx or mote's graph text")->required();
  if (writes) {
    files->description(
        "model: .tflite, .onnx or mote's graph text; several models of one device run in turns and share one "
        "arena, and --flash and --ram are for all of them");
  } else {
    files->expected(1);
  }
  parser.add_option("--board", a->board, "board of the catalogue, or a .toml file of your own")->capture_default_str();
  auto* flash = parser
                    .add_option("--flash", a->flash,
                                "bytes of flash the module should fit: functions are shared and compiled for size "
                                "until it does; room that is left makes 3x3 convolutions faster")
                    ->check(positive_bytes());
  parser
      .add_option(
          "--ram", a->ram,
          "bytes the arena may use: more makes layers faster, at last with dense layers' weights in RAM, less has them "
          "computed row by row; default: up to a twelfth more than the layers need one by one")
      ->check(positive_bytes());
  auto* features =
      parser.add_option("--features", a->features,
                        std::string("a .toml file with [sensor] and [features]: the module takes samples and extracts "
                                    "features") +
                            (writes ? "; with several models MODEL=FILE" : ""));
  features->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* per_op = parser.add_flag("--per-op", a->per_op, "cycles of each operator");
  auto* tune = parser.add_flag(
      "--tune", a->tune,
      "choose each layer's form by measuring forms on the board: the fewest cycles within --flash and --ram");
  parser
      .add_option("--latency", a->latency_ms,
                  "with --tune: milliseconds an inference may take; the least flash that meets it is taken")
      ->needs(tune)
      ->check(positive_milliseconds());
  if (!writes) {
    std::vector<std::string> names;
    for (const bench::MlperfModel& m : bench::mlperf_models()) names.emplace_back(m.name);
    auto* mlperf =
        parser
            .add_option("--mlperf", a->mlperf,
                        "run MLPerf Tiny's performance script over the board's UART, the model taking this one's part")
            ->check(CLI::IsMember(names));
    parser
        .add_option("--inferences", a->inferences, "with --mlperf: how many; default: as the benchmark's script says")
        ->needs(mlperf)
        ->check(CLI::Range(1, 100000));
    mlperf->excludes(features);
  }
  if (writes) {
    parser.add_option("--out", a->out,
                      "folder to write to; default: FILE.BOARD, of several models models.BOARD, or NAME.FRAMEWORK");
    auto* framework = parser.add_option(
        "--export", a->framework, "write source for a framework instead: five C functions, kernels, README, example");
    framework->check(CLI::IsMember(compile::framework_names()))->excludes(features);
    // Nothing is measured or linked.
    framework->excludes(flash)->excludes(per_op)->excludes(tune);
    parser
        .add_option("--name", a->name,
                    "with --export: prefix of the C functions, default FILE's name; of several models the package's "
                    "name, default models")
        ->needs(framework);
    parser.add_option("--version", a->version, "with --export: semantic version of the model")
        ->needs(framework)
        ->capture_default_str();
  }
  return [a, run](Progress& progress) {
    a->file = a->files.front();
    return run(*a, progress);
  };
}

}  // namespace

std::vector<Command> compile_commands() {
  return {{"compile", "model file to module, firmware and readable source, measured",
           "mote compile model.tflite --board nucleo-l4r5zi",
           [](CLI::App& parser) { return with_arguments(parser, run_compile, true); }},
          {"bench", "measure a model file on a board: cycles, RAM, flash, energy",
           "mote bench model.tflite --board nucleo-l4r5zi --per-op",
           [](CLI::App& parser) { return with_arguments(parser, run_bench, false); }}};
}

}  // namespace mote::app
