#include "module_inputs.hpp"

#include <cstring>

#include "abi/module.hpp"

namespace mote::simulation {

std::vector<Bytes> module_inputs(ByteSpan module, Rng& rng) {
  device::ModuleHeader header{};
  std::memcpy(&header, module.data(), sizeof(header));
  std::vector<Bytes> inputs;
  const std::size_t pair = std::size_t{header.input_bytes} + header.output_bytes;
  for (std::size_t i = 0; i < header.vectors_count; ++i) {
    const std::size_t offset = header.vectors_offset + i * pair;
    if (offset + pair > module.size()) break;
    inputs.emplace_back(module.begin() + static_cast<std::ptrdiff_t>(offset),
                        module.begin() + static_cast<std::ptrdiff_t>(offset + header.input_bytes));
  }
  while (inputs.size() < 16) {
    Bytes input(header.input_bytes);
    for (auto& byte : input) byte = static_cast<std::uint8_t>(rng.below(256));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace mote::simulation
