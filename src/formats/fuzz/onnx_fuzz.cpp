// Any bytes: read_onnx gives a graph or one sentence.

#include <cstdlib>

#include "mote/formats/onnx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote;
  const auto graph = formats::read_onnx(ByteSpan(data, size), "fuzz.onnx");
  if (!graph && graph.error().message().find('\n') != std::string::npos) std::abort();
  return 0;
}
