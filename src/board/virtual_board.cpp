#include "mote/board/virtual_board.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "bench_protocol.hpp"
#include "emulator.hpp"
#include "meter.hpp"
#include "mote/base/rng.hpp"
#include "watchdog.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kRamBase = 0x20000000;
constexpr std::uint32_t kStm32FlashBase =
    0x08000000;  // STM32 images are linked here; the boot alias shows the same bytes at 0

std::string hex(std::uint32_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x00000000";
  for (std::size_t i = 0; i < 8; ++i) text[9 - i] = kDigits[(value >> (4 * i)) & 15u];
  return text;
}

struct Symbol {
  std::uint32_t address, bytes;
  std::string name;
};

Result<NorFlash> load_flash(const BoardSpec& board, const ElfFile& elf) {
  MOTE_TRY(NorFlash flash, NorFlash::create({board.flash_bytes, board.flash_sector_bytes, board.flash_write_bytes,
                                             board.flash_programs_per_unit}));
  for (const ElfSegment& segment : elf.segments()) {
    if (segment.content.empty()) continue;
    const bool stm32 = segment.load_address >= kStm32FlashBase && segment.load_address < kRamBase;
    const std::uint32_t offset = stm32 ? segment.load_address - kStm32FlashBase : segment.load_address;
    if (offset > board.flash_bytes || segment.content.size() > board.flash_bytes - offset) {
      return fail(Code::too_large, "the firmware loads " + std::to_string(segment.content.size()) + " bytes at " +
                                       hex(segment.load_address) + ", outside of the " +
                                       std::to_string(board.flash_bytes) + " bytes of flash of " + board.name);
    }
    MOTE_TRY_VOID(flash.load(offset, segment.content));
  }
  return flash;
}

Result<void> check_ram(const BoardSpec& board, const ElfFile& elf) {
  for (const ElfSection& section : elf.sections()) {
    if (!section.allocated || section.address < kRamBase) continue;
    const std::uint64_t end = std::uint64_t{section.address} - kRamBase + section.bytes;
    if (end > board.ram_bytes) {
      return fail(Code::too_large, "section " + section.name + " of the firmware ends " +
                                       std::to_string(end - board.ram_bytes) + " bytes behind the " +
                                       std::to_string(board.ram_bytes) + " bytes of RAM of " + board.name);
    }
  }
  return {};
}

MeterLayout meter_layout(const ElfFile& elf) {
  const auto address = [&elf](const char* name) {
    const ElfSymbol* symbol = elf.find_symbol(name);
    return symbol == nullptr ? 0u : symbol->address;
  };
  MeterLayout layout{address("mote_infer_begin"), address("mote_infer_end"), 0, 0, address("mote_stack_limit")};
  if (const ElfSection* arena = elf.find_section(".arena")) {
    layout.arena_start = arena->address;
    layout.arena_bytes = arena->bytes;
  }
  if (const ElfSymbol* arena = elf.find_symbol("mote_arena"); arena != nullptr && arena->bytes > 0)
    layout.arena_bytes = arena->bytes;
  return layout;
}

}  // namespace

struct VirtualBoard::Impl {
  Impl(BoardSpec board, const CoreSpec& its_core, ElfFile file, NorFlash loaded, const VirtualBoardOptions& with)
      : spec(std::move(board)),
        core(its_core),
        elf(std::move(file)),
        options(with),
        flash(std::move(loaded)),
        ram(spec.ram_bytes),
        flash_device(
            flash,
            [this](std::uint32_t address, std::uint8_t* to, std::size_t bytes) { return copy_out(address, to, bytes); },
            [this](std::uint32_t offset, std::uint32_t bytes) { forget_code(offset, bytes); },
            [this] { current->lose_power(); }),
        cycle_counter([this] { return now(); }),
        layout(meter_layout(elf)) {
    add_symbols(elf, 0);
  }

  BoardSpec spec;
  const CoreSpec& core;
  ElfFile elf;
  VirtualBoardOptions options;
  NorFlash flash;
  Bytes ram;
  UartDevice uart;
  SensorDevice sensor;
  FlashDevice flash_device;
  CycleCounterDevice cycle_counter;
  SystemControlDevice system_control;
  MeterLayout layout;
  std::vector<Symbol> symbols;
  std::unique_ptr<Emulator> fast;
  std::unique_ptr<Pipeline> pipeline;  // this and the next two exist once something was measured
  std::unique_ptr<Meter> meter;
  std::unique_ptr<Emulator> measured;
  Emulator* current = nullptr;
  bool down = true;  // after a fault or a power cut, until the next reset
  std::uint64_t fast_ticks = 0;
  std::uint64_t operations_at_boot = 0;
  std::optional<Watchdog> watchdog;

  [[nodiscard]] std::uint32_t symbol_address(std::string_view name) const {
    const ElfSymbol* symbol = elf.find_symbol(name);
    return symbol == nullptr ? 0 : symbol->address;
  }

  [[nodiscard]] MemoryMap memory_map() {
    return {flash.bytes(), ram, {&uart, &sensor, &flash_device, &cycle_counter, &system_control}};
  }

  bool copy_out(std::uint32_t address, std::uint8_t* to, std::size_t bytes) const {
    const bool in_ram = address >= kRamBase;
    const ByteSpan memory = in_ram ? ByteSpan(ram) : flash.bytes();
    const std::uint32_t offset = in_ram ? address - kRamBase : address;
    if (offset > memory.size() || bytes > memory.size() - offset) return false;
    std::copy_n(memory.begin() + offset, bytes, to);
    return true;
  }

  void forget_code(std::uint32_t offset, std::uint32_t bytes) {
    fast->forget_code(offset, bytes);
    if (!measured) return;
    measured->forget_code(offset, bytes);
    pipeline->forget_program(offset, bytes);
    meter->mark();
  }

  /// The cycle counter: modelled cycles while measuring, and those that the processor waits for its flash to change. At full speed nothing counts cycles; it then only grows at
  /// each look.
  std::uint64_t now() {
    constexpr std::uint64_t kTicksPerLook = 64;
    if (current == measured.get()) {
      const double flash_s = flash_device.busy_s(spec.flash_erase_ms / 1e3, spec.flash_program_us / 1e6);
      return cycles(pipeline->counts(), spec.calibration) + static_cast<std::uint64_t>(flash_s * spec.clock_hz);
    }
    return fast_ticks += kTicksPerLook;
  }

  void add_symbols(const ElfFile& file, std::uint32_t bias) {
    for (const ElfSymbol& symbol : file.symbols()) {
      if (symbol.is_function) symbols.push_back({symbol.address + bias, symbol.bytes, symbol.name});
    }
    std::stable_sort(symbols.begin(), symbols.end(),
                     [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  }

  Result<void> make_measured() {
    if (measured) return {};
    if (layout.begin == 0 || layout.end == 0) {
      return fail(Code::not_found,
                  "the firmware has no functions mote_infer_begin and mote_infer_end, between which mote measures");
    }
    pipeline = std::make_unique<Pipeline>(spec, decoder_of(core), [this](std::uint32_t address) {
      std::uint32_t halfwords = 0;
      const bool whole = copy_out(address, reinterpret_cast<std::uint8_t*>(&halfwords), 4);
      if (!whole) static_cast<void>(copy_out(address, reinterpret_cast<std::uint8_t*>(&halfwords), 2));
      return halfwords;
    });
    const std::size_t limit = layout.stack_limit >= kRamBase ? layout.stack_limit - kRamBase : ram.size();
    meter = std::make_unique<Meter>(*pipeline, layout, std::span(ram).subspan(std::min(limit, ram.size())));
    MOTE_TRY(measured, Emulator::create(core, memory_map(), uart, symbol_address("mote_idle"), meter.get()));
    return {};
  }

  void switch_to(Emulator* to) {
    if (current == to) return;
    to->set_state(current->state());
    current = to;
  }

  Stop run() {
    // Measured runs are bounded by instructions alone, so that a slow machine gives the same answer as a fast one.
    if (current == fast.get()) watchdog->arm(options.time_limit);
    Stop stop = current->run(options.instruction_limit);
    watchdog->disarm();
    down = stop.why != Stop::Why::idle;
    return stop;
  }

  /// From reset to the first wait, in the emulator that is current.
  Stop boot() {
    Rng noise(0x6d6f7465);
    for (std::size_t i = 0; i + 8 <= ram.size(); i += 8) {
      const std::uint64_t word = noise.next();
      std::memcpy(ram.data() + i, &word, 8);
    }
    for (Device* device : memory_map().devices) device->reset();
    // A Cortex-M takes its stack and its first instruction from the vector table; RISC-V begins at 0.
    std::uint32_t vectors[2] = {0, 0};
    if (core.instructions == InstructionSet::thumb)
      static_cast<void>(copy_out(0, reinterpret_cast<std::uint8_t*>(vectors), sizeof vectors));
    current->set_start(vectors[1], vectors[0]);
    operations_at_boot = flash.operations();
    return run();
  }

  Result<void> reset() {
    if (!flash.powered()) return fail(Code::io, "the board's power is off");
    current = fast.get();
    const Stop stop = boot();
    return stop.why == Stop::Why::idle ? Result<void>{} : fail(describe(stop));
  }

  Result<void> wake() { return down ? reset() : Result<void>{}; }

  /// At full speed a fault's pc is only that of its block. The board is deterministic: the same bytes after a reset
  /// fault again, now with every instruction watched. Not when flash was changed on the way, which would be changed
  /// twice.
  Stop locate(const Stop& fault, ByteSpan sent, ByteSpan samples) {
    const bool worth_it = fault.why != Stop::Why::power_lost && fault.why != Stop::Why::time_limit &&
                          current == fast.get() && flash.operations() == operations_at_boot &&
                          make_measured().has_value();
    if (!worth_it) return fault;
    current = measured.get();
    Stop stop = boot();
    if (stop.why == Stop::Why::idle) {
      uart.send(sent);
      sensor.push(samples);
      stop = run();
    }
    down = true;
    return stop.why == Stop::Why::idle ? fault : stop;
  }

  /// What the board answers to `sent`, with `samples` in the sensor port.
  Result<Bytes> converse(ByteSpan sent, ByteSpan samples) {
    sensor.push(samples);
    uart.send(sent);
    const Stop stop = run();
    if (stop.why == Stop::Why::idle) return uart.take_output();
    return fail(describe(locate(stop, sent, samples)));
  }

  Result<Bytes> exchange(ByteSpan sent, ByteSpan samples = {}) {
    MOTE_TRY_VOID(wake());
    switch_to(fast.get());
    return converse(sent, samples);
  }

  [[nodiscard]] std::string place(std::uint32_t address) const {
    const auto after = std::upper_bound(symbols.begin(), symbols.end(), address,
                                        [](std::uint32_t a, const Symbol& s) { return a < s.address; });
    if (after == symbols.begin()) return hex(address);
    const Symbol& symbol = *(after - 1);
    const std::uint32_t offset = address - symbol.address;
    if (symbol.bytes != 0 && offset >= symbol.bytes) return hex(address);
    return offset == 0 ? symbol.name : symbol.name + "+" + hex(offset);
  }

  [[nodiscard]] Error describe(const Stop& stop) const {
    const std::string at = " at pc " + hex(stop.pc) + " (" + place(stop.pc) + ")";
    const std::string what = std::to_string(stop.bytes) + " bytes at " + hex(stop.address);
    switch (stop.why) {
      case Stop::Why::bad_read:
        return Error(Code::internal, "the program read " + what + ", where this board has no memory," + at);
      case Stop::Why::bad_write:
        return Error(Code::internal,
                     "the program wrote " + what + ", where this board has no memory that can be written," + at);
      case Stop::Why::bad_fetch:
        return Error(Code::internal, "the program jumped to " + hex(stop.address) + ", where there is no code," + at);
      case Stop::Why::misaligned:
        return Error(Code::internal,
                     "the program accessed " + what + at +
                         " with an instruction that needs an address divisible by 4; a real core faults here");
      case Stop::Why::undefined_instruction:
        return Error(Code::internal, "the program ran into an undefined instruction" + at);
      case Stop::Why::exception:
        return Error(Code::internal, "the program raised an exception" + at);
      case Stop::Why::instruction_limit:
        return Error(Code::internal, "the program did not come to wait for the host within " +
                                         std::to_string(options.instruction_limit) + " instructions; it was stopped" +
                                         at);
      case Stop::Why::time_limit:
        return Error(Code::internal, "the program did not come to wait for the host within " +
                                         std::to_string(options.time_limit.count()) + " ms; it was stopped");
      case Stop::Why::power_lost:
        return Error(Code::io, "the board lost power");
      case Stop::Why::idle:
        break;
    }
    return Error(Code::internal, "the program stopped" + at);
  }

  Result<std::vector<std::uint32_t>> watched_addresses(std::span<const std::string> watch) const {
    std::vector<std::uint32_t> addresses;
    for (const std::string& name : watch) {
      const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const Symbol& s) { return s.name == name; });
      if (found == symbols.end())
        return fail(Code::not_found, "no function \"" + name + "\" in the firmware or its module's symbols");
      addresses.push_back(found->address);
    }
    return addresses;
  }

  [[nodiscard]] Measurement measurement(Bytes output, std::span<const std::string> watch) const {
    MeterReading reading = meter->read();
    Measurement m;
    m.output = std::move(output);
    m.counts = reading.counts;
    m.cycles = cycles(reading.counts, spec.calibration);
    m.cycles_estimated = !spec.calibration.fitted;
    m.stack_bytes = reading.stack_bytes;
    m.stack_written_bytes = reading.stack_written_bytes;
    m.arena_extent_bytes = reading.arena_extent_bytes;
    m.arena_touched_bytes = reading.arena_touched_bytes;
    for (const MeteredCall& call : reading.calls) {
      m.calls.push_back({watch[call.watch], call.depth, call.counts, cycles(call.counts, spec.calibration)});
    }
    return m;
  }
};

VirtualBoard::VirtualBoard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VirtualBoard::~VirtualBoard() = default;
VirtualBoard::VirtualBoard(VirtualBoard&&) noexcept = default;
VirtualBoard& VirtualBoard::operator=(VirtualBoard&&) noexcept = default;

Result<VirtualBoard> VirtualBoard::create(const BoardSpec& board, ByteSpan elf_bytes,
                                          const VirtualBoardOptions& options) {
  MOTE_TRY(const CoreSpec* core, core_of(board));
  if (core->native()) {
    return fail(Code::unsupported, board.name +
                                       " is this machine itself: nothing is emulated and nothing counted; name a board "
                                       "with a microcontroller ('mote boards')");
  }
  MOTE_TRY(ElfFile elf, ElfFile::parse(elf_bytes));
  if (elf.find_symbol("mote_idle") == nullptr) {
    return fail(Code::malformed,
                "the firmware has no function mote_idle, which it must call while it waits for the UART "
                "(device/boards/uart.hpp does)");
  }
  MOTE_TRY_VOID(check_ram(board, elf));
  MOTE_TRY(NorFlash flash, load_flash(board, elf));
  auto impl = std::make_unique<Impl>(board, *core, std::move(elf), std::move(flash), options);
  MOTE_TRY(impl->fast,
           Emulator::create(*core, impl->memory_map(), impl->uart, impl->symbol_address("mote_idle"), nullptr));
  impl->current = impl->fast.get();
  impl->watchdog.emplace([raw = impl.get()] { raw->current->interrupt(); });
  MOTE_TRY_VOID(impl->reset());
  return VirtualBoard(std::move(impl));
}

Result<Bytes> VirtualBoard::infer(ByteSpan input) {
  MOTE_TRY(const Bytes reply, impl_->exchange(run_request(input)));
  return parse_output(reply);
}

Result<Bytes> VirtualBoard::infer_from_sensor(ByteSpan samples) {
  MOTE_TRY(const Bytes reply, impl_->exchange(sensor_request(static_cast<std::uint32_t>(samples.size())), samples));
  return parse_output(reply);
}

Result<FirmwareIdentity> VirtualBoard::identify() {
  MOTE_TRY(const Bytes reply, impl_->exchange(identify_request()));
  return parse_identity(reply);
}

Result<FirmwareIdentity> VirtualBoard::select(std::uint32_t module) {
  MOTE_TRY(const Bytes reply, impl_->exchange(select_request(module)));
  return parse_identity(reply);
}

Result<Measurement> VirtualBoard::measure(ByteSpan input, std::span<const std::string> watch,
                                          const std::function<void(std::size_t)>& after) {
  MOTE_TRY(const std::vector<std::uint32_t> addresses, impl_->watched_addresses(watch));
  MOTE_TRY_VOID(impl_->make_measured());
  MOTE_TRY_VOID(impl_->wake());
  impl_->meter->arm(addresses, after);
  impl_->switch_to(impl_->measured.get());
  MOTE_TRY(const Bytes reply, impl_->converse(run_request(input), {}));
  MOTE_TRY(Bytes output, parse_output(reply));
  const MeterReading reading = impl_->meter->read();
  if (!reading.complete) return fail(Code::internal, "the firmware did not pass mote_infer_begin and mote_infer_end");
  if (reading.stack_missing_bytes > 0) {
    return fail(Code::too_large, "the stack of " + std::to_string(reading.stack_bytes) + " bytes grew " +
                                     std::to_string(reading.stack_missing_bytes) +
                                     " bytes into the data below it: the board's RAM is too small for this model");
  }
  return impl_->measurement(std::move(output), watch);
}

Result<Bytes> VirtualBoard::exchange(ByteSpan sent) { return impl_->exchange(sent); }
Result<Bytes> VirtualBoard::exchange_measured(ByteSpan sent) {
  MOTE_TRY_VOID(impl_->make_measured());
  MOTE_TRY_VOID(impl_->wake());
  impl_->meter->arm({}, {});
  impl_->switch_to(impl_->measured.get());
  return impl_->converse(sent, {});
}
Result<void> VirtualBoard::reset() { return impl_->reset(); }
void VirtualBoard::add_symbols(const ElfFile& elf, std::uint32_t bias) { impl_->add_symbols(elf, bias); }
const BoardSpec& VirtualBoard::spec() const { return impl_->spec; }
const ElfFile& VirtualBoard::elf() const { return impl_->elf; }
NorFlash& VirtualBoard::flash() { return impl_->flash; }
void VirtualBoard::flash_changed() { impl_->forget_code(0, impl_->spec.flash_bytes); }

Result<Bytes> VirtualBoard::read_memory(std::uint32_t address, std::uint32_t bytes) const {
  const std::uint64_t limit = std::max<std::uint64_t>(impl_->ram.size(), impl_->flash.bytes().size());
  Bytes content(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, limit)));
  if (bytes > limit || !impl_->copy_out(address, content.data(), bytes)) {
    return fail(Code::invalid_argument,
                std::to_string(bytes) + " bytes at " + hex(address) + " are not all in RAM or flash");
  }
  return content;
}

std::string VirtualBoard::describe_address(std::uint32_t address) const { return impl_->place(address); }

}  // namespace mote::board
