#pragma once
// The vector instructions and low-overhead loops of Armv8.1-M (M-profile Vector Extension, "Helium"), as far as mote
// emits them: Unicorn's core has neither, and stops at each. What is not emitted is refused as undefined; QEMU, whose
// Cortex-M55 has them all, is the second opinion on results and counts. Encodings and semantics: Armv8-M Architecture
// Reference Manual (DDI 0553), chapters C2.4 and B5 (beats are not visible to a program that takes no exception).

#include <array>
#include <cstdint>

namespace mote::board {

/// The registers that vector instructions see; the pc is not among them.
struct VectorRegisters {
  std::array<std::uint32_t, 15> r{};                // r0-r12, sp, lr
  std::array<std::array<std::uint8_t, 16>, 8> q{};  // s0-s31, d0-d15
};

/// Data memory. False: there is none at this address; the instruction ends.
class VectorMemory {
 public:
  virtual bool read(std::uint32_t address, std::uint8_t* to, std::uint32_t bytes) = 0;
  virtual bool write(std::uint32_t address, const std::uint8_t* from, std::uint32_t bytes) = 0;

 protected:
  ~VectorMemory() = default;
};

class VectorUnit {
 public:
  enum class Result : std::uint8_t {
    done,       ///< `next` is where the program goes on
    unknown,    ///< not an instruction of this unit; nothing changed
    bad_access  ///< of memory
  };

  /// Whether the halfwords begin an instruction of this unit.
  [[nodiscard]] static bool knows(std::uint16_t first, std::uint16_t second);

  /// Executes one at `pc`.
  Result execute(std::uint32_t pc, std::uint16_t first, std::uint16_t second, VectorRegisters& registers,
                 VectorMemory& memory, std::uint32_t& next);

  void reset() { *this = VectorUnit(); }

 private:
  struct Context;
  [[nodiscard]] std::uint16_t active_bytes(const VectorRegisters& registers) const;

  std::uint16_t predicate_ = 0xffff;  // VPR.P0
  std::uint8_t predicated_ = 0;       // instructions of the VPT block still to come
  std::uint8_t tail_size_ = 4;        // FPSCR.LTPSIZE: log2 of the element's bytes; 4: no tail predication
};

}  // namespace mote::board
