#pragma once
// From an int8 graph to a module and a firmware that runs it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/hash.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

struct CompileOptions {
  ProgramOptions program;
  std::size_t flash_budget = 0;  ///< bytes the module should fit: functions are shared further until it does, and what
                                 ///< is left goes to forms that are faster for more flash. 0: none
  std::optional<Target> kernels;  ///< taken instead of the core's, which must be able to run them
  std::vector<std::string> labels;               ///< of the outputs; stored in the module's schema
  std::string sensor_schema;                     ///< canonical text of the sensor's element type, shape and rate
  std::vector<std::pair<Bytes, Bytes>> vectors;  ///< self-test vectors: input, expected output
};

/// Flash of one operator or stage, for reports.
struct FlashPart {
  std::string name;  ///< "op_03_conv2d", "features", "header", ...
  std::size_t code_bytes = 0;
  std::size_t constant_bytes = 0;
};

struct CompiledModel {
  Program program;
  std::string source;    ///< the translation unit
  std::string assembly;  ///< the kernels that it calls; empty without any
  Bytes module;          ///< header + code + constants, position independent
  Bytes firmware;        ///< ELF for the virtual board; qemu_firmware makes one for QEMU of it
  std::size_t code_bytes = 0;
  std::size_t constant_bytes = 0;
  std::vector<FlashPart> flash_parts;
  std::size_t firmware_index = 0;   ///< of the module in `firmware`, which may hold several (model_set.hpp)
  std::size_t firmware_offset = 0;  ///< of it from the first one
  Bytes module_elf;                 ///< the module as it was linked at address 0: symbols for measuring and debugging
  std::vector<std::string> step_symbols;  ///< of each step's function in module_elf, in the order of program.steps
};

/// Compiles with the toolchain of the board's core (board/core.hpp) and links a module without any absolute address:
/// that is checked. The core also says which kernels are taken, unless options.kernels does: options.program.lowering.target is not
/// looked at.
/// @error unsupported  the graph has operators without kernel, or the board's core has no toolchain here.
/// @error not_found    the cross compiler is not installed.
/// @error internal     the compiler refused our source, or left relocations or writable data in the module.
[[nodiscard]] Result<CompiledModel> compile(const graph::Graph& graph, const board::BoardSpec& board,
                                            const CompileOptions& options);

/// Reads and checks a module's header and digest; untrusted bytes.  @error malformed  with the rule that is broken.
struct ModuleInfo {
  std::uint32_t module_bytes = 0, code_bytes = 0, arena_bytes = 0, stack_bytes = 0;
  std::uint32_t input_offset = 0, input_bytes = 0, output_offset = 0, output_bytes = 0, entry_offset = 0;
  std::uint32_t reset_offset = 0;  ///< of the function that makes states initial; 0 without state
  std::string schema;              ///< JSON text
  std::vector<std::pair<Bytes, Bytes>> vectors;
  std::string digest;  ///< hexadecimal
};
[[nodiscard]] Result<ModuleInfo> read_module(ByteSpan module);

/// SHA-256 of the device sources that this program has built in, below a folder of device/ ("features/"; "" for all).
[[nodiscard]] Digest device_sources_digest(std::string_view folder);
/// Version of the board's cross compiler in PATH; empty without one.
[[nodiscard]] std::string compiler_version(const board::BoardSpec& board);

/// Writes the measured stack need into the header and renews the digest.
[[nodiscard]] Result<Bytes> with_stack_bytes(ByteSpan module, std::uint32_t stack_bytes);

/// Wraps a module as firmware (device/boards) for this board.
[[nodiscard]] Result<Bytes> make_firmware(ByteSpan module, const board::BoardSpec& board);

/// The same with several modules, which share an arena of the largest one's size (VirtualBoard::select).
[[nodiscard]] Result<Bytes> make_firmware(std::span<const Bytes> modules, const board::BoardSpec& board);

/// The same module as firmware for the machine of QEMU that has the board's core. `firmware` is make_firmware's for
/// this board; it is given back as it is where the machine's memory is the virtual board's.
/// @error too_large  it does not fit the machine.
[[nodiscard]] Result<Bytes> qemu_firmware(ByteSpan firmware, const board::BoardSpec& board);

/// What the MLPerf Tiny runner loads as input.
enum class MlperfInput : std::uint8_t { int8, uint8, float32 };
struct MlperfFirmware {
  std::string_view model;  ///< the benchmark's name for it: "kws01"
  MlperfInput input = MlperfInput::int8;
  bool prints_error = false;  ///< the result is the mean squared difference of input and output (anomaly detection)
  graph::Quantization input_quantization, output_quantization;
};
/// The same as a firmware that speaks the MLPerf Tiny runner's serial protocol.
[[nodiscard]] Result<Bytes> make_mlperf_firmware(ByteSpan module, const board::BoardSpec& board,
                                                 const MlperfFirmware& options);

}  // namespace mote::compile
