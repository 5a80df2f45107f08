// The decoder as a board has it: on QEMU's Cortex-M4 (mps2-an386), the same bytes, within stated instructions, flash
// and stack. Figures of docs/deltas.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/delta.hpp"
#include "update/delta.hpp"

namespace mote::package {
namespace {

constexpr const char* kLinkerScript = R"(
MEMORY { code (rx) : ORIGIN = 0, LENGTH = 4M  data (rwx) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > code
  .bss (NOLOAD) : { *(.bss*) *(COMMON) } > data
  /DISCARD/ : { *(.ARM.exidx*) *(.comment*) }
}
)";

/// Decodes in blocks of 1 KiB; prints instructions (of the timer at 25 MHz, at one instruction a nanosecond), bytes of
/// stack, the status and whether the module is the right one.
constexpr const char* kMain = R"(
#include "update/delta.hpp"
#include "pair.hpp"
using namespace mote::update;

extern "C" {
void* memcpy(void* to, const void* from, unsigned n) {
  for (unsigned i = 0; i < n; ++i) static_cast<unsigned char*>(to)[i] = static_cast<const unsigned char*>(from)[i];
  return to;
}
void* memset(void* to, int value, unsigned n) {
  for (unsigned i = 0; i < n; ++i) static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(value);
  return to;
}
}

static unsigned char decoded[sizeof module + 4];
static DeltaDecoder decoder;
static volatile std::uint32_t* const systick = reinterpret_cast<volatile std::uint32_t*>(0xe000e010);

static int semihost(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

__attribute__((noinline)) static Status decode_all(std::uint32_t& ticks) {
  decoder.begin(sizeof module);
  Bytes in{delta_file, sizeof delta_file};
  for (;;) {
    const std::uint32_t done = decoder.written();
    MutableBytes block{decoded + done, sizeof module - done < 1024 ? sizeof module - done : 1024};
    systick[2] = 0;
    const std::uint32_t before = systick[2];
    const Status status = decoder.decode(base, in, block);
    ticks += (before - systick[2]) & 0xffffff;
    if (status != Status::waiting || (in.size == 0 && done == decoder.written())) return status;
  }
}

extern "C" void start() {
  volatile std::uint32_t* const below = reinterpret_cast<volatile std::uint32_t*>(0x20400000 - 4096);
  for (int i = 0; i < 992; ++i) below[i] = 0xa5a5a5a5;  // the last 128 bytes are in use
  systick[1] = 0xffffff;
  systick[0] = 5;
  std::uint32_t ticks = 0;
  const Status status = decode_all(ticks);
  std::uint32_t untouched = 0;
  while (untouched < 992 && below[untouched] == 0xa5a5a5a5) ++untouched;
  bool same = true;
  for (std::uint32_t i = 0; i < sizeof module; ++i) same = same && decoded[i] == module[i];
  const std::uint32_t figures[] = {ticks, 4096 - 4 * untouched, static_cast<std::uint32_t>(status), same ? 1u : 0u};
  char line[40], *to = line;
  for (const std::uint32_t figure : figures) {
    for (int i = 7; i >= 0; --i) *to++ = "0123456789abcdef"[figure >> (4 * i) & 15u];
    *to++ = ' ';
  }
  to[-1] = '\n';
  *to = 0;
  semihost(4, line);
  semihost(0x18, reinterpret_cast<const void*>(0x20026));
}

extern "C" void stop() {
  semihost(4, "fault\n");
  semihost(0x18, reinterpret_cast<const void*>(0x20024));
}

using Vector = void (*)();
__attribute__((section(".vectors"), used)) static const struct {
  unsigned stack;
  Vector handlers[15];
} vectors = {0x20400000, {start, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop}};
)";

std::string array(const char* name, const Bytes& bytes) {
  std::string text = std::string("alignas(4) static const unsigned char ") + name + "[] = {";
  for (const std::uint8_t byte : bytes) text += std::to_string(byte) + ",";
  return text + "};\n";
}

std::string run_tool(std::vector<std::string> arguments, const std::filesystem::path& folder) {
  ProcessOptions options;
  options.folder = folder;
  const auto result = run_process(arguments, options);
  EXPECT_TRUE(result && result->exit_code == 0)
      << arguments[0] << ": " << (result ? result->output + result->diagnostics : result.error().message());
  return result ? result->output + result->diagnostics : "";
}

struct Figures {
  double instructions_a_byte = 0;
  std::uint32_t stack_bytes = 0, status = 0, same = 0;
  std::uint32_t flash_bytes = 0;
};

Figures run_on_board(const Bytes& base, const Bytes& module, const std::string& optimization) {
  Figures figures;
  const auto folder = TemporaryFolder::create("mote-delta");
  const auto delta = encode_delta(base, module);
  if (!folder || !delta) {
    ADD_FAILURE();
    return figures;
  }
  const auto path = folder->path();
  EXPECT_TRUE(write_file(path / "board.ld", kLinkerScript));
  EXPECT_TRUE(write_file(path / "main.cpp", kMain));
  EXPECT_TRUE(
      write_file(path / "pair.hpp", array("base", base) + array("module", module) + array("delta_file", *delta)));
  const std::string device = std::string(MOTE_SOURCE_DIR) + "/device";
  const std::vector<std::string> compile = {"arm-none-eabi-g++",
                                            "-std=c++17",
                                            "-mcpu=cortex-m4",
                                            "-mthumb",
                                            "-ffreestanding",
                                            "-fno-exceptions",
                                            "-fno-rtti",
                                            "-fno-tree-loop-distribute-patterns",
                                            "-I" + device,
                                            optimization,
                                            "-c"};
  for (const std::string& source : {std::string("main.cpp"), device + "/update/delta.cpp"}) {
    auto command = compile;
    command.push_back(source);
    run_tool(command, path);
  }
  // The line under the head: text, data, bss, ...
  const std::string size = run_tool({"arm-none-eabi-size", "delta.o"}, path);
  figures.flash_bytes = static_cast<std::uint32_t>(std::stoul(size.substr(size.find('\n') + 1)));
  run_tool({"arm-none-eabi-g++", "-nostdlib", "-mcpu=cortex-m4", "-mthumb", "-T", "board.ld", "main.o", "delta.o",
            "-lgcc", "-o", "program.elf"},
           path);
  const std::string line =
      run_tool({"qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none",
                "-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel", "program.elf"},
               path);
  if (line.size() < 35) {
    ADD_FAILURE() << line;
    return figures;
  }
  const auto field = [&](std::size_t i) {
    return static_cast<std::uint32_t>(std::stoul(line.substr(9 * i, 8), nullptr, 16));
  };
  figures.instructions_a_byte = 40.0 * field(0) / static_cast<double>(module.size());
  figures.stack_bytes = field(1);
  figures.status = field(2);
  figures.same = field(3);
  return figures;
}

/// Weights as a kernel wants them: about normal, in halfwords of two.
Bytes packed_weights(Rng& rng, const Bytes* old, int step) {
  Bytes bytes;
  for (std::size_t i = 0; i < 6000; ++i) {
    int lane[2];
    for (std::size_t k = 0; k < 2; ++k) {
      std::int64_t sum = 0;
      for (int j = 0; j < 4; ++j) sum += rng.between(-50, 50);
      lane[k] = static_cast<int>(std::clamp<std::int64_t>(sum / 2, -120, 120));
      if (old == nullptr) continue;
      const auto before = static_cast<std::int8_t>((*old)[2 * i + k]);
      lane[k] = std::clamp(before + static_cast<int>(rng.between(-step, step)), -120, 120);
    }
    const int word = 256 * lane[1] + lane[0];
    bytes.push_back(static_cast<std::uint8_t>(word & 0xff));
    bytes.push_back(static_cast<std::uint8_t>((word >> 8) & 0xff));
  }
  return bytes;
}

TEST(DeltaOnBoard, gives_the_module_within_its_instructions_flash_and_stack) {
  if (find_program("arm-none-eabi-g++").empty() || find_program("qemu-system-arm").empty())
    GTEST_SKIP() << "no cross compiler or no QEMU";
  Rng rng(1);
  const Bytes base = packed_weights(rng, nullptr, 0);
  const struct {
    const char* name;
    Bytes module;
    double fast, small;  // instructions a byte that may be needed at most, compiled with -O2 and with -Os
  } cases[] = {{"fine-tuned", packed_weights(rng, &base, 1), 185, 210},
               {"from scratch", packed_weights(rng, nullptr, 0), 245, 260}};
  for (const auto& c : cases) {
    for (const std::string optimization : {"-O2", "-Os"}) {
      const Figures figures = run_on_board(base, c.module, optimization);
      EXPECT_EQ(figures.status, 0u) << c.name;
      EXPECT_EQ(figures.same, 1u) << c.name;
      EXPECT_LE(figures.instructions_a_byte, optimization == "-O2" ? c.fast : c.small) << c.name << optimization;
      EXPECT_LE(figures.flash_bytes, optimization == "-O2" ? 2400u : 2200u);
      EXPECT_LE(figures.stack_bytes, 384u);
      RecordProperty(std::string(c.name) + optimization, std::to_string(figures.instructions_a_byte));
      RecordProperty(std::string(c.name) + optimization + " stack", std::to_string(figures.stack_bytes));
    }
  }
}

}  // namespace
}  // namespace mote::package
