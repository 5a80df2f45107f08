// The one file that includes Unicorn. Written for 2.0.1 to 2.1.x, whose traps are:
//  - uc_emu_stop from a memory callback leaves the pc at the start of the block although part of it ran (fixed
//  in 2.1.4). So the
//    core is only ever stopped, to go on later, from a code hook, which leaves the pc at the hooked instruction, not
//    yet run.
//  - Instructions of an IT block whose condition fails are not reported to code hooks (Pipeline finds them).
//  - There is no NVIC and no system control space; exceptions arrive as interrupt hooks.
//  - Every Cortex-M is the same one, a Cortex-M33 whatever model is asked for: it does not refuse instructions that the
//  board's core lacks. The compiler is told the core, and QEMU has the real ones.
//  - It stops at each vector instruction of a core with Helium, some as undefined, some for want of a coprocessor.
//  VectorUnit executes them, a whole run of neighbours at each stop.

#include "emulator.hpp"

#include <unicorn/unicorn.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "meter.hpp"
#include "vector_unit.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kRamBase = 0x20000000;
// An STM32 shows its flash at 0 and at 0x08000000; the cycle model sees one of them.
constexpr std::uint32_t in_program(std::uint32_t address) {
  return address < kRamBase ? address & ~0x08000000u : address;
}
// EXCP_NOCP of QEMU's Arm target.
constexpr std::uint32_t kNoCoprocessor = 17;
// Unicorn wants an end address; nothing is mapped there.
constexpr std::uint64_t kNoEnd = 0xfffffffe;

/// An instruction set as Unicorn names its parts.
struct Isa {
  uc_arch architecture;
  int mode;
  int pc, sp, link;
  std::uint32_t address_bit;   // set in the pc that is handed to Unicorn
  std::uint32_t undefined;     // number of the exception of an undefined instruction
  std::vector<int> registers;  // what CoreState keeps; the pc last
  std::vector<std::pair<int, std::uint32_t>> initial;
};

std::vector<int> range(int first, int count, std::vector<int> more) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(first + i);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

const Isa& isa_of(InstructionSet set) {
  // EXCP_UDEF of QEMU's Arm target is 1. Its FPU is on.
  static const Isa thumb{
      UC_ARCH_ARM,
      UC_MODE_THUMB | UC_MODE_MCLASS,
      UC_ARM_REG_PC,
      UC_ARM_REG_SP,
      UC_ARM_REG_LR,
      1,
      1,
      range(UC_ARM_REG_S0, 32,
            range(UC_ARM_REG_R0, 13, {UC_ARM_REG_FPSCR, UC_ARM_REG_SP, UC_ARM_REG_LR, UC_ARM_REG_PC})),
      {{UC_ARM_REG_FPEXC, 1u << 30}}};
  static const Isa riscv32{UC_ARCH_RISCV,
                           UC_MODE_RISCV32,
                           UC_RISCV_REG_PC,
                           UC_RISCV_REG_SP,
                           UC_RISCV_REG_RA,
                           0,
                           2,
                           range(UC_RISCV_REG_X1, 31, {UC_RISCV_REG_PC}),
                           {}};
  return set == InstructionSet::thumb ? thumb : riscv32;
}

}  // namespace

struct Emulator::Impl final : VectorMemory {
  explicit Impl(const CoreSpec& core)
      : isa(isa_of(core.instructions)), unaligned_accesses(core.unaligned_accesses), has_vectors(core.vectors) {}

  const Isa& isa;
  bool unaligned_accesses;
  bool has_vectors;
  VectorUnit vectors;
  uc_engine* engine = nullptr;
  MemoryMap memory;
  const HostPort* port = nullptr;
  std::uint32_t idle_address = 0;
  Meter* meter = nullptr;
  std::uint64_t instructions_left = 0;
  Stop stop;
  bool stopping = false;           // something in the run has said why
  std::atomic<bool> late = false;  // another thread has
  std::uint32_t vector_pc = 0;     // of the vector instruction that runs
  bool vectors_ran = false;        // since the last start, which Unicorn may take for the end

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
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
    if (pc == self.idle_address && self.port->waiting()) return self.request_stop({Stop::Why::idle, pc, 0, 0});
    if (self.instructions_left-- == 0) return self.request_stop({Stop::Why::instruction_limit, pc, 0, 0});
    self.meter->on_instruction(in_program(pc));
  }

  static void on_idle(uc_engine*, std::uint64_t address, std::uint32_t, void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    if (self.port->waiting()) self.request_stop({Stop::Why::idle, static_cast<std::uint32_t>(address), 0, 0});
  }

  static void on_access(uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t,
                        void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    const auto place = static_cast<std::uint32_t>(address);
    const auto bytes = static_cast<std::uint32_t>(size);
    const bool aligned = self.unaligned_accesses || place % bytes == 0;
    if (!self.meter->on_access(in_program(place), bytes, type == UC_MEM_WRITE) || !aligned) {
      self.request_stop({Stop::Why::misaligned, self.get(self.isa.pc), place, bytes});
    }
  }

  static bool on_bad_access(uc_engine*, uc_mem_type type, std::uint64_t address, int size, std::int64_t,
                            void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    Stop reason{Stop::Why::bad_read, self.get(self.isa.pc), static_cast<std::uint32_t>(address),
                static_cast<std::uint32_t>(size)};
    if (type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT) reason.why = Stop::Why::bad_write;
    if (type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT) reason.why = Stop::Why::bad_fetch;
    self.request_stop(reason);
    return false;
  }

  /// Host memory of an access, or nullptr and a stop.
  [[nodiscard]] std::uint8_t* memory_at(std::uint32_t address, std::uint32_t bytes, bool write) {
    const std::uint32_t in_ram = address - kRamBase, in_flash = in_program(address);
    if (address >= kRamBase && in_ram < memory.ram.size() && bytes <= memory.ram.size() - in_ram)
      return memory.ram.data() + in_ram;
    if (!write && address < kRamBase && in_flash < memory.flash.size() && bytes <= memory.flash.size() - in_flash)
      return const_cast<std::uint8_t*>(memory.flash.data()) + in_flash;
    request_stop({write ? Stop::Why::bad_write : Stop::Why::bad_read, vector_pc, address, bytes});
    return nullptr;
  }
  /// The bus has 8 bytes.
  void meter_access(std::uint32_t address, std::uint32_t bytes, bool write) {
    if (meter == nullptr) return;
    for (std::uint32_t done = 0; done < bytes; done += 8)
      static_cast<void>(meter->on_access(in_program(address + done), std::min(bytes - done, 8u), write));
  }
  bool read(std::uint32_t address, std::uint8_t* to, std::uint32_t bytes) override {
    const std::uint8_t* const from = memory_at(address, bytes, false);
    if (from == nullptr) return false;
    std::copy_n(from, bytes, to);
    meter_access(address, bytes, false);
    return true;
  }
  bool write(std::uint32_t address, const std::uint8_t* from, std::uint32_t bytes) override {
    std::uint8_t* const to = memory_at(address, bytes, true);
    if (to == nullptr) return false;
    std::copy_n(from, bytes, to);
    meter_access(address, bytes, true);
    return true;
  }

  void exchange_registers(VectorRegisters& registers, bool to_core) {
    int ids[31];
    void* values[31];
    for (int i = 0; i < 13; ++i) ids[i] = UC_ARM_REG_R0 + i;
    ids[13] = UC_ARM_REG_SP;
    ids[14] = UC_ARM_REG_LR;
    for (std::size_t i = 0; i < 15; ++i) values[i] = &registers.r[i];
    for (int i = 0; i < 16; ++i) {
      ids[15 + i] = UC_ARM_REG_D0 + i;
      values[15 + i] = registers.q[static_cast<std::size_t>(i / 2)].data() + 8 * (i % 2);
    }
    if (to_core)
      uc_reg_write_batch(engine, ids, values, 31);
    else
      uc_reg_read_batch(engine, ids, values, 31);
  }

  /// Executes the vector instruction at the pc and those that follow it. False: there is none.
  bool run_vectors() {
    if (!has_vectors) return false;
    std::uint32_t pc = get(isa.pc) & ~1u;
    const auto halfword = [&](std::uint32_t address) -> std::uint16_t {
      const std::uint32_t in_ram = address - kRamBase, in_flash = in_program(address);
      if (address >= kRamBase && in_ram + 2 <= memory.ram.size())
        return static_cast<std::uint16_t>(memory.ram[in_ram] | memory.ram[in_ram + 1] << 8);
      if (address < kRamBase && in_flash + 2 <= memory.flash.size())
        return static_cast<std::uint16_t>(memory.flash[in_flash] | memory.flash[in_flash + 1] << 8);
      return 0;
    };
    if (!VectorUnit::knows(halfword(pc), halfword(pc + 2))) return false;
    VectorRegisters registers;
    exchange_registers(registers, false);
    for (bool first = true; !late; first = false) {
      const std::uint16_t a = halfword(pc), b = halfword(pc + 2);
      if (!VectorUnit::knows(a, b)) break;
      // The core's own hook has told of the first.
      if (!first && meter != nullptr) on_instruction(engine, pc, 4, this);
      if (stopping) break;
      vector_pc = pc;
      const VectorUnit::Result result = vectors.execute(pc, a, b, registers, *this, pc);
      if (result != VectorUnit::Result::done) {
        const bool undefined = result == VectorUnit::Result::unknown;
        request_stop({undefined ? Stop::Why::undefined_instruction : Stop::Why::misaligned, pc, pc, 4});
        break;
      }
    }
    vectors_ran = true;
    exchange_registers(registers, true);
    pc |= isa.address_bit;
    uc_reg_write(engine, isa.pc, &pc);
    return true;
  }
  static bool on_undefined(uc_engine*, void* self_pointer) { return static_cast<Impl*>(self_pointer)->run_vectors(); }

  static void on_exception(uc_engine*, std::uint32_t number, void* self_pointer) {
    auto& self = *static_cast<Impl*>(self_pointer);
    if (number == kNoCoprocessor && self.run_vectors()) return;
    const auto why = number == self.isa.undefined ? Stop::Why::undefined_instruction : Stop::Why::exception;
    self.request_stop({why, self.get(self.isa.pc), 0, 0});
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
    uc_err error = uc_open(isa.architecture, static_cast<uc_mode>(isa.mode), &engine);
    const auto then = [&error](uc_err result) { error = error == UC_ERR_OK ? result : error; };
    if (error != UC_ERR_OK) return error;
    // Unicorn takes a pointer to non-const but the flash is mapped without the right to write.
    then(uc_mem_map_ptr(engine, 0, memory.flash.size(), UC_PROT_READ | UC_PROT_EXEC,
                        const_cast<std::uint8_t*>(memory.flash.data())));
    if (memory.flash_alias != 0) {
      then(uc_mem_map_ptr(engine, memory.flash_alias, memory.flash.size(), UC_PROT_READ | UC_PROT_EXEC,
                          const_cast<std::uint8_t*>(memory.flash.data())));
    }
    then(uc_mem_map_ptr(engine, kRamBase, memory.ram.size(), UC_PROT_ALL, memory.ram.data()));
    for (Device* device : memory.devices) {
      then(uc_mmio_map(engine, device->base(), device->bytes(), on_device_read, device, on_device_write, device));
    }
    for (const auto& [id, value] : isa.initial) then(uc_reg_write(engine, id, &value));
    then(hook(UC_HOOK_MEM_INVALID, on_bad_access));
    then(hook(UC_HOOK_INTR, on_exception));
    if (has_vectors) then(hook(UC_HOOK_INSN_INVALID, on_undefined));
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

Result<std::unique_ptr<Emulator>> Emulator::create(const CoreSpec& core, const MemoryMap& memory, const HostPort& port,
                                                   std::uint32_t idle_address, Meter* meter) {
  auto impl = std::make_unique<Impl>(core);
  impl->memory = memory;
  impl->port = &port;
  impl->idle_address = idle_address;
  impl->meter = meter;
  if (const uc_err error = impl->set_up(); error != UC_ERR_OK) {
    return fail(Code::internal, std::string("the emulated core could not be set up: ") + uc_strerror(error));
  }
  Impl& self = *impl;
  if (meter != nullptr)
    meter->connect({[&self] { return self.get(self.isa.sp); }, [&self] { return self.get(self.isa.link); }});
  return std::unique_ptr<Emulator>(new Emulator(std::move(impl)));
}

CoreState Emulator::state() const {
  CoreState state;
  for (const int id : impl_->isa.registers) state.registers.push_back(impl_->get(id));
  return state;
}

void Emulator::set_state(const CoreState& state) {
  const Isa& isa = impl_->isa;
  for (std::size_t i = 0; i < isa.registers.size(); ++i) {
    const std::uint32_t value = state.registers[i] | (isa.registers[i] == isa.pc ? isa.address_bit : 0u);
    uc_reg_write(impl_->engine, isa.registers[i], &value);
  }
}

void Emulator::set_start(std::uint32_t pc, std::uint32_t sp) {
  impl_->vectors.reset();
  CoreState state;
  for (const int id : impl_->isa.registers)
    state.registers.push_back(id == impl_->isa.pc ? pc : id == impl_->isa.sp ? sp : 0u);
  set_state(state);
}

void Emulator::call(std::uint32_t handler, std::uint32_t stack_bytes) {
  const Isa& isa = impl_->isa;
  const auto set = [&](int id, std::uint32_t value) { uc_reg_write(impl_->engine, id, &value); };
  set(isa.link, impl_->get(isa.pc) | isa.address_bit);
  set(isa.sp, impl_->get(isa.sp) - stack_bytes);
  set(isa.pc, handler | isa.address_bit);
}

void Emulator::set_idle_address(std::uint32_t address) { impl_->idle_address = address; }

Stop Emulator::run(std::uint64_t instruction_limit) {
  impl_->instructions_left = instruction_limit;
  impl_->stopping = false;
  impl_->late = false;
  uc_err error = UC_ERR_OK;
  do {
    impl_->vectors_ran = false;
    const std::uint32_t pc = impl_->get(impl_->isa.pc);
    error = uc_emu_start(impl_->engine, pc | impl_->isa.address_bit, kNoEnd, 0, 0);
  } while (impl_->vectors_ran && !impl_->stopping && !impl_->late);
  if (impl_->stopping) return impl_->stop;
  if (impl_->late) return {Stop::Why::time_limit, 0, 0, 0};
  // The core ended by itself: what Unicorn has no hook for.
  const bool undefined = error == UC_ERR_INSN_INVALID;
  return {undefined ? Stop::Why::undefined_instruction : Stop::Why::exception, impl_->get(impl_->isa.pc), 0, 0};
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
