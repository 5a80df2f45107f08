#include "csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace mote::data {
namespace {

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.remove_suffix(1);
  return cell;
}

std::string_view without_mark(std::string_view text) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  return text;
}

std::string_view text_of(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

CsvReader::CsvReader(ByteSpan text, char delimiter) : rest_(without_mark(text_of(text))), delimiter_(delimiter) {}

std::string CsvReader::place() const {
  return "line " + std::to_string(line_) + ", column " + std::to_string(row_.size() + 1) + ": ";
}

Result<std::string_view> CsvReader::quoted_cell() {
  rest_.remove_prefix(1);
  std::string& cell = unquoted_.emplace_back();
  while (true) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) return fail(Code::malformed, place() + "a quoted cell has no closing quote");
    if (cell.size() + quote > kCsvMaxFieldBytes) {
      return fail(Code::too_large, place() + "a cell is longer than " + std::to_string(kCsvMaxFieldBytes) + " bytes");
    }
    cell.append(rest_.substr(0, quote));
    next_line_ +=
        static_cast<std::size_t>(std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
    rest_.remove_prefix(quote + 1);
    if (rest_.empty() || rest_.front() != '"') break;
    cell.push_back('"');
    rest_.remove_prefix(1);
  }
  if (!rest_.empty() && rest_.front() != delimiter_ && rest_.front() != '\n' && rest_.front() != '\r') {
    return fail(Code::malformed, place() + "text follows the closing quote of a cell");
  }
  return std::string_view(cell);
}

Result<bool> CsvReader::next() {
  row_.clear();
  unquoted_.clear();
  if (rest_.empty()) return false;
  line_ = next_line_++;
  while (true) {
    if (row_.size() == kCsvMaxColumns) {
      return fail(Code::too_large, place() + "more than " + std::to_string(kCsvMaxColumns) + " cells in a row");
    }
    if (!rest_.empty() && rest_.front() == '"') {
      MOTE_TRY(const std::string_view cell, quoted_cell());
      row_.push_back(cell);
    } else {
      std::size_t end = 0;
      while (end < rest_.size() && rest_[end] != delimiter_ && rest_[end] != '\n') ++end;
      if (end > kCsvMaxFieldBytes) {
        return fail(Code::too_large, place() + "a cell is longer than " + std::to_string(kCsvMaxFieldBytes) + " bytes");
      }
      std::string_view cell = rest_.substr(0, end);
      rest_.remove_prefix(end);
      if (cell.ends_with('\r') && (rest_.empty() || rest_.front() == '\n')) cell.remove_suffix(1);
      row_.push_back(cell);
    }
    if (!rest_.empty() && rest_.front() == '\r') rest_.remove_prefix(1);
    if (rest_.empty()) break;
    const char stop = rest_.front();
    rest_.remove_prefix(1);
    if (stop == '\n') break;
  }
  if (row_.size() == 1 && trimmed(row_[0]).empty()) row_.clear();
  return true;
}

char guess_delimiter(ByteSpan text) {
  std::string_view line = without_mark(text_of(text));
  line = line.substr(0, std::min(line.find('\n'), kCsvMaxFieldBytes));
  char best = ',';
  for (const char candidate : {';', '\t'}) {
    if (std::count(line.begin(), line.end(), candidate) > std::count(line.begin(), line.end(), best)) best = candidate;
  }
  return best;
}

std::optional<double> parse_number(std::string_view cell) {
  cell = trimmed(cell);
  if (!cell.empty() && cell.front() == '+') cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_timestamp(std::string_view cell) {
  cell = trimmed(cell);
  if (cell.ends_with('Z')) cell.remove_suffix(1);
  if (cell.size() < 19 || cell[4] != '-' || cell[7] != '-' || (cell[10] != ' ' && cell[10] != 'T') || cell[13] != ':' ||
      cell[16] != ':') {
    return std::nullopt;
  }
  constexpr std::array<std::array<std::size_t, 2>, 5> kFields{{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}}};
  std::array<int, 5> field{};
  for (std::size_t k = 0; k < kFields.size(); ++k) {
    const char* begin = cell.data() + kFields[k][0];
    const char* end = begin + kFields[k][1];
    if (const auto parsed = std::from_chars(begin, end, field[k]); parsed.ec != std::errc() || parsed.ptr != end)
      return std::nullopt;
  }
  const auto seconds = parse_number(cell.substr(17));
  const std::chrono::year_month_day date{std::chrono::year(field[0]),
                                         std::chrono::month(static_cast<unsigned>(field[1])),
                                         std::chrono::day(static_cast<unsigned>(field[2]))};
  if (!seconds || !(*seconds >= 0 && *seconds < 61) || !date.ok() || field[3] > 23 || field[4] > 59 || field[3] < 0 ||
      field[4] < 0) {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86'400 + field[3] * 3'600 + field[4] * 60 + *seconds;
}

}  // namespace mote::data
