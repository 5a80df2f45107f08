#include "mote/pipeline/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <span>

namespace mote::pipeline {
namespace {

struct Spelling {
  std::string_view name;
  double factor;
  bool is_printed;  ///< used by print_quantity; the others are only read
};

constexpr std::array kBytes{Spelling{"B", 1, true},         Spelling{"KiB", 1024, true},
                            Spelling{"MiB", 1048576, true}, Spelling{"GiB", 1073741824, true},
                            Spelling{"kB", 1e3, false},     Spelling{"KB", 1e3, false},
                            Spelling{"MB", 1e6, false},     Spelling{"GB", 1e9, false}};
constexpr std::array kMilliseconds{Spelling{"us", 1e-3, false}, Spelling{"µs", 1e-3, false},
                                   Spelling{"ms", 1, true},     Spelling{"s", 1e3, true},
                                   Spelling{"min", 6e4, false}, Spelling{"h", 3.6e6, false}};
constexpr std::array kHertz{Spelling{"Hz", 1, true}, Spelling{"kHz", 1e3, true}, Spelling{"MHz", 1e6, true},
                            Spelling{"GHz", 1e9, true}};
constexpr std::array kMicrojoules{Spelling{"nJ", 1e-3, true}, Spelling{"uJ", 1, true}, Spelling{"µJ", 1, false},
                                  Spelling{"mJ", 1e3, true}, Spelling{"J", 1e6, true}};
constexpr std::array kRatio{Spelling{"%", 0.01, true}};
constexpr std::array kPerDay{Spelling{"/day", 1, true}, Spelling{"/hour", 24, false},
                             Spelling{"/week", 1.0 / 7, false}};

std::span<const Spelling> spellings(Unit unit) {
  switch (unit) {
    case Unit::bytes:
      return kBytes;
    case Unit::milliseconds:
      return kMilliseconds;
    case Unit::hertz:
      return kHertz;
    case Unit::microjoules:
      return kMicrojoules;
    case Unit::ratio:
      return kRatio;
    case Unit::per_day:
      return kPerDay;
  }
  return {};
}

std::string_view example(Unit unit) {
  switch (unit) {
    case Unit::bytes:
      return "\"64 KiB\"";
    case Unit::milliseconds:
      return "\"50 ms\"";
    case Unit::hertz:
      return "\"120 MHz\"";
    case Unit::microjoules:
      return "\"30 uJ\"";
    case Unit::ratio:
      return "\"3 %\"";
    case Unit::per_day:
      return "\"2 /day\"";
  }
  return "";
}

std::string units_that_fit(Unit unit) {
  std::string list;
  for (const Spelling& spelling : spellings(unit)) list += (list.empty() ? "" : ", ") + std::string(spelling.name);
  return list;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Result<double> in_range(double value, Unit unit) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: up to here a double counts every byte
  if (unit == Unit::ratio) {
    if (value < 0 || value > 1) return fail(Code::invalid_argument, "must be within 0 % and 100 %");
    return value + 0.0;
  }
  if (!(value > 0)) return fail(Code::invalid_argument, "must be above zero");
  if (value > kExact) return fail(Code::invalid_argument, "is too large");
  if (unit == Unit::bytes && value != std::floor(value)) {
    return fail(Code::invalid_argument, "is not a whole number of bytes");
  }
  return value;
}

}  // namespace

Result<double> parse_quantity(std::string_view text, Unit unit) {
  const std::string_view whole = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) {
    return fail(Code::malformed, "is no number with a unit; write it like " + std::string(example(unit)));
  }
  const std::string_view rest = trimmed(whole.substr(static_cast<std::size_t>(end - whole.data())));
  for (const Spelling& spelling : spellings(unit)) {
    if (spelling.name == rest) return in_range(number * spelling.factor, unit);
  }
  const std::string problem = rest.empty() ? "has no unit" : "has a unit that does not fit here";
  return fail(Code::malformed,
              problem + "; write it like " + std::string(example(unit)) + " (" + units_that_fit(unit) + ")");
}

std::string print_quantity(double value, Unit unit) {
  const Spelling* best = nullptr;
  for (const Spelling& spelling : spellings(unit)) {
    if (!spelling.is_printed) continue;
    if (best == nullptr || std::abs(value) >= spelling.factor) best = &spelling;
  }
  const double number = value / best->factor;
  std::array<char, 40> digits{};
  const bool is_whole_count = unit == Unit::bytes && best->factor == 1;
  std::snprintf(digits.data(), digits.size(), is_whole_count || std::abs(number) >= 1000 ? "%.0f" : "%.3g", number);
  return std::string(digits.data()) + " " + std::string(best->name);
}

std::string canonical_number(double value) {
  std::array<char, 40> digits{};
  const double normal = value == 0 ? 0.0 : value;  // -0 is 0
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), normal);
  return error == std::errc{} ? std::string(digits.data(), end) : std::string("0");
}

}  // namespace mote::pipeline
