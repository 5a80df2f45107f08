#pragma once
// Which column of a CSV file plays which role.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/data/import.hpp"

namespace mote::data {

struct SeriesColumns {
  std::size_t count = 0;           ///< cells a row must have
  std::vector<std::string> names;  ///< from the header, or "#1", "#2", ...
  std::vector<std::size_t> channels;
  std::optional<std::size_t> time;
  std::optional<std::size_t> label;
  std::optional<std::size_t> group;

  [[nodiscard]] std::vector<std::string> channel_names() const;
};

/// @param row  the header, or the first row of values when the file has none.
/// @error malformed  a column that the settings name is missing, or one has two roles.
[[nodiscard]] Result<SeriesColumns> resolve_columns(const SeriesSpec& spec, const std::vector<std::string_view>& row,
                                                    bool has_header);

/// Whether the first row of a file is a header, under the rule of the settings.
[[nodiscard]] bool is_header(const SeriesSpec& spec, const std::vector<std::string_view>& row);

}  // namespace mote::data
