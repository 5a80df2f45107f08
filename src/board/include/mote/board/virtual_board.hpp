#pragma once
// An emulated board in the process: runs a firmware's ELF, at full speed or measured. Deterministic: the same bytes in
// give the same bytes, counts and faults out, on every machine.
//
// Memory: flash at 0, RAM at 0x20000000 (filled with fixed noise at power-on), UART0 of Arm's CMSDK at 0x40004000,
// sensor port at 0x40010000, flash controller at 0x40020000, cycle counter at 0xe0001004. Absent on purpose: interrupts
// and timers.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/nor_flash.hpp"

namespace mote::board {

/// What the bench firmware says of itself and its module.
struct FirmwareIdentity {
  std::uint32_t arena_capacity_bytes = 0;  ///< reserved by the firmware
  std::uint32_t arena_bytes = 0;           ///< wanted by the module
  std::uint32_t input_bytes = 0;
  std::uint32_t output_bytes = 0;
};

/// One call of a watched function.
struct CallCost {
  std::string function;
  std::uint32_t depth = 0;   ///< watched functions around it
  CycleCounts counts;        ///< from its first instruction to its return, what it calls included
  std::uint64_t cycles = 0;  ///< of `counts`, on this board
};

/// One inference, from the return of mote_infer_begin to the call of mote_infer_end, with cold flash caches.
struct Measurement {
  Bytes output;
  CycleCounts counts;
  std::uint64_t cycles = 0;               ///< on this board, calibration included
  bool cycles_estimated = false;          ///< the board's calibration was not fitted to it
  std::uint32_t stack_bytes = 0;          ///< lowest stack pointer, below where mote_infer_begin was called
  std::uint32_t stack_written_bytes = 0;  ///< the same by painting: lowest byte written
  std::uint32_t arena_extent_bytes = 0;   ///< one past the highest arena byte read or written
  std::uint32_t arena_touched_bytes = 0;  ///< distinct arena bytes read or written
  std::vector<CallCost> calls;            ///< of watched functions, in the order they began
};

struct VirtualBoardOptions {
  std::uint64_t instruction_limit = 2'000'000'000;  ///< of one exchange, while measuring
  std::chrono::milliseconds time_limit{120'000};    ///< of one exchange, at full speed
};

class VirtualBoard {
 public:
  /// Loads a firmware and boots it until it waits for the host.
  /// @error unsupported  the board's core is not emulated, or the ELF is not Arm.
  /// @error malformed    the ELF, or it lacks a symbol that is needed (mote_idle).
  /// @error too_large    it does not fit the board's flash or RAM.
  /// @error internal     the program faulted or never came to wait.
  [[nodiscard]] static Result<VirtualBoard> create(const BoardSpec& board, ByteSpan elf,
                                                   const VirtualBoardOptions& options = {});
  ~VirtualBoard();
  VirtualBoard(VirtualBoard&&) noexcept;
  VirtualBoard& operator=(VirtualBoard&&) noexcept;

  /// Runs the module on `input` at full speed and returns its output. Bench firmware only.
  /// @error invalid_argument  the firmware refused (wrong input length, module it cannot run) or the module returned a
  /// status.
  /// @error internal          the program faulted; names pc, function and address. The board boots anew at the next
  /// call.
  [[nodiscard]] Result<Bytes> infer(ByteSpan input);

  /// The same through the sensor port.
  [[nodiscard]] Result<Bytes> infer_from_sensor(ByteSpan samples);

  /// Runs the module on `input` and measures. `watch` names functions of the firmware or of `add_symbols`; each of
  /// their calls is reported.
  /// @error not_found  a watched function has no symbol.   Else as `infer`; also an address that a real core would
  /// refuse as misaligned.
  /// `after` is told of each watched call's return by its place in `watch`; it may look at memory.
  [[nodiscard]] Result<Measurement> measure(ByteSpan input, std::span<const std::string> watch = {},
                                            const std::function<void(std::size_t)>& after = {});

  /// @error as `infer`.
  [[nodiscard]] Result<FirmwareIdentity> identify();

  /// Of a firmware with several modules, which share an arena: this one is run from now on; the first after power-on.
  /// @error invalid_argument  there are not so many, or this one cannot be run.   Else as `infer`.
  [[nodiscard]] Result<FirmwareIdentity> select(std::uint32_t module);

  /// Any firmware: sends bytes over the UART, runs until the program waits for more, and returns what it sent.
  /// @error io        power failed (flash().restore_power() and `reset` bring the board back).
  /// @error internal  a fault, as in `infer`.
  [[nodiscard]] Result<Bytes> exchange(ByteSpan sent);

  /// The same with every cycle modelled, so that the program's cycle counter tells the board's time. Slower by far.
  [[nodiscard]] Result<Bytes> exchange_measured(ByteSpan sent);

  /// Power-on reset: RAM is noise again, flash keeps its content. Runs until the program waits for the host.
  [[nodiscard]] Result<void> reset();

  /// Makes the functions of another ELF known, which was linked at 0 and lies at `bias`: a module's, at the address of
  /// mote_module.
  void add_symbols(const ElfFile& elf, std::uint32_t bias);

  [[nodiscard]] const BoardSpec& spec() const;
  [[nodiscard]] const ElfFile& elf() const;
  /// The board's program flash. Change it only between calls, then call `flash_changed`.
  [[nodiscard]] NorFlash& flash();
  void flash_changed();

  /// @error invalid_argument  not in RAM or flash.
  [[nodiscard]] Result<Bytes> read_memory(std::uint32_t address, std::uint32_t bytes) const;

  /// "conv_1+0x12" for an address in a known function, else the number.
  [[nodiscard]] std::string describe_address(std::uint32_t address) const;

 private:
  struct Impl;
  explicit VirtualBoard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::board
