#include "compile_model.hpp"
#include "materials.hpp"
#include "mote/base/build_id.hpp"
#include "mote/base/file.hpp"
#include "mote/optimize/passes.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

/// A sample of the test part (or of training, when there is none) with the output that the host computes for it.
Result<std::pair<Bytes, Bytes>> self_test_vector(const samples::DatasetSource& source, const graph::Graph& int8,
                                                 const features::Quantization& quantization) {
  MOTE_TRY(auto executor, graph::Executor::create(int8));
  MOTE_TRY(const Bytes input, quantized_input(source, 0, quantization));
  Bytes output(int8.output().size_bytes());
  MOTE_TRY_VOID(executor.run(input, output));
  MOTE_TRY(Bytes packed, source.module_input(0));
  return std::pair{std::move(packed), std::move(output)};
}

Result<pipeline::Outputs> compile_and_measure(const Project& project, pipeline::Context& context) {
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const auto int8_file, context.input("int8"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  MOTE_TRY(const graph::Graph int8, read_graph(int8_file));
  MOTE_TRY(const auto quantization, input_quantization(materials, int8));
  const data::Part tested = materials.split.test().empty() ? data::Part::train : data::Part::test;
  MOTE_TRY(const auto test, materials.source(tested));

  compile::CompileOptions options;
  MOTE_TRY(options.program.features, feature_stage(materials.extractor, quantization));
  options.labels = materials.dataset.about().labels;
  if (const auto& flash = project.target.value.budgets.flash_bytes)
    options.flash_budget = static_cast<std::size_t>(*flash);
  options.sensor_schema = materials.extractor.sensor().schema();
  MOTE_TRY(auto vector, self_test_vector(*test, int8, quantization));
  const Bytes input = vector.first;
  const Bytes expected = vector.second;
  // A long clip as test vector would cost more flash than it is worth.
  if (vector.first.size() <= 2048) options.vectors.push_back(std::move(vector));

  const board::BoardSpec& board = project.target.value.board;
  context.progress().note("compiling for " + board.name);
  MOTE_TRY(const optimize::Optimized simple, optimize::simplify(int8));
  MOTE_TRY(compile::CompiledModel model, compile::compile(simple.graph, board, options));
  MOTE_TRY(bench::BenchResult measured, bench::measure(model, simple.graph, board, input));
  measured.macs = graph::macs(int8);
  MOTE_TRY(model.module, compile::with_stack_bytes(model.module, static_cast<std::uint32_t>(measured.ram.stack)));
  MOTE_TRY(model.firmware, compile::make_firmware(model.module, board));
  if (measured.output_sha256 != sha256(expected).hex()) {
    return fail(Code::internal,
                "the board computes other bytes than the host for the self-test vector; please report this");
  }
  Json json = bench_json(measured);
  json["program"] = program_json(model);
  MOTE_TRY_VOID(write_file(context.output("module.bin"), model.module));
  MOTE_TRY_VOID(write_file(context.output("module.elf"), model.module_elf));
  MOTE_TRY_VOID(write_file(context.output("firmware.elf"), model.firmware));
  MOTE_TRY_VOID(write_file(context.output("model.cpp"), model.source));
  MOTE_TRY_VOID(write_file(context.output("kernels.S"), model.assembly));
  MOTE_TRY_VOID(write_file(context.output("bench.json"), json.dump(1)));
  return pipeline::Outputs{{"module", context.output("module.bin")},     {"module_elf", context.output("module.elf")},
                           {"firmware", context.output("firmware.elf")}, {"source", context.output("model.cpp")},
                           {"assembly", context.output("kernels.S")},    {"bench", context.output("bench.json")}};
}

}  // namespace

Result<void> add_compile(pipeline::Graph& graph, const Project& project) {
  auto run = [&project](pipeline::Context& context) { return compile_and_measure(project, context); };
  const std::string params = materials_text(project) + project.target.text;
  // Kernels and our compiler are part of this program, gcc is not: another build of either compiles again.
  const std::string version =
      "2 " + build_id().substr(0, 12) + " gcc " + compile::compiler_version(project.target.value.board);
  return graph.add(
      pipeline::make_step({"compile",
                           version,
                           params,
                           {"dataset", "int8"},
                           {"module", "module_elf", "firmware", "source", "assembly", "bench"}},
                          run),
      {{"dataset", pipeline::FromStep{"import", "dataset"}}, {"int8", pipeline::FromStep{"quantize", "int8"}}});
}

}  // namespace mote::app
