#include "mote/formats/format.hpp"

#include <algorithm>
#include <array>

namespace mote::formats {
namespace {

bool has(ByteSpan bytes, std::size_t offset, std::string_view text) {
  return bytes.size() >= offset + text.size() && std::ranges::equal(bytes.subspan(offset, text.size()), as_bytes(text));
}

/// ONNX has no magic. Its message begins with ir_version (field 1, a small varint), then one of the strings
/// producer_name (2), producer_version (3) or domain (4), the integer model_version (5), doc_string (6), or the graph
/// (7).
bool looks_like_onnx(ByteSpan bytes) {
  if (bytes.size() < 4 || bytes[0] != 0x08 || bytes[1] == 0 || bytes[1] > 0x7f) return false;
  constexpr std::array<std::uint8_t, 7> kSecondTags{0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42};
  return std::ranges::find(kSecondTags, bytes[2]) != kSecondTags.end();
}

}  // namespace

std::string_view name(Format format) {
  switch (format) {
    case Format::tflite:
      return "tflite";
    case Format::onnx:
      return "onnx";
    case Format::graph_text:
      return "graph_text";
    case Format::module:
      return "module";
  }
  return "unknown";
}

Result<Format> detect(ByteSpan bytes) {
  if (has(bytes, 4, "TFL3")) return Format::tflite;
  // The magic of device/abi/module.hpp, in memory order.
  if (has(bytes, 0, "mote")) return Format::module;
  if (has(bytes, 0, "graph \"")) return Format::graph_text;
  if (looks_like_onnx(bytes)) return Format::onnx;
  return fail(Code::unsupported,
              bytes.empty()
                  ? "the file is empty"
                  : "this is no model file: mote knows tflite, onnx, its own graph text and compiled modules");
}

}  // namespace mote::formats
