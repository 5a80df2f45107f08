#include "update/block_macs.hpp"

#include "update/flash.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kTableMagic = 0x31434d4d;  // "MMC1"

}  // namespace

void BlockMacs::mac(Bytes first, Bytes rest, std::uint8_t (&out)[32]) const {
  HmacSha256 mac(key_);
  mac.update(first);
  mac.update(rest);
  mac.finish(out);
}

void BlockMacs::header_mac(const TableHeader& header, std::uint8_t (&out)[32]) const {
  mac(bytes_of(header, sizeof(TableHeader) - sizeof(header.mac)), {}, out);
}

void BlockMacs::block_mac(unsigned slot, const SlotRecord& module, std::uint32_t block, std::uint8_t* out) const {
  const std::uint32_t offset = block * kMacBlockBytes;
  const std::uint32_t left = module.module_bytes - offset;
  // The block's place and the module's sequence belong to it: a block moved or kept from before is another block.
  // Little-endian, as all in flash.
  struct {
    std::uint64_t sequence;
    std::uint32_t block;
    std::uint32_t zeros;
  } const place{module.sequence, block, 0};
  std::uint8_t whole[32];
  mac({reinterpret_cast<const std::uint8_t*>(&place), sizeof(place)},
      {port_.map(port_.layout().slot(slot) + offset), left < kMacBlockBytes ? left : kMacBlockBytes}, whole);
  copy(out, {whole, 8});
}

Status BlockMacs::begin(unsigned slot) {
  const Layout& layout = port_.layout();
  return erase(port_, layout.table(slot), layout.table_bytes()) ? Status::ok : Status::flash_failed;
}

Status BlockMacs::finish(unsigned slot, const SlotRecord& module) {
  TableHeader header;
  header.sequence = module.sequence;
  header.magic = kTableMagic;
  header.module_bytes = module.module_bytes;
  copy(header.digest, module.digest);
  std::uint8_t mac[32];
  header_mac(header, mac);
  copy(header.mac, {mac, sizeof(header.mac)});
  return port_.program(port_.layout().table(slot), bytes_of(header)) ? Status::ok : Status::flash_failed;
}

Status BlockMacs::write(unsigned slot, const SlotRecord& module, std::uint32_t first) {
  std::uint8_t codes[8 * kAtOnce];
  for (std::uint8_t& byte : codes) byte = 0xff;
  const std::uint32_t left = count(module.module_bytes) - first;
  for (std::uint32_t i = 0; i < kAtOnce && i < left; ++i) block_mac(slot, module, first + i, codes + 8 * i);
  const std::uint32_t offset = port_.layout().table(slot) + static_cast<std::uint32_t>(sizeof(TableHeader)) + 8 * first;
  return port_.program(offset, codes) ? Status::ok : Status::flash_failed;
}

Status BlockMacs::identify(unsigned slot, SlotRecord& module) {
  const auto& header = *reinterpret_cast<const TableHeader*>(port_.map(port_.layout().table(slot)));
  std::uint8_t mac[32];
  header_mac(header, mac);
  if (header.magic != kTableMagic || !equal_constant_time({mac, sizeof(header.mac)}, header.mac) ||
      header.module_bytes > port_.layout().capacity())
    return Status::malformed;
  module.sequence = header.sequence;
  module.module_bytes = header.module_bytes;
  module.proven = 0;
  copy(module.digest, header.digest);
  return Status::ok;
}

bool BlockMacs::is_sound(unsigned slot, const SlotRecord& module, std::uint32_t block) {
  std::uint8_t expected[8], found[8];
  block_mac(slot, module, block, found);
  port_.read(port_.layout().table(slot) + static_cast<std::uint32_t>(sizeof(TableHeader)) + 8 * block, expected);
  return equal_constant_time(expected, found);
}

}  // namespace mote::update
