#include "series_columns.hpp"

#include <algorithm>
#include <charconv>

#include "../parse/csv.hpp"

namespace mote::data {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

Result<std::size_t> find_column(const SeriesColumns& columns, const std::string& wanted) {
  const auto found = std::find(columns.names.begin(), columns.names.end(), wanted);
  if (found != columns.names.end()) return static_cast<std::size_t>(found - columns.names.begin());
  std::size_t number = 0;
  if (wanted.size() > 1 && wanted.front() == '#') {
    const auto [end, error] = std::from_chars(wanted.data() + 1, wanted.data() + wanted.size(), number);
    if (error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 && number <= columns.count)
      return number - 1;
  }
  std::string known;
  for (std::size_t k = 0; k < std::min<std::size_t>(columns.names.size(), 12); ++k)
    known += (k == 0 ? "" : ", ") + columns.names[k];
  return fail(Code::malformed, "line 1: there is no column '" + wanted + "'; the columns are " + known +
                                   (columns.names.size() > 12 ? ", ..." : ""));
}

Result<std::optional<std::size_t>> find_role(const SeriesColumns& columns, const std::string& wanted) {
  if (wanted.empty()) return std::optional<std::size_t>();
  MOTE_TRY(const std::size_t column, find_column(columns, wanted));
  return std::optional(column);
}

}  // namespace

std::vector<std::string> SeriesColumns::channel_names() const {
  std::vector<std::string> list;
  for (const std::size_t column : channels) list.push_back(names[column]);
  return list;
}

bool is_header(const SeriesSpec& spec, const std::vector<std::string_view>& row) {
  if (spec.header != SeriesSpec::Header::detect) return spec.header == SeriesSpec::Header::yes;
  return std::any_of(row.begin(), row.end(),
                     [](std::string_view cell) { return !parse_number(cell) && !parse_timestamp(cell); });
}

Result<SeriesColumns> resolve_columns(const SeriesSpec& spec, const std::vector<std::string_view>& row,
                                      bool has_header) {
  SeriesColumns columns;
  columns.count = row.size();
  for (std::size_t k = 0; k < row.size(); ++k) {
    columns.names.push_back(has_header ? std::string(trimmed(row[k])) : "#" + std::to_string(k + 1));
  }
  MOTE_TRY(columns.time, find_role(columns, spec.time_column));
  if (spec.label == SeriesSpec::Label::column) {
    MOTE_TRY(columns.label, find_role(columns, spec.label_column));
  }
  if (spec.group == SeriesSpec::Group::column) {
    MOTE_TRY(columns.group, find_role(columns, spec.group_column));
  }
  const auto taken = [&](std::size_t k) { return columns.time == k || columns.label == k || columns.group == k; };
  for (const std::string& wanted : spec.channels) {
    MOTE_TRY(const std::size_t column, find_column(columns, wanted));
    if (taken(column) || std::count(columns.channels.begin(), columns.channels.end(), column) > 0) {
      return fail(Code::invalid_argument, "line 1: the column '" + wanted + "' has two roles");
    }
    columns.channels.push_back(column);
  }
  for (std::size_t k = 0; spec.channels.empty() && k < columns.count; ++k) {
    if (!taken(k)) columns.channels.push_back(k);
  }
  if (columns.channels.empty()) return fail(Code::malformed, "line 1: no column is left for the channels");
  return columns;
}

}  // namespace mote::data
