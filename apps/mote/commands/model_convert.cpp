// `mote convert`: between TensorFlow Lite's file, ONNX's and mote's graph text; to int8; to a model that streams.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "model_commands.hpp"
#include "model_file.hpp"
#include "mote/base/file.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/quantization.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/optimize/stream.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

struct Options {
  std::string in;
  std::string out;
  std::string calibration;
  int hop = 0;  // rows of an inference; 0: the model stays as it is
};

/// One value that is no number would become the scale of a tensor.
Result<void> require_finite(ByteSpan input, const std::string& file) {
  const std::span<const float> values(reinterpret_cast<const float*>(input.data()), input.size() / sizeof(float));
  const auto bad = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return {};
  return fail(Code::malformed, fmt::format("{}: value {} is {}; inputs to calibrate with are finite float32", file,
                                           bad - values.begin(), *bad));
}

/// Lowest and highest value of every tensor over the inputs of a folder: files of raw float32, each one input of the
/// model.
Result<graph::Ranges> observed_ranges(const graph::Graph& graph, const std::string& folder, std::size_t& samples) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".bin") files.push_back(entry.path());
  }
  if (error) return fail(Code::not_found, folder + ": there is no such folder");
  if (files.empty())
    return fail(Code::not_found,
                folder + ": there are no .bin files (raw float32, one input of the model each) to calibrate with");
  std::ranges::sort(files);
  MOTE_TRY(auto executor, graph::Executor::create(graph));
  graph::Ranges ranges;
  Bytes output(graph::output_bytes(graph));
  for (const std::filesystem::path& file : files) {
    MOTE_TRY(const Bytes input, read_file(file));
    if (input.size() != graph::input_bytes(graph)) {
      return fail(Code::malformed, fmt::format("{} has {} bytes, the model takes {} (float32)", file.string(),
                                               input.size(), graph::input_bytes(graph)));
    }
    MOTE_TRY_VOID(require_finite(input, file.string()));
    MOTE_TRY_VOID(executor.run(input, output));
    for (graph::TensorId id = 0; id < static_cast<graph::TensorId>(graph.tensors().size()); ++id) {
      const graph::Tensor& t = graph.tensor(id);
      if (t.is_constant() || t.dtype != graph::DType::f32) continue;
      const ByteSpan raw = executor.value(id);
      const std::span<const float> values(reinterpret_cast<const float*>(raw.data()), raw.size() / sizeof(float));
      const auto [low, high] = std::ranges::minmax(values);
      const auto [entry, first] = ranges.try_emplace(t.name, graph::Range{low, high});
      if (!first) entry->second = {std::min(entry->second.low, low), std::max(entry->second.high, high)};
    }
  }
  samples = files.size();
  return ranges;
}

/// The float model in int8, with ranges from the calibration inputs.
Result<graph::Graph> quantized(const graph::Graph& graph, const Options& options, std::size_t& samples) {
  if (graph.input().dtype != graph::DType::f32)
    return fail(Code::invalid_argument, options.in + ": its input is " + std::string(graph::name(graph.input().dtype)) +
                                            ", only float models are quantized");
  MOTE_TRY(const auto simplified, optimize::simplify(graph));
  MOTE_TRY(const graph::Ranges ranges, observed_ranges(simplified.graph, options.calibration, samples));
  auto integer = optimize::quantize(simplified.graph, ranges);
  if (!integer) return fail(std::move(integer).error(), options.in);
  return integer;
}

Result<formats::Format> format_for(const std::string& out) {
  const std::string extension = std::filesystem::path(out).extension().string();
  if (extension == ".tflite") return formats::Format::tflite;
  if (extension == ".onnx") return formats::Format::onnx;
  if (extension == ".mote") return formats::Format::graph_text;
  return fail(Code::invalid_argument,
              out + ": the name must end in .tflite, .onnx or .mote (graph text), which says what is written");
}

Result<Bytes> written(const graph::Graph& graph, formats::Format format) {
  if (format == formats::Format::tflite) return formats::write_tflite(graph);
  if (format == formats::Format::onnx) return formats::write_onnx(graph);
  const std::string text = graph::print(graph);
  return Bytes(text.begin(), text.end());
}

/// The model as one that takes `hop` rows at a time, and what a person wants to know of it.
Result<graph::Graph> streaming(const graph::Graph& graph, const Options& options, Outcome& out) {
  MOTE_TRY(const auto simplified, optimize::simplify(graph));
  auto made = optimize::stream(simplified.graph, options.hop);
  if (!made) return fail(std::move(made).error(), options.in);
  MOTE_TRY(auto simple, optimize::simplify(made->graph));
  const std::uint64_t before = graph::macs(simplified.graph), after = graph::macs(simple.graph);
  out.text += fmt::format(
      "streams {} of {} rows at a time: {} of {} MACs, {} of state; from inference {} on the outputs are those of the "
      "whole window\n",
      options.hop, made->window_rows, after, before, byte_text(graph::state_bytes(simple.graph)),
      made->inferences_to_fill);
  if (!made->whole_from.empty())
    out.text += fmt::format("{}; it and what follows is computed anew each time\n", made->whole_from);
  out.json = {{"hop", options.hop},
              {"window_rows", made->window_rows},
              {"inferences_to_fill", made->inferences_to_fill},
              {"macs", after},
              {"batch_macs", before},
              {"state_bytes", graph::state_bytes(simple.graph)},
              {"whole_from", made->whole_from}};
  return std::move(simple.graph);
}

Result<Outcome> convert(const Options& options) {
  MOTE_TRY(const formats::Format to, format_for(options.out));
  MOTE_TRY(const ModelFile file, read_model_file(options.in));
  MOTE_TRY(graph::Graph graph, graph_of(file, options.in));
  std::size_t samples = 0;
  if (!options.calibration.empty()) {
    MOTE_TRY(graph, quantized(graph, options, samples));
  }
  Outcome stream;
  if (options.hop > 0) {
    MOTE_TRY(graph, streaming(graph, options, stream));
  }
  auto bytes = written(graph, to);
  if (!bytes) return fail(std::move(bytes).error(), options.in);
  MOTE_TRY_VOID(write_file(options.out, ByteSpan(*bytes)));
  Outcome out;
  out.text = fmt::format("{}: {} as {}, {}{}\n", options.out, counted(graph.ops().size(), "operator"),
                         formats::name(to), byte_text(bytes->size()),
                         samples > 0 ? fmt::format(", int8 by {}", counted(samples, "calibration input")) : "");
  out.text += stream.text;
  out.json = {{"input", options.in},
              {"from", formats::name(file.format)},
              {"output", options.out},
              {"to", formats::name(to)},
              {"ops", graph.ops().size()},
              {"bytes", bytes->size()},
              {"sha256", sha256(*bytes).hex()},
              {"calibration_inputs", samples}};
  if (options.hop > 0) out.json["stream"] = stream.json;
  return out;
}

}  // namespace

Command convert_command() {
  return {"convert",
          "model file (.tflite, .onnx, .mote) to another format: .tflite, .onnx or .mote (graph text), or to int8",
          "mote convert model.tflite model.mote", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("in", options->in, "the model; what it is, its content tells")->required();
            app.add_option("out", options->out, "the file to write; its ending says as what")->required();
            app.add_option(
                "--int8", options->calibration,
                "quantize a float model to int8; the folder has inputs to calibrate with, raw float32 in .bin files");
            app.add_option("--stream", options->hop,
                           "make a model over a window of time take HOP new rows at an inference and keep what its "
                           "layers need of the old ones; written as .tflite or .mote")
                ->type_name("HOP")
                ->check(CLI::Range(1, 1 << 20));
            return [options](Progress&) { return convert(*options); };
          }};
}

}  // namespace mote::app
