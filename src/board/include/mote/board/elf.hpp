#pragma once
// Reads what mote needs of a little-endian ELF for 32-bit Arm or RISC-V, or for the machine that mote runs on: what to
// load where, sections, symbols. Untrusted bytes: every offset is checked. Absent on purpose: relocations, dynamic
// linking, debug information.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::board {

struct ElfSection {
  std::string name;
  std::uint32_t address = 0;
  std::uint32_t bytes = 0;
  bool allocated = false;    ///< occupies memory of the device
  bool has_content = false;  ///< occupies bytes of the file (.bss does not)
  bool writable = false;
  bool executable = false;
};

struct ElfSymbol {
  std::string name;
  std::uint32_t address = 0;  ///< without the Thumb bit
  std::uint32_t bytes = 0;    ///< 0 when the file does not say
  bool is_function = false;
};

/// A piece of the image. `load_address` is where it lies in flash, `run_address` where the program expects it.
struct ElfSegment {
  std::uint32_t load_address = 0;
  std::uint32_t run_address = 0;
  Bytes content;
  std::uint32_t memory_bytes = 0;  ///< >= content.size(); the rest is zero
};

class ElfFile {
 public:
  /// @error malformed    truncated, or an offset or index points outside; names the byte offset.
  /// @error unsupported  not a little-endian executable for one of these.
  [[nodiscard]] static Result<ElfFile> parse(ByteSpan bytes);

  [[nodiscard]] std::uint32_t entry() const { return entry_; }
  [[nodiscard]] const std::vector<ElfSegment>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<ElfSection>& sections() const { return sections_; }
  /// Named symbols with an address, by address; mapping symbols ($t, $d) and files are left out.
  [[nodiscard]] const std::vector<ElfSymbol>& symbols() const { return symbols_; }

  /// nullptr when there is none.
  [[nodiscard]] const ElfSection* find_section(std::string_view name) const;
  [[nodiscard]] const ElfSymbol* find_symbol(std::string_view name) const;

 private:
  std::uint32_t entry_ = 0;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
  std::vector<ElfSymbol> symbols_;
};

/// Where an image's bytes go, by what they are for.
struct MemoryUse {
  std::uint32_t flash_code_bytes = 0;    ///< vectors, code and constants, without the module
  std::uint32_t flash_module_bytes = 0;  ///< section .module
  std::uint32_t flash_data_bytes = 0;    ///< initial values of .data
  std::uint32_t ram_static_bytes = 0;    ///< .data and .bss
  std::uint32_t ram_arena_bytes = 0;     ///< section .arena
  [[nodiscard]] std::uint32_t flash_bytes() const { return flash_code_bytes + flash_module_bytes + flash_data_bytes; }
};

/// Sums the allocated sections of a firmware; RAM is what lies at or above 0x20000000.
[[nodiscard]] MemoryUse memory_use(const ElfFile& elf);

}  // namespace mote::board
