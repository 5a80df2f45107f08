#include <cstdlib>

#include "mote/registry/artifact.hpp"

// Whatever is read as a manifest prints as a text that reads as the same manifest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mote::registry::Manifest;
  auto manifest = Manifest::parse({reinterpret_cast<const char*>(data), size});
  if (!manifest) return 0;
  const auto again = Manifest::parse(manifest->text());
  if (!again || again->entries != manifest->entries) std::abort();
  return 0;
}
