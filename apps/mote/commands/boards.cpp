#include <fmt/format.h>

#include <map>
#include <optional>

#include "command.hpp"
#include "model_file.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/core.hpp"
#include "mote/compile/compile.hpp"
#include "mote/optimize/passes.hpp"
#include "option_types.hpp"

namespace mote::app {
namespace {

Json board_json(const board::BoardSpec& b) {
  return {{"name", b.name},
          {"title", b.title},
          {"mcu", b.mcu},
          {"core", b.core},
          {"clock_hz", b.clock_hz},
          {"flash_bytes", b.flash_bytes},
          {"ram_bytes", b.ram_bytes},
          {"fpu", b.fpu},
          {"dsp", b.dsp},
          {"measured", b.emulated()},
          {"estimated", b.estimated},
          {"sources", b.sources}};
}

Result<Outcome> list_boards() {
  Outcome out;
  out.text =
      fmt::format("{:<22} {:<14} {:>8} {:>10} {:>9}  {}\n", "board", "core", "clock", "flash", "RAM", "runs here");
  out.json["boards"] = Json::array();
  for (const board::BoardSpec& b : board::catalogue()) {
    const std::string clock = b.runs_here() && !b.emulated() ? "-" : fmt::format("{} MHz", b.clock_hz / 1'000'000);
    out.text += fmt::format("{:<22} {:<14} {:>8} {:>6} KiB {:>5} KiB  {}\n", b.name, b.core, clock,
                            b.flash_bytes / 1024, b.ram_bytes / 1024, b.runs_here() ? "yes" : "no");
    out.json["boards"].push_back(board_json(b));
  }
  return out;
}

struct Options {
  std::string what;
  std::string file;
  double latency_ms = 0.0;
};

/// What a model needs on a board: measured where the board runs here, else of the portable kernels and without a time.
struct Need {
  std::size_t flash = 0, ram = 0;
  std::optional<double> latency_ms, energy_uj;
  bool estimated = false;
};

Need portable_need(const compile::Program& program) {
  Need need;
  need.estimated = true;
  need.ram = program.arena_bytes;
  constexpr std::size_t kCodePerOperator = 600;  // bytes: what the portable kernels take on a Cortex-M0+, roughly
  for (const compile::LoweredOp& op : program.ops) {
    need.flash += kCodePerOperator;
    for (const compile::ConstantArray& array : op.constants) need.flash += array.bytes();
  }
  return need;
}

constexpr std::uint32_t kRoomyBytes = 64u << 20;

Result<Outcome> fit(const Options& o, Progress& progress) {
  if (o.file.empty()) return fail(Code::invalid_argument, "give the model that should fit: mote boards fit FILE");
  MOTE_TRY(const ModelFile file, read_model_file(o.file));
  MOTE_TRY(const graph::Graph graph, graph_of(file, o.file));
  MOTE_TRY(const auto simplified, optimize::simplify(graph));
  compile::ProgramOptions portable;
  portable.lowering.target = compile::Target::portable;
  auto program = compile::make_program(simplified.graph, portable);
  if (!program) return fail(std::move(program).error(), o.file);
  std::map<const board::CoreSpec*, compile::CompiledModel> modules;  // the same for all boards of a core
  Bytes input(graph::input_bytes(graph));
  Outcome out;
  out.holds = false;
  out.text = fmt::format("{:<22} {:<14} {:>20} {:>20} {:>12} {:>10}  {}\n", "board", "core", "flash", "RAM", "latency",
                         "energy", "");
  out.json = {{"model", o.file}, {"boards", Json::array()}};
  std::size_t done = 0;
  for (const board::BoardSpec& b : board::catalogue()) {
    Need need = portable_need(*program);
    std::string reason;
    if (const auto core = board::core_of(b)) {
      if (!modules.contains(*core)) {
        // Compiled as if the board were large: whether it fits is what is asked.
        board::BoardSpec roomy = b;
        roomy.flash_bytes = roomy.ram_bytes = kRoomyBytes;
        auto made = compile::compile(simplified.graph, roomy, {});
        if (!made) return fail(std::move(made).error(), o.file);
        modules.emplace(*core, std::move(*made));
      }
      const compile::CompiledModel& compiled = modules.at(*core);
      // Firmware and time are the board's own.
      need = {compiled.module.size(), compiled.program.arena_bytes, std::nullopt, std::nullopt, false};
      auto firmware = compile::make_firmware(compiled.module, b);
      if (firmware) {
        compile::CompiledModel here = compiled;
        here.firmware = std::move(*firmware);
        auto measured = bench::measure(here, simplified.graph, b, input);
        if (measured) {
          need.ram = measured->ram.total();
          if (measured->counted) need.latency_ms = measured->latency_ms;
          if (measured->energy_uj > 0.0) need.energy_uj = measured->energy_uj;  // 0: its current is unknown
          need.estimated = !measured->estimated.empty();
        } else {
          reason = measured.error().message();
        }
      } else {
        reason = firmware.error().code() == Code::too_large ? "no room" : firmware.error().message();
      }
    }
    const bool fast_enough = o.latency_ms == 0.0 || (need.latency_ms && *need.latency_ms <= o.latency_ms);
    if (need.flash > b.flash_bytes)
      reason = "flash";
    else if (need.ram > b.ram_bytes)
      reason = "RAM";
    else if (reason.empty() && !fast_enough)
      reason = need.latency_ms ? "latency" : "latency unknown";
    const bool fits = reason.empty();
    out.holds = out.holds || fits;
    const auto of = [](std::size_t need_bytes, std::size_t has) {
      return fmt::format("{:.1f} of {} KiB", static_cast<double>(need_bytes) / 1024.0, has / 1024);
    };
    out.text +=
        fmt::format("{:<22} {:<14} {:>20} {:>20} {:>12} {:>10}  {}\n", b.name, b.core, of(need.flash, b.flash_bytes),
                    of(need.ram, b.ram_bytes), need.latency_ms ? fmt::format("{:.2f} ms", *need.latency_ms) : "unknown",
                    need.energy_uj ? fmt::format("{:.0f} uJ", *need.energy_uj) : "unknown",
                    fits ? (need.estimated && !need.latency_ms ? "fits (estimated)" : "fits") : "no: " + reason);
    out.json["boards"].push_back({{"name", b.name},
                                  {"core", b.core},
                                  {"fits", fits},
                                  {"reason", fits ? Json(nullptr) : Json(reason)},
                                  {"flash", need.flash},
                                  {"flash_bytes", b.flash_bytes},
                                  {"ram", need.ram},
                                  {"ram_bytes", b.ram_bytes},
                                  {"latency_ms", need.latency_ms ? Json(*need.latency_ms) : Json(nullptr)},
                                  {"energy_uj", need.energy_uj ? Json(*need.energy_uj) : Json(nullptr)},
                                  {"measured", need.latency_ms.has_value()}});
    progress.step("boards", ++done, board::catalogue().size(), "");
  }
  return out;
}

}  // namespace

std::vector<Command> boards_commands() {
  return {
      {"boards", "list the boards that are known and which of them run here, or those that a model fits",
       "mote boards fit model.tflite", [](CLI::App& app) -> Action {
         auto o = std::make_shared<Options>();
         auto* what =
             app.add_option("WHAT", o->what, "fit: hold a model against every board")->check(CLI::IsMember({"fit"}));
         app.add_option("FILE", o->file, "with fit: the model")->needs(what);
         app.add_option("--latency", o->latency_ms, "with fit: milliseconds that one run may take")
             ->needs(what)
             ->check(positive_milliseconds());
         return [o](Progress& progress) { return o->what.empty() ? list_boards() : fit(*o, progress); };
       }}};
}

}  // namespace mote::app
