// Exported source in the hands of the build systems it is for: built for Arm and RISC-V by CMake and run under QEMU;
// for frameworks that Debian does not have, their documented commands and files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mote/base/process.hpp"
#include "source_package_for_test.hpp"

namespace mote::compile {
namespace {

using ::testing::HasSubstr;

std::string run(const std::vector<std::string>& command, const std::filesystem::path& folder = {}) {
  const auto result = run_process(command, {folder, {}, std::chrono::seconds(60)});
  EXPECT_TRUE(result.has_value()) << result.error().message();
  if (!result) return {};
  EXPECT_EQ(result->exit_code, 0) << command[0] << "\n" << result->output << result->diagnostics;
  return result->output + result->diagnostics;  // QEMU's semihosting takes the one or the other
}

const SourceFile* find(const std::vector<SourceFile>& files, std::string_view path) {
  const auto at = std::ranges::find(files, path, &SourceFile::path);
  return at == files.end() ? nullptr : &*at;
}

std::string text_of(const std::vector<SourceFile>& files, std::string_view path) {
  const SourceFile* file = find(files, path);
  EXPECT_NE(file, nullptr) << path;
  return file == nullptr ? "" : file->text;
}

/// A cross compiler and a machine that runs what it makes.
struct Cross {
  const char* name;
  Target target;
  const char* compiler;  ///< prefix of its programs
  const char* flags;
  const char* link_flags;         ///< FOLDER: where the start-up file lies
  const char* start;              ///< start-up file beyond the C library's
  std::vector<std::string> qemu;  ///< its program first
  const char *library, *package;  ///< a file of the C library, and Debian's package with it
};

/// newlib's start-up has no vector table and leaves the FPU off.
constexpr const char* kVectors = R"(
  .syntax unified
  .thumb
  .section .vectors, "a"
  .word 0x20400000
  .word reset
  .section .text.reset, "ax"
  .thumb_func
reset:
  ldr r0, =0xe000ed88
  ldr r1, [r0]
  orr r1, r1, #0xf00000
  str r1, [r0]
  dsb
  isb
  b _start
)";

const Cross kCross[] = {
    {"cortex_m4",
     Target::armv7em,
     "arm-none-eabi-",
     "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
     "--specs=rdimon.specs FOLDER/start.o -Wl,--section-start=.vectors=0",
     kVectors,
     {"qemu-system-arm", "-machine", "mps2-an386"},
     "librdimon.a",
     "libnewlib-arm-none-eabi"},
    {"rv32imc",
     Target::portable,
     "riscv64-unknown-elf-",
     "-march=rv32imc -mabi=ilp32 --specs=picolibc.specs",
     "--oslib=semihost --crt0=semihost -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x100000,"
     "--defsym=__ram=0x80100000,--defsym=__ram_size=0x100000",
     "",
     {"qemu-system-riscv32", "-machine", "virt", "-bios", "none"},
     "picolibc.specs",
     "picolibc-riscv64-unknown-elf"},
};

class CMakeExport : public ::testing::TestWithParam<Cross> {};

TEST_P(CMakeExport, is_cross_compiled_and_runs) {
  const Cross& cross = GetParam();
  const std::string prefix = cross.compiler;
  for (const std::string& program : {prefix + "gcc", prefix + "g++", cross.qemu[0]}) {
    if (find_program(program).empty()) GTEST_SKIP() << program << " is not installed";
  }
  // A path where the compiler has the file, the name alone where it has not.
  if (!run({prefix + "gcc", std::string("-print-file-name=") + cross.library}).starts_with('/'))
    GTEST_SKIP() << "Debian's " << cross.package << " is not installed";
  const graph::Graph g = testing::small_model();
  const TemporaryFolder folder = *TemporaryFolder::create("export");
  const std::string path = folder.path().string();
  const auto files = testing::small_package(g, Framework::cmake, cross.target);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  testing::write_package(folder.path() / "small", *files);
  std::string link_flags = cross.link_flags;
  if (const std::size_t at = link_flags.find("FOLDER"); at != std::string::npos) {
    link_flags.replace(at, 6, path);
    ASSERT_TRUE(write_file(folder.path() / "start.S", as_bytes(cross.start)));
    run({prefix + "gcc", "-mcpu=cortex-m4", "-mthumb", "-c", path + "/start.S", "-o", path + "/start.o"});
  }
  std::string toolchain = "set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n";
  for (const auto& [language, program] : {std::pair{"C", "gcc"}, {"CXX", "g++"}, {"ASM", "gcc"}}) {
    toolchain += std::string("set(CMAKE_") + language + "_COMPILER " + prefix + program + ")\nset(CMAKE_" + language +
                 "_FLAGS_INIT \"-Wall -Werror " + cross.flags + "\")\n";
  }
  toolchain += "set(CMAKE_EXE_LINKER_FLAGS_INIT \"" + link_flags + "\")\n";
  ASSERT_TRUE(write_file(folder.path() / "toolchain.cmake", as_bytes(toolchain)));
  run({"cmake", "-G", "Ninja", "-S", path + "/small", "-B", path + "/build",
       "-DCMAKE_TOOLCHAIN_FILE=" + path + "/toolchain.cmake"});
  run({"cmake", "--build", path + "/build"});
  std::vector<std::string> qemu = cross.qemu;
  qemu.insert(qemu.end(), {"-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config",
                           "enable=on,target=native", "-kernel", path + "/build/small_example"});
  EXPECT_THAT(run(qemu), HasSubstr("small 2.1.0-rc.1: ok"));
}

INSTANTIATE_TEST_SUITE_P(Debian, CMakeExport, ::testing::ValuesIn(kCross),
                         [](const auto& core) { return std::string(core.param.name); });

std::vector<SourceFile> package_for(Framework framework, Target target = Target::portable) {
  const graph::Graph g = testing::small_model();
  auto files = testing::small_package(g, framework, target);
  EXPECT_TRUE(files.has_value()) << files.error().message();
  return files ? std::move(*files) : std::vector<SourceFile>{};
}

/// docs.platformio.org, library.json: required are name and version; srcDir must exist.
TEST(PlatformioExport, has_a_manifest_with_what_its_schema_requires) {
  const auto files = package_for(Framework::platformio);
  const auto manifest = nlohmann::json::parse(text_of(files, "library.json"), nullptr, false);
  ASSERT_TRUE(manifest.is_object());
  EXPECT_EQ(manifest.value("name", ""), "small");
  EXPECT_EQ(manifest.value("version", ""), "2.1.0-rc.1");
  EXPECT_FALSE(manifest.value("description", "").empty());
  const std::string sources = manifest.at("build").at("srcDir");
  EXPECT_NE(find(files, sources + "/small.cpp"), nullptr);
  EXPECT_NE(find(files, sources + "/small.h"), nullptr);
}

/// Arduino's library specification 1.5: nine fields, of which `category` has a fixed set of values.
TEST(ArduinoExport, has_properties_with_what_the_specification_requires) {
  const auto files = package_for(Framework::arduino);
  std::map<std::string, std::string> fields;
  std::istringstream lines(text_of(files, "library.properties"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find('=');
    ASSERT_NE(at, std::string::npos) << line;
    EXPECT_TRUE(fields.emplace(line.substr(0, at), line.substr(at + 1)).second) << line;
  }
  for (const char* field :
       {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"})
    EXPECT_FALSE(fields[field].empty()) << field;
  EXPECT_EQ(fields["category"], "Data Processing");
  EXPECT_NE(find(files, "src/" + fields["includes"]), nullptr);
  EXPECT_NE(find(files, "examples/small/small.ino"), nullptr);
}

/// What a YAML reader makes of `text`; empty where there is none.
nlohmann::json read_yaml(const std::string& text) {
  const char* program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
  const auto result = run_process({"/usr/bin/python3", "-c", program}, {{}, text, std::chrono::seconds(60)});
  EXPECT_TRUE(result.has_value());
  if (!result) return {};
  EXPECT_EQ(result->exit_code, 0) << text << result->diagnostics;
  return nlohmann::json::parse(result->output, nullptr, false);
}

bool has_yaml() {
  const auto result = run_process({"/usr/bin/python3", "-c", "import yaml"});
  return result && result->exit_code == 0;
}

TEST(EspIdfExport, has_a_manifest_with_what_the_component_manager_requires) {
  if (!has_yaml()) GTEST_SKIP() << "Debian's python3-yaml is not installed";
  const nlohmann::json manifest = read_yaml(text_of(package_for(Framework::esp_idf), "idf_component.yml"));
  ASSERT_TRUE(manifest.is_object()) << manifest;
  EXPECT_EQ(manifest.value("version", ""), "2.1.0-rc.1");
  EXPECT_FALSE(manifest.value("description", "").empty());
  EXPECT_EQ(manifest.at("dependencies").value("idf", ""), ">=4.4");
}

TEST(ZephyrExport, has_a_module_file_that_names_its_build_files) {
  if (!has_yaml()) GTEST_SKIP() << "Debian's python3-yaml is not installed";
  const auto files = package_for(Framework::zephyr);
  const nlohmann::json module = read_yaml(text_of(files, "zephyr/module.yml"));
  ASSERT_TRUE(module.is_object()) << module;
  EXPECT_EQ(module.value("name", ""), "small");
  EXPECT_NE(find(files, module.at("build").value("cmake", "") + "/CMakeLists.txt"), nullptr);
  EXPECT_NE(find(files, module.at("build").value("kconfig", "")), nullptr);
}

/// Zephyr's configuration ends at a warning, and CONFIG_FPU gives one on a core without.
TEST(ZephyrExport, asks_for_an_fpu_only_for_kernels_that_use_it) {
  EXPECT_THAT(text_of(package_for(Framework::zephyr), "samples/check/prj.conf"), Not(HasSubstr("CONFIG_FPU")));
  EXPECT_THAT(text_of(package_for(Framework::zephyr, Target::armv7em), "samples/check/prj.conf"),
              HasSubstr("CONFIG_FPU=y\n"));
}

/// The framework's commands that the exported files call, as its documentation describes them, for this machine: a
/// stand-in that shows that paths and names fit together, not the framework.
void build_with_stand_in(Framework framework, const char* project, const char* stand_in_path, const char* stand_in,
                         const char* cache_name, const char* built) {
  const TemporaryFolder folder = *TemporaryFolder::create("export");
  const std::string path = folder.path().string();
  testing::write_package(folder.path() / "small", package_for(framework));
  ASSERT_TRUE(write_file(folder.path() / stand_in_path, as_bytes(stand_in)));
  const std::string setting = std::string(cache_name) + "=" + path + "/framework";
  run({"env", setting, "cmake", "-G", "Ninja", "-S", path + "/small/" + project, "-B", path + "/build",
       "-DCMAKE_PREFIX_PATH=" + path});
  run({"cmake", "--build", path + "/build"});
  run({path + "/build/" + built});
}

TEST(ZephyrExport, fits_the_documented_commands) {
  build_with_stand_in(Framework::zephyr, "samples/check", "framework/ZephyrConfig.cmake", R"(
enable_language(C CXX)
add_executable(app)
set(CONFIG_SMALL y)
macro(zephyr_library_named name)
  add_library(${name} STATIC)
  set(library ${name})
  target_link_libraries(app PRIVATE ${name})
endmacro()
macro(zephyr_library_sources)
  target_sources(${library} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_include_directories)
  target_include_directories(${library} PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  foreach(folder ${ARGN})
    get_filename_component(absolute ${folder} ABSOLUTE)
    target_include_directories(app PRIVATE ${absolute})
  endforeach()
endmacro()
foreach(module ${ZEPHYR_EXTRA_MODULES})
  add_subdirectory(${module}/zephyr module)
endforeach()
)",
                      "ZEPHYR_BASE", "app");
}

TEST(EspIdfExport, fits_the_documented_commands) {
  build_with_stand_in(Framework::esp_idf, "examples/check", "framework/tools/cmake/project.cmake", R"(
function(idf_component_register)
  cmake_parse_arguments(PARSE_ARGV 0 c "" "" "SRCS;INCLUDE_DIRS")
  if(c_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${c_UNPARSED_ARGUMENTS}")
  endif()
  get_filename_component(name ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_library(${name} STATIC ${c_SRCS})
  target_include_directories(${name} PUBLIC ${c_INCLUDE_DIRS})
  set(COMPONENT_LIB ${name} PARENT_SCOPE)
endfunction()
macro(project name)
  _project(${name} C CXX)
  foreach(component ${EXTRA_COMPONENT_DIRS})
    add_subdirectory(${component} component)
  endforeach()
  add_subdirectory(main)
  target_link_libraries(main PUBLIC small)
  file(WRITE ${CMAKE_BINARY_DIR}/entry.c "int check(void);\nvoid app_main(void);\nint main(void) { app_main(); return check(); }\n")
  add_executable(application ${CMAKE_BINARY_DIR}/entry.c)
  target_link_libraries(application main)
endmacro()
)",
                      "IDF_PATH", "application");
}

}  // namespace
}  // namespace mote::compile
