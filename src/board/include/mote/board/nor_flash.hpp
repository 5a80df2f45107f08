#pragma once
// NOR flash as it behaves on microcontrollers: an erase sets a whole sector to 0xFF, a program clears bits, one write
// unit at a time, and a power cut can stop either half-way. It is the store under A/B slots, on the virtual board and
// in host-side tests.
//
// A value: copying it takes a snapshot, so a test can cut the power at every operation of a run and start each time
// from the same state.

#include <cstdint>
#include <optional>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::board {

struct NorGeometry {
  std::uint32_t bytes = 0;
  std::uint32_t sector_bytes = 0;
  std::uint32_t write_unit_bytes = 0;  ///< a power of two
  /// Times a write unit may be programmed between erases; 0 means no limit. 1 is flash with ECC (STM32L4), 2 is nRF52.
  std::uint32_t programs_per_unit = 0;
};

/// When and how power fails.
struct PowerCut {
  std::uint64_t operation =
      0;  ///< this one, counted from 0 over write units programmed and sectors erased, is interrupted
  /// How much of it happens: 0 nothing, 255 all. Between, a program has cleared about that share of its bits; an erase
  /// has set about that share of the sector's cleared bits, in no order. Which bits: drawn from `seed`.
  std::uint8_t progress = 128;
  std::uint64_t seed = 1;
};

class NorFlash {
 public:
  /// Erased, all bytes 0xFF.
  /// @error invalid_argument  the sizes are zero, do not divide each other, or the write unit is no power of two.
  [[nodiscard]] static Result<NorFlash> create(const NorGeometry& geometry);

  [[nodiscard]] const NorGeometry& geometry() const { return geometry_; }
  /// All bytes; moves when the object is moved or copied, stays where it is otherwise.
  [[nodiscard]] ByteSpan bytes() const { return bytes_; }

  /// Clears bits: each byte becomes old AND new. Units are programmed in ascending order.
  /// @error invalid_argument  offset or size is not a multiple of the write unit, lies outside, or a unit was
  /// programmed too often.
  /// @error io                power failed during the operation, or is off.
  [[nodiscard]] Result<void> program(std::uint32_t offset, ByteSpan data);

  /// Sets one sector to 0xFF.
  /// @error invalid_argument  offset is not the first byte of a sector.   @error io  power failed, or is off.
  [[nodiscard]] Result<void> erase_sector(std::uint32_t offset);

  /// Puts bytes in place as a factory programmer does: no rules, no operation counted. Units count as programmed once
  /// unless 0xFF.
  /// @error invalid_argument  outside of the flash.
  [[nodiscard]] Result<void> load(std::uint32_t offset, ByteSpan data);

  /// Operations begun since creation: write units programmed plus sectors erased.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

  /// Arms a cut; it replaces one that is armed already.
  void cut_power_at(const PowerCut& cut) { cut_ = cut; }
  [[nodiscard]] bool powered() const { return powered_; }
  /// Power is back; nothing is armed any more.
  void restore_power();

 private:
  explicit NorFlash(const NorGeometry& geometry);
  [[nodiscard]] Result<void> check_range(std::uint32_t offset, std::size_t size, std::uint32_t multiple) const;
  [[nodiscard]] bool begin_operation();
  void program_unit(std::uint32_t offset, ByteSpan data, bool torn);

  NorGeometry geometry_;
  Bytes bytes_;
  std::vector<std::uint8_t> programs_;  // per write unit since its last erase, saturating
  std::uint64_t operations_ = 0;
  std::optional<PowerCut> cut_;
  bool powered_ = true;
};

}  // namespace mote::board
