// Name, verdict, headline figures, budgets as bars, and the way from data to this page.

#include <algorithm>
#include <cmath>

#include "bars.hpp"
#include "figures.hpp"
#include "mote/report/report.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

std::string clock_text(const Board& board) {
  return is_known(board.clock_hz) ? significant(*board.clock_hz / 1e6) + " MHz" : std::string();
}

Markup board_line(const Board& board) {
  std::string text = board.description;
  if (const std::string clock = clock_text(board); !clock.empty()) text += (text.empty() ? "" : " at ") + clock;
  if (board.name.empty()) return el("p", {{"class", "board"}}, text);
  return el("p", {{"class", "board"}}, el("b", {}, board.name), text.empty() ? "" : " \u00b7 ", text);
}

Markup verdict(const std::vector<Budget>& budgets) {
  if (budgets.empty()) return {};
  const auto broken = static_cast<std::uint64_t>(
      std::count_if(budgets.begin(), budgets.end(), [](const Budget& b) { return !is_met(b); }));
  if (broken == 0) {
    return el("p", {{"class", "verdict ok"}}, el("span", {{"aria-hidden", "true"}}, "\u2713 "),
              budgets.size() == 1 ? "budget met" : "all budgets met");
  }
  const std::string count = grouped(broken) + " of " + plural(budgets.size(), "budget", "budgets");
  return el("p", {{"class", "verdict bad"}}, el("span", {{"aria-hidden", "true"}}, "\u2717 "), count + " not met");
}

Markup tile(const std::string& name, const std::string& value, const std::string& note, bool estimated) {
  return el("div", {{"class", "tile"}}, el("dt", {}, name, estimated ? estimated_badge() : Markup()),
            el("dd", {{"class", "value"}}, value), note.empty() ? Markup() : el("dd", {{"class", "note"}}, note));
}

struct Result {
  Figure value;
  const char* where;
};

Result best_known_result(const Headline& headline) {
  if (is_known(headline.result_board)) return {headline.result_board, "int8, on the board"};
  if (is_known(headline.result_int8)) return {headline.result_int8, "int8, on the host"};
  return {headline.result_float, "float, on the host"};
}

std::string result_note(const Headline& headline, const Result& result) {
  std::string note;
  if (headline.test_samples > 0) {
    const Interval interval = wilson_interval(std::clamp(*result.value, 0.0, 1.0), headline.test_samples);
    note = "95 % interval " + fixed(interval.low * 100, 1) + "\u2013" + fixed(interval.high * 100, 1) + ", " +
           plural(headline.test_samples, "sample", "samples");
  }
  if (is_known(headline.result_float) && headline.result_float != result.value) {
    const std::string difference = with_sign((*result.value - *headline.result_float) * 100, 2);
    note += std::string(note.empty() ? "" : "; ") + "float " + percent(headline.result_float, 2) + " (" + difference +
            " points)";
  }
  return note;
}

Markup tiles(const ReportData& data) {
  const Headline& headline = data.headline;
  std::vector<Markup> out;
  if (const Result result = best_known_result(headline); is_known(result.value)) {
    std::string metric = headline.metric.empty() ? "result" : headline.metric;
    out.push_back(tile(metric + ", " + result.where, percent(result.value, 2), result_note(headline, result),
                       is_estimated(data, "accuracy")));
  }
  const auto add = [&](const char* name, const Figure& value, Unit unit, const std::string& note, const char* key) {
    if (is_known(value)) out.push_back(tile(name, quantity(value, unit), note, is_estimated(data, key)));
  };
  const auto rate = ratio(1000.0, headline.latency_ms);
  add("latency", headline.latency_ms, Unit::milliseconds,
      is_known(rate) ? "up to " + significant(rate) + " inferences a second" : "", "latency_ms");
  add("flash", headline.flash_bytes, Unit::bytes, fixed(headline.flash_bytes, 0) + " bytes", "flash");
  add("RAM", headline.ram_bytes, Unit::bytes, fixed(headline.ram_bytes, 0) + " bytes", "ram");
  add("energy", headline.energy_uj, Unit::microjoules, "for one inference", "energy_uj");
  return out.empty() ? Markup() : el("dl", {{"class", "tiles"}}, out);
}

Markup budget_bar(const Budget& budget) {
  if (!is_known(budget.value)) return {};
  const double value = std::max(*budget.value, 0.0);
  const double largest = std::max(value, budget.limit);
  const double scale = budget.unit == Unit::fraction    ? std::max(1.0, largest)
                       : budget.bound == Bound::at_most ? largest
                                                        : largest * 1.1;
  if (!(scale > 0)) return {};
  const auto width = [&](const char* property, double v) {
    return property + coordinate(std::round(v / scale * 1e4) / 1e2) + "%";
  };
  return el("span", {{"class", is_met(budget) ? "bar budget c3" : "bar budget c2"}, {"aria-hidden", "true"}},
            el("i", {{"style", width("width:", value)}}), el("b", {{"style", width("left:", budget.limit)}}));
}

std::string head_room(const Budget& budget) {
  if (!is_known(budget.value)) return "not measured";
  const double room = budget.bound == Bound::at_most ? budget.limit - *budget.value : *budget.value - budget.limit;
  if (budget.unit == Unit::fraction)
    return fixed(std::abs(room) * 100, 2) + (room < 0 ? " points short" : " points to spare");
  const Figure share = ratio(std::abs(room), budget.limit);
  const std::string part = is_known(share) ? " (" + percent(share, 0) + ")" : "";
  const char* word = room >= 0 ? " to spare" : budget.bound == Bound::at_most ? " over" : " short";
  return quantity(std::abs(room), budget.unit) + word + part;
}

Markup budgets_table(const std::vector<Budget>& budgets) {
  if (budgets.empty()) return {};
  using Form = Column::Form;
  Table table("Budgets",
              {{"Budget", Form::name},
               {"", Form::bar},
               {"Value", Form::number},
               {"Limit", Form::number},
               {"Head-room", Form::number},
               {"Verdict", Form::name}},
              Table::Narrow::cards);
  for (const Budget& budget : budgets) {
    const bool ok = is_met(budget);
    const std::string limit =
        (budget.bound == Bound::at_most ? "\u2264\u00a0" : "\u2265\u00a0") + quantity(budget.limit, budget.unit);
    const Markup value = text(quantity(budget.value, budget.unit));
    table.row({text(budget.name), budget_bar(budget), budget.estimated ? join({value, estimated_badge()}) : value,
               text(limit), text(head_room(budget)),
               el("span", {{"class", ok ? "mark ok" : "mark bad"}}, ok ? "\u2713 met" : "\u2717 not met")});
  }
  return el("div", {{"class", "budgets"}}, table.build());
}

Markup lineage(const std::vector<LineageStep>& steps) {
  if (steps.empty()) return {};
  std::vector<Markup> items;
  for (const LineageStep& step : steps) {
    items.push_back(el("li", {}, el("b", {}, step.stage),
                       step.id.empty() ? Markup() : el("code", {{"title", step.id}}, short_id(step.id)),
                       step.detail.empty() ? Markup() : el("span", {}, step.detail)));
  }
  return el("ol", {{"class", "lineage"}, {"aria-label", "Lineage: each step is made from the one before"}}, items);
}

}  // namespace

bool is_estimated(const ReportData& data, const std::string& figure) {
  const auto& estimates = data.provenance.estimates;
  return std::any_of(estimates.begin(), estimates.end(), [&](const Estimate& e) { return e.figure == figure; });
}

Markup page_header(const ReportData& data) {
  const Markup title = el("h1", {}, data.project.empty() ? "Untitled project" : data.project);
  const Markup description = data.description.empty() ? Markup() : el("p", {{"class", "lead"}}, data.description);
  const Markup name = el("div", {{"class", "title"}}, el("p", {{"class", "brand"}}, "mote report"), title, description,
                         board_line(data.board));
  return el("header", {{"id", "top"}}, el("div", {{"class", "masthead"}}, name, verdict(data.budgets)), tiles(data),
            budgets_table(data.budgets), lineage(data.lineage));
}

}  // namespace mote::report
