#include "toolchain.hpp"

#include "mote/compile/compile.hpp"

#include "embedded_device.hpp"
#include "mote/base/process.hpp"

namespace mote::compile {
namespace {

// -fno-schedule-insns: gcc's first scheduling pass hoists loads over multiply-accumulates and spills accumulators
// (measured 1.4x slower). -falign-loops=8, -fno-section-anchors: hot loops on fetch boundaries, fewer unaligned wide
// instructions. -fno-tree-loop-distribute-patterns: loops are not turned into calls of memcpy and memset, which a
// module does not have.
const std::vector<std::string> kFlags{"-std=c++17",
                                      "-ffreestanding",
                                      "-fno-exceptions",
                                      "-fno-rtti",
                                      "-fno-threadsafe-statics",
                                      "-fno-unwind-tables",
                                      "-fno-asynchronous-unwind-tables",
                                      "-fvisibility=hidden",
                                      "-fno-schedule-insns",
                                      "-falign-loops=8",
                                      "-fno-section-anchors",
                                      "-fno-tree-loop-distribute-patterns",
                                      "-ffunction-sections",
                                      "-fdata-sections",
                                      "-Wall",
                                      "-Wextra",
                                      "-Wno-unused-function"};

/// gcc 5 and newer. Nothing may become a table in RAM: no jump tables, no copies of initialised structs.
const std::vector<std::string> kAvrFlags{"-std=gnu11",
                                         "-O2",
                                         "-ffreestanding",
                                         "-fno-jump-tables",
                                         "-fno-tree-switch-conversion",
                                         "-fno-tree-loop-distribute-patterns",
                                         "-ffunction-sections",
                                         "-fdata-sections",
                                         "-Wall",
                                         "-Wextra",
                                         "-Wno-unused-function"};

std::string compiler_of(const board::CoreSpec& core) { return std::string(core.tools) + (core.avr() ? "gcc" : "g++"); }

Result<std::string> run(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  ProcessOptions options;
  options.folder = folder;
  MOTE_TRY(ProcessResult result, run_process(command, options));
  if (result.exit_code == 0) return std::move(result.output);
  const std::string first = result.diagnostics.substr(0, 2000);
  return fail(Code::internal, command[0] + " refused what mote generated: " + first);
}

}  // namespace

Digest device_sources_digest(std::string_view folder) {
  Hasher hasher;
  for (const EmbeddedFile& file : embedded_device_files()) {
    if (file.path.starts_with(folder)) hasher.field(file.path).field(file.text);
  }
  return hasher.finish();
}

std::string compiler_version(const board::BoardSpec& board) {
  const auto core = board::core_of(board);
  if (!core) return {};
  const auto told = run_process({compiler_of(**core), (*core)->avr() ? "-dumpversion" : "-dumpfullversion"});
  if (!told || told->exit_code != 0) return {};
  return told->output.substr(0, told->output.find('\n'));
}

Result<Toolchain> Toolchain::create(const board::CoreSpec& core) {
  const std::string compiler = compiler_of(core);
  if (find_program(compiler).empty()) {
    return fail(Code::not_found, "the cross compiler " + compiler +
                                     " is not installed; './dev test' installs it (Debian package " +
                                     std::string(core.tools_package) + ")");
  }
  MOTE_TRY(TemporaryFolder folder, TemporaryFolder::create("mote-compile"));
  for (const EmbeddedFile& file : embedded_device_files()) {
    MOTE_TRY_VOID(write_file(folder.path() / "device" / file.path, file.text));
  }
  return Toolchain(core, std::move(folder));
}

Result<void> Toolchain::compile(std::vector<std::string> arguments) const {
  std::vector<std::string> command{compiler_of(*core_)};
  const std::vector<std::string>& flags = core_->avr() ? kAvrFlags : kFlags;
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), core_->flags.begin(), core_->flags.end());
  command.push_back("-I" + device().string());
  command.insert(command.end(), arguments.begin(), arguments.end());
  MOTE_TRY_VOID(run(command, folder()));
  return {};
}

Result<void> Toolchain::objcopy(std::vector<std::string> arguments) const {
  std::vector<std::string> command{std::string(core_->tools) + "objcopy"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  MOTE_TRY_VOID(run(command, folder()));
  return {};
}

Result<std::string> Toolchain::readelf(std::vector<std::string> arguments) const {
  std::vector<std::string> command{std::string(core_->tools) + "readelf"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command, folder());
}

}  // namespace mote::compile
