#include "mote/board/stm32_board.hpp"

#include <algorithm>

#include "emulator.hpp"
#include "meter.hpp"
#include "mote/board/core.hpp"
#include "stm32_devices.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kRamBase = 0x20000000, kFlashAlias = 0x08000000;
constexpr std::uint32_t kGpioBase = 0x48000000, kGpioBytes = 0x3000;
constexpr std::uint32_t kLpuart1Vector = 4 * (16 + 70);  // RM0432, vector table: position 70
constexpr std::uint16_t kBranchToItself = 0xe7fe;
constexpr std::uint64_t kBootStep = 1'000'000;       // instructions between two looks whether the program waits
constexpr std::uint32_t kExceptionFrameBytes = 104;  // what the core would push, floating-point registers included

std::string hex(std::uint32_t value) {
  ByteWriter big_endian;
  for (int shift = 24; shift >= 0; shift -= 8) big_endian.u8(static_cast<std::uint8_t>(value >> shift));
  return "0x" + to_hex(big_endian.bytes());
}

}  // namespace

struct Stm32Board::Impl {
  Impl(BoardSpec board, const CoreSpec& its_core, Bytes content, const Stm32BoardOptions& with)
      : spec(std::move(board)),
        core(its_core),
        options(with),
        flash(std::move(content)),
        ram(spec.ram_bytes),
        pipeline(spec, decoder_of(core), [this](std::uint32_t address) { return word(address); }),
        meter(pipeline, {}, {}),
        gpio(kGpioBase, kGpioBytes),
        buses([this] { return look(); }),
        cycle_counter([this] { return cycles(pipeline.counts(), spec.calibration); }) {}

  BoardSpec spec;
  const CoreSpec& core;
  Stm32BoardOptions options;
  Bytes flash, ram;
  Pipeline pipeline;
  Meter meter;
  RegisterBlock gpio;
  Stm32l4Buses buses;
  CycleCounterDevice cycle_counter;
  SystemControlDevice system_control;
  std::unique_ptr<Emulator> emulator;
  std::vector<CycleCounts> looks;

  /// Four bytes of the program; what lies behind the end of a memory reads as zero.
  [[nodiscard]] std::uint32_t word(std::uint32_t address) const {
    const bool in_ram = address >= kRamBase;
    const Bytes& memory = in_ram ? ram : flash;
    const std::size_t offset = in_ram ? address - kRamBase : address & ~kFlashAlias;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value |= offset + i < memory.size() ? std::uint32_t{memory[offset + i]} << (8 * i) : 0;
    return value;
  }

  std::uint64_t look() {
    looks.push_back(pipeline.counts());
    return cycles(looks.back(), spec.calibration);
  }

  [[nodiscard]] static Error describe(const Stop& stop) {
    const std::string at = " at pc " + hex(stop.pc);
    if (stop.why == Stop::Why::bad_read || stop.why == Stop::Why::bad_write || stop.why == Stop::Why::bad_fetch)
      return Error(Code::internal,
                   "the image reached for " + hex(stop.address) + ", where this board has nothing," + at);
    if (stop.why == Stop::Why::instruction_limit)
      return Error(Code::internal, "the image did not come to wait for its UART within the limit of instructions" + at);
    return Error(Code::internal, "the image faulted" + at);
  }

  [[nodiscard]] bool waits_at(std::uint32_t pc) const {
    return static_cast<std::uint16_t>(word(pc)) == kBranchToItself;
  }

  /// From reset until the program waits in a branch to itself, with the UART's interrupt on.
  Result<void> boot() {
    emulator->set_start(word(4) & ~1u, word(0));
    for (std::uint64_t ran = 0; ran < options.instruction_limit; ran += kBootStep) {
      const Stop stop = emulator->run(kBootStep);
      if (stop.why != Stop::Why::instruction_limit) return fail(describe(stop));
      if (!waits_at(stop.pc)) continue;
      if (!buses.listens())
        return fail(Code::internal, "the image gave up in a loop at pc " + hex(stop.pc) +
                                        " before it switched on the interrupt of LPUART1");
      emulator->set_idle_address(stop.pc);
      return {};
    }
    return fail(Code::internal, "the image did not come to wait for its UART within the limit of instructions");
  }

  /// LPUART1's interrupt while the program waits: its handler runs as a call that returns to where the program waits.
  Result<void> interrupt() {
    const CoreState waiting = emulator->state();
    emulator->call(word(kLpuart1Vector) & ~1u, kExceptionFrameBytes);
    const Stop stop = emulator->run(options.instruction_limit);
    if (stop.why != Stop::Why::idle) return fail(describe(stop));
    emulator->set_state(waiting);
    return {};
  }
};

Stm32Board::Stm32Board(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stm32Board::~Stm32Board() = default;
Stm32Board::Stm32Board(Stm32Board&&) noexcept = default;
Stm32Board& Stm32Board::operator=(Stm32Board&&) noexcept = default;

Result<Stm32Board> Stm32Board::create(const BoardSpec& board, ByteSpan image, const Stm32BoardOptions& options) {
  if (!board.emulated() || !board.mcu.starts_with("STM32L4"))
    return fail(Code::unsupported,
                "images of others run on boards with an STM32L4 only, and " + board.name + " has an " + board.mcu);
  if (image.size() > board.flash_bytes)
    return fail(Code::too_large,
                "the image of " + std::to_string(image.size()) + " bytes is larger than the flash of " + board.name);
  MOTE_TRY(const CoreSpec* core, core_of(board));
  Bytes flash(image.begin(), image.end());
  flash.resize(board.flash_bytes, 0xff);
  auto impl = std::make_unique<Impl>(board, *core, std::move(flash), options);
  const std::uint32_t entry = impl->word(4);
  if (image.size() <= kLpuart1Vector + 4 || (entry & ~kFlashAlias) >= image.size() || (entry & 1u) == 0)
    return fail(Code::malformed, "the image does not begin with the vectors of a program linked at 0x08000000");
  Impl& self = *impl;
  MemoryMap memory{
      self.flash, self.ram, {&self.buses, &self.gpio, &self.cycle_counter, &self.system_control}, kFlashAlias};
  MOTE_TRY(impl->emulator, Emulator::create(*core, memory, self.buses, 0, &self.meter));
  MOTE_TRY_VOID(impl->boot());
  return Stm32Board(std::move(impl));
}

Result<std::string> Stm32Board::exchange(std::string_view text) {
  for (const char c : text) {
    impl_->buses.receive(static_cast<std::uint8_t>(c));
    MOTE_TRY_VOID(impl_->interrupt());
  }
  return impl_->buses.take_output();
}

const std::vector<CycleCounts>& Stm32Board::timer_looks() const { return impl_->looks; }

}  // namespace mote::board
