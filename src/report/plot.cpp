#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "figures.hpp"

namespace mote::report {
namespace {

std::string percent_style(const char* property, double fraction) {
  return std::string(property) + ":" + coordinate(std::round(fraction * 1e4) / 1e2) + "%";
}

double nice_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double mantissa = rough / power;
  return (mantissa > 5 ? 10 : mantissa > 2 ? 5 : mantissa > 1 ? 2 : 1) * power;
}

std::vector<Markup> tick_labels(const Axis& axis, const char* property) {
  std::vector<Markup> out;
  for (const Tick& tick : axis.ticks) {
    Attributes attributes = {{"style", percent_style(property, tick.at)}};
    if (tick.fine) attributes.push_back({"class", "fine"});
    out.push_back(el("span", attributes, tick.label, tick.detail.empty() ? Markup() : el("em", {}, tick.detail)));
  }
  return out;
}

// "0.01", and "10" with a raised exponent where that is shorter.
std::string power_of_ten(int exponent) {
  if (exponent >= -3 && exponent <= 4) return significant(std::pow(10, exponent));
  constexpr std::array<const char*, 10> kRaised = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                                   "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string out = exponent < 0 ? "10\u207b" : "10";
  for (const char digit : std::to_string(std::abs(exponent))) out += kRaised[static_cast<std::size_t>(digit - '0')];
  return out;
}

Markup grid(const Axis& x, const Axis& y) {
  std::string path;
  for (const Tick& tick : y.ticks) path += "M0 " + coordinate(1000 * (1 - tick.at)) + "H1000";
  for (const Tick& tick : x.ticks) path += "M" + coordinate(1000 * tick.at) + " 1000V0";
  return el("path", {{"class", "grid"}, {"d", path}});
}

}  // namespace

double Axis::at(double value) const {
  const double span = logarithmic ? std::log(high / low) : high - low;
  if (!(span > 0)) return 0.5;
  return std::clamp((logarithmic ? std::log(value / low) : value - low) / span, 0.0, 1.0);
}

Axis linear_axis(double low, double high, int ticks_wanted) {
  if (!(high - low > 1e-12 * std::max(std::abs(low), std::abs(high)))) {
    const double room = std::max(std::abs(low) * 0.1, 1e-9);
    low -= room;
    high += room;
  }
  const double step = nice_step((high - low) / ticks_wanted);
  Axis axis{std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step, false, {}};
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 9);
  const auto count = static_cast<int>(std::lround((axis.high - axis.low) / step));
  for (int i = 0; i <= count; ++i) {
    axis.ticks.push_back({static_cast<double>(i) / count, fixed(axis.low + i * step, decimals)});
  }
  return axis;
}

Axis logarithmic_axis(double low, double high) {
  const auto first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = std::max(static_cast<int>(std::ceil(std::log10(high) - 1e-9)), first + 1);
  Axis axis{std::pow(10, first), std::pow(10, last), true, {}};
  const int stride = (last - first + 5) / 6;
  for (int power = first; power <= last; power += stride) {
    axis.ticks.push_back({static_cast<double>(power - first) / (last - first), power_of_ten(power)});
  }
  return axis;
}

Axis byte_axis(std::uint64_t high) {
  const auto top = static_cast<double>(std::max<std::uint64_t>(high, 1));
  Axis axis{0, top, false, {}};
  double step = 1;
  while (top / step > 6) step *= 2;
  for (double at = 0; at <= top; at += step) {
    axis.ticks.push_back({at / top, step >= 1024 ? fixed(at / 1024, 0) + "\u00a0KiB" : fixed(at, 0) + "\u00a0B"});
  }
  return axis;
}

Markup label_at(double x, double y, const std::string& style_class, const std::string& label) {
  return el("span",
            {{"class", "label " + style_class}, {"style", percent_style("left", x) + ";" + percent_style("top", y)}},
            label);
}

Markup build(const Plot& plot) {
  const Markup svg =
      el("svg", {{"viewBox", "0 0 1000 1000"}, {"preserveAspectRatio", "none"}, {"role", "img"}},
         el("title", {}, plot.title), el("desc", {}, plot.description), grid(plot.x, plot.y), plot.shapes);
  Attributes area = plot.attributes;
  area.push_back({"class", "area"});
  const Markup frame = el("div", {{"class", "frame"}},
                          el("div", {{"class", "ya"}, {"aria-hidden", "true"}}, tick_labels(plot.y, "bottom")),
                          el("div", area, svg, plot.labels),
                          el("div", {{"class", "xa"}, {"aria-hidden", "true"}}, tick_labels(plot.x, "left")),
                          el("div", {{"class", "xt"}, {"aria-hidden", "true"}}, plot.x_title));
  return el("figure", {{"class", "plot " + plot.style_class}}, el("figcaption", {}, el("h3", {}, plot.title), plot.key),
            frame);
}

}  // namespace mote::report
