#pragma once
// A core over host memory and devices. The one door to Unicorn; nothing of it shows here.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "devices.hpp"
#include "mote/base/error.hpp"
#include "mote/board/core.hpp"

namespace mote::board {

class Meter;

/// Memory that the emulator runs on; owned by the caller, at stable addresses while the emulator lives.
struct MemoryMap {
  std::span<const std::uint8_t> flash;  // at 0; the program cannot write it
  std::span<std::uint8_t> ram;          // at 0x20000000
  std::vector<Device*> devices;
  std::uint32_t flash_alias = 0;  // where the flash shows a second time; 0: nowhere
};

/// What a program keeps at a function call: enough to go on in another emulator of the same core.
struct CoreState {
  std::vector<std::uint32_t> registers;
};

/// Why the core stopped.
struct Stop {
  enum class Why {
    idle,  ///< the program waits for the host
    power_lost,
    time_limit,  ///< interrupt was called
    instruction_limit,
    bad_read,
    bad_write,
    bad_fetch,
    misaligned,
    undefined_instruction,
    exception,
  };
  Why why = Why::idle;
  std::uint32_t pc = 0;
  std::uint32_t address = 0;  ///< of the access, for the first four faults
  std::uint32_t bytes = 0;
};

class Emulator {
 public:
  /// Without a meter the core runs at full speed and the pc of a fault is only that of its block of code.
  /// `idle_address`: where the program waits for the host; 0 when it has no such place.
  /// @error internal  the emulator could not be set up.
  [[nodiscard]] static Result<std::unique_ptr<Emulator>> create(const CoreSpec& core, const MemoryMap& memory,
                                                                const HostPort& port, std::uint32_t idle_address,
                                                                Meter* meter);
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  [[nodiscard]] CoreState state() const;
  void set_state(const CoreState& state);
  /// As after a reset: all registers zero but these.
  void set_start(std::uint32_t pc, std::uint32_t sp);
  /// As if the code at `handler` were called from where the core is, `stack_bytes` further down its stack.
  void call(std::uint32_t handler, std::uint32_t stack_bytes);
  /// Where the program waits, once that is known; with a meter only.
  void set_idle_address(std::uint32_t address);

  /// Runs from the state's pc. With a meter, at most `instruction_limit` instructions.
  Stop run(std::uint64_t instruction_limit);
  /// Ends `run`; the state is then of no use. The first is for devices, the second for other threads.
  void lose_power();
  void interrupt();
  /// The program's bytes in this range of flash have changed.
  void forget_code(std::uint32_t offset, std::uint32_t bytes);

 private:
  struct Impl;
  explicit Emulator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::board
