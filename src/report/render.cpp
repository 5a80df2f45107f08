// Puts the page together.

#include "assets.hpp"
#include "mote/base/hash.hpp"
#include "mote/report/report.hpp"
#include "problems.hpp"
#include "sections.hpp"

namespace mote::report {
namespace {

// Only the page's own script may run, known by its hash; nothing may be loaded. Escaping alone already keeps hostile
// labels harmless; this holds even if an escape were forgotten.
std::string content_policy(const Markup& script) {
  const Digest digest = sha256(script.html());
  return "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-" + to_base64(digest.bytes) +
         "'; base-uri 'none'; form-action 'none'";
}

Markup head(const ReportData& data) {
  return el("head", {}, el("meta", {{"charset", "utf-8"}}),
            el("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", content_policy(script())}}),
            el("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}),
            el("meta", {{"name", "color-scheme"}, {"content", "light dark"}}),
            el("title", {}, (data.project.empty() ? "Untitled project" : data.project) + " \u00b7 mote report"),
            el("style", {}, style_sheet()));
}

Markup navigation(const std::vector<Section>& sections) {
  std::vector<Markup> links = {el("li", {}, el("a", {{"href", "#top"}}, "Summary"))};
  for (const Section& section : sections)
    links.push_back(el("li", {}, el("a", {{"href", "#" + section.id}}, section.title)));
  return el("nav", {{"aria-label", "Sections"}}, el("ul", {}, links));
}

Markup notice(const std::vector<std::string>& problems) {
  if (problems.empty()) return {};
  std::vector<Markup> items;
  for (const std::string& problem : problems) items.push_back(el("li", {}, problem));
  return el("div", {{"class", "notice"}, {"role", "note"}},
            el("p", {}, el("b", {}, "Some data contradicts itself and is left out:")), el("ul", {}, items));
}

Markup frame(const Section& section) {
  const Markup lead = section.lead.empty() ? Markup() : el("p", {{"class", "lead"}}, section.lead);
  return el("section", {{"id", section.id}, {"aria-labelledby", section.id + "-title"}},
            el("h2", {{"id", section.id + "-title"}}, section.title), lead, section.body);
}

}  // namespace

std::string render_html(const ReportData& data) {
  const Checked checked = check(data);
  std::vector<Section> sections;
  for (const auto make : {data_section, training_section, evaluation_section, arena_section, layers_section,
                          footprint_section, provenance_section}) {
    Section section = make(checked.data);
    if (!section.body.empty()) sections.push_back(std::move(section));
  }
  std::vector<Markup> parts;
  for (const Section& section : sections) parts.push_back(frame(section));
  const Markup body =
      el("body", {}, sections.empty() ? Markup() : navigation(sections),
         el("main", {}, page_header(checked.data), notice(checked.problems), parts), el("script", {}, script()));
  return "<!doctype html>\n" + el("html", {{"lang", "en"}}, head(checked.data), body).html() + "\n";
}

}  // namespace mote::report
