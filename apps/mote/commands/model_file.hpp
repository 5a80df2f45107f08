#pragma once
// Model files by what is in them: names lie.

#include <string>

#include "mote/base/bytes.hpp"
#include "mote/formats/format.hpp"
#include "mote/graph/graph.hpp"

namespace mote::app {

struct ModelFile {
  Bytes bytes;
  formats::Format format = formats::Format::tflite;
};

/// Reads the file and tells its format.
/// @error not_found, io, too_large  more than 1 GiB.   @error unsupported  not a model.
[[nodiscard]] Result<ModelFile> read_model_file(const std::string& path);

/// The graph of a .tflite, an .onnx (quantized ones as integer operators) or of graph text.
/// @error malformed, unsupported  with the file's name in front.
[[nodiscard]] Result<graph::Graph> graph_of(const ModelFile& file, const std::string& path);

}  // namespace mote::app
