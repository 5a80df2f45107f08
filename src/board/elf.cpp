#include "mote/board/elf.hpp"

#include <algorithm>

namespace mote::board {
namespace {

// Names and offsets of the System V ABI (https://refspecs.linuxfoundation.org/elf/elf.pdf, and its 64-bit form in
// elf-64-gen.pdf).
constexpr std::uint32_t kMachineArm = 40, kMachineX86_64 = 62, kMachineAarch64 = 183, kMachineRiscv = 243, kMachineAvr = 83;
constexpr std::uint32_t kSegmentLoad = 1;
constexpr std::uint32_t kSectionSymbols = 2;
constexpr std::uint32_t kSectionNoBits = 8;
constexpr std::uint32_t kFlagWrite = 1, kFlagAlloc = 2, kFlagExecute = 4;
constexpr std::uint32_t kSymbolFunction = 2, kSymbolSection = 3, kSymbolFile = 4;
// More than any firmware has; bounds the work on hostile input.
constexpr std::uint32_t kMostHeaders = 4096;
constexpr std::uint64_t kMostSymbols = 1u << 20;

/// Sizes of the records and where their fields lie, in the two classes of ELF files. A word is an address, an offset or
/// a size: 4 or 8 bytes.
struct Layout {
  std::size_t word, header_bytes, program_bytes, section_bytes, symbol_bytes;
  std::size_t entry, program_offset, section_offset, program_size, program_count, section_size, section_count, names;
  struct {
    std::size_t offset, run_address, load_address, file_bytes, memory_bytes;
  } segment;
  struct {
    std::size_t flags, address, offset, bytes, link, entry_bytes;
  } section;
  struct {
    std::size_t info, section, address, bytes;
  } symbol;
};
constexpr Layout kLayout32{
    4, 52, 32, 40, 16, 24, 28, 32, 42, 44, 46, 48, 50, {4, 8, 12, 16, 20}, {8, 12, 16, 20, 24, 36}, {12, 14, 4, 8}};
constexpr Layout kLayout64{
    8, 64, 56, 64, 24, 24, 32, 40, 54, 56, 58, 60, 62, {8, 16, 24, 32, 40}, {8, 16, 24, 32, 40, 56}, {4, 6, 8, 16}};

struct Header {
  const Layout* layout;
  std::uint32_t entry, program_offset, section_offset;
  std::uint16_t program_count, section_count, names_index;
};

struct SectionHeader {
  std::uint32_t name, type, flags, address, offset, bytes, link, entry_bytes;
};

Result<ByteSpan> part(ByteSpan file, std::uint64_t offset, std::uint64_t bytes, const char* what) {
  if (offset > file.size() || bytes > file.size() - offset) {
    return fail(Code::malformed, "ELF: byte " + std::to_string(offset) + ": " + what + " of " + std::to_string(bytes) +
                                     " bytes lies outside of the file of " + std::to_string(file.size()) + " bytes");
  }
  return file.subspan(offset, bytes);
}

std::uint32_t u32(ByteSpan bytes, std::size_t at) {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}
std::uint16_t u16(ByteSpan bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8); }

/// A word of a record. What does not fit 32 bits becomes the largest number, which is refused where it is used.
std::uint32_t word(const Layout& layout, ByteSpan bytes, std::size_t at) {
  return layout.word == 4 || u32(bytes, at + 4) == 0 ? u32(bytes, at) : 0xffffffffu;
}

Result<Header> read_header(ByteSpan file) {
  MOTE_TRY(const ByteSpan identity, part(file, 0, 20, "the header"));
  const bool elf = identity[0] == 0x7f && identity[1] == 'E' && identity[2] == 'L' && identity[3] == 'F';
  if (!elf) return fail(Code::malformed, "ELF: byte 0: this is not an ELF file");
  const std::uint32_t machine = u16(identity, 18);
  const bool narrow = identity[4] == 1 && (machine == kMachineArm || machine == kMachineRiscv || machine == kMachineAvr);
  const bool wide = identity[4] == 2 && (machine == kMachineX86_64 || machine == kMachineAarch64);
  if (identity[5] != 1 || (!narrow && !wide)) {
    return fail(Code::unsupported,
                "ELF: byte 4: not a little-endian file for 32-bit Arm or RISC-V, for AVR or a 64-bit PC; build it with "
                "arm-none-eabi-g++ or riscv64-unknown-elf-g++");
  }
  const Layout& l = narrow ? kLayout32 : kLayout64;
  MOTE_TRY(const ByteSpan head, part(file, 0, l.header_bytes, "the header"));
  const Header header{&l,
                      word(l, head, l.entry),
                      word(l, head, l.program_offset),
                      word(l, head, l.section_offset),
                      u16(head, l.program_count),
                      u16(head, l.section_count),
                      u16(head, l.names)};
  if (header.program_count > 0 && u16(head, l.program_size) != l.program_bytes)
    return fail(Code::malformed, "ELF: byte " + std::to_string(l.program_size) + ": wrong program header size");
  if (header.section_count > 0 && u16(head, l.section_size) != l.section_bytes)
    return fail(Code::malformed, "ELF: byte " + std::to_string(l.section_size) + ": wrong section header size");
  if (header.program_count > kMostHeaders || header.section_count > kMostHeaders) {
    return fail(Code::too_large, "ELF: byte " + std::to_string(l.program_count) + ": more than " +
                                     std::to_string(kMostHeaders) + " headers");
  }
  return header;
}

Result<std::vector<ElfSegment>> read_segments(ByteSpan file, const Header& header) {
  std::vector<ElfSegment> segments;
  const Layout& l = *header.layout;
  MOTE_TRY(const ByteSpan table,
           part(file, header.program_offset, std::uint64_t{header.program_count} * l.program_bytes,
                "the program header table"));
  for (std::size_t at = 0; at < table.size(); at += l.program_bytes) {
    const std::uint32_t file_bytes = word(l, table, at + l.segment.file_bytes);
    if (u32(table, at) != kSegmentLoad) continue;
    ElfSegment segment{word(l, table, at + l.segment.load_address),
                       word(l, table, at + l.segment.run_address),
                       {},
                       word(l, table, at + l.segment.memory_bytes)};
    if (segment.memory_bytes < file_bytes) {
      return fail(Code::malformed, "ELF: byte " + std::to_string(header.program_offset + at) +
                                       ": a segment is larger in the file than in memory");
    }
    MOTE_TRY(const ByteSpan content, part(file, word(l, table, at + l.segment.offset), file_bytes, "a segment"));
    segment.content.assign(content.begin(), content.end());
    segments.push_back(std::move(segment));
  }
  return segments;
}

Result<std::vector<SectionHeader>> read_section_headers(ByteSpan file, const Header& header) {
  std::vector<SectionHeader> headers;
  const Layout& l = *header.layout;
  MOTE_TRY(const ByteSpan table,
           part(file, header.section_offset, std::uint64_t{header.section_count} * l.section_bytes,
                "the section header table"));
  for (std::size_t at = 0; at < table.size(); at += l.section_bytes) {
    headers.push_back({u32(table, at), u32(table, at + 4), word(l, table, at + l.section.flags),
                       word(l, table, at + l.section.address), word(l, table, at + l.section.offset),
                       word(l, table, at + l.section.bytes), u32(table, at + l.section.link),
                       word(l, table, at + l.section.entry_bytes)});
  }
  return headers;
}

/// The zero-terminated name at `offset` of a string table.
Result<std::string> name_at(ByteSpan strings, std::uint32_t offset) {
  if (offset >= strings.size())
    return fail(Code::malformed, "ELF: name offset " + std::to_string(offset) + " lies outside of its string table");
  const auto begin = strings.begin() + offset;
  const auto end = std::find(begin, strings.end(), std::uint8_t{0});
  if (end == strings.end())
    return fail(Code::malformed,
                "ELF: the name at offset " + std::to_string(offset) + " of its string table has no end");
  return std::string(begin, end);
}

Result<std::vector<ElfSection>> read_sections(ByteSpan file, const Header& header,
                                              const std::vector<SectionHeader>& headers) {
  std::vector<ElfSection> sections;
  if (headers.empty()) return sections;
  if (header.names_index >= headers.size())
    return fail(Code::malformed, "ELF: byte 50: the index of the section names is out of range");
  const SectionHeader& names = headers[header.names_index];
  MOTE_TRY(const ByteSpan strings, part(file, names.offset, names.bytes, "the section name table"));
  for (const SectionHeader& entry : headers) {
    if (entry.type == 0) continue;
    MOTE_TRY(std::string name, name_at(strings, entry.name));
    sections.push_back({std::move(name), entry.address, entry.bytes, (entry.flags & kFlagAlloc) != 0,
                        entry.type != kSectionNoBits, (entry.flags & kFlagWrite) != 0,
                        (entry.flags & kFlagExecute) != 0});
  }
  return sections;
}

Result<std::vector<ElfSymbol>> read_symbols(ByteSpan file, const Layout& l, const std::vector<SectionHeader>& headers,
                                            const SectionHeader& table) {
  std::vector<ElfSymbol> symbols;
  if (table.link >= headers.size())
    return fail(Code::malformed, "ELF: the symbol table's string table is out of range");
  if (table.bytes / l.symbol_bytes > kMostSymbols) return fail(Code::too_large, "ELF: more than a million symbols");
  MOTE_TRY(const ByteSpan entries, part(file, table.offset, table.bytes, "the symbol table"));
  MOTE_TRY(const ByteSpan strings,
           part(file, headers[table.link].offset, headers[table.link].bytes, "the symbol names"));
  for (std::size_t at = 0; at + l.symbol_bytes <= entries.size(); at += l.symbol_bytes) {
    const std::uint32_t type = entries[at + l.symbol.info] & 15u;
    const bool defined = u16(entries, at + l.symbol.section) != 0;
    if (!defined || type == kSymbolFile || type == kSymbolSection) continue;
    MOTE_TRY(std::string name, name_at(strings, u32(entries, at)));
    if (name.empty() || name[0] == '$') continue;
    const bool is_function = type == kSymbolFunction;
    const std::uint32_t thumb_bit = is_function && l.word == 4 ? 1u : 0u;
    symbols.push_back({std::move(name), word(l, entries, at + l.symbol.address) & ~thumb_bit,
                       word(l, entries, at + l.symbol.bytes), is_function});
  }
  return symbols;
}

}  // namespace

Result<ElfFile> ElfFile::parse(ByteSpan bytes) {
  MOTE_TRY(const Header header, read_header(bytes));
  ElfFile elf;
  elf.entry_ = header.entry;
  MOTE_TRY(elf.segments_, read_segments(bytes, header));
  MOTE_TRY(const std::vector<SectionHeader> headers, read_section_headers(bytes, header));
  MOTE_TRY(elf.sections_, read_sections(bytes, header, headers));
  for (const SectionHeader& section : headers) {
    if (section.type != kSectionSymbols) continue;
    MOTE_TRY(std::vector<ElfSymbol> symbols, read_symbols(bytes, *header.layout, headers, section));
    elf.symbols_.insert(elf.symbols_.end(), std::make_move_iterator(symbols.begin()),
                        std::make_move_iterator(symbols.end()));
  }
  std::stable_sort(elf.symbols_.begin(), elf.symbols_.end(),
                   [](const ElfSymbol& a, const ElfSymbol& b) { return a.address < b.address; });
  return elf;
}

const ElfSection* ElfFile::find_section(std::string_view name) const {
  const auto found =
      std::find_if(sections_.begin(), sections_.end(), [&](const ElfSection& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

const ElfSymbol* ElfFile::find_symbol(std::string_view name) const {
  const auto found = std::find_if(symbols_.begin(), symbols_.end(), [&](const ElfSymbol& s) { return s.name == name; });
  return found == symbols_.end() ? nullptr : &*found;
}

MemoryUse memory_use(const ElfFile& elf) {
  constexpr std::uint32_t kRamStart = 0x20000000;
  MemoryUse use;
  for (const ElfSection& section : elf.sections()) {
    if (!section.allocated) continue;
    if (section.name == ".arena") {
      use.ram_arena_bytes += section.bytes;
    } else if (section.address >= kRamStart) {
      use.ram_static_bytes += section.bytes;
      if (section.has_content) use.flash_data_bytes += section.bytes;
    } else if (section.name == ".module") {
      use.flash_module_bytes += section.bytes;
    } else {
      use.flash_code_bytes += section.bytes;
    }
  }
  return use;
}

}  // namespace mote::board
