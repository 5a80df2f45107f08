#pragma once
// What the device_* targets are attached to: flash in memory, and a device of the factory whose keys and ids can be
// recognized by eye. Everything is of bytes that are all the same, which is also how assumed_crypto.hpp computes the id
// of a key.

#include <cstdlib>
#include <cstring>

#include "abi/module.hpp"
#include "assumed_crypto.hpp"
#include "update/cose.hpp"
#include "update/crc32.hpp"
#include "update/trust.hpp"

namespace mote::update::fuzz {

constexpr std::uint8_t kVendor = 0x11, kClass = 0x22, kDevice = 0x33;
constexpr std::uint8_t kRootKey = 0xa1, kReleaseKey = 0xa3, kTimeKey = 0xa5;

struct PowerCut {};

/// Flash that takes everything that flash takes.
template <std::uint32_t kBytes>
class Flash : public Port {
 public:
  explicit Flash(const Layout& layout) {
    layout_ = layout;
    runtime_.arena_bytes = 4096;
    runtime_.arena_align = 16;
    if (layout.end() != kBytes) std::abort();
  }
  void read(std::uint32_t offset, MutableBytes to) override {
    check(offset, to.size);
    std::memcpy(to.data, bytes + offset, to.size);
  }
  bool program(std::uint32_t offset, Bytes data) override {
    check(offset, data.size);
    if (data.size % layout_.write_unit_bytes != 0 || offset % layout_.write_unit_bytes != 0) std::abort();
    changed = true;
    const bool cut = is_cut();
    std::memcpy(bytes + offset, data.data, cut ? data.size / 2 : data.size);
    if (cut) throw PowerCut();
    return true;
  }
  bool erase_sector(std::uint32_t offset) override {
    check(offset, layout_.sector_bytes);
    if (offset % layout_.sector_bytes != 0) std::abort();
    changed = true;
    const bool cut = is_cut();
    std::memset(bytes + offset, 0xff, cut ? layout_.sector_bytes / 2 : layout_.sector_bytes);
    if (cut) throw PowerCut();
    return true;
  }
  const std::uint8_t* map(std::uint32_t offset) override { return bytes + offset; }
  /// Modules are not run: one gives as many of the input's first byte as its header says, if these are few.
  const std::uint8_t* invoke(std::uint32_t offset, bool, Bytes input) override {
    const auto& header = *reinterpret_cast<const device::ModuleHeader*>(map(offset));
    if (header.output_bytes > sizeof(output_)) return nullptr;
    std::memset(output_, input.size != 0 ? input[0] : 0, sizeof(output_));
    return output_;
  }
  unsigned battery_percent() override { return 100; }
  std::uint64_t clock_s() override { return 0; }

  alignas(16) std::uint8_t bytes[kBytes];
  bool changed = false;
  unsigned operations_left = 0;  ///< until power is cut within one; 0: never

 private:
  bool is_cut() { return operations_left != 0 && --operations_left == 0; }
  static void check(std::uint32_t offset, std::size_t size) {
    if (offset > kBytes || size > kBytes - offset) std::abort();
  }

  std::uint8_t output_[64] = {};
};

constexpr Layout kLayout = arrange(256, 8, 512, 512);

inline void write_bytes(CborWriter& writer, std::uint8_t byte, std::size_t size) {
  std::uint8_t bytes[64];
  std::memset(bytes, byte, size);
  writer.bytes({bytes, size});
}

/// {1: EdDSA, 4: id of `key`}, in a byte string.
inline void write_key_header(CborWriter& writer, std::uint8_t key) {
  std::uint8_t header[16];
  CborWriter inner{MutableBytes(header)};
  inner.map(2);
  inner.unsigned_int(1);
  inner.integer(kAlgorithmEd25519);
  inner.unsigned_int(4);
  write_bytes(inner, key, 8);
  writer.bytes(inner.written());
}

/// A keys document in which each role has one key.
inline Bytes write_keys(std::uint32_t version, MutableBytes to) {
  std::uint8_t payload[256];
  CborWriter writer{MutableBytes(payload)};
  writer.map(6);
  writer.unsigned_int(1);
  writer.unsigned_int(version);
  writer.unsigned_int(2);
  writer.map(3);
  for (unsigned role = 1; role <= 3; ++role) {
    writer.unsigned_int(role);
    writer.array(2);
    writer.unsigned_int(1);
    writer.array(1);
    writer.unsigned_int(role - 1);
  }
  writer.unsigned_int(3);
  writer.array(3);
  for (const std::uint8_t key : {kRootKey, kReleaseKey, kTimeKey}) {
    writer.array(2);
    writer.integer(kAlgorithmEd25519);
    write_bytes(writer, key, 32);
  }
  writer.unsigned_int(4);
  writer.unsigned_int(2'000'000'000);
  writer.unsigned_int(5);
  writer.unsigned_int(1000);
  writer.unsigned_int(6);
  write_bytes(writer, kVendor, 16);

  CborWriter message(to);
  message.tag(kTagSign);
  message.array(4);
  message.bytes({});
  message.map(0);
  message.bytes(writer.written());
  message.array(1);
  message.array(3);
  write_key_header(message, kRootKey);
  message.map(0);
  write_bytes(message, 1, 64);
  return message.written();
}

/// A device as it leaves the factory, without a module.
class Device {
 public:
  Device() : flash(kLayout) {
    std::memset(flash.bytes, 0xff, sizeof(flash.bytes));
    Identity identity;
    identity.magic = kIdentityMagic;
    identity.version = 1;
    std::memset(identity.vendor, kVendor, sizeof(identity.vendor));
    std::memset(identity.klass, kClass, sizeof(identity.klass));
    std::memset(identity.device, kDevice, sizeof(identity.device));
    std::memset(identity.device_key, 0x44, sizeof(identity.device_key));
    std::memset(identity.agreement_key, 0x55, sizeof(identity.agreement_key));
    std::memset(identity.group_key, 0x66, sizeof(identity.group_key));
    const Bytes keys =
        write_keys(1, {flash.bytes + sizeof(Identity), kLayout.journal - kLayout.identity - sizeof(Identity)});
    identity.keys_bytes = static_cast<std::uint16_t>(keys.size);
    identity.crc = crc32(keys, crc32({reinterpret_cast<const std::uint8_t*>(&identity), offsetof(Identity, crc)}));
    std::memcpy(flash.bytes, &identity, sizeof(identity));
    if (trust.load(flash, kNoSlot) != Status::ok) std::abort();
  }

  Flash<kLayout.end()> flash;
  Trust trust;
};

}  // namespace mote::update::fuzz
