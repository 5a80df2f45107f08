// What fills the flash and the RAM: one bar each, and the parts from the largest down.

#include <algorithm>

#include "bars.hpp"
#include "figures.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

double total_of(const std::vector<MemoryPart>& parts) {
  double sum = 0;
  for (const MemoryPart& part : parts) sum += static_cast<double>(part.bytes);
  return sum;
}

std::string bytes_and_share(double bytes, double total) {
  return kibibytes(bytes) + ", " + percent(ratio(bytes, total), 0);
}

// One segment a group, in the order of first appearance, so that the same project always has the same colours.
std::vector<Segment> groups_of(const std::vector<MemoryPart>& parts, double total) {
  std::vector<Segment> groups;
  for (const MemoryPart& part : parts) {
    auto found = std::find_if(groups.begin(), groups.end(), [&](const Segment& g) { return g.name == part.group; });
    if (found == groups.end()) found = groups.insert(groups.end(), {part.group, 0, {}, colour_class(groups.size())});
    found->value += static_cast<double>(part.bytes);
  }
  for (Segment& group : groups) group.shown = bytes_and_share(group.value, total);
  return groups;
}

std::string colour_of(const std::vector<Segment>& groups, const std::string& name) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const Segment& g) { return g.name == name; });
  return found->colour;
}

Markup parts_table(const std::string& caption, std::vector<MemoryPart> parts, const std::vector<Segment>& groups) {
  std::stable_sort(parts.begin(), parts.end(),
                   [](const MemoryPart& a, const MemoryPart& b) { return a.bytes > b.bytes; });
  using Form = Column::Form;
  Table table(caption, {{"Part", Form::name}, {"Kind", Form::name}, {"Bytes", Form::number}, {"", Form::bar}});
  const auto largest = static_cast<double>(std::max<std::uint64_t>(parts.front().bytes, 1));
  for (const MemoryPart& part : parts) {
    const Markup length = bar(static_cast<double>(part.bytes) / largest, colour_of(groups, part.group));
    table.row({el("code", {}, part.name), text(part.group), text(grouped(part.bytes)), length});
  }
  return table.build(10);
}

Markup breakdown(const std::string& title, const std::vector<MemoryPart>& parts, const Figure& limit) {
  if (parts.empty()) return {};
  const double total = total_of(parts);
  std::vector<Segment> groups = groups_of(parts, total);
  std::vector<Segment> shown = groups;
  const bool has_room = is_known(limit) && *limit > total;
  if (has_room) shown.push_back({"free", *limit - total, kibibytes(*limit - total), "free"});
  const std::string sum = kibibytes(total) + (is_known(limit) ? " of " + kibibytes(limit) : "");
  return el("div", {{"class", "breakdown"}}, el("h3", {}, title, " ", el("b", {}, sum)),
            stacked_bar(shown, has_room ? *limit : total), legend(shown),
            parts_table(title + ", the largest parts first", parts, groups));
}

std::string lead(const Footprint& footprint) {
  const auto largest = std::max_element(footprint.flash.begin(), footprint.flash.end(),
                                        [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
  if (largest == footprint.flash.end()) return {};
  const Figure share = ratio(static_cast<double>(largest->bytes), total_of(footprint.flash));
  return "The largest part of the flash is " + largest->name + " (" + largest->group + "), " +
         kibibytes(static_cast<double>(largest->bytes)) + " or " + percent(share, 0) + ".";
}

}  // namespace

Section footprint_section(const ReportData& data) {
  const Footprint& footprint = data.footprint;
  const Markup flash = breakdown("Flash", footprint.flash, footprint.flash_limit_bytes);
  const Markup ram = breakdown("RAM", footprint.ram, footprint.ram_limit_bytes);
  if (flash.empty() && ram.empty()) return {};
  return {"footprint", "Flash and RAM", lead(footprint), el("div", {{"class", "columns even"}}, flash, ram)};
}

}  // namespace mote::report
