#include "mote/board/avr_board.hpp"

#include <algorithm>
#include <cstring>

#include "abi/module.hpp"
#include "mote/base/process.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kDataSpace = 0x800000;  // where avr-gcc's addresses of RAM begin

/// What lies in flash, from address 0 on.
Bytes flash_image(const ElfFile& elf) {
  Bytes image;
  for (const ElfSegment& segment : elf.segments()) {
    if (segment.load_address >= kDataSpace || segment.content.empty()) continue;
    const std::size_t end = segment.load_address + segment.content.size();
    if (image.size() < end) image.resize(end, 0xff);
    std::copy(segment.content.begin(), segment.content.end(),
              image.begin() + static_cast<std::ptrdiff_t>(segment.load_address));
  }
  return image;
}

Result<std::string> find_simulator() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* beside : {"mote-simavr", "../../bin/mote-simavr"}) {
    const auto path = self.parent_path() / beside;
    if (!error && std::filesystem::exists(path)) return path.string();
  }
  if (const auto path = find_program("mote-simavr"); !path.empty()) return path.string();
  return fail(Code::not_found,
              "mote-simavr, which runs AVR programs, is neither beside mote nor in PATH; it is built where "
              "Debian's libsimavr-dev is installed");
}

}  // namespace

Result<AvrBoard> AvrBoard::create(const BoardSpec& board, ByteSpan firmware) {
  MOTE_TRY(ElfFile elf, ElfFile::parse(firmware));
  const Bytes image = flash_image(elf);
  const ElfSymbol* arena = elf.find_symbol("mote_arena");
  const ElfSymbol* module = elf.find_symbol("mote_module");
  device::ModuleHeader header{};
  if (arena == nullptr || module == nullptr || module->address + sizeof header > image.size())
    return fail(Code::malformed, "the firmware has no mote_arena or no mote_module");
  std::memcpy(&header, image.data() + module->address, sizeof header);
  if (header.magic != device::kModuleMagic) return fail(Code::malformed, "there is no module in the firmware");
  if (image.size() > board.flash_bytes)
    return fail(Code::too_large, board.name + " has " + std::to_string(board.flash_bytes) +
                                     " bytes of flash, the program takes " + std::to_string(image.size()));
  MOTE_TRY(TemporaryFolder folder, TemporaryFolder::create("mote-avr"));
  MOTE_TRY_VOID(write_file(folder.path() / "flash.bin", image));
  AvrBoard made(board, std::move(elf), std::move(folder));
  MOTE_TRY(made.program_, find_simulator());
  made.arena_ = arena->address - kDataSpace;
  made.input_offset_ = header.input_offset;
  made.input_bytes_ = header.input_bytes;
  made.output_offset_ = header.output_offset;
  made.output_bytes_ = header.output_bytes;
  return made;
}

Result<Bytes> AvrBoard::infer(ByteSpan input) {
  MOTE_TRY(Measurement measured, measure(input, {}, elf_));
  return std::move(measured.output);
}

Result<Measurement> AvrBoard::measure(ByteSpan input, std::span<const std::string> watch, const ElfFile& symbols) {
  if (input.size() != input_bytes_)
    return fail(Code::invalid_argument,
                "the module takes " + std::to_string(input_bytes_) + " bytes, not " + std::to_string(input.size()));
  const auto folder = folder_.path();
  MOTE_TRY_VOID(write_file(folder / "input.bin", input));
  std::string mcu = board_.mcu;
  std::ranges::transform(mcu, mcu.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::vector<std::string> command{program_,
                                   mcu,
                                   std::to_string(board_.clock_hz),
                                   (folder / "flash.bin").string(),
                                   (folder / "input.bin").string(),
                                   (folder / "output.bin").string(),
                                   std::to_string(arena_ + input_offset_),
                                   std::to_string(arena_ + output_offset_),
                                   std::to_string(output_bytes_)};
  for (const char* name : {"mote_idle", "mote_infer_begin", "mote_infer_end", "_end", "mote_status"}) {
    const ElfSymbol* symbol = elf_.find_symbol(name);
    if (symbol == nullptr) return fail(Code::malformed, std::string("the firmware has no symbol ") + name);
    command.push_back(std::to_string(symbol->address % kDataSpace));
  }
  for (const std::string& name : watch) {
    const ElfSymbol* symbol = symbols.find_symbol(name);
    if (symbol == nullptr) return fail(Code::not_found, "no function \"" + name + "\" in the module's symbols");
    command.push_back(std::to_string(symbol->address));
  }
  MOTE_TRY(const ProcessResult result, run_process(command));
  if (result.exit_code != 0)
    return fail(Code::internal, "mote-simavr: " + result.diagnostics.substr(0, result.diagnostics.find('\n')));
  MOTE_TRY(const Bytes told, read_file(folder / "output.bin"));
  ByteReader reader(told);
  Measurement m;
  MOTE_TRY(const std::uint32_t status, reader.u32_le());
  MOTE_TRY(m.stack_bytes, reader.u32_le());
  MOTE_TRY(m.cycles, reader.u64_le());
  MOTE_TRY(m.counts.instructions, reader.u64_le());
  if (status != 0) return fail(Code::invalid_argument, "the module returned status " + std::to_string(status));
  m.stack_written_bytes = m.stack_bytes;
  m.counts.core_cycles = m.cycles;
  m.cycles_estimated = true;
  MOTE_TRY(const ByteSpan output, reader.take(output_bytes_));
  m.output.assign(output.begin(), output.end());
  while (reader.remaining() > 0) {
    CallCost call;
    MOTE_TRY(const std::uint32_t which, reader.u32_le());
    MOTE_TRY(call.cycles, reader.u64_le());
    MOTE_TRY(call.counts.instructions, reader.u64_le());
    if (which >= watch.size()) return fail(Code::internal, "mote-simavr named a function that nobody asked for");
    call.function = watch[which];
    call.counts.core_cycles = call.cycles;
    m.calls.push_back(std::move(call));
  }
  return m;
}

}  // namespace mote::board
