#pragma once
// Delimited text (RFC 4180: quotes, doubled quotes, CR LF or LF), row by row, without copying unquoted cells.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

inline constexpr std::size_t kCsvMaxFieldBytes = 64 << 10;
inline constexpr std::size_t kCsvMaxColumns = 4'096;

/// A cursor over text that must outlive it. A UTF-8 byte order mark is skipped.
class CsvReader {
 public:
  CsvReader(ByteSpan text, char delimiter);

  /// Reads the next row. An empty line is a row of no cells.
  /// @return false at the end of the text.
  /// @error malformed, too_large  with line and column.
  [[nodiscard]] Result<bool> next();
  /// Cells of the row that `next` read; valid until the next call.
  [[nodiscard]] const std::vector<std::string_view>& row() const { return row_; }
  /// Line (from 1) on which the row starts.
  [[nodiscard]] std::size_t line() const { return line_; }

 private:
  [[nodiscard]] Result<std::string_view> quoted_cell();
  [[nodiscard]] std::string place() const;

  std::string_view rest_;
  char delimiter_;
  std::vector<std::string_view> row_;
  std::deque<std::string> unquoted_;  // cells whose quotes had to be taken out; a deque keeps them in place
  std::size_t line_ = 0;
  std::size_t next_line_ = 1;
};

/// The most frequent of , ; and tab in the first line; a comma when there is none.
[[nodiscard]] char guess_delimiter(ByteSpan text);

/// A decimal number with nothing around it but blanks; NaN and infinity are numbers here, for the caller to refuse.
[[nodiscard]] std::optional<double> parse_number(std::string_view cell);
/// Seconds since 1970 of "2015-09-01 13:45:00", also with T, fraction and Z; nothing else is accepted.
[[nodiscard]] std::optional<double> parse_timestamp(std::string_view cell);

}  // namespace mote::data
