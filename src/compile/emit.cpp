// Program -> C++17. The text is meant to be read: who debugs a model on a device debugs this.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "mote/compile/program.hpp"
#include "row_group.hpp"
#include "vectors/assembler.hpp"

namespace mote::compile {
namespace {

std::string array_text(const ConstantArray& array) {
  std::string text = fmt::format("// {}: {} bytes\nalignas({}) const {} {}[{}] = {{", array.comment, array.bytes(),
                                 array.align, array.type, array.name, array.values.size());
  const std::size_t per_line = array.hexadecimal ? 12 : 20;
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    text += i % per_line == 0 ? "\n    " : " ";
    text += array.hexadecimal ? fmt::format("0x{:08x},", static_cast<std::uint32_t>(array.values[i]))
                              : fmt::format("{},", array.values[i]);
  }
  return text + "\n};\n";
}

/// Names come from users and model files: no line break, backslash or control character of theirs reaches the source
/// text.
std::string clean(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') c = '?';
  }
  return text;
}

std::string header_comment(const Program& program) {
  std::string text = fmt::format("// Model '{}', compiled by mote. Generated: change the model, not this file.\n//\n",
                                 clean(program.model_name));
  text += fmt::format("// Arena: {} bytes. Input at {} ({} bytes), output at {} ({} bytes).\n//\n", program.arena_bytes,
                      program.input_offset, program.input_bytes, program.output_offset, program.output_bytes);
  text += "//  offset   bytes  steps    buffer\n";
  for (const PlacedBuffer& b : program.buffers) {
    text += fmt::format("// {:7} {:7}  {:2}..{:<4} {}", b.offset, b.bytes, b.first_step, b.last_step, clean(b.name));
    for (const std::string& alias : b.aliases) text += " = " + clean(alias);
    text += "\n";
  }
  return text;
}

/// Kernels with runtime geometry are compiled once and shared by all layers.
constexpr const char* kSharedColumns = R"(
// One copy of each loop around the tiles for all layers: the geometry is data.
MOTE_SHARED void shared_conv_columns(const ConvGeometry& g, const TileLayer& layer, WidenFunction widen, const std::int8_t* x, std::int8_t* y,
                                     void* scratch, std::int32_t column, std::int32_t block) {
  conv_columns(g, layer, widen, x, y, scratch, column, block);
}
)";
constexpr const char* kSharedVectors = R"(
MOTE_SHARED void shared_vector_rows(const ConvGeometry& g, const VectorLayer& layer, const std::int8_t* x, std::int8_t* y, void* scratch) {
  vector_rows(g, layer, x, y, scratch);
}
)";
constexpr const char* kSharedVectorPixel = R"(
MOTE_SHARED void shared_vector_pixel(const std::uint32_t* panels, VectorFunction loop, std::int32_t outputs, const std::int8_t* x, std::int8_t* y) {
  vector_pixel(panels, loop, outputs, x, y);
}
)";
constexpr const char* kSharedFours = R"(
MOTE_SHARED std::int32_t shared_widen_fours(const std::int8_t* x, void* out, std::int32_t inputs) {
  return widen_fours(x, static_cast<std::int16_t*>(out), inputs);
}
)";
constexpr const char* kSharedWide = R"(
MOTE_SHARED void shared_wide_tiles(const ConvGeometry& g, const WideLayer& layer, const std::uint32_t* weights, const std::uint32_t* params,
                                   const std::int16_t* x, std::int16_t* y, std::int16_t* columns) {
  wide_tiles(g, layer, weights, params, x, y, columns);
}
)";
constexpr const char* kSharedRows = R"(
MOTE_SHARED void shared_conv_rows(const ConvGeometry& g, const TileLayer& layer, const std::int8_t* x, std::int8_t* y, void* scratch, bool vertical,
                                  std::int32_t block, std::int32_t columns) {
  conv_rows(g, layer, x, y, scratch, vertical, block, columns);
}
)";
constexpr const char* kSharedWinograd = R"(
MOTE_SHARED void shared_winograd(const ConvGeometry& g, const WinogradLayer& layer, const std::int8_t* x, std::int8_t* y, void* scratch,
                                 std::int32_t tile_rows, std::int32_t tile_columns) {
  winograd_conv(g, layer, x, y, scratch, tile_rows, tile_columns);
}
)";
constexpr const char* kSharedPlanes = R"(
MOTE_SHARED void shared_depthwise_planes(const ConvGeometry& g, PlaneFunction gather, DepthwiseFunction tile, const std::uint32_t* params,
                                         std::int32_t param_words, const std::int8_t* x, std::int8_t* y, void* scratch, bool columns, std::int32_t lines,
                                         std::int32_t quads) {
  depthwise_planes(g, gather, tile, params, param_words, x, y, scratch, columns, lines, quads);
}
)";

constexpr const char* kSharedConv = R"(
// One copy of the convolution for all layers: the geometry is data.
MOTE_SHARED void shared_conv2d(const ConvGeometry& g, const std::int8_t* x, const std::uint32_t* panels, const ChannelParams& params,
                               std::int8_t* y, void* scratch, std::int32_t block) {
  conv2d_dsp(g, x, panels, params, y, scratch, block);
}
)";
constexpr const char* kSharedDepthwise = R"(
MOTE_SHARED void shared_depthwise_conv2d(const ConvGeometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                                         std::int8_t* y) {
  depthwise_conv2d_dsp(g, x, weights, params, y);
}
)";

constexpr const char* kSharedDepthwisePixel = R"(
MOTE_SHARED void shared_depthwise_pixel(const DepthwisePixel& g, const std::uint32_t* words, const std::int8_t* x, std::int8_t* y) {
  depthwise_pixel(g, words, x, y);
}
)";

constexpr const char* kSharedDepthwise3x3 = R"(
MOTE_SHARED void shared_depthwise3x3(const ConvGeometry& g, const std::int8_t* x, const std::int8_t* weights, const ChannelParams& params,
                                     std::int8_t* y, void* scratch, std::int32_t rows) {
  depthwise3x3_dsp(g, x, weights, params, y, scratch, rows);
}
)";

constexpr const char* kSharedMove = R"(
MOTE_SHARED void shared_move(const MoveGeometry& g, const std::int8_t* x, std::int8_t* y) { move_elements(g, x, y); }
)";
constexpr const char* kSharedLookup = R"(
MOTE_SHARED void shared_lookup(const std::int8_t* table, const std::int8_t* x, std::int8_t* y, std::int32_t count) { lookup(table, x, y, count); }
)";

constexpr const char* kSharedRecurrent = R"(
template <class Sums>
MOTE_SHARED void shared_lstm_gate(const GateGeometry& g, const std::int8_t* x, const std::int8_t* h, const std::int8_t* wx, const std::int8_t* wh,
                                  const std::int32_t* bias, std::int16_t* gate) {
  lstm_gate<Sums>(g, x, h, wx, wh, bias, gate);
}
MOTE_SHARED void shared_lstm_cell(const CellGeometry& g, const std::int16_t* forget, const std::int16_t* cell, const std::int16_t* input,
                                  const std::int16_t* candidate, std::int16_t* next) {
  lstm_cell(g, forget, cell, input, candidate, next);
}
MOTE_SHARED void shared_lstm_hidden(const HiddenGeometry& g, const std::int16_t* output, const std::int16_t* cell, std::int8_t* y) {
  lstm_hidden(g, output, cell, y);
}
)";

bool uses(const Program& program, std::string_view call) {
  for (const LoweredOp& op : program.ops) {
    if (op.body.find(call) != std::string::npos) return true;
  }
  return false;
}

std::string declaration(const AssemblyFunction& f) {
  return fmt::format("extern \"C\" [[gnu::visibility(\"hidden\")]] void {}(const {}* job);\n", f.name, f.job);
}

/// Arrays that were printed: layers that share weights share their bytes.
class PrintedArrays {
 public:
  std::string print(const ConstantArray& array) {
    const auto [entry, first] = names_.try_emplace({array.type, array.values}, array.name);
    if (first) return array_text(array);
    return fmt::format("constexpr auto& {} = {};  // the same values\n", array.name, entry->second);
  }

 private:
  std::map<std::pair<std::string, std::vector<std::int64_t>>, std::string> names_;
};

/// What an operator's functions need.
std::string definitions_text(const LoweredOp& op, PrintedArrays& arrays) {
  std::string text = "\n// " + clean(op.summary) + "\n";
  for (const ConstantArray& array : op.constants) text += array.in_ram ? "" : arrays.print(array);
  return text + op.geometry;
}

std::string function_text(const LoweredOp& op, std::size_t inputs, PrintedArrays& arrays) {
  std::string text = definitions_text(op, arrays);
  text += fmt::format("{} void {}(", op.small ? "MOTE_SMALL" : "MOTE_OP", op.symbol);
  for (std::size_t i = 0; i < inputs; ++i) text += fmt::format("const std::int8_t* x{}, ", i);
  for (const ConstantArray& array : op.constants) {
    if (array.in_ram) text += fmt::format("const {}* {}, ", array.type, array.name);
  }
  text += "std::int8_t* y, [[maybe_unused]] void* scratch) {\n";
  if (op.row_form == RowForm::convolution)
    text += fmt::format("  const ConvGeometry& geometry = {}_geometry;\n", op.symbol);
  if (op.row_form == RowForm::elements) text += fmt::format("  constexpr std::int32_t count = {};\n", op.elements);
  return text + "  " + op.body + "\n}\n";
}

std::string invoke_text(const Program& program) {
  std::string text =
      "\n}  // namespace\n}  // namespace mote::device\n\n"
      "/// Runs the model once. `arena`: aligned to 8; the input lies in it before, the output after.\n"
      "extern \"C\" [[gnu::visibility(\"default\")]] std::int32_t mote_invoke(void* arena) {\n"
      "  using namespace mote::device;\n"
      "  auto* const base = static_cast<std::int8_t*>(arena);\n";
  for (const Step& step : program.steps) {
    if (step.op_index < 0) {
      text += fmt::format("  {}(reinterpret_cast<const unsigned char*>(base + {}), base + {}, base + {});\n", step.name,
                          step.inputs[0], step.output, step.scratch);
      continue;
    }
    text += fmt::format("  {}(", step.name);
    if (step.row_group >= 0) {
      text += "base);\n";
      continue;
    }
    for (const std::size_t offset : step.inputs) text += fmt::format("base + {}, ", offset);
    std::size_t in_ram = 0;
    for (const ConstantArray& array : program.ops[static_cast<std::size_t>(step.op_index)].constants) {
      if (array.in_ram)
        text += fmt::format("reinterpret_cast<const {}*>(base + {}), ", array.type, step.ram_constants[in_ram++]);
    }
    text += fmt::format("base + {}, base + {});\n", step.output, step.scratch);
  }
  if (!program.renewals.empty()) text += "  // What the next inference will read.\n";
  for (const Renewal& r : program.renewals)
    text += fmt::format("  copy_run(base + {}, base + {}, {});\n", r.from, r.to, r.bytes);
  return text + "  return static_cast<std::int32_t>(Status::ok);\n}\n";
}

bool is_uniform(const Bytes& bytes) {
  return std::ranges::all_of(bytes, [&](std::uint8_t b) { return b == bytes.front(); });
}

/// Initial values of the states that are not one byte throughout; before the functions.
std::string initial_text(const Program& program) {
  std::string text;
  for (std::size_t i = 0; i < program.states.size(); ++i) {
    const PlacedState& state = program.states[i];
    if (is_uniform(*state.initial)) continue;
    ConstantArray array;
    array.name = fmt::format("state_{:02}_initial", i);
    array.type = "std::int8_t";
    array.comment = "the state '" + clean(state.name) + "'";
    for (const std::uint8_t b : *state.initial) array.values.push_back(static_cast<std::int8_t>(b));
    text += "\n" + array_text(array);
  }
  return text;
}

std::string reset_text(const Program& program) {
  std::string text =
      "\n/// Makes every state initial: before the first inference, and to begin anew.\n"
      "extern \"C\" [[gnu::visibility(\"default\")]] void mote_reset_states(void* arena) {\n"
      "  using namespace mote::device;\n"
      "  auto* const base = static_cast<std::int8_t*>(arena);\n";
  for (std::size_t i = 0; i < program.states.size(); ++i) {
    const PlacedState& state = program.states[i];
    if (is_uniform(*state.initial)) {
      text += fmt::format("  fill_words(base + {}, {}, 0x{:08x}u);  // {}\n", state.offset, state.initial->size(),
                          0x01010101u * state.initial->front(), clean(state.name));
    } else {
      text += fmt::format("  copy_run(state_{:02}_initial, base + {}, {});  // {}\n", i, state.offset,
                          state.initial->size(), clean(state.name));
    }
  }
  return text + "}\n";
}

}  // namespace

std::vector<AssemblyFunction> assembly_functions(const Program& program) {
  std::vector<AssemblyFunction> functions;
  for (const LoweredOp& op : program.ops) {
    for (const AssemblyFunction& f : op.functions) {
      if (std::ranges::find(functions, f.name, &AssemblyFunction::name) == functions.end()) functions.push_back(f);
    }
  }
  return functions;
}

bool uses_vectors(const Program& program) {
  return std::ranges::any_of(assembly_functions(program), &AssemblyFunction::vectors);
}

std::string emit_assembly(const Program& program) {
  if (assembly_functions(program).empty()) return {};
  const bool with_vectors = uses_vectors(program);
  std::string text = fmt::format(
      "@ Kernels of the model '{}', emitted by mote for its geometry.\n  .syntax unified\n{}  .thumb\n",
      clean(program.model_name), with_vectors ? vectors::kArchitecture : "  .cpu cortex-m4\n  .fpu fpv4-sp-d16\n");
  for (const AssemblyFunction& f : assembly_functions(program)) text += f.text;
  return text;
}

namespace {

/// The same in C for 8-bit AVR: constants are in flash, functions read them there.
std::string emit_avr(const Program& program) {
  std::string text = header_comment(program) + "\n#include \"avr/kernels.h\"\n";
  for (const LoweredOp& op : program.ops) {
    if (op.is_view) continue;
    text += "\n// " + clean(op.summary) + "\n";
    for (const ConstantArray& array : op.constants) {
      std::string values;
      for (std::size_t i = 0; i < array.values.size(); ++i)
        values += fmt::format("{}{},", i % 20 == 0 ? "\n    " : " ", array.values[i]);
      text += fmt::format("// {}: {} bytes\nstatic const __flash {} {}[{}] = {{{}\n}};\n", array.comment, array.bytes(),
                          array.type, array.name, array.values.size(), values);
    }
    text += fmt::format(
        "static __attribute__((noinline, noclone)) void {}(const int8_t* x0, int8_t* y, void* scratch) {{\n  "
        "(void)scratch;\n  "
        "{}\n}}\n",
        op.symbol, op.body);
  }
  text +=
      "\n// Runs the model once: the input lies in the arena before, the output after.\n"
      "int32_t mote_invoke(void* arena) {\n  int8_t* const base = (int8_t*)arena;\n";
  for (const Step& step : program.steps)
    text +=
        fmt::format("  {}(base + {}, base + {}, base + {});\n", step.name, step.inputs[0], step.output, step.scratch);
  return text + "  return 0;\n}\n";
}

}  // namespace

std::string emit_cpp(const Program& program) {
  if (program.target == Target::avr) return emit_avr(program);
  std::set<std::string> includes{"abi/module.hpp", "kernels/geometry.hpp"};
  for (const LoweredOp& op : program.ops) includes.insert(op.includes.begin(), op.includes.end());
  if (!program.states.empty()) includes.insert("kernels/move.hpp");
  if (!program.row_groups.empty()) includes.insert("kernels/rows.hpp");

  std::string text = header_comment(program) + "\n#include <cstdint>\n\n";
  for (const std::string& include : includes) text += fmt::format("#include \"{}\"\n", include);
  // Operators are told apart by their functions: two that do the same must not become one.
  text +=
      "\n#define MOTE_OP [[gnu::noinline, gnu::no_icf]] static\n"
      "#define MOTE_SMALL [[gnu::noinline, gnu::no_icf, gnu::cold]] static  // size before speed\n"
      "#define MOTE_SHARED [[gnu::noinline, gnu::noclone]] static\n\n";
  if (program.features) text += program.features->source;
  text += "namespace mote::device {\nnamespace {\n";
  if (program.features) {
    text += fmt::format(
        "\nMOTE_OP void features(const unsigned char* input, std::int8_t* output, void* scratch) {{ ::{}(input, "
        "output, scratch); }}\n",
        program.features->function);
  }
  for (const AssemblyFunction& f : assembly_functions(program)) text += declaration(f);
  if (uses(program, "shared_conv_columns(")) text += kSharedColumns;
  if (uses(program, "shared_conv_rows(")) text += kSharedRows;
  if (uses(program, "shared_winograd(")) text += kSharedWinograd;
  if (uses(program, "shared_widen_fours(")) text += kSharedFours;
  if (uses(program, "shared_vector_rows(")) text += kSharedVectors;
  if (uses(program, "shared_vector_pixel(")) text += kSharedVectorPixel;
  if (uses(program, "shared_wide_tiles(")) text += kSharedWide;
  if (uses(program, "shared_conv2d(")) text += kSharedConv;
  if (uses(program, "shared_depthwise_conv2d(")) text += kSharedDepthwise;
  if (uses(program, "shared_depthwise_pixel(")) text += kSharedDepthwisePixel;
  if (uses(program, "shared_depthwise3x3(")) text += kSharedDepthwise3x3;
  if (uses(program, "shared_depthwise_planes(")) text += kSharedPlanes;
  if (uses(program, "shared_lstm_gate<")) text += kSharedRecurrent;
  if (uses(program, "shared_move(")) text += kSharedMove;
  if (uses(program, "shared_lookup(")) text += kSharedLookup;
  PrintedArrays arrays;
  for (const Step& step : program.steps) {
    if (step.row_group >= 0) {
      const RowGroup& group = program.row_groups[static_cast<std::size_t>(step.row_group)];
      for (std::size_t op = group.first(); op <= group.last(); ++op) text += definitions_text(program.ops[op], arrays);
      text += row_group_text(program, group);
      continue;
    }
    if (step.op_index >= 0)
      text += function_text(program.ops[static_cast<std::size_t>(step.op_index)], step.inputs.size(), arrays);
  }
  text += initial_text(program) + invoke_text(program);
  return program.states.empty() ? text : text + reset_text(program);
}

}  // namespace mote::compile
