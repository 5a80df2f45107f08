#pragma once
// For tests: builds tiny modules and bench firmware with the Arm compiler, from sources in device/boards and a few
// lines of a test.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "mote/base/bytes.hpp"
#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/process.hpp"

namespace mote::board {

/// What a test module's header says.
struct TestModule {
  std::string source;  ///< C++; defines extern "C" std::int32_t invoke(void*)
  std::uint32_t arena_bytes = 64;
  std::uint32_t input_offset = 0, input_bytes = 4;
  std::uint32_t output_offset = 16, output_bytes = 4;
};

struct BuiltModule {
  Bytes blob;  ///< header and code
  Bytes elf;   ///< the same with symbols, linked at 0
};

/// The Arm compiler, with a cache on disk: CTest runs every test in a process of its own, and most want the same
/// firmware. What is cached is named by a hash of all it is made from.
class Toolchain {
 public:
  static Toolchain& instance() {
    static Toolchain toolchain;
    return toolchain;
  }

  BuiltModule build_module(const TestModule& module) {
    const std::string source = header_of(module) + module.source;
    const auto build = [&] {
      write("module.cpp", source);
      write("module.ld", kModuleScript);
      compile({"-fpic", "module.cpp", "-T", "module.ld", "-o", "module.elf"});
      run({"arm-none-eabi-objcopy", "-O", "binary", "module.elf", "module.bin"});
    };
    const std::string inputs = source + kModuleScript;
    return {cached(inputs + "blob", "module.bin", build), cached(inputs + "elf", "module.elf", build)};
  }

  /// The bench firmware around `module`.
  Bytes build_firmware(ByteSpan module, std::uint32_t arena_bytes = 4096) {
    const std::string blob(module.begin(), module.end());
    return cached(blob + std::to_string(arena_bytes), "firmware.elf", [&] {
      write("module.bin", blob);
      compile({"-DMOTE_ARENA_BYTES=" + std::to_string(arena_bytes),
               "-DMOTE_MODULE_FILE=\"" + (folder_.path() / "module.bin").string() + "\"", board_file("bench_main.cpp"),
               board_file("startup.cpp"), board_file("memory.cpp"), board_file("markers.cpp"), "-T",
               board_file("bench.ld"), "-lgcc", "-o", "firmware.elf"});
    });
  }
  Bytes build_firmware(const TestModule& module, std::uint32_t arena_bytes = 4096) {
    return build_firmware(build_module(module).blob, arena_bytes);
  }

  /// A firmware of its own: `source` defines extern "C" void mote_main().
  Bytes build_program(const std::string& source) {
    return cached(source, "program.elf", [&] {
      write("program.cpp", source);
      compile({"program.cpp", board_file("startup.cpp"), board_file("memory.cpp"), board_file("markers.cpp"), "-T",
               board_file("bench.ld"), "-lgcc", "-o", "program.elf"});
    });
  }

  /// A raw image for an STM32, linked at 0x08000000: `source` has a section .vectors and functions of its own.
  Bytes build_image(const std::string& source) {
    return cached(source + kImageScript, "image.bin", [&] {
      write("image.cpp", source);
      write("image.ld", kImageScript);
      compile({"image.cpp", "-T", "image.ld", "-lgcc", "-o", "image.elf"});
      run({"arm-none-eabi-objcopy", "-O", "binary", "image.elf", "image.bin"});
    });
  }

  /// A scratch folder of this process.
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  static constexpr const char* kModuleScript =
      "ENTRY(invoke)\nSECTIONS { . = 0;\n"
      ".header : { KEEP(*(.header)) LONG(invoke & 0xfffffffe) KEEP(*(.header_rest)) }\n"
      ".text : { *(.text*) *(.rodata*) . = ALIGN(4); } module_bytes = .; /DISCARD/ : { *(.ARM.*) *(.comment) } }\n";

  static constexpr const char* kImageScript =
      "ENTRY(start)\nSECTIONS { . = 0x08000000; .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }\n"
      ". = 0x20000000; .bss (NOLOAD) : { *(.data*) *(.bss*) } /DISCARD/ : { *(.ARM.*) *(.comment) } }\n";

  Toolchain() : folder_(TemporaryFolder::create("mote-board-test").value()) {
    Hasher hasher;
    for (const char* name :
         {"bench_main.cpp", "startup.cpp", "memory.cpp", "markers.cpp", "bench.ld", "markers.hpp", "uart.hpp",
          "protocol.hpp", "sensor_port.hpp", "flash_controller.hpp", "../abi/module.hpp"}) {
      hasher.field(read_text(board_file(name)).value());
    }
    for (const std::string& flag : flags()) hasher.field(flag);
    device_hash_ = hasher.finish();
  }

  static std::string header_of(const TestModule& module) {
    const auto word = [](std::uint32_t value) { return std::to_string(value) + ","; };
    return "#include <cstdint>\n__asm__(\".section .header,\\\"a\\\"\\n .word 0x65746f6d\\n .short 1,128\\n"
           " .word module_bytes,0,1,3,1\\n .previous\\n .section .header_rest,\\\"a\\\"\\n .word " +
           word(module.arena_bytes) + "16,0," + word(module.input_offset) + word(module.input_bytes) +
           word(module.output_offset) + word(module.output_bytes) + "0,0,0,0\\n .zero 52\\n .previous\");\n";
  }

  static std::string device() { return std::string(MOTE_SOURCE_DIR) + "/device"; }
  static std::string board_file(const std::string& name) { return device() + "/boards/" + name; }

  static std::vector<std::string> flags() {
    return {"-std=c++17",
            "-O2",
            "-DMOTE_CORE=1",
            "-mcpu=cortex-m4",
            "-mfpu=fpv4-sp-d16",
            "-mfloat-abi=hard",
            "-mthumb",
            "-ffreestanding",
            "-nostdlib",
            "-fno-exceptions",
            "-fno-rtti",
            "-Wall",
            "-Wextra",
            "-Wconversion",
            "-Wshadow",
            "-Werror",
            "-Wl,--defsym=mote_flash_bytes=524288",
            "-Wl,--defsym=mote_ram_bytes=131072"};
  }

  /// The product `name` of `build`, unless one of the same inputs is in the cache.
  template <class Build>
  Bytes cached(const std::string& inputs, const std::string& name, Build build) {
    const Digest key = Hasher().field(device_hash_.bytes).field(name).field(inputs).finish();
    const std::filesystem::path kept = std::filesystem::path(MOTE_FIXTURE_CACHE) / key.hex();
    if (auto hit = read_file(kept)) return std::move(*hit);
    build();
    Bytes product = read_file(folder_.path() / name).value_or(Bytes{});
    EXPECT_TRUE(product.empty() || write_file(kept, product));
    std::filesystem::remove(folder_.path() / name);
    return product;
  }

  void write(const std::string& name, const std::string& text) { ASSERT_TRUE(write_file(folder_.path() / name, text)); }

  void compile(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"arm-none-eabi-g++"};
    for (const std::string& flag : flags()) all.push_back(flag);
    all.insert(all.end(), {"-I", device()});
    all.insert(all.end(), arguments.begin(), arguments.end());
    run(all);
  }

  void run(const std::vector<std::string>& arguments) {
    ProcessOptions options;
    options.folder = folder_.path();
    const auto result = run_process(arguments, options);
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_EQ(result->exit_code, 0) << result->diagnostics;
  }

  TemporaryFolder folder_;
  Digest device_hash_;
};

/// `firmware` with one 32-bit field of the header of the module in it changed.
inline Bytes with_header_field(Bytes firmware, std::size_t offset, std::uint32_t value) {
  const Bytes magic{0x6d, 0x6f, 0x74, 0x65, 1, 0, 128, 0};
  const auto header = std::search(firmware.begin(), firmware.end(), magic.begin(), magic.end());
  EXPECT_NE(header, firmware.end());
  for (std::size_t i = 0; i < 4; ++i) {
    header[static_cast<std::ptrdiff_t>(offset + i)] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return firmware;
}

/// Sums 64 groups of 16 bytes of a 1 KiB input into 64 bytes of output, in C++: some real code with calls, loads and
/// branches.
inline TestModule summing_module() {
  TestModule module;
  module.source = R"(
    extern "C" {
    [[gnu::noinline]] std::int32_t weigh(const std::int8_t* values, std::int32_t weight) {
      std::int32_t sum = 0;
      for (int i = 0; i < 16; ++i) sum += values[i] * (weight - i);
      return sum;
    }
    std::int32_t invoke(void* arena) {
      const auto* in = static_cast<const std::int8_t*>(arena);
      auto* out = static_cast<std::int8_t*>(arena) + 1024;
      for (int o = 0; o < 64; ++o) {
        const std::int32_t sum = weigh(in + 16 * o, o) >> 4;
        out[o] = static_cast<std::int8_t>(sum > 127 ? 127 : sum < -128 ? -128 : sum);
      }
      return 0;
    }
    })";
  module.arena_bytes = 1088;
  module.input_bytes = 1024;
  module.output_offset = 1024;
  module.output_bytes = 64;
  return module;
}

/// The same on the host.
inline Bytes summed(ByteSpan input) {
  Bytes output;
  for (int o = 0; o < 64; ++o) {
    std::int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += static_cast<std::int8_t>(input[static_cast<std::size_t>(16 * o + i)]) * (o - i);
    sum >>= 4;
    output.push_back(static_cast<std::uint8_t>(sum > 127 ? 127 : sum < -128 ? -128 : sum));
  }
  return output;
}

}  // namespace mote::board
