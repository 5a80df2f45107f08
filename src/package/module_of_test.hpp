#pragma once
// What tests of this module pack and sign.

#include <cstring>

#include "abi/module.hpp"
#include "mote/package/parcel.hpp"

namespace mote::package {

/// A header and bytes: enough for everything but running it.
inline Bytes small_module(std::uint8_t content = 0x5a) {
  Bytes module(512, content);
  device::ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.abi = device::kModuleAbi;
  header.module_bytes = static_cast<std::uint32_t>(module.size());
  header.header_bytes = sizeof(header);
  header.entry_offset = sizeof(header);
  header.arena_bytes = 1000;
  header.arena_align = 4;
  header.input_bytes = header.output_bytes = header.output_offset = 16;
  std::memcpy(module.data(), &header, sizeof(header));
  return module;
}

inline SigningKey key(std::uint8_t number) { return SigningKey::from_seed({number, 1, 2, 3}); }

inline BundleOptions bundle_options() {
  BundleOptions options;
  options.sequence = 7;
  options.vendor = vendor_id("example.com");
  options.klass = class_id(options.vendor, "thermometer");
  return options;
}

/// Roots 1 and 2, of which both are needed; releases by 3 and 4, of which one is; time by 9.
inline KeysOptions keys_options() {
  KeysOptions options;
  options.version = 3;
  options.root = {2, {key(1).public_key(), key(2).public_key()}};
  options.release = {1, {key(3).public_key(), key(4).public_key()}};
  options.time = {1, {key(9).public_key()}};
  options.not_after_s = 1'900'000'000;
  options.highest_sequence = 100;
  options.vendor = vendor_id("example.com");
  return options;
}

}  // namespace mote::package
