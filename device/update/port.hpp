#pragma once
// What a board gives to the update agent: a piece of NOR flash, a way to run a module, a battery, perhaps a clock. A
// port is all that has to be written to bring the agent to another board.

#include "update/bytes.hpp"
#include "update/status.hpp"

namespace mote::update {

constexpr std::uint32_t kPageBytes = 256;       ///< written at once; sectors are multiples of it
constexpr std::uint32_t kMaxHeadBytes = 1024;   ///< of a message's signed part
constexpr std::uint32_t kMacBlockBytes = 1024;  ///< of a module, under one authentication code

/// How the update flash is divided. Offsets count from its start; every region begins and ends with a sector.
struct Layout {
  std::uint32_t sector_bytes = 0;      ///< erased together
  std::uint32_t write_unit_bytes = 0;  ///< programmed together, once between erases; a power of two, at most 32

  std::uint32_t identity = 0;  ///< written in the factory, one sector
  std::uint32_t journal = 0;   ///< two areas, one after the other
  std::uint32_t journal_area_bytes = 0;
  std::uint32_t keys = 0;  ///< two areas
  std::uint32_t keys_area_bytes = 0;
  std::uint32_t slots = 0;  ///< slot A, slot B
  std::uint32_t slot_bytes = 0;
  std::uint32_t inbox = 0;
  std::uint32_t inbox_bytes = 0;  ///< 0: this device reads parcels in place only

  constexpr std::uint32_t slot(unsigned index) const { return slots + index * slot_bytes; }
  /// A slot ends with the authentication codes of its module, in sectors of their own.
  constexpr std::uint32_t table_bytes() const {
    const std::uint32_t bytes = 64 + 8 * (slot_bytes / kMacBlockBytes + 4);
    return (bytes + sector_bytes - 1) / sector_bytes * sector_bytes;
  }
  constexpr std::uint32_t table(unsigned index) const { return slot(index) + slot_bytes - table_bytes(); }
  /// Largest module that a slot takes.
  constexpr std::uint32_t capacity() const { return slot_bytes - table_bytes(); }
  constexpr std::uint32_t end() const { return inbox + inbox_bytes; }
};

/// Regions one after the other, each rounded up to sectors: what firmware and factory agree on when both know the flash
/// and the largest module.
constexpr Layout arrange(std::uint32_t sector_bytes, std::uint32_t write_unit_bytes, std::uint32_t module_bytes,
                         std::uint32_t inbox_bytes) {
  const auto sectors = [&](std::uint32_t bytes) { return (bytes + sector_bytes - 1) / sector_bytes * sector_bytes; };
  Layout layout;
  layout.sector_bytes = sector_bytes;
  layout.write_unit_bytes = write_unit_bytes;
  layout.identity = 0;
  layout.journal = sectors(1024);
  layout.journal_area_bytes = sectors(2048);
  layout.keys = layout.journal + 2 * layout.journal_area_bytes;
  layout.keys_area_bytes = sectors(1024);
  layout.slots = layout.keys + 2 * layout.keys_area_bytes;
  layout.slot_bytes = sectors(module_bytes) + sectors(64 + 8 * (sectors(module_bytes) / kMacBlockBytes + 6));
  layout.inbox = layout.slots + 2 * layout.slot_bytes;
  layout.inbox_bytes = sectors(inbox_bytes);
  return layout;
}

class Port {
 public:
  const Layout& layout() const { return layout_; }

  /// Flash. A read inside of the layout cannot fail; a program is of whole write units that are erased, an erase of one
  /// sector. False: the flash refused or wore out; the agent gives up what it is doing there, and nothing else.
  virtual void read(std::uint32_t offset, MutableBytes to) = 0;
  [[nodiscard]] virtual bool program(std::uint32_t offset, Bytes data) = 0;
  [[nodiscard]] virtual bool erase_sector(std::uint32_t offset) = 0;

  /// The flash as memory, from `offset` to its end: modules run in place.
  virtual const std::uint8_t* map(std::uint32_t offset) = 0;

  /// Runs the module at `offset` once, with its state made initial before when `fresh`. Its header has been judged.
  /// `input` may lie in mapped flash.
  /// @return the output, header.output_bytes long, valid until the next call; null when the module returned a status.
  [[nodiscard]] virtual const std::uint8_t* invoke(std::uint32_t offset, bool fresh, Bytes input) = 0;

  /// What this firmware can run: arena and stack that it keeps free, core, extensions.
  struct Runtime {
    std::uint32_t core = 0;
    std::uint32_t isa_features = 0;
    std::uint32_t arena_bytes = 0;
    std::uint32_t arena_align = 0;
    std::uint32_t stack_bytes = 0;
    std::uint32_t firmware_version = 0;
    std::uint8_t sensor_schema[8] = {};   ///< zeros: any
    std::uint8_t feature_schema[8] = {};  ///< zeros: any
  };
  const Runtime& runtime() const { return runtime_; }

  virtual unsigned battery_percent() = 0;
  /// Seconds since 1970, or 0 where there is no clock.
  virtual std::uint64_t clock_s() = 0;

 protected:
  ~Port() = default;  // never deleted through this type, and device code has no operator delete

  // To be filled in before the agent is started.
  Layout layout_;
  Runtime runtime_;
};

/// Where the bytes of a parcel come from: the inbox, an SD card, a courier's memory.
class Source {
 public:
  virtual std::uint32_t bytes() const = 0;
  /// @return waiting    not all of these bytes have arrived yet.
  ///         truncated  they lie behind the end.
  ///         flash_failed  the medium cannot be read.
  [[nodiscard]] virtual Status read(std::uint32_t offset, MutableBytes to) = 0;

 protected:
  ~Source() = default;
};

}  // namespace mote::update
