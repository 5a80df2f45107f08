// The one file that includes toml++.

#include <toml++/toml.h>

#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "mote/base/file.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::board {
namespace {

/// Takes typed keys out of one table and reports the first failure; at the end, keys nobody took are unknown.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  std::string text(const char* key) {
    const toml::node* node = take(key, true);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::string>();
    if (!value || value->empty()) refuse(key, "must be a text that is not empty");
    return value.value_or("");
  }

  bool flag(const char* key) {
    const toml::node* node = take(key, true);
    if (node == nullptr) return false;
    const auto value = node->value_exact<bool>();
    if (!value) refuse(key, "must be true or false");
    return value.value_or(false);
  }

  std::uint32_t count(const char* key, std::uint32_t least, std::optional<std::uint32_t> otherwise = std::nullopt) {
    const toml::node* node = take(key, !otherwise.has_value());
    if (node == nullptr) return otherwise.value_or(0);
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < least || *value > std::numeric_limits<std::uint32_t>::max()) {
      refuse(key, "must be a whole number from " + std::to_string(least) + " to 4294967295");
      return 0;
    }
    return static_cast<std::uint32_t>(*value);
  }

  double number(const char* key, double otherwise, double most) {
    const toml::node* node = take(key, false);
    if (node == nullptr) return otherwise;
    const auto value = node->value<double>();
    if (!node->is_number() || !value || !std::isfinite(*value) || *value < 0 || *value > most) {
      refuse(key, "must be a number from 0 to " + std::to_string(static_cast<long long>(most)));
      return 0;
    }
    return *value;
  }

  const toml::table* table(const char* key) {
    const toml::node* node = take(key, false);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) refuse(key, "must be a table");
    return node->as_table();
  }

  std::vector<std::string> names(const char* key) {
    std::vector<std::string> result;
    const toml::node* node = take(key, false);
    if (node == nullptr) return result;
    const toml::array* list = node->as_array();
    if (list == nullptr) {
      refuse(key, "must be a list of texts");
      return result;
    }
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value) refuse(key, "must be a list of texts");
      result.push_back(value.value_or(""));
    }
    return result;
  }

  /// The first failure of all, unknown keys included.
  [[nodiscard]] std::optional<Error> finish() {
    for (const auto& [key, node] : table_) {
      static_cast<void>(node);
      if (taken_.count(std::string(key.str())) == 0) refuse(std::string(key.str()), "is not a key of a board file");
    }
    return error_;
  }

  void refuse(const std::string& key, const std::string& why) {
    if (error_) return;
    const toml::node* node = table_.get(key);
    const auto line = node != nullptr ? node->source().begin.line : table_.source().begin.line;
    error_ = Error(Code::malformed, where_ + ": line " + std::to_string(line) + ": " + key + " " + why);
  }

 private:
  const toml::node* take(const char* key, bool required) {
    taken_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && required) refuse(key, "is missing; every board states it");
    return node;
  }

  const toml::table& table_;
  std::string where_;
  std::set<std::string> taken_;
  std::optional<Error> error_;
};

Result<CacheGeometry> read_cache(TableReader& board, const char* key, const std::string& where) {
  CacheGeometry cache;
  const toml::table* table = board.table(key);
  if (table == nullptr) return cache;
  TableReader reader(*table, where + ": " + key);
  cache.lines = reader.count("lines", 1);
  cache.line_bytes = reader.count("line_bytes", 4);
  if (cache.lines > 4096) reader.refuse("lines", "must be at most 4096");
  if ((cache.line_bytes & (cache.line_bytes - 1)) != 0) reader.refuse("line_bytes", "must be a power of two");
  if (auto error = reader.finish()) return fail(std::move(*error));
  return cache;
}

Result<Calibration> read_calibration(TableReader& board, const std::string& where) {
  Calibration calibration;
  const toml::table* table = board.table("cycles");
  if (table == nullptr) return calibration;
  TableReader reader(*table, where + ": cycles");
  calibration.flash_miss_cycles = reader.number("flash_miss", 0, 1000);
  calibration.unaligned_wide_cycles = reader.number("unaligned_wide", 0, 1000);
  calibration.load_use_cycles = reader.number("load_use", 0, 1000);
  calibration.fitted = reader.flag("fitted");
  if (auto error = reader.finish()) return fail(std::move(*error));
  return calibration;
}

Result<std::map<std::string, std::string>> read_sources(TableReader& board, const std::string& where) {
  std::map<std::string, std::string> sources;
  const toml::table* table = board.table("sources");
  if (table == nullptr) return sources;
  for (const auto& [key, node] : *table) {
    const auto value = node.value_exact<std::string>();
    if (!value) return fail(Code::malformed, where + ": sources: " + std::string(key.str()) + " must be a text");
    sources.emplace(std::string(key.str()), *value);
  }
  return sources;
}

void check_ranges(TableReader& reader, const BoardSpec& board) {
  const bool plain_name =
      !board.name.empty() && board.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!plain_name) reader.refuse("name", "must consist of lower-case letters, digits and dashes");
  const auto power_of_two = [](std::uint32_t value) { return value != 0 && (value & (value - 1)) == 0; };
  if (!power_of_two(board.flash_write_bytes)) reader.refuse("flash_write_bytes", "must be a power of two");
  if (board.flash_write_bytes != 0 && board.flash_sector_bytes % board.flash_write_bytes != 0) {
    reader.refuse("flash_sector_bytes", "must be a multiple of flash_write_bytes");
  }
  if (board.flash_sector_bytes != 0 && board.flash_bytes % board.flash_sector_bytes != 0) {
    reader.refuse("flash_bytes", "must be a multiple of flash_sector_bytes");
  }
  constexpr std::uint32_t kMostBytes = 0x10000000;  // the virtual board's flash and RAM windows
  // Pages of the emulator; an AVR has less.
  const std::uint32_t page = board.core.starts_with("avr") ? 256 : 4096;
  const std::string rule = "must be a multiple of " + std::to_string(page) + " and at most 268435456";
  if (board.flash_bytes == 0 || board.flash_bytes > kMostBytes || board.flash_bytes % page != 0)
    reader.refuse("flash_bytes", rule);
  if (board.ram_bytes == 0 || board.ram_bytes > kMostBytes || board.ram_bytes % page != 0)
    reader.refuse("ram_bytes", rule);
}

Result<BoardSpec> read_board(const toml::table& table, const std::string& where) {
  TableReader reader(table, where);
  BoardSpec board;
  board.name = reader.text("name");
  board.title = reader.text("title");
  board.mcu = reader.text("mcu");
  board.core = reader.text("core");
  board.fpu = reader.flag("fpu");
  board.dsp = reader.flag("dsp");
  board.clock_hz = reader.count("clock_hz", 1);
  board.ram_bytes = reader.count("ram_bytes", 256);
  board.flash_bytes = reader.count("flash_bytes", 4096);
  board.flash_wait_states = reader.count("flash_wait_states", 0, 0);
  board.flash_sector_bytes = reader.count("flash_sector_bytes", 1, 4096);
  board.flash_write_bytes = reader.count("flash_write_bytes", 1, 8);
  board.flash_programs_per_unit = reader.count("flash_programs_per_unit", 0, 0);
  board.flash_erase_ms = reader.number("flash_erase_ms", 0, 100'000);
  board.flash_program_us = reader.number("flash_program_us", 0, 1'000'000);
  board.supply_volts = reader.number("supply_volts", 0, 60);
  board.run_current_ma = reader.number("run_current_ma", 0, 10000);
  board.estimated = reader.names("estimated");
  MOTE_TRY(board.flash_data_cache, read_cache(reader, "flash_data_cache", where));
  MOTE_TRY(board.instruction_cache, read_cache(reader, "instruction_cache", where));
  MOTE_TRY(board.calibration, read_calibration(reader, where));
  MOTE_TRY(board.sources, read_sources(reader, where));
  check_ranges(reader, board);
  if (auto error = reader.finish()) return fail(std::move(*error));
  return board;
}

}  // namespace

Result<BoardSpec> parse_board(std::string_view text, std::string_view origin) {
  try {
    return read_board(toml::parse(text, origin), std::string(origin));
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    return fail(Code::malformed, std::string(origin) + ": line " + std::to_string(at.line) + ", column " +
                                     std::to_string(at.column) + ": not TOML: " + std::string(error.description()));
  }
}

Result<BoardSpec> load_board(const std::string& name_or_file) {
  constexpr std::uint64_t kMostTextBytes = 1 << 20;
  if (!name_or_file.ends_with(".toml")) return find_board(name_or_file);
  MOTE_TRY(const std::string text, read_text(name_or_file, kMostTextBytes));
  return parse_board(text, name_or_file);
}

}  // namespace mote::board
