#include "mote/board/core.hpp"

#include <algorithm>

#include "mote/board/board_spec.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kMiB = 1u << 20;

// Memory maps of QEMU's machines: hw/arm/mps2.c, mps2-tz.c, nrf51_soc.c. The secure aliases where the core begins in
// the secure state.
const QemuMachine kAn385{"qemu-system-arm", "qemu-system-arm", "mps2-an385", {0, 4 * kMiB, 0x20000000, 4 * kMiB},
                         0x21000000,        16 * kMiB};
const QemuMachine kAn386{"qemu-system-arm", "qemu-system-arm", "mps2-an386", {0, 4 * kMiB, 0x20000000, 4 * kMiB},
                         0x21000000,        16 * kMiB};
const QemuMachine kAn500{"qemu-system-arm", "qemu-system-arm", "mps2-an500", {0, 4 * kMiB, 0x20000000, 4 * kMiB},
                         0x60000000,        16 * kMiB};
const QemuMachine kAn505{"qemu-system-arm", "qemu-system-arm",
                         "mps2-an505",      {0x10000000, 4 * kMiB, 0x38000000, 4 * kMiB, UartKind::cmsdk, 0x50200000},
                         0x80000000,        16 * kMiB};
const QemuMachine kAn547{"qemu-system-arm",
                         "qemu-system-arm",
                         "mps3-an547",
                         {0x10000000, 512 << 10, 0x30000000, 512 << 10, UartKind::cmsdk, 0x59303000},
                         0,
                         0};
const QemuMachine kMicrobit{"qemu-system-arm",
                            "qemu-system-arm",
                            "microbit",
                            {0, 256 << 10, 0x20000000, 16 << 10, UartKind::nrf51, 0x40002000},
                            0,
                            0};

const QemuMachine kVirt{"qemu-system-riscv32",
                        "qemu-system-misc, from Debian 13 on qemu-system-riscv",
                        "virt",
                        {0x80000000, 4 * kMiB, 0x80400000, 4 * kMiB, UartKind::ns16550, 0x10000000},
                        0,
                        0,
                        true};

CoreSpec cortex_m(std::string_view name, device::Core id, std::vector<std::string> flags, const QemuMachine& qemu) {
  CoreSpec core{name,
                false,
                false,
                id,
                InstructionSet::thumb,
                "arm-none-eabi-",
                "gcc-arm-none-eabi",
                std::move(flags),
                "startup.cpp",
                true,
                CycleRule::cortex_m4,
                false,
                qemu};
  core.flags.insert(core.flags.begin(), "-mthumb");
  return core;
}

CoreSpec with_dsp(CoreSpec core) {
  core.dsp = true;
  return core;
}
CoreSpec with_dsp_and_fpu(CoreSpec core, const char* fpu) {
  core.dsp = core.fpu = true;
  core.flags.insert(core.flags.end(), {"-mfloat-abi=hard", fpu});
  return core;
}
CoreSpec with_vectors(CoreSpec core) {
  core.vectors = true;
  core.flags.push_back("-DMOTE_VECTORS");
  return core;
}
/// Armv6-M.
CoreSpec small(CoreSpec core) {
  core.unaligned_accesses = false;
  core.cycles = CycleRule::cortex_m0plus;
  return core;
}

/// Linker relaxation would turn addresses relative to the pc into absolute ones, which the module must not have.
CoreSpec rv32imc() {
  return {"rv32imc",
          false,
          false,
          device::Core::rv32imc,
          InstructionSet::riscv32,
          "riscv64-unknown-elf-",
          "gcc-riscv64-unknown-elf",
          {"-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany", "-mno-relax", "-mstrict-align", "-msmall-data-limit=0",
           "-isystem", "device/freestanding"},
          "startup_riscv32.cpp",
          false,
          CycleRule::one_each,
          false,
          kVirt};
}

CoreSpec avr5() {
  CoreSpec core;
  core.name = "avr5";
  core.id = device::Core::avr5;
  core.instructions = InstructionSet::avr8;
  core.tools = "avr-";
  core.tools_package = "gcc-avr and avr-libc";
  core.flags = {"-mmcu=atmega328p"};
  core.unaligned_accesses = true;
  core.cycles = CycleRule::simavr;
  return core;
}

/// A PC: users run their model on it as on a board, and generated code meets sanitizers and debuggers there.
CoreSpec host() {
  CoreSpec core;
  core.name = "host";
  core.id = device::Core::host;
  core.instructions = InstructionSet::native;
  core.tools_package = "g++";
  core.flags = {"-no-pie"};
#if defined(__x86_64__)
  core.flags.push_back("-fcf-protection=none");
#endif
  core.startup = "startup_host.cpp";
  core.cycles = CycleRule::none;
  core.qemu.map.uart = UartKind::standard_streams;
  return core;
}

std::vector<CoreSpec> make_cores() {
  using device::Core;
  return {
      small(cortex_m("cortex-m0", Core::cortex_m0, {"-mcpu=cortex-m0"}, kMicrobit)),
      small(cortex_m("cortex-m0plus", Core::cortex_m0, {"-mcpu=cortex-m0plus"}, kMicrobit)),
      cortex_m("cortex-m3", Core::cortex_m3, {"-mcpu=cortex-m3"}, kAn385),
      with_dsp(cortex_m("cortex-m4", Core::cortex_m4, {"-mcpu=cortex-m4"}, kAn386)),
      with_dsp_and_fpu(cortex_m("cortex-m4f", Core::cortex_m4f, {"-mcpu=cortex-m4"}, kAn386), "-mfpu=fpv4-sp-d16"),
      with_dsp_and_fpu(cortex_m("cortex-m7", Core::cortex_m7, {"-mcpu=cortex-m7"}, kAn500), "-mfpu=fpv5-sp-d16"),
      cortex_m("cortex-m33", Core::cortex_m33_plain, {"-mcpu=cortex-m33+nodsp"}, kAn505),
      with_dsp_and_fpu(cortex_m("cortex-m33", Core::cortex_m33, {"-mcpu=cortex-m33"}, kAn505), "-mfpu=fpv5-sp-d16"),
      // C++ is compiled as for the M33: vector instructions are those that mote emits.
      with_vectors(with_dsp_and_fpu(cortex_m("cortex-m55", Core::cortex_m55, {"-mcpu=cortex-m33"}, kAn547),
                                    "-mfpu=fpv5-sp-d16")),
      rv32imc(),
      avr5(),
      host(),
  };
}

}  // namespace

const std::vector<CoreSpec>& cores() {
  static const std::vector<CoreSpec> all = make_cores();
  return all;
}

Result<const CoreSpec*> core_of(const BoardSpec& board) {
  const CoreSpec* other = nullptr;
  for (const CoreSpec& core : cores()) {
    if (core.name != board.core) continue;
    if (core.dsp == board.dsp && core.fpu == board.fpu) return &core;
    other = &core;
  }
  const auto extensions = [](bool dsp, bool fpu) {
    return std::string(dsp ? "with" : "without") + " DSP instructions and " + (fpu ? "with" : "without") + " an FPU";
  };
  if (other != nullptr) {
    return fail(Code::unsupported, board.name + ": mote knows the " + board.core + " " +
                                       extensions(other->dsp, other->fpu) + ", not " +
                                       extensions(board.dsp, board.fpu) + " (docs/cores.md)");
  }
  std::string known;
  for (const CoreSpec& core : cores()) {
    if (known.find(core.name) == std::string::npos) known += (known.empty() ? "" : ", ") + std::string(core.name);
  }
  return fail(Code::unsupported,
              board.title + " has a " + board.core + " core; mote compiles for " + known + " (docs/cores.md)");
}

const CoreSpec* find_core(std::uint32_t id) {
  const auto found =
      std::ranges::find_if(cores(), [&](const CoreSpec& core) { return static_cast<std::uint32_t>(core.id) == id; });
  return found == cores().end() ? nullptr : &*found;
}

}  // namespace mote::board
