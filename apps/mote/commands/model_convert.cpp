// `mote convert`: between TensorFlow Lite's file and mote's graph text.

#include <fmt/format.h>

#include <filesystem>

#include "model_commands.hpp"
#include "model_file.hpp"
#include "mote/base/file.hpp"
#include "mote/formats/tflite.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

struct Options {
  std::string in;
  std::string out;
};

Result<formats::Format> format_for(const std::string& out) {
  const std::string extension = std::filesystem::path(out).extension().string();
  if (extension == ".tflite") return formats::Format::tflite;
  if (extension == ".mote") return formats::Format::graph_text;
  return fail(Code::invalid_argument,
              out + ": the name must end in .tflite or .mote (graph text), which says what is written");
}

Result<Bytes> written(const graph::Graph& graph, formats::Format format) {
  if (format == formats::Format::tflite) return formats::write_tflite(graph);
  const std::string text = graph::print(graph);
  return Bytes(text.begin(), text.end());
}

Result<Outcome> convert(const Options& options) {
  MOTE_TRY(const formats::Format to, format_for(options.out));
  MOTE_TRY(const ModelFile file, read_model_file(options.in));
  MOTE_TRY(const graph::Graph graph, graph_of(file, options.in));
  auto bytes = written(graph, to);
  if (!bytes) return fail(std::move(bytes).error(), options.in);
  MOTE_TRY_VOID(write_file(options.out, ByteSpan(*bytes)));
  Outcome out;
  out.text = fmt::format("{}: {} as {}, {}\n", options.out, counted(graph.ops().size(), "operator"), formats::name(to),
                         byte_text(bytes->size()));
  out.json = {{"input", options.in},           {"from", formats::name(file.format)}, {"output", options.out},
              {"to", formats::name(to)},       {"ops", graph.ops().size()},          {"bytes", bytes->size()},
              {"sha256", sha256(*bytes).hex()}};
  return out;
}

}  // namespace

Command convert_command() {
  return {"convert", "model file to another format: .tflite or .mote (graph text)",
          "mote convert model.tflite model.mote", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("in", options->in, "the model; what it is, its content tells")->required();
            app.add_option("out", options->out, "the file to write; its ending says as what")->required();
            return [options](Progress&) { return convert(*options); };
          }};
}

}  // namespace mote::app
