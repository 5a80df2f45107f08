#pragma once
// For tests of agents that never run their module.

#include <cstring>

#include "abi/module.hpp"
#include "mote/base/bytes.hpp"

namespace mote::simulation {

/// `content` with a header of a module for this machine over its first bytes. Without vectors it is never called.
inline Bytes module_of_content(Bytes content, std::uint32_t vectors = 0) {
  device::ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.abi = device::kModuleAbi;
  header.core = static_cast<std::uint32_t>(device::Core::host);
  header.module_bytes = static_cast<std::uint32_t>(content.size());
  header.header_bytes = sizeof(header);
  header.entry_offset = sizeof(header);
  header.arena_bytes = 64;
  header.arena_align = 4;
  header.vectors_count = vectors;
  std::memcpy(content.data(), &header, sizeof(header));
  return content;
}

}  // namespace mote::simulation
