#include "mote/fleet/http_range.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace mote::fleet {
namespace {

/// Digits alone; a number that does not fit is as large as can be.
std::optional<std::uint64_t> parse_number(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
  }
  return value;
}

bool is_bytes_unit(std::string_view unit) {
  constexpr std::string_view kUnit = "bytes";
  return unit.size() == kUnit.size() &&
         std::equal(unit.begin(), unit.end(), kUnit.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

}  // namespace

RangeAnswer parse_range(std::string_view header, std::uint64_t size) {
  using Kind = RangeAnswer::Kind;
  const std::size_t equals = header.find('=');
  if (equals == std::string_view::npos || !is_bytes_unit(header.substr(0, equals))) return {};
  const std::string_view range = header.substr(equals + 1);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view first_text = range.substr(0, dash), last_text = range.substr(dash + 1);
  const auto first = parse_number(first_text), last = parse_number(last_text);
  if (first_text.empty()) {
    if (!last) return {};
    if (*last == 0 || size == 0) return {Kind::unsatisfiable, 0, 0};
    return {Kind::part, size - std::min(*last, size), size - 1};
  }
  if (!first || (!last && !last_text.empty()) || (last && *last < *first)) return {};
  if (*first >= size) return {Kind::unsatisfiable, 0, 0};
  return {Kind::part, *first, last ? std::min(*last, size - 1) : size - 1};
}

}  // namespace mote::fleet
