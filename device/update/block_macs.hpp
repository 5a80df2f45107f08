#pragma once
// The table behind an installed module: who it is, and an authentication code for each kilobyte, under the device's own
// key. With it a device notices a changed bit without hashing everything, and knows its modules again should the
// journal be lost.

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

  /// Erases the table's sectors and writes the header.
  [[nodiscard]] Status begin(unsigned slot, const SlotRecord& module);
  /// Writes the codes of the blocks from `first` on, as many as fill 32 bytes. @return blocks done.
  [[nodiscard]] Status write(unsigned slot, const SlotRecord& module, std::uint32_t first, std::uint32_t& done);

  /// Whose module is in the slot. @return malformed: no table, or not of this device.
  [[nodiscard]] Status identify(unsigned slot, SlotRecord& module);
  /// @return module_damaged  the block is not what was installed.
  [[nodiscard]] Status check(unsigned slot, const SlotRecord& module, std::uint32_t block);

 private:
  void header_mac(const TableHeader& header, std::uint8_t (&out)[32]) const;
  void block_mac(unsigned slot, const SlotRecord& module, std::uint32_t block, std::uint8_t* out);

  Port& port_;
  Bytes key_;
};

}  // namespace mote::update
