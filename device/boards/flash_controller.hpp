#pragma once
// Driver for the flash controller of mote's virtual board. The flash itself is mapped for reading and running at
// address 0; changing it goes through this block, by the rules of NOR flash: an erase sets a whole sector to 0xFF, a
// program clears bits, a write unit at a time. Virtual board only.

#include <cstddef>
#include <cstdint>

namespace mote::device {

constexpr std::uint32_t kFlashControllerBase = 0x40020000;
constexpr std::uint32_t kFlashControllerIdentity = 0x72726f6e;  // "norr"

class FlashController {
 public:
  enum Register : std::size_t {
    kIdentity = 0,
    kFlashBytes,
    kSectorBytes,
    kWriteUnitBytes,
    kAddress,
    kSource,
    kCount,
    kCommand,
    kStatus
  };
  enum Command : std::uint32_t { kProgram = 1, kEraseSector = 2 };
  enum class Status : std::uint32_t {
    ok = 0,
    refused = 1
  };  // refused: misaligned, outside of the flash, or programmed twice

  explicit FlashController(std::uintptr_t base = kFlashControllerBase)
      : registers_(reinterpret_cast<volatile std::uint32_t*>(base)) {}

  bool present() const { return registers_[kIdentity] == kFlashControllerIdentity; }
  std::uint32_t flash_bytes() const { return registers_[kFlashBytes]; }
  std::uint32_t sector_bytes() const { return registers_[kSectorBytes]; }
  std::uint32_t write_unit_bytes() const { return registers_[kWriteUnitBytes]; }

  /// `address` and `count` are multiples of the write unit; `from` lies in RAM.
  Status program(std::uint32_t address, const void* from, std::uint32_t count) const {
    registers_[kAddress] = address;
    registers_[kSource] = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(from));
    registers_[kCount] = count;
    // The controller reads `from` by itself: what was stored there must be in memory by now.
    __asm__ volatile("" ::: "memory");
    registers_[kCommand] = kProgram;
    return static_cast<Status>(registers_[kStatus]);
  }
  /// `address` is the first byte of a sector.
  Status erase_sector(std::uint32_t address) const {
    registers_[kAddress] = address;
    registers_[kCommand] = kEraseSector;
    return static_cast<Status>(registers_[kStatus]);
  }

 private:
  volatile std::uint32_t* registers_;
};

}  // namespace mote::device
