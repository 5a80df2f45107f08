// How good the answers are: the confusion matrix, each class, what int8 changed, and the worst mistakes.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bars.hpp"
#include "confusion.hpp"
#include "figures.hpp"
#include "picture.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

struct Pair {
  std::size_t truth;
  std::size_t predicted;
  std::uint64_t count;
};

std::vector<Pair> most_confused(const Confusion& matrix, std::size_t limit) {
  std::vector<Pair> pairs;
  for (std::size_t t = 0; t < matrix.classes(); ++t) {
    for (std::size_t p = 0; p < matrix.classes(); ++p) {
      if (t != p && matrix.at(t, p) > 0) pairs.push_back({t, p, matrix.at(t, p)});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.count > b.count; });
  pairs.resize(std::min(pairs.size(), limit));
  return pairs;
}

std::string lead(const Confusion& matrix, const ReportData& data) {
  std::string out = grouped(matrix.correct()) + " of " + plural(matrix.total(), "sample", "samples") + " right";
  if (!data.evaluation.split.empty()) out += " on the " + data.evaluation.split + " set";
  out += " (" + percent(matrix.accuracy(), 2) + ").";
  const auto pairs = most_confused(matrix, 1);
  if (pairs.empty()) return out;
  const auto wrong = static_cast<double>(matrix.total() - matrix.correct());
  const std::string pair = data.classes[pairs[0].truth] + " taken for " + data.classes[pairs[0].predicted];
  if (wrong == 1) return out + " The only mistake is " + pair + ".";
  const Figure share = ratio(static_cast<double>(pairs[0].count), wrong);
  constexpr double kWorthASentence = 0.02;
  if (*share < kWorthASentence) return out;
  return out + " The most frequent mistake is " + pair + ", " + percent(share, 0) + " of all mistakes.";
}

Markup pairs_table(const Confusion& matrix, const std::vector<std::string>& names) {
  const auto pairs = most_confused(matrix, 8);
  if (pairs.empty()) return {};
  using Form = Column::Form;
  Table table("Confused most", {{"Truth", Form::name},
                                {"Taken for", Form::name},
                                {"Times", Form::number},
                                {"Of the class", Form::number},
                                {"", Form::bar}});
  const auto most = static_cast<double>(pairs[0].count);
  for (const Pair& pair : pairs) {
    table.row({text(names[pair.truth]), text(names[pair.predicted]), text(grouped(pair.count)),
               text(percent(matrix.share(pair.truth, pair.predicted))),
               bar(static_cast<double>(pair.count) / most, "c2")});
  }
  return table.build();
}

Markup comparison(const Confusion& int8, const Confusion* reference, const ReportData& data) {
  std::vector<Markup> items;
  const auto add = [&](const char* name, const std::string& value) {
    items.push_back(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  };
  const Figure before = reference ? reference->accuracy() : data.headline.result_float;
  if (is_known(before)) add("Float", percent(before, 2));
  add("int8", percent(int8.accuracy(), 2));
  if (is_known(before) && is_known(int8.accuracy()))
    add("Difference", with_sign((*int8.accuracy() - *before) * 100, 2) + " points");
  if (is_known(data.evaluation.agreement)) add("Same answer", percent(data.evaluation.agreement, 2));
  return items.size() < 2 ? Markup() : el("dl", {{"class", "facts strong"}}, items);
}

// For many classes the weakest come first, because they are what one looks for.
std::vector<std::size_t> order_of(const Confusion& matrix) {
  constexpr std::size_t kKeepOrder = 25;
  std::vector<std::size_t> order(matrix.classes());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= kKeepOrder) return order;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return matrix.f1(a).value_or(2) < matrix.f1(b).value_or(2); });
  return order;
}

Figure recall_change(const Confusion& int8, const Confusion& reference, std::size_t label) {
  const Figure after = int8.recall(label);
  const Figure before = reference.recall(label);
  return after && before ? Figure(*after - *before) : Figure();
}

double largest_change(const Confusion& int8, const Confusion& reference) {
  double largest = 0.005;  // half a point fills the bar at least: smaller changes are noise and shall look small
  for (std::size_t i = 0; i < int8.classes(); ++i)
    largest = std::max(largest, std::abs(recall_change(int8, reference, i).value_or(0)));
  return largest;
}

Markup class_table(const Confusion& int8, const Confusion* reference, const std::vector<std::string>& names) {
  using Form = Column::Form;
  std::vector<Column> columns = {{"Class", Form::name},    {"Precision", Form::number},
                                 {"Recall", Form::number}, {"F1", Form::number},
                                 {"", Form::bar},          {"Samples", Form::number}};
  if (reference) {
    columns.push_back({"Recall, int8 minus float", Form::number});
    columns.push_back({"", Form::bar});
  }
  Table table(int8.classes() > 25 ? "Each class, the weakest first" : "Each class", columns, Table::Narrow::cards);
  const double scale = reference ? largest_change(int8, *reference) : 1;
  for (const std::size_t label : order_of(int8)) {
    const Figure f1 = int8.f1(label);
    std::vector<Markup> cells = {text(names[label]),
                                 text(percent(int8.precision(label))),
                                 text(percent(int8.recall(label))),
                                 text(percent(f1)),
                                 f1 ? bar(*f1) : Markup(),
                                 text(grouped(int8.support(label)))};
    if (reference) {
      const Figure change = recall_change(int8, *reference, label);
      cells.push_back(text(is_known(change) ? with_sign(*change * 100, 1) : kNotMeasured));
      cells.push_back(change ? diverging_bar(*change / scale) : Markup());
    }
    table.row(std::move(cells));
  }
  return table.build(25);
}

Markup worst_mistakes(const ReportData& data) {
  constexpr std::size_t kLimit = 24;
  std::vector<Markup> items;
  for (const Misclassified& m : data.evaluation.worst) {
    if (items.size() == kLimit) break;
    const std::string& truth = data.classes[m.truth];
    const std::string& predicted = data.classes[m.predicted];
    const std::string confidence = is_known(m.confidence) ? " " + percent(m.confidence, 1) : "";
    items.push_back(el("li", m.name.empty() ? Attributes{} : Attributes{{"title", m.name}},
                       thumbnail(m.picture, truth + " taken for " + predicted),
                       el("span", {{"class", "wrong"}}, predicted + confidence),
                       el("span", {{"class", "right"}}, "is " + truth)));
  }
  if (items.empty()) return {};
  return el("div", {{"class", "worst"}}, el("h3", {}, "The most confident mistakes"), el("ul", {}, items));
}

}  // namespace

Section evaluation_section(const ReportData& data) {
  const Evaluation& evaluation = data.evaluation;
  const std::size_t n = data.classes.size();
  const Confusion int8(evaluation.confusion_int8, n);
  if (evaluation.confusion_int8.empty() || int8.total() == 0)
    return {"evaluation", "Evaluation", "", worst_mistakes(data)};
  const Confusion reference(evaluation.confusion_float, n);
  const Confusion* before = evaluation.confusion_float.empty() ? nullptr : &reference;
  const Markup matrix = el("div", {{"class", "matrix"}}, heat_map(int8, data.classes));
  const Markup aside = el("div", {{"class", "aside"}}, comparison(int8, before, data), pairs_table(int8, data.classes));
  const Markup body = join({el("div", {{"class", "columns"}}, matrix, aside), class_table(int8, before, data.classes),
                            worst_mistakes(data)});
  return {"evaluation", "Evaluation", lead(int8, data), body};
}

}  // namespace mote::report
