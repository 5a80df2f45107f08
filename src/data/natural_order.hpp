#pragma once
// "take2" before "take10": digit runs compare as numbers. A strict total order, so that sorting is deterministic.

#include <cstddef>
#include <string_view>

namespace mote::data {

[[nodiscard]] inline bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
      continue;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    std::size_t m = 0;
    std::size_t n = 0;
    while (i + m < a.size() && digit(a[i + m])) ++m;
    while (j + n < b.size() && digit(b[j + n])) ++n;
    if (m != n) return m < n;
    const int order = a.substr(i, m).compare(b.substr(j, n));
    if (order != 0) return order < 0;
    i += m;
    j += n;
  }
  if ((a.size() - i) != (b.size() - j)) return (a.size() - i) < (b.size() - j);
  return a < b;  // equal but for leading zeros
}

}  // namespace mote::data
