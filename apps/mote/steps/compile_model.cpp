#include "compile_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mote/features/emit.hpp"

namespace mote::app {

Result<compile::FeatureStage> feature_stage(const features::Extractor& extractor,
                                            const features::Quantization& quantization) {
  compile::FeatureStage stage;
  stage.function = "extract_features";
  MOTE_TRY(stage.source, features::emit_cpp(extractor, stage.function, quantization));
  stage.input_bytes = extractor.input_bytes();
  stage.scratch_bytes = extractor.scratch_bytes();
  stage.schema = extractor.schema();
  return stage;
}

Json bench_json(const bench::BenchResult& r) {
  // What was not counted is null.
  const auto counted = [&](auto figure) { return r.counted ? Json(figure) : Json(nullptr); };
  Json json{{"model", r.model},
            {"board", r.board},
            {"macs", r.macs},
            {"live_macs", r.live_macs},
            {"instructions", counted(r.counts.instructions)},
            {"cycles", counted(r.cycles)},
            {"core_cycles", counted(r.counts.core_cycles)},
            {"latency_ms", counted(r.latency_ms)},
            {"energy_uj", counted(r.energy_uj)},
            {"ram",
             {{"arena", r.ram.arena},
              {"stack", counted(r.ram.stack)},
              {"static", r.ram.static_data},
              {"total", counted(r.ram.total())}}},
            {"flash", {{"code", r.flash.code}, {"weights", r.flash.constants}, {"total", r.flash.total()}}},
            {"arena_planned", r.arena_planned},
            {"arena_touched", counted(r.arena_touched)},
            {"flash_misses", counted(r.counts.flash_misses)},
            {"fetch_misses", counted(r.counts.fetch_misses)},
            {"fetch_stalls", counted(r.counts.fetch_stalls)}};
  json["per_op"] = Json::array();
  for (std::size_t i = 0; i < r.steps.size(); ++i) {
    const bench::StepCost& s = r.steps[i];
    json["per_op"].push_back({{"index", i},
                              {"op", s.name},
                              {"shape", s.summary},
                              {"kernel", s.kernel},
                              {"macs", s.macs},
                              {"cycles", counted(s.cycles)},
                              {"instructions", counted(s.instructions)},
                              {"fetch_stalls", counted(s.fetch_stalls)}});
  }
  json["output_sha256"] = r.output_sha256;
  json["estimated"] = r.estimated;
  return json;
}

Json program_json(const compile::CompiledModel& model) {
  const compile::Program& p = model.program;
  Json json{{"arena_bytes", p.arena_bytes},
            {"peak_bytes", p.peak_live_bytes},
            {"peak_step", p.peak_step},
            {"peak_tensors", p.peak_tensors}};
  json["steps"] = Json::array();
  for (const compile::Step& s : p.steps)
    json["steps"].push_back({{"name", s.name}, {"summary", s.summary}, {"kernel", s.kernel}, {"op_index", s.op_index}});
  json["buffers"] = Json::array();
  for (const compile::PlacedBuffer& b : p.buffers) {
    json["buffers"].push_back({{"name", b.name},
                               {"aliases", b.aliases},
                               {"offset", b.offset},
                               {"bytes", b.bytes},
                               {"first", b.first_step},
                               {"last", b.last_step},
                               {"scratch", b.is_scratch}});
  }
  json["flash_parts"] = Json::array();
  for (const compile::FlashPart& f : model.flash_parts)
    json["flash_parts"].push_back({{"name", f.name}, {"code", f.code_bytes}, {"constants", f.constant_bytes}});
  return json;
}

std::string bench_text(const bench::BenchResult& r, bool per_op) {
  const auto mark = [&](const char* figure) {
    return std::ranges::find(r.estimated, figure) != r.estimated.end() ? " (estimated)" : "";
  };
  std::string text = fmt::format("{} on {}\n", r.model, r.board);
  if (r.counted) {
    text += fmt::format("  latency  {:.2f} ms{}   {} cycles, {} instructions, {} MACs{}\n", r.latency_ms,
                        mark("latency_ms"), r.cycles, r.counts.instructions, r.macs,
                        r.live_macs != r.macs ? fmt::format(" ({} live)", r.live_macs) : "");
    text += fmt::format("  energy   {:.1f} uJ{}\n", r.energy_uj, mark("energy_uj"));
    text += fmt::format("  RAM      {} bytes: arena {}, stack {}, static {}\n", r.ram.total(), r.ram.arena, r.ram.stack,
                        r.ram.static_data);
  } else {
    text +=
        fmt::format("  latency  unknown: nothing is counted on this machine   {} MACs\n  RAM      arena of {} bytes\n",
                    r.macs, r.ram.arena);
  }
  text += fmt::format("  flash    {} bytes: code {}, constants {}\n", r.flash.total(), r.flash.code, r.flash.constants);
  if (!per_op || !r.counted) return text;
  text += fmt::format("\n  {:<26} {:>10} {:>10} {:>6} {:>6}  {}\n", "step", "MACs", "cycles", "share", "c/MAC", "what");
  for (const bench::StepCost& s : r.steps) {
    const double share = r.cycles > 0 ? 100.0 * static_cast<double>(s.cycles) / static_cast<double>(r.cycles) : 0.0;
    const std::string per_mac =
        s.macs > 0 ? fmt::format("{:.2f}", static_cast<double>(s.cycles) / static_cast<double>(s.macs)) : "-";
    text += fmt::format("  {:<26} {:>10} {:>10} {:>5.1f}% {:>6}  {} | {}\n", s.name, s.macs, s.cycles, share, per_mac,
                        s.summary, s.kernel);
  }
  return text;
}

}  // namespace mote::app
