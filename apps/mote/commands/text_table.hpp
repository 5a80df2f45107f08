#pragma once
// Columns of text for the terminal. Widths count characters, not bytes; nothing is cut.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mote::app {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// @param cells  one a column; missing ones are empty.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Title line and rows, each ending in a newline, without trailing blanks. `indent` blanks stand in front of each.
  [[nodiscard]] std::string text(std::size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of UTF-8 text that take one cell each.
[[nodiscard]] std::size_t width_of(std::string_view utf8);

/// "1 sample", "3,000 samples".
[[nodiscard]] std::string counted(std::size_t count, std::string_view singular);
/// 3000 -> "3,000".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "512 B", "14.2 KiB", "3.1 MiB".
[[nodiscard]] std::string byte_text(std::uint64_t bytes);

}  // namespace mote::app
