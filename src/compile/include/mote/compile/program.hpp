#pragma once
// A whole model, lowered and placed in its arena: everything the emitter needs, and everything a report wants to show
// of the plan.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mote/compile/lowering.hpp"
#include "mote/compile/planner.hpp"

namespace mote::compile {

/// Feature extraction in front of the model, as source. Comes from the features module; the compiler only places and
/// calls it.
struct FeatureStage {
  std::string source;  ///< C++17 fragment for the top level of the file, its includes with it, that defines `function`
  std::string function;  ///< static void function(const unsigned char* input, std::int8_t* output, void* scratch)
  std::size_t input_bytes = 0;    ///< what the module is given; `input` has `history_bytes` more in front
  std::size_t history_bytes = 0;  ///< of earlier input that the function reads, oldest first; zeros after a reset
  std::size_t scratch_bytes = 0;
  std::string schema;  ///< canonical text of its configuration; hashed into the module
};

/// Operators one behind the other that are computed together, `rows` rows of the last one at a time.
struct RowChoice {
  std::size_t first = 0, last = 0;
  std::int32_t rows = 1;
};

/// A form for each operator of the graph, and which are computed row by row.
struct FormChoice {
  std::vector<Form> forms;
  std::vector<RowChoice> rows;
};

struct ProgramOptions {
  LoweringOptions lowering;  ///< its scratch_bytes is chosen for each operator
  std::optional<FeatureStage> features;
  std::size_t arena_budget = 0;  ///< bytes the arena may have: for speed's sake, or, where it needs more, by computing
                                 ///< layers row by row; 0: up to a twelfth more than it needs at least, within 8 KiB
  std::size_t flash_room = 0;    ///< bytes of flash that forms may take beyond the usual ones for speed's sake
  std::optional<FormChoice> forms;  ///< taken as they are, whatever the budget is; nothing: chosen by estimate
  /// The arena is shared with models that run in turns: what lives from one inference to the next lies behind all that
  /// an inference needs, at this offset or, where that is not enough, behind it; weights stay in flash unless `forms`
  /// say otherwise. Nothing: states lie anywhere.
  std::optional<std::size_t> kept_from;
};

/// A buffer of the arena for reports: which tensors share it, where it lies, and when.
struct PlacedBuffer {
  std::string name;                  ///< of the tensor, or "<op> scratch"
  std::vector<std::string> aliases;  ///< further tensors in the same bytes
  std::size_t offset = 0, bytes = 0;
  std::size_t first_step = 0, last_step = 0;  ///< step 0 is the features stage when there is one
  bool is_scratch = false;
};

/// A call in the order of execution.
struct Step {
  std::string name;  ///< symbol of the function
  std::string summary;
  std::string kernel;
  std::vector<std::size_t> inputs;  ///< arena offsets, bytes
  std::size_t output = 0;
  std::size_t scratch = 0;
  std::int32_t op_index = -1;                ///< -1 for the features stage; of a row group its last operator
  std::int32_t row_group = -1;               ///< index in Program::row_groups, or -1
  std::vector<std::size_t> ram_constants{};  ///< arena offsets of its operator's constants that lie in RAM, in order
};

/// Operators that are computed together, some rows of each in turns (row_group.hpp).
struct RowGroup {
  /// Which rows of its inputs an operator reads for rows of its output.
  struct Reach {
    std::int32_t stride = 1, kernel = 1, pad = 0, in_rows = 0, out_rows = 0;
    /// Behind the last row read for the rows before `end`.
    [[nodiscard]] std::int32_t needed(std::int32_t end) const;
    /// First row read for the rows from `begin` on.
    [[nodiscard]] std::int32_t first(std::int32_t begin) const;
  };
  struct Member {
    std::size_t op = 0;  ///< of the graph
    Reach reach;
    std::int32_t row_step = 1;            ///< rows that it computes at a time, at least
    std::vector<graph::TensorId> inputs;  ///< values that it reads, in order
    graph::TensorId output = graph::kNoTensor;
    std::int32_t line_bytes = 0;  ///< of its output
  };
  /// A member computes `steps` times its row_step more rows.
  struct Turn {
    std::uint8_t member = 0, steps = 1;
  };
  /// A value of which only some rows are there at a time.
  struct Window {
    graph::TensorId tensor = graph::kNoTensor;
    std::int32_t line_bytes = 0;
    std::int32_t rows = 0;   ///< that it holds at most
    std::size_t offset = 0;  ///< in the arena
  };
  /// A value as a whole: what the group reads and what it gives.
  struct Whole {
    graph::TensorId tensor = graph::kNoTensor;
    std::size_t offset = 0;
  };
  std::int32_t rows = 1;        ///< of the last operator, that a turn gives
  std::vector<Member> members;  ///< operators one behind the other
  std::vector<Turn> turns;
  std::vector<Window> windows;
  std::vector<Whole> wholes;
  std::size_t scratch = 0;  ///< offset in the arena
  [[nodiscard]] std::size_t first() const { return members.front().op; }
  [[nodiscard]] std::size_t last() const { return members.back().op; }
  [[nodiscard]] bool contains(std::size_t op) const { return first() <= op && op <= last(); }
  /// Members that read a member's output.
  [[nodiscard]] std::vector<std::size_t> readers(std::size_t member) const;
  [[nodiscard]] std::string name() const;  ///< of its function
};

/// A place of the arena whose bytes live from one inference to the next.
struct PlacedState {
  std::string name;  ///< of the tensor that is read, or of a constant, or "sensor history"
  std::size_t offset = 0;
  std::shared_ptr<const Bytes> initial;
};

/// Bytes that move at the end of an inference; a later place may overlap an earlier one.
struct Renewal {
  std::size_t from = 0, to = 0, bytes = 0;
};

struct Program {
  std::string model_name;
  Target target = Target::portable;
  std::vector<LoweredOp> ops;  ///< one an operator of the graph
  std::vector<Step> steps;     ///< views left out
  std::vector<RowGroup> row_groups;
  FormChoice forms;  ///< that were taken
  std::vector<PlacedBuffer> buffers;
  std::vector<PlacedState> states;
  std::vector<Renewal> renewals;  ///< of the states that no operator renews in place
  std::optional<FeatureStage> features;
  std::size_t arena_bytes = 0;
  std::size_t arena_align = 8;
  /// With ProgramOptions::kept_from: bytes from the arena's start that other models may use between two inferences, and
  /// where what lives on lies. Else all of the arena, and nothing.
  std::size_t shared_bytes = 0;
  std::size_t kept_offset = 0, kept_bytes = 0;
  std::size_t peak_live_bytes = 0;
  std::size_t peak_step = 0;
  std::vector<std::string> peak_tensors;
  std::size_t input_offset = 0, input_bytes = 0;
  std::size_t output_offset = 0, output_bytes = 0;
};

/// Lowers every operator and plans the arena: views share their input's bytes, operators that may work in place do when
/// their input is read for the last time. A state has its place at all steps.
/// @error unsupported  an operator has no device kernel, the model has several inputs or outputs, or a state takes over
///                     another one's value as it is.
[[nodiscard]] Result<Program> make_program(const graph::Graph& graph, const ProgramOptions& options);

/// The program as one readable translation unit (C++17; for AVR C) that defines `extern "C" std::int32_t mote_invoke(void* arena)`,
/// and where it has states `extern "C" void mote_reset_states(void* arena)`.
[[nodiscard]] std::string emit_cpp(const Program& program);

/// The assembly kernels that the operators ask for, each once.
[[nodiscard]] std::vector<AssemblyFunction> assembly_functions(const Program& program);
/// Whether some of them have vector instructions of Armv8.1-M.
[[nodiscard]] bool uses_vectors(const Program& program);
/// These as one GNU assembler file; empty when there are none.
[[nodiscard]] std::string emit_assembly(const Program& program);

}  // namespace mote::compile
