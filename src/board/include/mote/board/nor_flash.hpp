#pragma once
// NOR flash as it behaves on microcontrollers: an erase sets a whole sector to 0xFF, a program clears bits, one write
// unit at a time, and a power cut can stop either half-way. It is the store under A/B slots, on the virtual board and
// in host-side tests.
//
// A value: copying it takes a snapshot, so a test can cut the power at every operation of a run and start each time
// from the same state.

#include <cstdint>
#include <functional>
#include <optional>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/base/rng.hpp"

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
  /// Share of the bits that should have changed and that are left between the two values: they read as drawn anew at
  /// each restore_power, until they are programmed to 0 or their sector is erased to its end. 0 none, 255 all.
  std::uint8_t unstable = 0;
};

/// What the flash is about to do: one write unit programmed, or one sector erased.
struct FlashOperation {
  enum class Kind { program, erase } kind;
  std::uint32_t offset;
  ByteSpan data;  ///< of a program; borrowed for the call
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

  /// A bit reads as its opposite from now on, as charge that leaked, a disturbance or a particle leaves it: no rules,
  /// no operation counted.
  /// @param bit  of the byte, 0 to 7.
  /// @error invalid_argument  outside of the flash.
  [[nodiscard]] Result<void> flip(std::uint32_t offset, unsigned bit);

  /// Operations begun since creation: write units programmed plus sectors erased.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

  /// Arms a cut; it replaces one that is armed already.
  void cut_power_at(const PowerCut& cut) { cut_ = cut; }
  [[nodiscard]] bool powered() const { return powered_; }
  /// Power is back; nothing is armed any more. Bits left between two values read as drawn from `seed`.
  void restore_power(std::uint64_t seed = 1);

  /// Calls `observer` before each operation, with the flash as it is then. Copies of the flash do not observe.
  void observe(std::function<void(const NorFlash&, const FlashOperation&)> observer) {
    observer_.call = std::move(observer);
  }

 private:
  explicit NorFlash(const NorGeometry& geometry);
  [[nodiscard]] Result<void> check_range(std::uint32_t offset, std::size_t size, std::uint32_t multiple) const;
  [[nodiscard]] bool begin_operation(const FlashOperation& operation);
  void program_unit(std::uint32_t offset, ByteSpan data);
  /// What a cut leaves of `wanted`: `changing` bits of the byte at `offset` have changed, have not, or are unstable.
  void tear(std::uint32_t offset, std::uint8_t wanted, Rng& rng);

  struct Observer {  // stays with the object it was given to
    std::function<void(const NorFlash&, const FlashOperation&)> call;
    Observer() = default;
    Observer(const Observer&) {}
    Observer& operator=(const Observer&) { return *this; }
    Observer(Observer&&) = default;
    Observer& operator=(Observer&&) = default;
  };

  NorGeometry geometry_;
  Bytes bytes_;
  std::vector<std::uint8_t> programs_;  // per write unit since its last erase, saturating
  Bytes unstable_;                      // per byte, the bits between two values; empty while there are none
  std::uint64_t operations_ = 0;
  Observer observer_;
  std::optional<PowerCut> cut_;
  bool powered_ = true;
};

}  // namespace mote::board
