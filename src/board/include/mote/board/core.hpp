#pragma once
// The processor cores that mote compiles for, one row each: how code for a core is built, which kernels are valid on
// it, what runs it here and what is counted. Whoever needs to know something about a core asks this table.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/module.hpp"
#include "mote/base/error.hpp"

namespace mote::board {

struct BoardSpec;

enum class InstructionSet : std::uint8_t {
  thumb,
  riscv32,
  avr8,    ///< simulated by simavr, in a program of its own (avr_board.hpp)
  native,  ///< of the machine that mote runs on: nothing is emulated and nothing counted (native_board.hpp)
};

/// Where the cycles of a core come from. Only the first is held against hardware.
enum class CycleRule : std::uint8_t {
  cortex_m4,      ///< the M4's table; on other cores of its kind an estimate
  cortex_m0plus,  ///< the same with the M0+'s loads and stores; an estimate
  one_each,       ///< a cycle an instruction: no core is meant, an estimate
  simavr,         ///< simavr's own; an estimate, as nothing here held it against hardware
  none,           ///< nothing is counted
};

/// UARTs that the bench firmware has a driver for; the value is MOTE_UART of device/boards/uart.hpp.
enum class UartKind : std::uint8_t { cmsdk = 0, nrf51 = 1, ns16550 = 2, standard_streams = 3 };

/// Where a firmware's parts go. The virtual board's is the default; its sizes are the board's.
struct FirmwareMap {
  std::uint32_t flash_base = 0, flash_bytes = 0;
  std::uint32_t ram_base = 0x20000000, ram_bytes = 0;
  UartKind uart = UartKind::cmsdk;
  std::uint32_t uart_base = 0x40004000;
};

/// A machine of QEMU that has the core: the second opinion on what a module computes.
struct QemuMachine {
  std::string_view program;  ///< "qemu-system-arm"
  std::string_view package;  ///< of Debian
  std::string_view machine;  ///< "mps2-an386"
  FirmwareMap map;
  /// RAM that QEMU takes from a memory backend, which we share with it; 0 bytes: inputs go through the UART.
  std::uint32_t shared_base = 0, shared_bytes = 0;
  bool without_bios = false;  ///< the machine would begin with one of its own
};

struct CoreSpec {
  std::string_view name;  ///< as boards state it: "cortex-m4f"
  bool dsp = false;       ///< Armv7E-M DSP instructions
  bool fpu = false;       ///< single-precision registers
  device::Core id{};      ///< what a module built for it says
  InstructionSet instructions{};
  std::string_view tools;           ///< prefix of its compiler and binutils: "arm-none-eabi-"
  std::string_view tools_package;   ///< of Debian
  std::vector<std::string> flags;   ///< that select the core
  std::string_view startup;         ///< file of device/boards
  bool unaligned_accesses = false;  ///< the core allows them; else the virtual board refuses them as the core would
  CycleRule cycles{};
  bool vectors = false;  ///< Armv8.1-M's vector extension for integers (Helium)
  QemuMachine qemu;      ///< without a program: there is no second opinion

  /// Constants lie in another address space, modules at a fixed address, and operators are few.
  [[nodiscard]] bool avr() const { return instructions == InstructionSet::avr8; }
  [[nodiscard]] bool native() const { return instructions == InstructionSet::native; }
  /// The loops that mote emits for the Cortex-M4 run on it: they need its DSP instructions and its float registers.
  [[nodiscard]] bool runs_m4_kernels() const { return dsp && fpu; }
  [[nodiscard]] std::uint32_t isa_features() const {
    return (dsp ? device::isa_dsp : 0u) | (fpu ? device::isa_fpu_single : 0u) | (vectors ? device::isa_vectors : 0u);
  }
};

/// All of them. Thread-safe; lives as long as the program.
[[nodiscard]] const std::vector<CoreSpec>& cores();

/// The row for a board: its core with its extensions.
/// @error unsupported  says what is missing.
[[nodiscard]] Result<const CoreSpec*> core_of(const BoardSpec& board);

/// The row whose modules say `id`; nullptr for none.
[[nodiscard]] const CoreSpec* find_core(std::uint32_t id);

}  // namespace mote::board
