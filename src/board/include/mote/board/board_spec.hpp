#pragma once
// Boards as data: what the catalogue knows about each, and reading of a user's own board file.
// A field that is not certain is named in `estimated`; whatever is computed from it is an estimate too.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/board/cycle_model.hpp"

namespace mote::board {

/// A fully associative cache with least-recently-used replacement. No lines: no cache.
struct CacheGeometry {
  std::uint32_t lines = 0;
  std::uint32_t line_bytes = 0;
  bool operator==(const CacheGeometry&) const = default;
};

struct BoardSpec {
  std::string name;   ///< "nucleo-l4r5zi"; lower case, digits and dashes
  std::string title;  ///< for people
  std::string mcu;
  std::string core;  ///< "cortex-m4f", "cortex-m0plus", "cortex-m33", ...
  bool fpu = false;  ///< single precision
  bool dsp = false;  ///< Armv7E-M DSP instructions
  std::uint32_t clock_hz = 0;
  std::uint32_t ram_bytes = 0;  ///< in one piece
  std::uint32_t flash_bytes = 0;
  std::uint32_t flash_wait_states = 0;        ///< at clock_hz
  std::uint32_t flash_sector_bytes = 0;       ///< what an erase takes
  std::uint32_t flash_write_bytes = 0;        ///< what a program takes
  std::uint32_t flash_programs_per_unit = 0;  ///< times a write unit may be programmed between erases; 0 means no limit
  double flash_erase_ms = 0;    ///< a sector's erase, typically; 0: unknown, then it takes no time
  double flash_program_us = 0;  ///< a write unit, typically; 0: unknown
  CacheGeometry flash_data_cache;             ///< a line is what one read of the flash brings
  CacheGeometry instruction_cache;            ///< no lines: instructions come without waiting
  Calibration calibration;
  double supply_volts = 0;                     ///< 0: unknown
  double run_current_ma = 0;                   ///< of the microcontroller, running from flash at clock_hz; 0: unknown
  std::vector<std::string> estimated;          ///< names of the fields above that are not certain
  std::map<std::string, std::string> sources;  ///< field name -> where the figure is from

  /// Whether mote can compile for this board and run it: its core is in the table of core.hpp.
  [[nodiscard]] bool runs_here() const;
  /// Whether it is emulated, so that what it executes is counted: every board that runs here but the host itself.
  [[nodiscard]] bool emulated() const;
  /// Bytes that one read of the flash brings, as far as its caches tell; 0 without any.
  [[nodiscard]] std::uint32_t flash_read_bytes() const {
    const bool by_data = flash_data_cache.lines != 0 &&
                         (instruction_cache.lines == 0 || flash_data_cache.line_bytes < instruction_cache.line_bytes);
    return by_data ? flash_data_cache.line_bytes : instruction_cache.line_bytes;
  }
  [[nodiscard]] bool is_estimated(std::string_view field) const;
};

/// Every board that is built in, by name. Thread-safe; lives as long as the program.
[[nodiscard]] const std::vector<BoardSpec>& catalogue();

/// A board of the catalogue by name.
/// @error not_found  with the names closest to `name`.
[[nodiscard]] Result<BoardSpec> find_board(std::string_view name);

/// Reads one board from TOML text; `origin` names it in errors. The format is that of src/board/catalogue; its README
/// lists the keys.
/// @error malformed         not TOML (with line and column), or a key is missing, unknown, of the wrong type or out of
/// range.
[[nodiscard]] Result<BoardSpec> parse_board(std::string_view text, std::string_view origin);

/// A board of the catalogue, or when `name_or_file` ends in ".toml" the board in that file.
/// @error not_found, malformed, io
[[nodiscard]] Result<BoardSpec> load_board(const std::string& name_or_file);

}  // namespace mote::board
