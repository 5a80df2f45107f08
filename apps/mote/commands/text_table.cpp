#include "text_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mote::app {
namespace {

void append_row(std::string& out, const std::vector<Column>& columns, const std::vector<std::size_t>& widths,
                const std::vector<std::string>& cells, std::size_t indent) {
  std::string line(indent, ' ');
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string& cell = c < cells.size() ? cells[c] : std::string();
    const std::string blanks(widths[c] - width_of(cell), ' ');
    line += (c > 0 ? "  " : "") + (columns[c].align == Align::right ? blanks + cell : cell + blanks);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

}  // namespace

void TextTable::add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::string TextTable::text(std::size_t indent) const {
  std::vector<std::size_t> widths;
  std::vector<std::string> titles;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    titles.push_back(columns_[c].title);
    widths.push_back(width_of(columns_[c].title));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], c < row.size() ? width_of(row[c]) : 0);
  }
  std::string out;
  append_row(out, columns_, widths, titles, indent);
  for (const auto& row : rows_) append_row(out, columns_, widths, row, indent);
  return out;
}

std::size_t width_of(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, ",");
  return digits;
}

std::string counted(std::size_t count, std::string_view singular) {
  return grouped(count) + " " + std::string(singular) + (count == 1 ? "" : "s");
}

std::string byte_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<const char*, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace mote::app
