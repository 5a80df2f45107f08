#pragma once
// For tests: a folder with parcels, and what else a server needs.

#include <algorithm>
#include <cstring>
#include <optional>

#include "abi/module.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/fleet/parcel_folder.hpp"
#include "mote/package/parcel.hpp"

namespace mote::fleet {

inline Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

inline Bytes small_module(std::uint8_t filling) {
  Bytes module(512, filling);
  device::ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.abi = device::kModuleAbi;
  header.module_bytes = static_cast<std::uint32_t>(module.size());
  std::memcpy(module.data(), &header, sizeof(header));
  return module;
}

inline package::SigningKey test_key() { return package::SigningKey::from_seed({1, 2, 3}); }

inline package::BundleOptions bundle_options(std::uint64_t sequence) {
  package::BundleOptions options;
  options.sequence = sequence;
  options.vendor = package::vendor_id("example.com");
  options.klass = package::class_id(options.vendor, "thermometer");
  return options;
}

inline Bytes bundle(const package::BundleOptions& options) {
  const package::SigningKey signers[] = {test_key()};
  return package::write_bundle(small_module(static_cast<std::uint8_t>(options.sequence)), options, signers).value();
}

class TestFolder {
 public:
  TestFolder() : folder_(TemporaryFolder::create("fleet").value()), parcels(ParcelFolder::open(path()).value()) {}
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  Bytes add(const std::string& name, Bytes bytes) {
    EXPECT_TRUE(write_file(path() / name, bytes));
    return bytes;
  }
  [[nodiscard]] ListedParcel listed(const std::string& name) {
    const auto parcel = parcels->find(name);
    return {name, 0, parcel->bytes.size(), parcel->digest, std::nullopt};
  }

 private:
  TemporaryFolder folder_;

 public:
  std::unique_ptr<ParcelFolder> parcels;
};

}  // namespace mote::fleet
