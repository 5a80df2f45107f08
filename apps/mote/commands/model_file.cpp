#include "model_file.hpp"

#include "mote/base/file.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::app {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

/// The module's own sentence may or may not begin with the file's name.
tl::unexpected<Error> fail_in(Error error, const std::string& path) {
  if (error.message().starts_with(path)) return fail(std::move(error));
  return fail(std::move(error), path);
}

}  // namespace

Result<ModelFile> read_model_file(const std::string& path) {
  ModelFile file;
  MOTE_TRY(file.bytes, read_file(path, kMostBytes));
  auto format = formats::detect(file.bytes);
  if (!format) return fail(std::move(format).error(), path);
  file.format = *format;
  return file;
}

Result<graph::Graph> graph_of(const ModelFile& file, const std::string& path) {
  switch (file.format) {
    case formats::Format::tflite: {
      auto graph = formats::read_tflite(file.bytes, path);
      if (!graph) return fail_in(std::move(graph).error(), path);
      return graph;
    }
    case formats::Format::graph_text: {
      auto graph = graph::parse({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
      if (!graph) return fail_in(std::move(graph).error(), path);
      return graph;
    }
    case formats::Format::onnx: {
      auto graph = formats::read_onnx(file.bytes, path);
      if (graph && optimize::is_marked(*graph)) graph = optimize::quantize_as_marked(*graph);
      if (!graph) return fail_in(std::move(graph).error(), path);
      return graph;
    }
    case formats::Format::module:
      return fail(
          Code::unsupported,
          path + ": a compiled module has no graph any more; take the .tflite or graph text that it was made from");
  }
  return fail(Code::internal, path + ": unknown format");
}

}  // namespace mote::app
