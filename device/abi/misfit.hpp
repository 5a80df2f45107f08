#pragma once
// Whether a module may be called on a device: everything in its header that could lead a call astray. Nothing of the
// module is trusted before; its digest is the business of whoever installs it.

#include "abi/module.hpp"

namespace mote::device {

/// What a device has for modules.
struct ModuleHost {
  std::uint32_t core = 0;
  std::uint32_t isa_features = 0;
  std::uint32_t arena_bytes = 0;
  std::uint32_t arena_align = 0;  ///< that the arena's address satisfies; a power of two
};

/// Numbers are part of the bench protocol (boards/protocol.hpp).
enum class Misfit : std::uint8_t {
  none,
  bad_magic,
  wrong_abi,
  wrong_core,
  missing_isa_feature,
  bad_layout,
  arena_too_small
};

constexpr bool lies_inside(std::uint32_t offset, std::uint32_t bytes, std::uint32_t limit) {
  return offset <= limit && bytes <= limit - offset;
}

/// @param present_bytes  from the header's first byte to the end of what may belong to the module.
inline Misfit misfit(const ModuleHeader& header, std::uint32_t present_bytes, const ModuleHost& host) {
  if (present_bytes < sizeof(ModuleHeader) || header.magic != kModuleMagic) return Misfit::bad_magic;
  if (header.abi != kModuleAbi || header.op_set > kOpSet) return Misfit::wrong_abi;
  if (header.core != host.core) return Misfit::wrong_core;
  if ((header.isa_features & ~host.isa_features) != 0) return Misfit::missing_isa_feature;
  const auto is_function = [&](std::uint32_t offset) {
    return offset >= header.header_bytes && offset < header.module_bytes && (offset & 1u) == 0;
  };
  if (header.header_bytes < sizeof(ModuleHeader) || header.module_bytes > present_bytes ||
      !is_function(header.entry_offset) || (header.reset_offset != 0 && !is_function(header.reset_offset)))
    return Misfit::bad_layout;
  if (header.arena_bytes > host.arena_bytes || header.arena_align == 0 ||
      (header.arena_align & (header.arena_align - 1)) != 0 || header.arena_align > host.arena_align)
    return Misfit::arena_too_small;
  if (!lies_inside(header.input_offset, header.input_bytes, header.arena_bytes) ||
      !lies_inside(header.output_offset, header.output_bytes, header.arena_bytes))
    return Misfit::bad_layout;
  return Misfit::none;
}

}  // namespace mote::device
