#pragma once
// The table behind a module that was confirmed: who it is, and an authentication code for each kilobyte, under the
// device's own key. With it a device notices a changed bit without hashing everything, and knows the modules that
// proved themselves again should the journal be lost: whatever has no table never did.

#include "update/crypto.hpp"
#include "update/journal.hpp"

namespace mote::update {

/// First bytes of a table. The codes follow: 8 bytes for each kMacBlockBytes of the module.
struct TableHeader {
  std::uint64_t sequence = 0;
  std::uint32_t magic = 0;
  std::uint32_t module_bytes = 0;
  std::uint8_t digest[32] = {};
  std::uint8_t mac[16] = {};  // over everything before
};
static_assert(sizeof(TableHeader) == 64, "a multiple of every write unit");

class BlockMacs {
 public:
  BlockMacs(Port& port, Bytes device_key) : port_(port), key_(device_key) {}

  static std::uint32_t count(std::uint32_t module_bytes) {
    return (module_bytes + kMacBlockBytes - 1) / kMacBlockBytes;
  }

  /// Erases the table's sectors.
  [[nodiscard]] Status begin(unsigned slot);
  static constexpr std::uint32_t kAtOnce = 4;  ///< codes that fill the largest write unit
  /// Writes the codes of the blocks from `first` on, kAtOnce or as many as there are.
  [[nodiscard]] Status write(unsigned slot, const SlotRecord& module, std::uint32_t first);
  /// Writes the header, behind all codes: from now on the table counts.
  [[nodiscard]] Status finish(unsigned slot, const SlotRecord& module);

  /// Whose module is in the slot. @return malformed: no table, or not of this device.
  [[nodiscard]] Status identify(unsigned slot, SlotRecord& module);
  /// Whether the block is what was installed, by its code.
  [[nodiscard]] bool is_sound(unsigned slot, const SlotRecord& module, std::uint32_t block);

 private:
  [[gnu::noinline]] void mac(Bytes first, Bytes rest, std::uint8_t (&out)[32]) const;
  void header_mac(const TableHeader& header, std::uint8_t (&out)[32]) const;
  void block_mac(unsigned slot, const SlotRecord& module, std::uint32_t block, std::uint8_t* out) const;

  Port& port_;
  Bytes key_;
};

}  // namespace mote::update
