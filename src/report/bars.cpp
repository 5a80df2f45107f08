#include "bars.hpp"

#include <algorithm>
#include <cmath>

namespace mote::report {
namespace {

std::string width_style(double fraction) { return "width:" + coordinate(std::round(fraction * 1e4) / 1e2) + "%"; }

}  // namespace

std::string colour_class(std::size_t index) { return "c" + std::to_string(index % 6 + 1); }

Markup bar(double fraction, const std::string& colour) {
  if (std::isnan(fraction)) return {};
  return el("span", {{"class", "bar " + colour}, {"aria-hidden", "true"}},
            el("i", {{"style", width_style(std::clamp(fraction, 0.0, 1.0))}}));
}

Markup diverging_bar(double fraction) {
  if (std::isnan(fraction)) return {};
  const double length = std::clamp(std::abs(fraction), 0.0, 1.0) / 2;
  const double left = fraction < 0 ? 0.5 - length : 0.5;
  return el("span", {{"class", fraction < 0 ? "bar mid c2" : "bar mid c1"}, {"aria-hidden", "true"}},
            el("i", {{"style", "left:" + coordinate(std::round(left * 1e4) / 1e2) + "%;" + width_style(length)}}));
}

Markup stacked_bar(const std::vector<Segment>& segments, double total) {
  std::vector<Markup> parts;
  for (const Segment& segment : segments) {
    if (!(segment.value > 0) || !(total > 0)) continue;
    parts.push_back(el("i", {{"class", segment.colour},
                             {"style", width_style(segment.value / total)},
                             {"title", segment.name + ": " + segment.shown}}));
  }
  return el("span", {{"class", "stack"}}, parts);
}

Markup legend(const std::vector<Segment>& segments) {
  std::vector<Markup> items;
  for (const Segment& segment : segments) {
    items.push_back(el("li", {{"class", segment.colour}}, segment.name, " ", el("b", {}, segment.shown)));
  }
  return el("ul", {{"class", "key"}}, items);
}

Markup estimated_badge() {
  return el("span", {{"class", "badge"}, {"title", "Not measured: see Provenance for how it is estimated"}},
            "estimated");
}

}  // namespace mote::report
