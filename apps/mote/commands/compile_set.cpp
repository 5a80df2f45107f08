#include "compile_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>

#include "budgets.hpp"
#include "model_file.hpp"
#include "model_host.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/compile/model_set.hpp"
#include "mote/optimize/passes.hpp"
#include "steps/compile_model.hpp"
#include "steps/materials.hpp"

namespace mote::app {
namespace {

struct Model {
  std::string name, file;
  graph::Graph graph;   ///< as in the file
  graph::Graph simple;  ///< what is compiled
  std::optional<FeatureStream> features;
  compile::CompileOptions options;
  bench::BenchResult measured;

  [[nodiscard]] std::size_t input_bytes() const {
    return options.program.features ? options.program.features->input_bytes : graph::input_bytes(graph);
  }
};

/// What stands in front of which model.
Result<std::map<std::string, std::string>> features_by_model(const SetArguments& a) {
  std::map<std::string, std::string> files;
  for (const std::string& text : a.features) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const bool known = std::ranges::any_of(a.files, [&](const std::string& f) { return model_name(f) == name; });
    if (equals == std::string::npos || !known) {
      return fail(Code::invalid_argument,
                  "--features " + text +
                      ": with several models it is MODEL=FILE, where MODEL is one of them without "
                      "folder and suffix");
    }
    files[name] = text.substr(equals + 1);
  }
  return files;
}

Result<std::deque<Model>> load_models(const SetArguments& a) {
  MOTE_TRY(const auto features, features_by_model(a));
  std::deque<Model> models;
  for (const std::string& path : a.files) {
    const std::string name = model_name(path);
    if (std::ranges::find(models, name, &Model::name) != models.end())
      return fail(Code::invalid_argument, "two of the models are called '" + name + "': rename one of the files");
    Model model;
    model.name = name;
    model.file = path;
    MOTE_TRY(const ModelFile file, read_model_file(path));
    MOTE_TRY(model.graph, graph_of(file, path));
    MOTE_TRY(auto simplified, optimize::simplify(model.graph));
    model.simple = std::move(simplified.graph);
    if (const auto its = features.find(name); its != features.end()) {
      MOTE_TRY(const FeaturesFile block, read_features_file(its->second));
      MOTE_TRY(const auto quantization, input_quantization(block, model.graph));
      MOTE_TRY(model.options.program.features, feature_stage(block, quantization));
      model.features.emplace(block, quantization);
    }
    models.push_back(std::move(model));
  }
  return models;
}

Bytes random_bytes(Rng& rng, std::size_t count) {
  Bytes bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

/// Each model on the board alone, then its stack in its module.
Result<void> measure(std::deque<Model>& models, const board::BoardSpec& board, compile::ModelSet& set) {
  for (std::size_t i = 0; i < models.size(); ++i) {
    Model& m = models[i];
    Rng rng(1);
    const Bytes input = m.features ? random_bytes(rng, m.input_bytes()) : bench::random_input(m.graph, rng);
    MOTE_TRY(m.measured, bench::measure(set.models[i], m.simple, board, input));
    m.measured.macs = graph::macs(m.graph);
    m.measured.model = m.name;
    MOTE_TRY(set.models[i].module,
             compile::with_stack_bytes(set.models[i].module, static_cast<std::uint32_t>(m.measured.ram.stack)));
    MOTE_TRY(auto host, ModelHost::create(m.graph, m.features));
    MOTE_TRY(const Bytes expected, host.next(input));
    if (!bench::outputs_agree(m.graph, expected, m.measured.output))
      return fail(Code::internal, m.file + ": the board computes other bytes than the host; please report this");
  }
  return compile::renew_firmware(set.models, board);
}

/// Enough rounds for what a model keeps to go once through all of it; models that keep nothing run at some of them.
constexpr std::size_t kRounds = 64;

/// All models in turns, as one device would run them, give the host's bytes.
Result<std::size_t> check_turns(std::deque<Model>& models, const board::BoardSpec& board, const compile::ModelSet& set,
                                Progress& progress) {
  Rng rng(2);
  std::vector<bench::TurnInput> turns;
  std::vector<Bytes> expected;
  std::vector<ModelHost> hosts;
  for (const Model& m : models) {
    MOTE_TRY(auto host, ModelHost::create(m.graph, m.features));
    hosts.push_back(std::move(host));
  }
  const bool any_state = std::ranges::any_of(set.models, [](const auto& m) { return !m.program.states.empty(); });
  const std::size_t rounds = any_state ? kRounds : 2;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      if (set.models[i].program.states.empty() && round % (kRounds / 4) > 1) continue;
      Model& m = models[i];
      turns.push_back({i, m.features ? random_bytes(rng, m.input_bytes()) : bench::random_input(m.graph, rng)});
      MOTE_TRY(Bytes output, hosts[i].next(turns.back().input));
      expected.push_back(std::move(output));
    }
  }
  MOTE_TRY(const std::vector<Bytes> got, bench::run_in_turns(set.models[0].firmware, board, turns, progress));
  for (std::size_t t = 0; t < turns.size(); ++t) {
    if (!bench::outputs_agree(models[turns[t].module].graph, expected[t], got[t]))
      return fail(Code::internal, fmt::format("at inference {} of models in turns {} gives other bytes on the board "
                                              "than on the host; please report this",
                                              t + 1, models[turns[t].module].name));
  }
  return turns.size();
}

/// What could be done about the arena, in sentences.
std::string advice(const std::deque<Model>& models, const compile::ModelSet& set) {
  const compile::SharedArena& arena = set.arena;
  const compile::Program& peak = set.models[arena.neediest].program;
  std::string text = fmt::format("  peak     {} at step {}, where these are live: {}\n", models[arena.neediest].name,
                                 peak.peak_step, fmt::join(peak.peak_tensors, " "));
  text += fmt::format(
      "  lower    the other models need {} of the {} shared bytes at most{}\n", arena.next_bytes, arena.shared_bytes,
      arena.least_bytes > 0 ? fmt::format("; with --ram {} {} does with less scratch and is computed row by row",
                                          arena.least_bytes, models[arena.neediest].name)
                            : "");
  return text;
}

std::string set_text(const std::deque<Model>& models, const compile::ModelSet& set, const SetArguments& a) {
  std::string text;
  for (std::size_t i = 0; i < models.size(); ++i) {
    text += bench_text(models[i].measured, a.per_op);
    const compile::Program& p = set.models[i].program;
    text += fmt::format("  of it    {} shared{}\n\n", p.shared_bytes,
                        p.kept_bytes > 0 ? fmt::format(", {} kept at {}", p.kept_bytes, p.kept_offset) : "");
  }
  const compile::SharedArena& arena = set.arena;
  text +=
      fmt::format("{} models on {}, in turns\n  RAM      arena {}: {} shared, {} kept; each alone: {} together\n",
                  models.size(), a.board, arena.arena_bytes, arena.shared_bytes, arena.kept_bytes, arena.alone_bytes);
  return text + advice(models, set) + fmt::format("  flash    {} bytes\n", set.flash_bytes());
}

/// The figures of all models together. @param stack  of the one that needs most; they run one after the other.
Json set_json(const std::deque<Model>& models, const compile::ModelSet& set, const SetArguments& a) {
  std::size_t code = 0, stack = 0, ops = 0;
  bool counted = true;
  for (std::size_t i = 0; i < models.size(); ++i) {
    code += set.models[i].code_bytes;
    stack = std::max(stack, models[i].measured.ram.stack);
    counted = counted && models[i].measured.counted;
    ops += models[i].graph.ops().size();
  }
  const compile::SharedArena& arena = set.arena;
  return {{"board", a.board},
          {"ram",
           {{"arena", arena.arena_bytes},
            {"stack", counted ? Json(stack) : Json(nullptr)},
            {"static", 0},
            {"total", counted ? Json(arena.arena_bytes + stack) : Json(nullptr)}}},
          {"flash", {{"code", code}, {"weights", set.flash_bytes() - code}, {"total", set.flash_bytes()}}},
          {"op_count", ops},
          {"arena",
           {{"bytes", arena.arena_bytes},
            {"shared", arena.shared_bytes},
            {"kept", arena.kept_bytes},
            {"peak_model", models[arena.neediest].name},
            {"others_shared", arena.next_bytes},
            {"alone", arena.alone_bytes},
            {"least", arena.least_bytes > 0 ? Json(arena.least_bytes) : Json(nullptr)}}},
          {"models", Json::array()}};
}

}  // namespace

std::string model_name(const std::string& file) { return std::filesystem::path(file).stem().string(); }

Result<Outcome> compile_set_command(const SetArguments& a, Progress& progress) {
  MOTE_TRY(const board::BoardSpec board, board::load_board(a.board));
  MOTE_TRY(auto models, load_models(a));
  std::vector<compile::SetMember> members;
  for (const Model& m : models) members.push_back({m.name, &m.simple, m.options});
  MOTE_TRY(auto set,
           compile::compile_set(members, board, {static_cast<std::size_t>(a.flash), static_cast<std::size_t>(a.ram)}));
  MOTE_TRY_VOID(measure(models, board, set));
  MOTE_TRY(const std::size_t turns, check_turns(models, board, set, progress));
  const std::filesystem::path folder = a.out.empty() ? "models." + board.name : a.out;
  Outcome out;
  out.json = set_json(models, set, a);
  out.json["firmware"] = (folder / "firmware.elf").string();
  out.json["turns"] = turns;
  MOTE_TRY_VOID(write_file(folder / "firmware.elf", set.models[0].firmware));
  for (std::size_t i = 0; i < models.size(); ++i) {
    const compile::CompiledModel& model = set.models[i];
    const std::filesystem::path its = folder / models[i].name;
    MOTE_TRY_VOID(write_file(its / "module.bin", model.module));
    MOTE_TRY_VOID(write_file(its / "module.elf", model.module_elf));
    MOTE_TRY_VOID(write_file(its / "model.cpp", model.source));
    const bool assembled = !model.assembly.empty();
    if (assembled) MOTE_TRY_VOID(write_file(its / "kernels.S", model.assembly));
    Json json = bench_json(models[i].measured);
    json["file"] = models[i].file;
    json["module"] = (its / "module.bin").string();
    json["source"] = (its / "model.cpp").string();
    json["assembly"] = assembled ? Json((its / "kernels.S").string()) : Json(nullptr);
    json["op_count"] = models[i].graph.ops().size();
    json["arena"] = {{"shared", model.program.shared_bytes},
                     {"kept_offset", model.program.kept_offset},
                     {"kept", model.program.kept_bytes}};
    json["planner"] = program_json(model);
    out.json["models"].push_back(std::move(json));
  }
  out.text = set_text(models, set, a);
  add_budgets({{"flash", a.flash, set.flash_bytes()}, {"ram", a.ram, set.arena.arena_bytes}}, out);
  out.text += fmt::format(
      "  {} inferences in turns give the host's bytes\n  wrote {}/firmware.elf and module.bin, "
      "module.elf, model.cpp of each model\n",
      turns, folder.string());
  return out;
}

}  // namespace mote::app
