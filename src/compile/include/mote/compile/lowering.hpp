#pragma once
// One operator of the graph -> constants and a call of a device kernel.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/board/core.hpp"
#include "mote/graph/graph.hpp"

namespace mote::compile {

enum class Target : std::uint8_t {
  portable,       ///< plain C++: any core
  avr,            ///< C with constants in flash, few operators: 8-bit AVR
  armv7em,        ///< the DSP instructions and float registers of the Cortex-M4F, and what has them, too
  armv81m,        ///< besides those the vector instructions of the Cortex-M55 (Helium)
  specification,  ///< the kernels that define results, as they stand: for comparisons
};

/// Which kernels are taken on a core.
[[nodiscard]] inline Target target_of(const board::CoreSpec& core) {
  if (core.instructions == board::InstructionSet::avr8) return Target::avr;
  if (core.vectors) return Target::armv81m;
  return core.runs_m4_kernels() ? Target::armv7em : Target::portable;
}

/// A constant array of the emitted source.
struct ConstantArray {
  std::string name;
  std::string type;  ///< C++ element type
  std::string comment;
  std::size_t element_bytes = 1;
  bool hexadecimal = false;
  std::vector<std::int64_t> values;
  std::size_t align = 4;  ///< bytes
  bool in_ram = false;    ///< copied to the arena when the module is reset, and read there
  [[nodiscard]] std::size_t bytes() const { return values.size() * element_bytes; }
};

/// A byte of flash is worth more than any number of cycles.
constexpr std::int64_t kLeastFlash = std::int64_t{1} << 40;

/// How much code the loop over a layer's tiles has: more takes fewer turns, less is read from flash in less time.
enum class Unroll : std::uint8_t {
  usual,  ///< by a rule: less where a job has few tiles
  more,
  less,
};

/// What can be chosen for each operator by itself. An operator that knows no such form takes its usual one.
struct Form {
  std::size_t scratch_bytes = 3072;  ///< most RAM an operator may use to bring its inputs into the form its kernel
                                     ///< wants; the least it needs is always taken
  bool share = false;     ///< take the functions that layers of other geometry can use, too: less flash, more cycles
  bool bands = false;     ///< take forms that can compute some rows of a layer (RowForm), where there are such
  bool winograd = false;  ///< 3x3 convolutions in Winograd's form: fewer cycles, five times the flash for filters
  bool weights_in_ram = false;  ///< of dense layers, which read each weight once: flash is what they wait for
  bool other_layout = false;    ///< convolutions: columns where rows are usual; depthwise: the other axis as lines
  Unroll unroll = Unroll::usual;
  auto operator<=>(const Form&) const = default;
};

/// For all operators of a model, and what they take when nothing else is chosen for one.
struct LoweringOptions : Form {
  Target target = Target::armv7em;
  [[nodiscard]] bool runs_m4_kernels() const { return target == Target::armv7em || target == Target::armv81m; }
  std::int64_t cycles_a_byte =
      24;                ///< a layer gets a function of its own when that saves so many cycles for every byte of it
  bool compact = false;  ///< C++ kernels that are one copy for all layers, instead of emitted ones
};

/// A kernel in assembly, emitted for a geometry. Equal names are equal functions: one copy serves all layers that ask
/// for it.
struct AssemblyFunction {
  std::string name;
  std::string job;   ///< C++ type that it takes a pointer to
  std::string text;  ///< GNU assembler, from its section on
  std::size_t bytes = 0;
  std::size_t hot_bytes = 0;  ///< of its largest loop
  bool common = false;        ///< serves layers of every geometry
  bool vectors = false;       ///< has instructions of Armv8.1-M
};

/// How an operator's body computes some rows of its output. It is written in terms of names that the emitter defines:
enum class RowForm : std::uint8_t {
  none,         ///< it cannot
  convolution,  ///< `geometry`: the layer's or a band's
  elements,     ///< `count`: elements of all inputs and of the output
};

/// An operator as the emitter prints it: a function `void <symbol>(x..., y, scratch)`.
struct LoweredOp {
  std::string symbol;   ///< "op_03_conv2d"
  std::string summary;  ///< "conv2d block1/pw [1,14,14,16] -> [1,14,14,40]"
  std::string kernel;   ///< which kernel was chosen, for reports: "conv_columns 2x4 saturating, 16 pixels a block"
  std::vector<std::string> includes;
  std::vector<ConstantArray> constants;
  std::string geometry;  ///< definition of a geometry constant, printed before the function; may be empty
  std::vector<AssemblyFunction> functions;
  std::int64_t share_cycles = -1;  ///< what sharing its functions would cost (Form::share); negative: it cannot
  std::string body;                ///< statements; `x0`, `x1`, `y` and `scratch` are in scope
  RowForm row_form = RowForm::none;
  std::size_t elements = 0;      ///< of the output
  std::int32_t row_step = 1;     ///< rows are computed in multiples of these; 0: only all together
  std::int64_t cycles = 0;       ///< about what it takes as a whole, to compare its forms; 0: not known
  std::int64_t band_cycles = 0;  ///< about what computing some rows costs besides the rows
  bool small = false;            ///< the C++ around the kernel is compiled for size
  std::size_t scratch_bytes = 0;
  /// Index of the input whose bytes the output may take over, or -1.
  std::vector<std::size_t> may_reuse_inputs;
  /// Bytes by which the output must begin below input 0 for both to share bytes (written outputs trail the inputs still
  /// to be read); negative: it may begin above.
  std::optional<std::ptrdiff_t> trail;
  bool is_view = false;  ///< nothing to compute: the output is the input's bytes
};

/// Flash of an operator's constants.
[[nodiscard]] std::size_t constant_bytes(const LoweredOp& op);

/// @error unsupported  the operator has no device kernel; names operator and tensor.
[[nodiscard]] Result<LoweredOp> lower(const graph::Graph& graph, std::size_t op_index, const LoweringOptions& options);

}  // namespace mote::compile
