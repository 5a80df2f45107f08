#pragma once
// Tells what kind of file some bytes are, from the bytes alone: file names lie.

#include <string_view>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::formats {

enum class Format {
  tflite,      ///< TensorFlow Lite flatbuffer, identifier "TFL3" at byte 4
  onnx,        ///< ONNX protobuf
  graph_text,  ///< what graph::print writes
  module,      ///< compiled module (device/abi/module.hpp)
};

/// Stable lower-case name, as printed by `--json`.
[[nodiscard]] std::string_view name(Format format);

/// Looks at the first bytes only: a file of a known format may still be broken.
/// @error unsupported  none of the known formats.
[[nodiscard]] Result<Format> detect(ByteSpan bytes);

}  // namespace mote::formats
