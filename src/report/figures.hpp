#pragma once
// Numbers as people read them. Independent of the locale; every function says "n/a" for what was not measured.

#include <cstdint>
#include <string>
#include <vector>

#include "mote/report/report_data.hpp"

namespace mote::report {

inline constexpr const char* kNotMeasured = "n/a";

/// True when there is a finite number.
[[nodiscard]] bool is_known(const Figure& figure);

/// "3.14"; a typographic minus for negative numbers.
[[nodiscard]] std::string fixed(const Figure& figure, int decimals);
/// "+0.12", "-0.12", "0.00".
[[nodiscard]] std::string with_sign(const Figure& figure, int decimals);
/// At least three significant digits, no more than needed: "41.3", "1,240", "0.00321", "1.20e-9".
[[nodiscard]] std::string significant(const Figure& figure);
/// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "2.24 M", "13.4 k", "812"
[[nodiscard]] std::string compact(const Figure& figure);
/// 0.9342 -> "93.42 %"
[[nodiscard]] std::string percent(const Figure& fraction, int decimals = 1);
/// "812 B", "57.9 KiB", "1.25 MiB"
[[nodiscard]] std::string kibibytes(const Figure& bytes);
/// With its unit.
[[nodiscard]] std::string quantity(const Figure& figure, Unit unit);
/// "1 x 28 x 28 x 16", with the multiplication sign.
[[nodiscard]] std::string dimensions(const std::vector<std::int64_t>& shape);
/// "1 layer", "3 layers"
[[nodiscard]] std::string plural(std::uint64_t count, const char* one, const char* many);
/// First 12 digits of a hash.
[[nodiscard]] std::string short_id(const std::string& id);

/// Quotient that is unknown when either side is, or the divisor is 0.
[[nodiscard]] Figure ratio(const Figure& part, const Figure& whole);

/// Half of the 95 % Wilson score interval's bounds for `successes` of `count` trials, as fractions (E. B. Wilson, JASA
/// 22, 1927).
struct Interval {
  double low = 0;
  double high = 0;
};
[[nodiscard]] Interval wilson_interval(double fraction, std::uint64_t count);

}  // namespace mote::report
