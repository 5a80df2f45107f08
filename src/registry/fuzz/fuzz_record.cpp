#include <cstdlib>

#include "mote/registry/record.hpp"

// Whatever is read as a record prints as a record.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote::registry;
  const auto record = record_from_json({reinterpret_cast<const char*>(data), size});
  if (record && !record_from_json(to_json(*record))) std::abort();
  return 0;
}
