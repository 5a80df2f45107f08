// Links the emitted source into a module, fills its header, and reads modules back.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

#include "abi/module.hpp"
#include "module_link.hpp"
#include "mote/base/hash.hpp"
#include "mote/board/core.hpp"
#include "mote/board/elf.hpp"
#include "mote/compile/compile.hpp"
#include "toolchain.hpp"

namespace mote::compile {
namespace {

using device::ModuleHeader;

// The header is a gap at the start, filled after linking. Anything outside of code and constants stops the link or is
// found by check_elf.
constexpr const char* kModuleLinkScript = R"(
ENTRY(mote_invoke)
SECTIONS {
  . = 0;
  .header : { KEEP(*(.mote_header)) }
  .text : { *(.text.mote_invoke) KEEP(*(.text.mote_reset_states)) *(.text .text.*) . = ALIGN(4); }
  .rodata : { *(.rodata .rodata.*) . = ALIGN(4); }
  .data : { *(.data .data.*) }
  .bss : { *(.bss .bss.* COMMON) }
  .got : { *(.got .got.*) }
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) *(.comment) *(.note*) *(.eh_frame*) *(.init_array*) }
}
)";

/// On AVR: where the module will lie, constants behind the code.
std::string avr_link_script() {
  return fmt::format(R"(
ENTRY(mote_invoke)
SECTIONS {{
  . = {};
  .header : {{ KEEP(*(.mote_header)) }}
  .text : {{ *(.text.mote_invoke) *(.text .text.*) *(.progmem .progmem.*) . = ALIGN(4); }}
  .rodata : {{ *(.rodata .rodata.*) }}
  .data : {{ *(.data .data.*) }}
  .bss : {{ *(.bss .bss.* COMMON) }}
  /DISCARD/ : {{ *(.comment) *(.note*) *(.eh_frame*) }}
}}
)",
                     device::kAvrModuleBase);
}
constexpr const char* kAvrHeaderSource = R"(
__asm__(".section .mote_header, \"a\", @progbits\n.space 128\n.previous\n");
)";

constexpr const char* kHeaderSource = R"(
__asm__(".section .mote_header, \"a\", %progbits\n.space 128\n.previous\n");
extern "C" {
// gcc may turn struct copies into these calls.
void* memcpy(void* to, const void* from, decltype(sizeof 0) n) {
  auto* d = static_cast<unsigned char*>(to);
  auto* s = static_cast<const unsigned char*>(from);
  while (n-- > 0) *d++ = *s++;
  return to;
}
void* memset(void* to, int value, decltype(sizeof 0) n) {
  auto* d = static_cast<unsigned char*>(to);
  while (n-- > 0) *d++ = static_cast<unsigned char>(value);
  return to;
}
}
)";

Result<void> check_elf(const board::ElfFile& elf) {
  for (const board::ElfSection& s : elf.sections()) {
    if (s.allocated && s.bytes > 0 && s.writable)
      return fail(Code::internal, "the module has writable data in " + s.name);
    const bool absolute = s.name.starts_with(".rel.text") || s.name.starts_with(".rel.rodata");
    if (absolute && s.bytes > 0) continue;  // judged by check_relocations
  }
  return {};
}

/// Relocations that hold an absolute address; a name ends where the listing's column does. The linker says nothing of
/// them: it links at address 0.
constexpr const char* kAbsoluteRelocations[] = {
    "R_ARM_ABS32",        "R_ARM_GOT",         "R_ARM_MOVW_ABS",    "R_ARM_MOVT_ABS",   "R_ARM_THM_MOVW_ABS",
    "R_ARM_THM_MOVT_ABS", "R_ARM_TARGET",      "R_RISCV_32 ",       "R_RISCV_HI20",     "R_RISCV_LO12",
    "R_RISCV_RVC_LUI",    "R_RISCV_GOT",       "R_RISCV_TPREL",     "R_RISCV_RELATIVE", "R_X86_64_64 ",
    "R_X86_64_32 ",       "R_X86_64_32S ",     "R_X86_64_GOT",      "R_X86_64_REX_GOT", "R_AARCH64_ABS64",
    "R_AARCH64_ABS32",    "R_AARCH64_ADR_GOT", "R_AARCH64_LD64_GOT"};

/// --emit-relocs keeps what the linker resolved; absolute words would break position independence.
Result<void> check_relocations(const Toolchain& tools, const std::filesystem::path& elf) {
  MOTE_TRY(const std::string listing, tools.readelf({"-rW", elf.string()}));
  for (const std::string absolute : kAbsoluteRelocations) {
    if (listing.find(absolute) != std::string::npos) {
      return fail(Code::internal, "the module is not position independent: it has " + absolute + " relocations");
    }
  }
  return {};
}

struct LinkedModule {
  Bytes image;
  Bytes elf_bytes;
  board::ElfFile elf;
};

Result<LinkedModule> link_avr_module(const Toolchain& tools, const std::string& source) {
  const auto folder = tools.folder();
  MOTE_TRY_VOID(write_file(folder / "model.c", source));
  MOTE_TRY_VOID(write_file(folder / "header.c", kAvrHeaderSource));
  MOTE_TRY_VOID(write_file(folder / "module.ld", avr_link_script()));
  MOTE_TRY_VOID(tools.compile({"-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-T", "module.ld", "model.c",
                               "header.c", "-lgcc", "-lm", "-lgcc", "-o", "module.elf"}));
  MOTE_TRY(Bytes raw, read_file(folder / "module.elf"));
  MOTE_TRY(board::ElfFile elf, board::ElfFile::parse(raw));
  for (const board::ElfSection& s : elf.sections()) {
    if (s.allocated && s.bytes > 0 && s.name != ".header" && s.name != ".text")
      return fail(Code::internal, "the module has data in " + s.name + ", which would have to lie in RAM");
  }
  MOTE_TRY_VOID(tools.objcopy({"-O", "binary", "-j", ".header", "-j", ".text", "module.elf", "module.bin"}));
  MOTE_TRY(Bytes image, read_file(folder / "module.bin"));
  return LinkedModule{std::move(image), std::move(raw), std::move(elf)};
}

Result<LinkedModule> link_module(const Toolchain& tools, const std::string& source, const std::string& assembly,
                                 bool small) {
  if (tools.core().avr()) return link_avr_module(tools, source);
  const auto folder = tools.folder();
  MOTE_TRY_VOID(write_file(folder / "model.cpp", source));
  if (!assembly.empty()) MOTE_TRY_VOID(write_file(folder / "kernels.S", assembly));
  MOTE_TRY_VOID(write_file(folder / "header.cpp", kHeaderSource));
  MOTE_TRY_VOID(write_file(folder / "module.ld", kModuleLinkScript));
  // Without libgcc's debug information, whose relocations say nothing of the module.
  std::vector<std::string> arguments{
      small ? "-Os" : "-O2", "-fpic", "-nostdlib", "-Wl,--emit-relocs", "-Wl,--strip-debug", "-Wl,--gc-sections",
      "-Wl,--build-id=none", "-T",    "module.ld", "model.cpp",         "header.cpp"};
  if (!assembly.empty()) arguments.push_back("kernels.S");
  arguments.insert(arguments.end(), {"-lgcc", "-o", "module.elf"});
  MOTE_TRY_VOID(tools.compile(arguments));
  MOTE_TRY(Bytes raw, read_file(folder / "module.elf"));
  MOTE_TRY(board::ElfFile elf, board::ElfFile::parse(raw));
  MOTE_TRY_VOID(check_elf(elf));
  MOTE_TRY_VOID(check_relocations(tools, folder / "module.elf"));
  MOTE_TRY_VOID(
      tools.objcopy({"-O", "binary", "-j", ".header", "-j", ".text", "-j", ".rodata", "module.elf", "module.bin"}));
  MOTE_TRY(Bytes image, read_file(folder / "module.bin"));
  return LinkedModule{std::move(image), std::move(raw), std::move(elf)};
}

nlohmann::json tensor_json(const graph::Tensor& t) {
  nlohmann::json j{{"name", t.name},
                   {"type", graph::name(t.dtype)},
                   {"shape", std::vector<std::int32_t>(t.shape.dims().begin(), t.shape.dims().end())}};
  if (t.quantization.present()) {
    j["scale"] = t.quantization.scale();
    j["zero_point"] = t.quantization.zero_point();
  }
  return j;
}

std::string schema_text(const graph::Graph& graph, const CompileOptions& options, const Program& program) {
  nlohmann::json j{
      {"model", graph.name()}, {"input", tensor_json(graph.input())}, {"output", tensor_json(graph.output())}};
  if (!options.labels.empty()) j["labels"] = options.labels;
  if (options.program.features) j["features"] = options.program.features->schema;
  if (!options.sensor_schema.empty()) j["sensor"] = options.sensor_schema;
  if (options.program.kept_from)
    j["arena"] = {{"shared", program.shared_bytes}, {"kept", {program.kept_offset, program.kept_bytes}}};
  return j.dump();
}

void copy_prefix(const std::string& text, std::uint8_t (&to)[8]) {
  if (text.empty()) return;
  const Digest digest = sha256(text);
  std::copy_n(digest.bytes.begin(), sizeof to, to);
}

void set_digest(Bytes& module) {
  auto* header = reinterpret_cast<ModuleHeader*>(module.data());
  std::memset(header->digest, 0, sizeof header->digest);
  const Digest digest = sha256(module);
  std::ranges::copy(digest.bytes, header->digest);
}

Result<Bytes> assemble(const graph::Graph& graph, const board::CoreSpec& core, const CompileOptions& options,
                       const Program& program, LinkedModule& linked) {
  ByteWriter out;
  out.append(linked.image);
  out.pad_to(4);
  const std::string schema = schema_text(graph, options, program);
  const std::size_t schema_offset = out.bytes().size();
  out.append(as_bytes(schema));
  out.pad_to(4);
  const std::size_t vectors_offset = out.bytes().size();
  for (const auto& [input, output] : options.vectors) {
    if (input.size() != program.input_bytes || output.size() != program.output_bytes) {
      return fail(Code::invalid_argument, "a self-test vector has the wrong size");
    }
    out.append(input);
    out.append(output);
  }
  out.pad_to(32);
  Bytes module = std::move(out).take();

  const board::ElfSymbol* entry = linked.elf.find_symbol("mote_invoke");
  const board::ElfSection* text = linked.elf.find_section(".text");
  if (entry == nullptr || text == nullptr) return fail(Code::internal, "the module has no entry point");
  ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.abi = device::kModuleAbi;
  header.header_bytes = sizeof(ModuleHeader);
  header.module_bytes = static_cast<std::uint32_t>(module.size());
  header.code_bytes = text->bytes;
  header.core = static_cast<std::uint32_t>(core.id);
  header.isa_features = core.isa_features();
  header.op_set = program.states.empty() ? 1 : device::kOpSet;
  header.entry_offset = entry->address - (core.avr() ? device::kAvrModuleBase : 0);
  if (!program.states.empty()) {
    const board::ElfSymbol* reset = linked.elf.find_symbol("mote_reset_states");
    if (reset == nullptr) return fail(Code::internal, "the module has no function that resets its states");
    header.reset_offset = reset->address;
  }
  header.arena_bytes = static_cast<std::uint32_t>(program.arena_bytes);
  header.arena_align = static_cast<std::uint32_t>(program.arena_align);
  header.input_offset = static_cast<std::uint32_t>(program.input_offset);
  header.input_bytes = static_cast<std::uint32_t>(program.input_bytes);
  header.output_offset = static_cast<std::uint32_t>(program.output_offset);
  header.output_bytes = static_cast<std::uint32_t>(program.output_bytes);
  header.schema_offset = static_cast<std::uint32_t>(schema_offset);
  header.schema_bytes = static_cast<std::uint32_t>(schema.size());
  header.vectors_offset = static_cast<std::uint32_t>(vectors_offset);
  header.vectors_count = static_cast<std::uint32_t>(options.vectors.size());
  if (program.features) copy_prefix(program.features->schema, header.feature_schema);
  copy_prefix(options.sensor_schema, header.sensor_schema);
  std::memcpy(module.data(), &header, sizeof header);
  set_digest(module);
  return module;
}

/// Which operator or stage a symbol of the module belongs to.
std::string part_of(const std::string& symbol) {
  for (std::size_t at = symbol.find("op_"); at != std::string::npos; at = symbol.find("op_", at + 1)) {
    // "op_03_conv2d_panels", possibly mangled: take "op_" and the two or more digits behind it.
    std::size_t end = at + 3;
    while (end < symbol.size() && symbol[end] >= '0' && symbol[end] <= '9') ++end;
    if (end >= at + 5) return symbol.substr(at, end - at);
  }
  if (symbol.find("shared_") != std::string::npos || symbol.find("_tile_") != std::string::npos)
    return "shared kernels";
  if (symbol.find("feature") != std::string::npos) return "features";
  return "other";
}

std::vector<FlashPart> flash_parts(const board::ElfFile& elf, const Program& program, const Bytes& module) {
  std::vector<FlashPart> parts{{"header", 0, sizeof(ModuleHeader)}};
  const auto part = [&](const std::string& name) -> FlashPart& {
    const auto found = std::ranges::find(parts, name, &FlashPart::name);
    if (found != parts.end()) return *found;
    parts.push_back({name, 0, 0});
    return parts.back();
  };
  for (const board::ElfSymbol& s : elf.symbols()) {
    if (s.bytes == 0) continue;
    std::string name = part_of(s.name);
    for (const LoweredOp& op : program.ops) {
      if (op.symbol.starts_with(name + "_")) name = op.symbol;
    }
    (s.is_function ? part(name).code_bytes : part(name).constant_bytes) += s.bytes;
  }
  std::size_t counted = 0;
  for (const FlashPart& p : parts) counted += p.code_bytes + p.constant_bytes;
  if (module.size() > counted) part("schema, vectors, padding").constant_bytes += module.size() - counted;
  return parts;
}

/// Symbols of static functions are mangled; their own name is a part of it.
const board::ElfSymbol* find_function(const board::ElfFile& elf, const std::string& name) {
  if (const board::ElfSymbol* plain = elf.find_symbol(name); plain != nullptr && plain->is_function) return plain;
  const std::string mangled = std::to_string(name.size()) + name;
  for (const board::ElfSymbol& s : elf.symbols()) {
    if (s.is_function && s.name.find(mangled) != std::string::npos) return &s;
  }
  return nullptr;
}

/// The operator at whose step the arena is fullest.
std::string peak_place(const graph::Graph& graph, const Program& program) {
  const std::size_t features = program.features ? 1 : 0;
  if (program.peak_step < features) return "the features";
  return fmt::format("'{}'", graph.ops()[program.peak_step - features].name);
}

std::string largest_parts(std::vector<FlashPart> parts) {
  std::ranges::sort(parts, std::greater{}, [](const FlashPart& p) { return p.code_bytes + p.constant_bytes; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(parts.size(), 3); ++i) {
    text += fmt::format("{}{} ({} bytes)", i == 0 ? "" : ", ", parts[i].name,
                        parts[i].code_bytes + parts[i].constant_bytes);
  }
  return text;
}

}  // namespace

Result<ModuleHeader> checked_header(ByteSpan module) {
  if (module.size() < sizeof(ModuleHeader))
    return fail(Code::malformed, "a module has at least 128 bytes, this has " + std::to_string(module.size()));
  ModuleHeader header{};
  std::memcpy(&header, module.data(), sizeof header);
  if (header.magic != device::kModuleMagic) return fail(Code::malformed, "byte 0: not a module (wrong magic)");
  if (header.abi != device::kModuleAbi)
    return fail(Code::unsupported, "byte 4: module ABI " + std::to_string(header.abi) + " is not known to this mote");
  if (header.header_bytes != sizeof header || header.module_bytes != module.size())
    return fail(Code::malformed, "byte 6: the header's sizes do not fit the file");
  const auto inside = [](std::uint64_t offset, std::uint64_t bytes, std::uint64_t limit) {
    return offset + bytes <= limit;
  };
  if (header.arena_align == 0 || (header.arena_align & (header.arena_align - 1)) != 0 || header.arena_align > 4096) {
    return fail(Code::malformed, "byte 36: the arena's alignment is no power of two up to 4096");
  }
  if (board::find_core(header.core) == nullptr)
    return fail(Code::unsupported, "byte 16: core " + std::to_string(header.core) + " is not known to this mote");
  if (header.op_set > device::kOpSet)
    return fail(Code::unsupported, "byte 24: op-set " + std::to_string(header.op_set) + " is newer than this mote");
  if (header.code_bytes > header.module_bytes)
    return fail(Code::malformed, "byte 12: more code than the module has bytes");
  const auto is_function = [&](std::uint32_t offset) {
    return inside(offset, 2, module.size()) && offset >= sizeof header && (offset & 1) == 0;
  };
  if (header.reset_offset != 0 && (header.op_set < 2 || !is_function(header.reset_offset)))
    return fail(Code::malformed, "byte 92: the function that resets the states is no place of the module's code");
  // A count above the file's size is refused before it is multiplied: the product could wrap.
  if (header.vectors_count > module.size())
    return fail(Code::malformed, "byte 72: more self-test vectors than the module has bytes");
  const std::uint64_t vector_bytes = (std::uint64_t{header.input_bytes} + header.output_bytes) * header.vectors_count;
  if (!is_function(header.entry_offset) || !inside(header.schema_offset, header.schema_bytes, module.size()) ||
      !inside(header.vectors_offset, vector_bytes, module.size()) ||
      !inside(header.input_offset, header.input_bytes, header.arena_bytes) ||
      !inside(header.output_offset, header.output_bytes, header.arena_bytes)) {
    return fail(Code::malformed, "an offset of the module's header points outside");
  }
  return header;
}

Result<CompiledModel> link_program(const graph::Graph& graph, const board::BoardSpec& board,
                                   const board::CoreSpec& core, const CompileOptions& options, Program program,
                                   bool small) {
  CompiledModel out;
  out.program = std::move(program);
  if (out.program.arena_bytes > board.ram_bytes) {
    return fail(Code::too_large,
                fmt::format("the model needs an arena of {} bytes, {} has {} bytes of RAM; most at {}: {}",
                            out.program.arena_bytes, board.name, board.ram_bytes, peak_place(graph, out.program),
                            fmt::join(out.program.peak_tensors, ", ")));
  }
  out.source = emit_cpp(out.program);
  MOTE_TRY(const Toolchain tools, Toolchain::create(core));
  out.assembly = emit_assembly(out.program);
  MOTE_TRY(LinkedModule linked, link_module(tools, out.source, out.assembly, small));
  MOTE_TRY(out.module, assemble(graph, core, options, out.program, linked));
  out.code_bytes = linked.elf.find_section(".text")->bytes;
  out.constant_bytes = out.module.size() - out.code_bytes;
  out.flash_parts = flash_parts(linked.elf, out.program, out.module);
  for (const Step& step : out.program.steps) {
    const board::ElfSymbol* function = find_function(linked.elf, step.name);
    if (function == nullptr) return fail(Code::internal, "the module has no function " + step.name);
    out.step_symbols.push_back(function->name);
  }
  out.module_elf = std::move(linked.elf_bytes);
  return out;
}

namespace {

Result<CompiledModel> compile_module(const graph::Graph& graph, const board::BoardSpec& board,
                                     const board::CoreSpec& core, const CompileOptions& options, bool small) {
  MOTE_TRY(Program program, make_program(graph, options.program));
  return link_program(graph, board, core, options, std::move(program), small);
}

}  // namespace

Result<void> spend_flash(const graph::Graph& graph, const board::BoardSpec& board, const board::CoreSpec& core,
                         CompileOptions options, std::size_t budget, CompiledModel& out) {
  options.program.flash_room = budget - out.module.size();
  const auto is_winograd = [](const LoweredOp& op) { return op.kernel.starts_with("winograd"); };
  const auto count = [&](const Program& p) { return std::ranges::count_if(p.ops, is_winograd); };
  // The C++ around the forms is known once it is linked: then again with so much less room.
  for (int attempt = 0; attempt < 3 && options.program.flash_room > 0; ++attempt) {
    MOTE_TRY(Program program, make_program(graph, options.program));
    if (count(program) == count(out.program)) return {};
    MOTE_TRY(CompiledModel faster, link_program(graph, board, core, options, std::move(program), false));
    if (faster.module.size() <= budget) {
      out = std::move(faster);
      return {};
    }
    options.program.flash_room -= std::min(options.program.flash_room, faster.module.size() - budget);
  }
  return {};
}

void apply(const FlashRung& rung, CompileOptions& options) {
  options.program.lowering.cycles_a_byte = rung.cycles_a_byte;
  options.program.lowering.compact = rung.compact;
  options.program.lowering.share = rung.cycles_a_byte == kLeastFlash;
  options.program.forms.reset();
}

Result<CompiledModel> compile(const graph::Graph& graph, const board::BoardSpec& board, const CompileOptions& options) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(board));
  CompileOptions chosen = options;
  chosen.program.lowering.target = options.kernels.value_or(target_of(*core));
  MOTE_TRY(CompiledModel out, compile_module(graph, board, *core, chosen, false));
  const std::size_t budget =
      options.flash_budget == 0 ? board.flash_bytes : std::min<std::size_t>(options.flash_budget, board.flash_bytes);
  const bool may_spend = options.flash_budget > 0 && !options.program.forms;
  if (may_spend && out.module.size() < budget) {
    MOTE_TRY_VOID(spend_flash(graph, board, *core, chosen, budget, out));
  }
  for (const FlashRung& rung : kFlashRungs) {
    if (out.module.size() <= budget) break;
    apply(rung, chosen);
    MOTE_TRY(CompiledModel smaller, compile_module(graph, board, *core, chosen, rung.small));
    if (smaller.module.size() < out.module.size()) out = std::move(smaller);
  }
  if (out.module.size() > board.flash_bytes) {
    return fail(Code::too_large,
                fmt::format("the module has {} bytes, {} has {} bytes of flash; largest: {}", out.module.size(),
                            board.name, board.flash_bytes, largest_parts(out.flash_parts)));
  }
  MOTE_TRY(out.firmware, make_firmware(out.module, board));
  return out;
}

Result<ModuleInfo> read_module(ByteSpan module) {
  MOTE_TRY(const ModuleHeader header, checked_header(module));
  Bytes copy(module.begin(), module.end());
  set_digest(copy);
  if (!std::ranges::equal(copy, module)) return fail(Code::malformed, "the module's digest does not match its bytes");
  ModuleInfo info;
  info.module_bytes = header.module_bytes;
  info.code_bytes = header.code_bytes;
  info.arena_bytes = header.arena_bytes;
  info.stack_bytes = header.stack_bytes;
  info.input_offset = header.input_offset;
  info.input_bytes = header.input_bytes;
  info.output_offset = header.output_offset;
  info.output_bytes = header.output_bytes;
  info.entry_offset = header.entry_offset;
  info.reset_offset = header.reset_offset;
  const ByteSpan schema = module.subspan(header.schema_offset, header.schema_bytes);
  info.schema.assign(schema.begin(), schema.end());
  for (std::uint32_t i = 0; i < header.vectors_count; ++i) {
    const ByteSpan vector =
        module.subspan(header.vectors_offset + std::size_t{i} * (header.input_bytes + header.output_bytes));
    const ByteSpan in = vector.first(header.input_bytes);
    const ByteSpan out = vector.subspan(header.input_bytes, header.output_bytes);
    info.vectors.emplace_back(Bytes(in.begin(), in.end()), Bytes(out.begin(), out.end()));
  }
  info.digest = to_hex(ByteSpan(header.digest, sizeof header.digest));
  return info;
}

Result<Bytes> with_stack_bytes(ByteSpan module, std::uint32_t stack_bytes) {
  MOTE_TRY(const ModuleHeader header, checked_header(module));
  static_cast<void>(header);
  Bytes changed(module.begin(), module.end());
  reinterpret_cast<ModuleHeader*>(changed.data())->stack_bytes = stack_bytes;
  set_digest(changed);
  return changed;
}

}  // namespace mote::compile
