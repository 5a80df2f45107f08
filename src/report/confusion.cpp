#include "confusion.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "figures.hpp"

namespace mote::report {
namespace {

constexpr std::size_t kTableLimit = 16;  // classes whose numbers fit in a page
constexpr int kShades = 8;               // of the drawing for many classes

double number(std::uint64_t count) { return static_cast<double>(count); }

// Square root, so that an error of 1 % is already visible; the legend says so. Errors reach the full shade at 40 %:
// worse than that there is nothing to tell apart.
double strength(const Confusion& matrix, std::size_t truth, std::size_t predicted) {
  const double share = matrix.share(truth, predicted).value_or(0);
  return std::sqrt(truth == predicted ? share : std::min(share / 0.4, 1.0));
}

std::string cell_title(const Confusion& matrix, const std::vector<std::string>& names, std::size_t truth,
                       std::size_t predicted) {
  const std::string who =
      truth == predicted ? names[truth] + " recognised" : names[truth] + " taken for " + names[predicted];
  return who + ": " + grouped(matrix.at(truth, predicted)) + " of " + grouped(matrix.support(truth)) + " (" +
         percent(matrix.share(truth, predicted)) + ")";
}

Markup cell(const Confusion& matrix, const std::vector<std::string>& names, std::size_t truth, std::size_t predicted) {
  const std::uint64_t count = matrix.at(truth, predicted);
  if (count == 0) return el("td", {}, el("span", {{"class", "zero"}}, "0"));
  const std::string shade = coordinate(std::round(strength(matrix, truth, predicted) * 100) / 100);
  return el("td",
            {{"class", truth == predicted ? "hit" : "miss"},
             {"style", "--v:" + shade},
             {"title", cell_title(matrix, names, truth, predicted)}},
            el("span", {{"class", "count"}}, grouped(count)),
            el("span", {{"class", "share"}}, fixed(*matrix.share(truth, predicted) * 100, 1)));
}

// Two radio buttons and a style sheet rule: the switch works without a script.
Markup number_switch(const Markup& table) {
  const auto radio = [](const char* id, const char* label, bool on) {
    Attributes attributes = {{"type", "radio"}, {"name", "cm"}, {"id", id}};
    if (on) attributes.push_back({"checked", ""});
    return join({el("input", attributes), el("label", {{"for", id}}, label)});
  };
  return el("div", {{"class", "switch"}}, radio("cm-count", "Counts", true),
            radio("cm-share", "Per cent of the row", false), table);
}

Markup heat_table(const Confusion& matrix, const std::vector<std::string>& names) {
  const std::size_t n = matrix.classes();
  std::vector<Markup> heads = {el("th", {{"class", "corner"}}, el("span", {}, "truth \u2193 answer \u2192"))};
  for (std::size_t i = 0; i < n; ++i) heads.push_back(el("th", {{"scope", "col"}}, el("span", {}, names[i])));
  std::vector<Markup> rows;
  for (std::size_t truth = 0; truth < n; ++truth) {
    std::vector<Markup> cells = {el("th", {{"scope", "row"}}, names[truth])};
    for (std::size_t predicted = 0; predicted < n; ++predicted) cells.push_back(cell(matrix, names, truth, predicted));
    rows.push_back(el("tr", {}, cells));
  }
  const Markup table =
      el("table", {{"class", n > 11 ? "heat many" : "heat"}},
         el("caption", {}, "Confusion matrix: rows are the truth, columns the answers of the int8 model"),
         el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
  return number_switch(table);
}

// Runs of equal shade in a row become one rectangle of one path a shade: 200 classes stay small.
Markup heat_drawing(const Confusion& matrix, const std::vector<std::string>& names) {
  const std::size_t n = matrix.classes();
  std::array<std::array<std::string, kShades + 1>, 2> paths;
  std::string cells;
  for (std::size_t truth = 0; truth < n; ++truth) {
    for (std::size_t predicted = 0; predicted < n; ++predicted) {
      const std::uint64_t count = matrix.at(truth, predicted);
      if (count == 0) continue;
      const auto shade = static_cast<std::size_t>(
          std::clamp(std::ceil(strength(matrix, truth, predicted) * kShades), 1.0, number(kShades)));
      paths[truth == predicted ? 0 : 1][shade] +=
          "M" + std::to_string(predicted) + " " + std::to_string(truth) + "h1v1h-1z";
      cells += (cells.empty() ? "" : " ") + std::to_string(truth) + "," + std::to_string(predicted) + "," +
               std::to_string(count);
    }
  }
  std::vector<Markup> shapes;
  for (std::size_t kind = 0; kind < 2; ++kind) {
    for (std::size_t shade = 1; shade <= kShades; ++shade) {
      if (paths[kind][shade].empty()) continue;
      shapes.push_back(el("path", {{"class", kind == 0 ? "hit" : "miss"},
                                   {"fill-opacity", number(shade) / kShades},
                                   {"d", paths[kind][shade]}}));
    }
  }
  std::string labels;
  for (std::string name : names) {
    std::replace(name.begin(), name.end(), '\n', ' ');  // the script splits the list at line ends
    labels += (labels.empty() ? "" : "\n") + name;
  }
  const std::string size = std::to_string(n);
  const Markup svg = el(
      "svg", {{"viewBox", "0 0 " + size + " " + size}, {"role", "img"}, {"data-cells", cells}, {"data-names", labels}},
      el("title", {}, "Confusion matrix of " + size + " classes"), shapes);
  return el("figure", {{"class", "heat-drawing"}}, el("p", {{"class", "hint"}}, "Answer, first class to last \u2192"),
            svg,
            el("figcaption", {{"class", "hint"}, {"aria-live", "polite"}},
               "One row for each true class, the first on top. The pairs that are confused most are in the table."));
}

}  // namespace

std::uint64_t Confusion::support(std::size_t truth) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += at(truth, i);
  return sum;
}

std::uint64_t Confusion::predictions(std::size_t predicted) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += at(i, predicted);
  return sum;
}

std::uint64_t Confusion::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

std::uint64_t Confusion::correct() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += at(i, i);
  return sum;
}

Figure Confusion::accuracy() const { return ratio(number(correct()), number(total())); }

Figure Confusion::share(std::size_t truth, std::size_t predicted) const {
  return ratio(number(at(truth, predicted)), number(support(truth)));
}

Figure Confusion::precision(std::size_t label) const {
  return ratio(number(at(label, label)), number(predictions(label)));
}

Figure Confusion::f1(std::size_t label) const {
  return ratio(2 * number(at(label, label)), number(support(label)) + number(predictions(label)));
}

Markup heat_map(const Confusion& matrix, const std::vector<std::string>& names) {
  const Markup map = matrix.classes() <= kTableLimit ? heat_table(matrix, names) : heat_drawing(matrix, names);
  const Markup key =
      el("p", {{"class", "hint heat-key"}}, el("i", {{"class", "hit"}}), " right ", el("i", {{"class", "miss"}}),
         " wrong. The shade grows with the square root of the share of the row, so that rare errors show.");
  return join({map, key});
}

}  // namespace mote::report
