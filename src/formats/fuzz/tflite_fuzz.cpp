// Any bytes: read_tflite gives a graph or one sentence. A graph it gives can be written, and comes back equal.

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
  if (!file) std::abort();
  const auto again = formats::read_tflite(*file, "fuzz.tflite");
  if (!again || !(*again == *graph)) std::abort();
  return 0;
}
