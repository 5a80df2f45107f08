// How to get this result again, and which of its figures are not measured.

#include "bars.hpp"
#include "figures.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

Markup commands(const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "\n") + line;
  return el("div", {{"class", "commands"}}, el("h3", {}, "Do it again"),
            el("pre", {{"tabindex", "0"}}, el("code", {}, all)));
}

Markup estimates(const std::vector<Estimate>& list) {
  if (list.empty()) return {};
  std::vector<Markup> items;
  for (const Estimate& e : list)
    items.push_back(el("li", {}, el("b", {}, e.figure), " ", estimated_badge(), " ", e.how));
  return el("div", {{"class", "estimates"}}, el("h3", {}, "Not measured"), el("ul", {}, items));
}

Markup named(const std::string& title, const std::string& first, const std::string& second,
             const std::vector<NamedText>& list) {
  if (list.empty()) return {};
  Table table(title, {{first, Column::Form::name}, {second, Column::Form::name}});
  for (const NamedText& item : list) table.row({text(item.name), el("code", {}, item.text)});
  return table.build();
}

Markup settings(const std::vector<Setting>& list) {
  if (list.empty()) return {};
  Table table("Settings", {{"Setting", Column::Form::name}, {"Value", Column::Form::name}});
  for (const Setting& s : list)
    table.row({el("code", {}, s.group.empty() ? s.key : s.group + "." + s.key), el("code", {}, s.value)});
  return table.build();
}

}  // namespace

Section provenance_section(const ReportData& data) {
  const Provenance& p = data.provenance;
  const Markup left = join({commands(p.commands), estimates(p.estimates), named("Seeds", "Seed", "Value", p.seeds),
                            named("Tools", "Tool", "Version", p.tools)});
  const Markup right = settings(p.settings);
  if (left.empty() && right.empty()) return {};
  if (left.empty() || right.empty()) return {"provenance", "Provenance", "", join({left, right})};
  return {"provenance", "Provenance", "",
          el("div", {{"class", "columns even"}}, el("div", {}, left), el("div", {}, right))};
}

}  // namespace mote::report
