// Firmware around modules: the programs of device/boards that measure them.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "abi/module.hpp"
#include "module_link.hpp"
#include "mote/board/core.hpp"
#include "mote/board/elf.hpp"
#include "mote/compile/compile.hpp"
#include "toolchain.hpp"

namespace mote::compile {

using device::ModuleHeader;

namespace {

/// The virtual board's, or that of a program on this machine.
board::FirmwareMap map_of(const board::BoardSpec& board, const board::CoreSpec& core) {
  board::FirmwareMap map;
  if (core.native()) map.uart = core.qemu.map.uart;
  map.flash_bytes = board.flash_bytes;
  map.ram_bytes = board.ram_bytes;
  return map;
}

/// Modules as a firmware holds them (device/boards/module_blob.hpp).
struct ModuleBlob {
  Bytes bytes;
  std::size_t count = 0;
  std::uint32_t arena_bytes = 1;  ///< that all of them need

  Result<void> add(ByteSpan module) {
    MOTE_TRY(const ModuleHeader header, checked_header(module));
    bytes.resize(module_stride(bytes.size()));
    bytes.insert(bytes.end(), module.begin(), module.end());
    arena_bytes = std::max(arena_bytes, header.arena_bytes);
    ++count;
    return {};
  }
};

/// The modules in a firmware that was linked around them.
Result<ModuleBlob> modules_in(const board::ElfFile& firmware) {
  const board::ElfSection* section = firmware.find_section(".module");
  if (section == nullptr) return fail(Code::malformed, "the firmware has no section .module");
  ModuleBlob blob;
  for (const board::ElfSegment& segment : firmware.segments()) {
    const std::uint64_t begin = std::uint64_t{section->address} - segment.run_address;
    if (section->address < segment.run_address || begin + section->bytes > segment.content.size()) continue;
    ByteSpan rest = ByteSpan(segment.content).subspan(static_cast<std::size_t>(begin), section->bytes);
    while (rest.size() >= sizeof(ModuleHeader)) {
      ModuleHeader header{};
      std::memcpy(&header, rest.data(), sizeof header);
      if (header.module_bytes > rest.size()) break;
      MOTE_TRY_VOID(blob.add(rest.first(header.module_bytes)));
      rest = rest.subspan(std::min<std::size_t>(rest.size(), module_stride(header.module_bytes)));
    }
  }
  if (blob.count == 0) return fail(Code::malformed, "the section .module of the firmware holds no module");
  return blob;
}

/// A loop around the module, which lies at its address in flash.
Result<Bytes> link_avr_firmware(ByteSpan module, const board::CoreSpec& core, const board::BoardSpec& board) {
  MOTE_TRY(const ModuleHeader header, checked_header(module));
  MOTE_TRY(const Toolchain tools, Toolchain::create(core));
  MOTE_TRY_VOID(write_file(tools.folder() / "module.bin", module));
  if (device::kAvrModuleBase + module.size() > board.flash_bytes) {
    return fail(
        Code::too_large,
        fmt::format(
            "{} has {} bytes of flash: a module of {} bytes leaves no room there for the firmware that measures",
            board.name, board.flash_bytes, module.size()));
  }
  MOTE_TRY_VOID(tools.compile({fmt::format("-DMOTE_ARENA_BYTES={}", std::max(header.arena_bytes, 1u)),
                               fmt::format("-DMOTE_ENTRY={}", device::kAvrModuleBase + header.entry_offset),
                               fmt::format("-Wl,--section-start=.module={:#x}", device::kAvrModuleBase),
                               (tools.device() / "avr" / "bench_main.c").string(), "-o", "firmware.elf"}));
  return read_file(tools.folder() / "firmware.elf");
}

Result<Bytes> link_firmware(const ModuleBlob& modules, const board::CoreSpec& core, const board::FirmwareMap& map,
                            std::string_view where, const char* main, const std::vector<std::string>& definitions) {
  MOTE_TRY(const Toolchain tools, Toolchain::create(core));
  MOTE_TRY_VOID(write_file(tools.folder() / "module.bin", modules.bytes));
  const auto boards = [&](std::string_view file) { return (tools.device() / "boards" / file).string(); };
  std::vector<std::string> arguments{"-O2",
                                     "-DMOTE_MODULE_FILE=\"module.bin\"",
                                     fmt::format("-DMOTE_CORE={}", static_cast<std::uint32_t>(core.id)),
                                     fmt::format("-DMOTE_ARENA_BYTES={}", modules.arena_bytes),
                                     fmt::format("-DMOTE_MODULE_COUNT={}", modules.count),
                                     fmt::format("-DMOTE_UART={}", static_cast<int>(map.uart)),
                                     fmt::format("-DMOTE_UART_BASE={:#x}", map.uart_base),
                                     boards(core.startup),
                                     boards("markers.cpp"),
                                     boards(main),
                                     "-o",
                                     "firmware.elf"};
  arguments.insert(arguments.end(), definitions.begin(), definitions.end());
  if (!core.native()) {
    // libgcc: a firmware may divide 64-bit numbers.
    arguments.insert(arguments.end(),
                     {"-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--build-id=none",
                      "-Wl,--no-warn-rwx-segments", fmt::format("-Wl,--defsym=mote_flash_base={:#x}", map.flash_base),
                      fmt::format("-Wl,--defsym=mote_flash_bytes={}", map.flash_bytes),
                      fmt::format("-Wl,--defsym=mote_ram_base={:#x}", map.ram_base),
                      fmt::format("-Wl,--defsym=mote_ram_bytes={}", map.ram_bytes), "-T", boards("bench.ld"),
                      boards("memory.cpp"), "-lgcc"});
  }
  auto built = tools.compile(arguments);
  if (!built && built.error().message().find("overflowed by") != std::string::npos) {
    return fail(
        Code::too_large,
        fmt::format(
            "{} has {} bytes of flash and {} of RAM: {} of {} bytes with an arena of {} leave{} no room there for "
            "the firmware that measures",
            where, map.flash_bytes, map.ram_bytes,
            modules.count == 1 ? "a module" : fmt::format("{} modules", modules.count), modules.bytes.size(),
            modules.arena_bytes, modules.count == 1 ? "s" : ""));
  }
  MOTE_TRY_VOID(built);
  return read_file(tools.folder() / "firmware.elf");
}

}  // namespace

Result<Bytes> make_firmware(ByteSpan module, const board::BoardSpec& board) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  if (core->avr()) return link_avr_firmware(module, *core, board);
  ModuleBlob blob;
  MOTE_TRY_VOID(blob.add(module));
  return link_firmware(blob, *core, map_of(board, *core), board.name, "bench_main.cpp", {});
}

Result<Bytes> make_firmware(std::span<const Bytes> modules, const board::BoardSpec& board) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  if (core->avr()) return fail(Code::unsupported, "several models in one firmware are not made for an AVR");
  ModuleBlob blob;
  for (const Bytes& module : modules) MOTE_TRY_VOID(blob.add(module));
  return link_firmware(blob, *core, map_of(board, *core), board.name, "bench_main.cpp", {});
}

Result<Bytes> qemu_firmware(ByteSpan firmware, const board::BoardSpec& board) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  const board::FirmwareMap& machine = core->qemu.map;
  const board::FirmwareMap own = map_of(board, *core);
  if (machine.flash_base == own.flash_base && machine.ram_base == own.ram_base && machine.uart == own.uart &&
      machine.uart_base == own.uart_base && machine.flash_bytes >= own.flash_bytes &&
      machine.ram_bytes >= own.ram_bytes) {
    return Bytes(firmware.begin(), firmware.end());
  }
  MOTE_TRY(const board::ElfFile elf, board::ElfFile::parse(firmware));
  MOTE_TRY(const ModuleBlob modules, modules_in(elf));
  return link_firmware(modules, *core, machine, core->qemu.machine, "bench_main.cpp", {});
}

Result<Bytes> make_mlperf_firmware(ByteSpan module, const board::BoardSpec& board, const MlperfFirmware& o) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  if (core->avr()) return fail(Code::unsupported, "MLPerf Tiny's firmware is not made for an AVR");
  ModuleBlob blob;
  MOTE_TRY_VOID(blob.add(module));
  return link_firmware(blob, *core, map_of(board, *core), board.name, "mlperf_main.cpp",
                       {fmt::format("-DMOTE_MLPERF_MODEL=\"{}\"", o.model),
                        fmt::format("-DMOTE_MLPERF_INPUT={}", static_cast<int>(o.input)),
                        fmt::format("-DMOTE_MLPERF_RESULT={}", o.prints_error ? 1 : 0),
                        fmt::format("-DMOTE_INPUT_SCALE={:.9e}f", o.input_quantization.scale()),
                        fmt::format("-DMOTE_INPUT_ZERO={}", o.input_quantization.zero_point()),
                        fmt::format("-DMOTE_OUTPUT_SCALE={:.9e}f", o.output_quantization.scale()),
                        fmt::format("-DMOTE_OUTPUT_ZERO={}", o.output_quantization.zero_point()),
                        fmt::format("-DMOTE_CLOCK_MHZ={}", board.clock_hz / 1'000'000)});
}

}  // namespace mote::compile
