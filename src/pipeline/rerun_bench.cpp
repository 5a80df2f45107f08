// How long a run takes in which nothing has changed: ten steps over a 47 MB file and a folder of 3,000 files, ten
// outputs each of which is a folder of 20 files. Everything a rerun does is inside the loop: opening the store, reading
// mote.toml, looking at every source and every stored file.
//   cmake --build build --target mote_pipeline_rerun_bench && build/src/pipeline/mote_pipeline_rerun_bench

#include <benchmark/benchmark.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "mote/base/file.hpp"
#include "mote/pipeline/config.hpp"
#include "mote/pipeline/runner.hpp"

namespace mote::pipeline {
namespace {

constexpr int kSteps = 10;

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void make_sources(const std::filesystem::path& project) {
  need(write_file(project / "train.idx", std::string(47 << 20, 'x')));
  for (int i = 0; i < 3000; ++i) {
    need(write_file(project / "clips" / (std::to_string(i) + ".wav"),
                    std::string(8000, static_cast<char>('a' + i % 26))));
  }
  std::string toml;
  for (int i = 0; i < kSteps; ++i) toml += "[step" + std::to_string(i) + "]\nepochs = 3\nmemory = \"64 KiB\"\n";
  need(write_file(project / "mote.toml", toml));
}

Result<Outputs> write_folder(Context& context, const std::string& params) {
  for (int i = 0; i < 20; ++i) {
    MOTE_TRY_VOID(write_file(context.output("set") / std::to_string(i), params + std::to_string(i)));
  }
  return Outputs{{"out", context.output("set")}};
}

RunResult run(const std::filesystem::path& project) {
  auto store = need(registry::Store::open(project, registry::Access::write));
  Config config = need(Config::load(project / "mote.toml"));
  Graph graph;
  for (int i = 0; i < kSteps; ++i) {
    Section section = need(config.section("step" + std::to_string(i)));
    need(section.get<int>("epochs", 1));
    need(section.bytes("memory"));
    const std::string params = section.canonical_text();
    std::map<std::string, Binding> inputs{{"file", Source{"train.idx"}}, {"clips", Source{"clips"}}};
    if (i > 0) inputs = {{"before", FromStep{"step" + std::to_string(i - 1), "out"}}};
    std::vector<std::string> names;
    for (const auto& [name, binding] : inputs) names.push_back(name);
    need(graph.add(make_step({"step" + std::to_string(i), "1", params, names, {"out"}},
                             [params](Context& context) { return write_folder(context, params); }),
                   inputs));
  }
  return need(Runner(store, project).run(graph));
}

void rerun_with_nothing_changed(benchmark::State& state) {
  const TemporaryFolder folder = need(TemporaryFolder::create("mote-rerun"));
  make_sources(folder.path());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // files younger than a second are hashed every time
  run(folder.path());
  for (auto _ : state) {
    if (run(folder.path()).cached_steps() != kSteps) state.SkipWithError("a step ran again");
  }
}
BENCHMARK(rerun_with_nothing_changed)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mote::pipeline

BENCHMARK_MAIN();
