#pragma once
// Test only: builds feature functions for a Cortex-M4 and runs them on QEMU's mps2-an386 board.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/features/emit.hpp"

namespace mote::features {

/// One function with the inputs it is run on.
struct M4Case {
  std::string name;  ///< a C++ identifier
  Extractor extractor;
  Quantization quantization;
  std::vector<Bytes> inputs;
};

struct M4Run {
  std::vector<std::int8_t> output;
  std::uint32_t instructions =
      0;  ///< to the nearest 40: one tick of the board's 25 MHz timer at one instruction a nanosecond
};

struct M4Report {
  std::vector<std::vector<M4Run>> runs;  ///< [case][input]
  std::string symbols;                   ///< `nm` of the object with the functions
  std::string sizes;                     ///< `size -A` of it
  std::string disassembly;               ///< `objdump -d` of it: floating-point instructions begin with v
};

inline bool m4_tools_present() {
  return !find_program("arm-none-eabi-g++").empty() && !find_program("qemu-system-arm").empty();
}

namespace m4 {

// Vector table at 0 (code memory of the board), stack at the end of its 4 MB data memory.
inline constexpr const char* kLinkerScript = R"(
MEMORY { code (rx) : ORIGIN = 0, LENGTH = 4M  data (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > code
  .bss (NOLOAD) : { *(.bss*) *(COMMON) } > data
  /DISCARD/ : { *(.ARM.exidx*) *(.comment*) }
}
)";

inline constexpr const char* kMain = R"(
#include <cstdint>
struct Entry { void (*run)(const unsigned char*, std::int8_t*, void*); const unsigned char* input; std::uint32_t input_bytes, outputs; };
extern const Entry entries[];
extern const std::uint32_t entry_count;

alignas(8) static unsigned char input_copy[1 << 20];
alignas(8) static unsigned char scratch[1 << 20];
static std::int8_t output[1 << 18];
static char line[1 << 19];

static int semihost(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static char* hex(char* to, std::uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) *to++ = "0123456789abcdef"[value >> (4 * i) & 15u];
  return to;
}

extern "C" void start() {
  volatile std::uint32_t* const systick = reinterpret_cast<volatile std::uint32_t*>(0xe000e010);
  *reinterpret_cast<volatile std::uint32_t*>(0xe000ed88) = 0xf << 20;
  systick[1] = 0xffffff;
  systick[2] = 0;
  systick[0] = 5;
  for (std::uint32_t e = 0; e < entry_count; ++e) {
    for (std::uint32_t i = 0; i < entries[e].input_bytes; ++i) input_copy[i] = entries[e].input[i];
    for (std::uint32_t i = 0; i < sizeof scratch; ++i) scratch[i] = 0xa5;
    const std::uint32_t before = systick[2];
    entries[e].run(input_copy, output, scratch);
    const std::uint32_t ticks = (before - systick[2]) & 0xffffff;
    char* to = hex(line, ticks, 8);
    *to++ = ' ';
    for (std::uint32_t i = 0; i < entries[e].outputs; ++i) to = hex(to, static_cast<unsigned char>(output[i]), 2);
    *to++ = '\n';
    *to = 0;
    semihost(4, line);
  }
  semihost(0x18, reinterpret_cast<const void*>(0x20026));
}

extern "C" void stop() { semihost(4, "fault\n"); semihost(0x18, reinterpret_cast<const void*>(0x20024)); }

using Vector = void (*)();
__attribute__((section(".vectors"), used)) static const struct { unsigned stack; Vector handlers[15]; } vectors = {
    0x20400000, {start, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop}};
)";

inline std::string byte_array(const std::string& name, const Bytes& bytes) {
  std::string text = "alignas(4) static const unsigned char " + name + "[] = {";
  for (const auto byte : bytes) text += std::to_string(byte) + ",";
  return text + "};\n";
}

/// Functions alone in one object; each behind an external name, so that nothing is dropped.
inline std::string functions_source(const std::vector<M4Case>& cases) {
  std::string text;
  for (const auto& c : cases) {
    text += emit_cpp(c.extractor, c.name + "_features", c.quantization).value();
    text += "void " + c.name + "_entry(const unsigned char* i, std::int8_t* o, void* s) { " + c.name +
            "_features(i, o, s); }\n\n";
  }
  return text;
}

inline std::string entries_source(const std::vector<M4Case>& cases) {
  std::string text = "#include <cstdint>\n", table;
  for (const auto& c : cases) {
    text += "void " + c.name + "_entry(const unsigned char*, std::int8_t*, void*);\n";
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      const std::string name = c.name + "_input_" + std::to_string(i);
      text += byte_array(name, c.inputs[i]);
      table += "  {" + c.name + "_entry, " + name + ", sizeof " + name + ", " +
               std::to_string(c.extractor.output_count()) + "},\n";
    }
  }
  text +=
      "struct Entry { void (*run)(const unsigned char*, std::int8_t*, void*); const unsigned char* input; "
      "std::uint32_t input_bytes, outputs; };\n";
  return text + "extern const Entry entries[];\nextern const std::uint32_t entry_count;\nconst Entry entries[] = {\n" +
         table + "};\nconst std::uint32_t entry_count = sizeof entries / sizeof entries[0];\n";
}

inline Result<std::string> run_tool(std::vector<std::string> arguments, const std::filesystem::path& folder) {
  ProcessOptions options;
  options.folder = folder;
  MOTE_TRY(auto result, run_process(arguments, options));
  if (result.exit_code != 0)
    return fail(Code::internal, arguments[0] + ": " + result.output + result.diagnostics.substr(0, 4000));
  // QEMU prints what the program says to standard error.
  return result.output.empty() ? result.diagnostics : result.output;
}

inline Result<M4Report> parse(const std::string& text, const std::vector<M4Case>& cases) {
  M4Report report;
  std::size_t at = 0;
  for (const auto& c : cases) {
    report.runs.emplace_back();
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string::npos || end < at + 9)
        return fail(Code::internal, "the board stopped at " + c.name + ": " + text.substr(at));
      M4Run run;
      run.instructions = static_cast<std::uint32_t>(std::stoul(text.substr(at, 8), nullptr, 16)) * 40;
      MOTE_TRY(const Bytes bytes, from_hex(text.substr(at + 9, end - at - 9)));
      for (const auto byte : bytes) run.output.push_back(static_cast<std::int8_t>(byte));
      report.runs.back().push_back(std::move(run));
      at = end + 1;
    }
  }
  return report;
}

}  // namespace m4

/// Compiles with the flags a module gets, runs all cases in one program. @error internal  a tool failed; its output is
/// the message.
inline Result<M4Report> run_on_m4(const std::vector<M4Case>& cases, const std::string& optimization) {
  MOTE_TRY(const auto folder, TemporaryFolder::create("mote-m4"));
  MOTE_TRY_VOID(write_file(folder.path() / "board.ld", m4::kLinkerScript));
  MOTE_TRY_VOID(write_file(folder.path() / "main.cpp", m4::kMain));
  MOTE_TRY_VOID(write_file(folder.path() / "functions.cpp", m4::functions_source(cases)));
  MOTE_TRY_VOID(write_file(folder.path() / "entries.cpp", m4::entries_source(cases)));
  const std::vector<std::string> compile = {"arm-none-eabi-g++",
                                            "-std=c++17",
                                            optimization,
                                            "-mcpu=cortex-m4",
                                            "-mthumb",
                                            "-mfloat-abi=hard",
                                            "-mfpu=fpv4-sp-d16",
                                            "-ffreestanding",
                                            "-fno-exceptions",
                                            "-fno-rtti",
                                            "-Wall",
                                            "-Wextra",
                                            "-Wconversion",
                                            "-Wshadow",
                                            "-Werror",
                                            std::string("-I") + MOTE_SOURCE_DIR + "/device"};
  for (const std::string unit : {"main", "functions", "entries"}) {
    auto command = compile;
    if (unit == "main") command.push_back("-fno-tree-loop-distribute-patterns");
    if (unit == "functions") command.push_back("-fpic");
    command.insert(command.end(), {"-c", unit + ".cpp", "-o", unit + ".o"});
    MOTE_TRY(auto ignored, m4::run_tool(command, folder.path()));
  }
  MOTE_TRY(auto ignored, m4::run_tool({"arm-none-eabi-g++", "-nostdlib", "-mcpu=cortex-m4", "-mthumb",
                                       "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-T", "board.ld", "main.o",
                                       "functions.o", "entries.o", "-o", "program.elf"},
                                      folder.path()));
  MOTE_TRY(
      const std::string printed,
      m4::run_tool({"qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none",
                    "-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel", "program.elf"},
                   folder.path()));
  MOTE_TRY(auto report, m4::parse(printed, cases));
  MOTE_TRY(report.symbols, m4::run_tool({"arm-none-eabi-nm", "-S", "functions.o"}, folder.path()));
  MOTE_TRY(report.sizes, m4::run_tool({"arm-none-eabi-size", "-A", "functions.o"}, folder.path()));
  MOTE_TRY(report.disassembly,
           m4::run_tool({"arm-none-eabi-objdump", "-d", "--no-show-raw-insn", "functions.o"}, folder.path()));
  return report;
}

}  // namespace mote::features
