#include "figures.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mote::report {
namespace {

constexpr const char* kMinus = "\u2212";
constexpr double kKibi = 1024.0;

std::string digits(double magnitude, int decimals) {
  std::array<char, 352> buffer{};
  const auto end = buffer.data() + buffer.size();
  const auto result = std::to_chars(buffer.data(), end, magnitude, std::chars_format::fixed, decimals);
  return {buffer.data(), result.ptr};
}

// A comma between each three digits before the decimal point.
std::string with_commas(const std::string& number) {
  const std::size_t whole = std::min(number.find('.'), number.size());
  std::string out;
  for (std::size_t i = 0; i < number.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % 3 == 0) out += ',';
    out += number[i];
  }
  return out;
}

bool is_zero(const std::string& number) { return number.find_first_not_of("0.,") == std::string::npos; }

}  // namespace

bool is_known(const Figure& figure) { return figure && std::isfinite(*figure); }

std::string fixed(const Figure& figure, int decimals) {
  if (!is_known(figure)) return kNotMeasured;
  const std::string magnitude = with_commas(digits(std::abs(*figure), decimals));
  return (*figure < 0 && !is_zero(magnitude) ? kMinus : "") + magnitude;
}

std::string with_sign(const Figure& figure, int decimals) {
  std::string number = fixed(figure, decimals);
  if (is_known(figure) && *figure > 0 && !is_zero(number)) number.insert(number.begin(), '+');
  return number;
}

std::string significant(const Figure& figure) {
  if (!is_known(figure)) return kNotMeasured;
  if (*figure == 0) return "0";
  const double exponent = std::floor(std::log10(std::abs(*figure)));
  constexpr double kLeastExponent = -6;
  if (exponent < kLeastExponent) return fixed(*figure / std::pow(10, exponent), 2) + "e\u2212" + fixed(-exponent, 0);
  const int decimals = std::clamp(static_cast<int>(2 - exponent), 0, 12);
  std::string number = fixed(figure, decimals);
  if (number.find('.') != std::string::npos && exponent < 0) {
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
  }
  return number;
}

std::string grouped(std::uint64_t number) { return with_commas(std::to_string(number)); }

std::string compact(const Figure& figure) {
  if (!is_known(figure)) return kNotMeasured;
  const double magnitude = std::abs(*figure);
  const auto scaled = [&](double unit, const char* suffix) {
    return fixed(*figure / unit, magnitude / unit < 9.995 ? 2 : magnitude / unit < 99.95 ? 1 : 0) + suffix;
  };
  if (magnitude >= 999.5e6) return scaled(1e9, "\u00a0G");
  if (magnitude >= 999.5e3) return scaled(1e6, "\u00a0M");
  if (magnitude >= 999.5) return scaled(1e3, "\u00a0k");
  return fixed(figure, 0);
}

std::string percent(const Figure& fraction, int decimals) {
  return is_known(fraction) ? fixed(*fraction * 100, decimals) + "\u00a0%" : kNotMeasured;
}

std::string kibibytes(const Figure& bytes) {
  if (!is_known(bytes)) return kNotMeasured;
  const double magnitude = std::abs(*bytes);
  if (magnitude < kKibi) return fixed(bytes, 0) + "\u00a0B";
  if (magnitude < kKibi * kKibi) return fixed(*bytes / kKibi, 1) + "\u00a0KiB";
  return fixed(*bytes / (kKibi * kKibi), 2) + "\u00a0MiB";
}

std::string quantity(const Figure& figure, Unit unit) {
  if (!is_known(figure)) return kNotMeasured;
  switch (unit) {
    case Unit::count:
      return significant(figure);
    case Unit::bytes:
      return kibibytes(figure);
    case Unit::milliseconds:
      return significant(figure) + "\u00a0ms";
    case Unit::microjoules:
      return significant(figure) + "\u00a0µJ";
    case Unit::fraction:
      return percent(figure, 2);
  }
  return kNotMeasured;
}

std::string dimensions(const std::vector<std::int64_t>& shape) {
  std::string out;
  for (const std::int64_t size : shape) out += (out.empty() ? "" : "\u00d7") + std::to_string(size);
  return out;
}

std::string plural(std::uint64_t count, const char* one, const char* many) {
  return grouped(count) + " " + (count == 1 ? one : many);
}

std::string short_id(const std::string& id) { return id.substr(0, 12); }

Figure ratio(const Figure& part, const Figure& whole) {
  if (!is_known(part) || !is_known(whole) || *whole == 0) return {};
  return *part / *whole;
}

Interval wilson_interval(double fraction, std::uint64_t count) {
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the standard normal
  const auto n = static_cast<double>(count);
  const double centre = fraction + kZ * kZ / (2 * n);
  const double spread = kZ * std::sqrt(fraction * (1 - fraction) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {(centre - spread) / scale, (centre + spread) / scale};
}

}  // namespace mote::report
