#pragma once
// Numbers with units as people write them, and back.

#include <string>
#include <string_view>

#include "mote/base/error.hpp"

namespace mote::pipeline {

/// What a quantity is counted in once it is read.
enum class Unit {
  bytes,         ///< "24 KiB" (1024), "64 kB" (1000), "1.5 MiB"
  milliseconds,  ///< "50 ms", "800 us", "2 s", "1 min"
  hertz,         ///< "120 MHz", "16 kHz"
  microjoules,   ///< "30 uJ", "1.2 mJ"
  ratio,         ///< "3 %" is 0.03
  per_day,       ///< "2 /day", "1 /hour", "3 /week"
};

/// Reads "<number> <unit>"; the space may be missing.
/// @error malformed         no number, no unit, or one that does not fit; the sentence lists those that do.
/// @error invalid_argument  not above zero (ratio: outside 0 % to 100 %), parts of a byte, or beyond 2^53.
[[nodiscard]] Result<double> parse_quantity(std::string_view text, Unit unit);

/// For people, three to four digits: 71234 bytes -> "69.6 KiB", 0.0312 ratio -> "3.12 %", 0.8 ms -> "0.8 ms".
[[nodiscard]] std::string print_quantity(double value, Unit unit);

/// Shortest text that reads back as the same double; whole numbers without a point.
[[nodiscard]] std::string canonical_number(double value);

}  // namespace mote::pipeline
