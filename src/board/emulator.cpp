// The one file that includes Unicorn. Written for 2.0.1 to 2.1.x, whose traps are:
//  - uc_emu_stop from a memory callback leaves the pc at the start of the block although part of it ran (fixed
//  in 2.1.4). So the
//    core is only ever stopped, to go on later, from a code hook, which leaves the pc at the hooked instruction, not
//    yet run.
//  - Instructions of an IT block whose condition fails are not reported to code hooks (Pipeline finds them).
//  - There is no NVIC and no system control space; exceptions arrive as interrupt hooks.

#include "emulator.hpp"

#include <unicorn/unicorn.h>

#include <atomic>

#include "meter.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kRamBase = 0x20000000;
constexpr std::uint64_t kPageBytes = 4096;
// Unicorn wants an end address; nothing is mapped there.
constexpr std::uint64_t kNoEnd = 0xfffffffe;

constexpr std::array<int, 16> kCoreRegisters{UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2,  UC_ARM_REG_R3,
                                             UC_ARM_REG_R4,  UC_ARM_REG_R5, UC_ARM_REG_R6,  UC_ARM_REG_R7,
                                             UC_ARM_REG_R8,  UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11,
                                             UC_ARM_REG_R12, UC_ARM_REG_SP, UC_ARM_REG_LR,  UC_ARM_REG_PC};
constexpr std::size_t kPcIndex = 15;

}  // namespace

struct Emulator::Impl {
  uc_engine* engine = nullptr;
  MemoryMap memory;
  const UartDevice* uart = nullptr;
  std::uint32_t idle_address = 0;
  Meter* meter = nullptr;
  std::uint64_t instructions_left = 0;
  Stop stop;
  bool stopping = false;           // something in the run has said why
  std::atomic<bool> late = false;  // another thread has

  ~Impl() {
    if (engine != nullptr) uc_close(engine);
  }

  void request_stop(const Stop& reason) {
    if (stopping) return;
    stopping = true;
    stop = reason;
    uc_emu_stop(engine);
  }

  [[nodiscard]] std::uint32_t get(int id) const {
    std::uint32_t value = 0;
    uc_reg_read(engine, id, &value);
    return value;
  }

  static void on_instruction(uc_engine*, std::uint64_t address, std::uint32_t, void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    const auto pc = static_cast<std::uint32_t>(address);
    if (pc == self.idle_address && self.uart->waiting()) return self.request_stop({Stop::Why::idle, pc, 0, 0});
    if (self.instructions_left-- == 0) return self.request_stop({Stop::Why::instruction_limit, pc, 0, 0});
    self.meter->on_instruction(pc);
  }

  static void on_idle(uc_engine*, std::uint64_t address, std::uint32_t, void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    if (self.uart->waiting()) self.request_stop({Stop::Why::idle, static_cast<std::uint32_t>(address), 0, 0});
  }

  static void on_access(uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t,
                        void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    const auto place = static_cast<std::uint32_t>(address);
    const auto bytes = static_cast<std::uint32_t>(size);
    if (!self.meter->on_access(place, bytes, type == UC_MEM_WRITE)) {
      self.request_stop({Stop::Why::misaligned, self.get(UC_ARM_REG_PC), place, bytes});
    }
  }

  static bool on_bad_access(uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t,
                            void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    Stop reason{Stop::Why::bad_read, self.get(UC_ARM_REG_PC), static_cast<std::uint32_t>(address),
                static_cast<std::uint32_t>(size)};
    if (type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT) reason.why = Stop::Why::bad_write;
    if (type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT) reason.why = Stop::Why::bad_fetch;
    self.request_stop(reason);
    return false;
  }

  static void on_exception(uc_engine*, std::uint32_t number, void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    constexpr std::uint32_t kUndefined = 1;  // EXCP_UDEF of QEMU's Arm target
    const auto why = number == kUndefined ? Stop::Why::undefined_instruction : Stop::Why::exception;
    self.request_stop({why, self.get(UC_ARM_REG_PC), 0, 0});
  }

  static std::uint64_t on_device_read(uc_engine*, std::uint64_t offset, unsigned, void* device) {
    const auto place = static_cast<std::uint32_t>(offset);
    // A byte or halfword read sees its part of the register.
    return static_cast<Device*>(device)->read(place & ~3u) >> (8 * (place & 3u));
  }

  static void on_device_write(uc_engine*, std::uint64_t offset, unsigned, std::uint64_t value, void* device) {
    static_cast<Device*>(device)->write(static_cast<std::uint32_t>(offset) & ~3u, static_cast<std::uint32_t>(value));
  }

  template <class Callback>
  uc_err hook(int type, Callback* callback, std::uint64_t first = 1, std::uint64_t last = 0) {
    uc_hook handle = 0;
    return uc_hook_add(engine, &handle, type, reinterpret_cast<void*>(callback), this, first, last);
  }

  /// First failure of the calls it is given.
  uc_err set_up() {
    const std::uint32_t fpu_on = 1u << 30;
    uc_err error = uc_open(UC_ARCH_ARM, static_cast<uc_mode>(UC_MODE_THUMB | UC_MODE_MCLASS), &engine);
    const auto then = [&error](uc_err result) { error = error == UC_ERR_OK ? result : error; };
    if (error != UC_ERR_OK) return error;
    then(uc_ctl_set_cpu_model(engine, UC_CPU_ARM_CORTEX_M4));
    // Unicorn takes a pointer to non-const but the flash is mapped without the right to write.
    then(uc_mem_map_ptr(engine, 0, memory.flash.size(), UC_PROT_READ | UC_PROT_EXEC,
                        const_cast<std::uint8_t*>(memory.flash.data())));
    then(uc_mem_map_ptr(engine, kRamBase, memory.ram.size(), UC_PROT_ALL, memory.ram.data()));
    for (Device* device : memory.devices) {
      then(uc_mmio_map(engine, device->base(), kPageBytes, on_device_read, device, on_device_write, device));
    }
    then(uc_reg_write(engine, UC_ARM_REG_FPEXC, &fpu_on));
    then(hook(UC_HOOK_MEM_INVALID, on_bad_access));
    then(hook(UC_HOOK_INTR, on_exception));
    if (meter != nullptr) {
      then(hook(UC_HOOK_CODE, on_instruction));
      then(hook(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, on_access));
    } else if (idle_address != 0) {
      then(hook(UC_HOOK_CODE, on_idle, idle_address, idle_address));
    }
    return error;
  }
};

Emulator::Emulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Emulator::~Emulator() = default;

Result<std::unique_ptr<Emulator>> Emulator::create(const MemoryMap& memory, const UartDevice& uart,
                                                   std::uint32_t idle_address, Meter* meter) {
  auto impl = std::make_unique<Impl>();
  impl->memory = memory;
  impl->uart = &uart;
  impl->idle_address = idle_address;
  impl->meter = meter;
  if (const uc_err error = impl->set_up(); error != UC_ERR_OK) {
    return fail(Code::internal, std::string("the emulated core could not be set up: ") + uc_strerror(error));
  }
  Impl& self = *impl;
  if (meter != nullptr)
    meter->connect({[&self] { return self.get(UC_ARM_REG_SP); }, [&self] { return self.get(UC_ARM_REG_LR); }});
  return std::unique_ptr<Emulator>(new Emulator(std::move(impl)));
}

CoreState Emulator::state() const {
  CoreState state;
  for (std::size_t i = 0; i < state.core.size(); ++i) state.core[i] = impl_->get(kCoreRegisters[i]);
  for (std::size_t i = 0; i < state.single.size(); ++i)
    state.single[i] = impl_->get(UC_ARM_REG_S0 + static_cast<int>(i));
  state.fpscr = impl_->get(UC_ARM_REG_FPSCR);
  return state;
}

void Emulator::set_state(const CoreState& state) {
  for (std::size_t i = 0; i < state.core.size(); ++i) {
    const std::uint32_t thumb_bit = i == kPcIndex ? 1u : 0u;
    const std::uint32_t value = state.core[i] | thumb_bit;
    uc_reg_write(impl_->engine, kCoreRegisters[i], &value);
  }
  for (std::size_t i = 0; i < state.single.size(); ++i)
    uc_reg_write(impl_->engine, UC_ARM_REG_S0 + static_cast<int>(i), &state.single[i]);
  uc_reg_write(impl_->engine, UC_ARM_REG_FPSCR, &state.fpscr);
}

Stop Emulator::run(std::uint64_t instruction_limit) {
  impl_->instructions_left = instruction_limit;
  impl_->stopping = false;
  impl_->late = false;
  const std::uint32_t pc = impl_->get(UC_ARM_REG_PC);
  const uc_err error = uc_emu_start(impl_->engine, pc | 1u, kNoEnd, 0, 0);
  if (impl_->stopping) return impl_->stop;
  if (impl_->late) return {Stop::Why::time_limit, 0, 0, 0};
  // The core ended by itself: what Unicorn has no hook for.
  const bool undefined = error == UC_ERR_INSN_INVALID;
  return {undefined ? Stop::Why::undefined_instruction : Stop::Why::exception, impl_->get(UC_ARM_REG_PC), 0, 0};
}

void Emulator::lose_power() { impl_->request_stop({Stop::Why::power_lost, 0, 0, 0}); }

void Emulator::interrupt() {
  impl_->late = true;
  uc_emu_stop(impl_->engine);
}

void Emulator::forget_code(std::uint32_t offset, std::uint32_t bytes) {
  uc_ctl_remove_cache(impl_->engine, std::uint64_t{offset}, std::uint64_t{offset} + bytes);
}

}  // namespace mote::board
