// Any bytes: read_tflite gives a graph or one sentence. A graph it gives can be written, where the format has words for
// it, and read again.

#include <cstdlib>

#include "mote/formats/format.hpp"
#include "mote/formats/tflite.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote;
  const ByteSpan bytes(data, size);
  static_cast<void>(formats::detect(bytes));
  static_cast<void>(formats::summarize_tflite(bytes, "fuzz.tflite"));
  const auto graph = formats::read_tflite(bytes, "fuzz.tflite");
  if (!graph) {
    if (graph.error().message().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const auto file = formats::write_tflite(*graph);
  if (!file) {
    if (file.error().code() != Code::unsupported) std::abort();
    return 0;
  }
  if (!formats::read_tflite(*file, "fuzz.tflite")) std::abort();
  return 0;
}
