// Where the time goes: cycles of each layer, by kind of op and one by one, with the features as a row of their own.

#include <algorithm>
#include <map>
#include <numeric>

#include "bars.hpp"
#include "figures.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

struct Totals {
  double cycles = 0;        // of everything that is timed, what is between the layers included
  double layer_cycles = 0;  // of the layers and the features
  double instructions = 0;
  std::uint64_t macs = 0;
  bool timed = false;
  bool counted = false;
};

void add(Totals& totals, const LayerCost& layer) {
  totals.macs += layer.macs;
  totals.timed |= is_known(layer.cycles);
  totals.counted |= is_known(layer.instructions);
  if (is_known(layer.cycles)) totals.layer_cycles += *layer.cycles;
  if (is_known(layer.instructions)) totals.instructions += *layer.instructions;
}

Totals sum(const LayerProfile& profile) {
  Totals totals;
  if (profile.features) add(totals, *profile.features);
  for (const LayerCost& layer : profile.layers) add(totals, layer);
  totals.cycles =
      is_known(profile.total_cycles) ? std::max(*profile.total_cycles, totals.layer_cycles) : totals.layer_cycles;
  return totals;
}

double cycles_of(const LayerCost& layer) { return is_known(layer.cycles) ? *layer.cycles : 0; }

// A layer that takes something never reads as taking nothing.
std::string percent_of_total(const Figure& share) {
  constexpr double kLeastShown = 0.0005;
  return is_known(share) && *share > 0 && *share < kLeastShown ? "< 0.1\u00a0%" : percent(share);
}

// Kinds of op from the most expensive to the cheapest; the sixth and later share one colour and name.
std::vector<Segment> by_kind(const LayerProfile& profile, double total) {
  std::map<std::string, double> kinds;
  for (const LayerCost& layer : profile.layers) kinds[layer.op.empty() ? "other" : layer.op] += cycles_of(layer);
  if (profile.features) kinds["features"] += cycles_of(*profile.features);
  std::vector<Segment> segments;
  for (const auto& [name, cycles] : kinds) segments.push_back({name, cycles, {}, {}});
  std::stable_sort(segments.begin(), segments.end(),
                   [](const Segment& a, const Segment& b) { return a.value > b.value; });
  constexpr std::size_t kColours = 5;
  if (segments.size() > kColours + 1) {
    for (std::size_t i = kColours + 1; i < segments.size(); ++i) segments[kColours].value += segments[i].value;
    segments.resize(kColours + 1);
    segments[kColours].name = "all others";
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].shown = percent_of_total(ratio(segments[i].value, total));
    segments[i].colour = colour_class(i);
  }
  return segments;
}

// The colour a layer's kind of op has in the bar above the table.
std::string colour_of(const std::vector<Segment>& kinds, const std::string& op) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const Segment& s) { return s.name == op; });
  return found == kinds.end() ? colour_class(5) : found->colour;
}

Table empty_table(bool with_instructions) {
  using Form = Column::Form;
  std::vector<Column> columns = {{"Layer", Form::name},  {"Op", Form::name},          {"Output", Form::name},
                                 {"MACs", Form::number}, {"Cycles", Form::number},    {"Share", Form::number},
                                 {"", Form::bar},        {"Cycles/MAC", Form::number}};
  if (with_instructions) columns.push_back({"Instructions", Form::number});
  return {"Cost of each layer", columns, Table::Narrow::cards};
}

struct RowScale {
  double total;
  double largest;
  bool with_instructions;
  std::vector<Segment> kinds;
};

void add_row(Table& table, const LayerCost& layer, const RowScale& scale, const std::string& style_class = {}) {
  const auto macs = static_cast<double>(layer.macs);
  const Figure share = ratio(layer.cycles, scale.total);
  const Figure length = ratio(layer.cycles, scale.largest);
  const std::string per_mac = layer.macs > 0 ? fixed(ratio(layer.cycles, macs), 2) : "";
  std::vector<Markup> cells = {
      text(layer.name),
      text(layer.op),
      text(dimensions(layer.shape)),
      text(layer.macs > 0 ? grouped(layer.macs) : ""),
      text(fixed(layer.cycles, 0)),
      text(percent_of_total(share)),
      length && style_class != "total" ? bar(*length, colour_of(scale.kinds, layer.op)) : Markup(),
      text(per_mac)};
  if (scale.with_instructions) cells.push_back(text(fixed(layer.instructions, 0)));
  table.row(std::move(cells), style_class);
}

Markup layer_table(const LayerProfile& profile, const Totals& totals, const std::vector<Segment>& kinds) {
  double largest = profile.features ? cycles_of(*profile.features) : 0;
  for (const LayerCost& layer : profile.layers) largest = std::max(largest, cycles_of(layer));
  const RowScale scale{totals.cycles, largest, totals.counted, kinds};
  Table table = empty_table(totals.counted);
  if (profile.features) {
    LayerCost row = *profile.features;
    row.op = "features";
    add_row(table, row, scale, "features");
  }
  for (const LayerCost& layer : profile.layers) add_row(table, layer, scale);
  if (totals.timed && totals.cycles > totals.layer_cycles) {
    add_row(table, {"between the layers", "", {}, 0, totals.cycles - totals.layer_cycles, {}}, scale);
  }
  const Figure instructions = totals.counted ? Figure(totals.instructions) : Figure();
  const Figure cycles = totals.timed ? Figure(totals.cycles) : Figure();
  add_row(table, {"Total", "", {}, totals.macs, cycles, instructions}, scale, "total");
  return table.build(200);
}

std::string lead(const ReportData& data, const Totals& totals) {
  const auto& layers = data.profile.layers;
  std::string out = plural(layers.size(), "layer", "layers") + ", " + compact(static_cast<double>(totals.macs)) +
                    " multiply-accumulates";
  if (!totals.timed) return out + ".";
  out += ", " + compact(totals.cycles) + " cycles";
  if (is_known(data.board.clock_hz) && *data.board.clock_hz > 0)
    out += " (" + significant(totals.cycles / *data.board.clock_hz * 1e3) + " ms)";
  out += ".";
  std::vector<double> costs;
  for (const LayerCost& layer : layers) costs.push_back(cycles_of(layer));
  std::sort(costs.rbegin(), costs.rend());
  constexpr std::size_t kTop = 3;
  if (costs.size() < 2 * kTop) return out;
  const double top = std::accumulate(costs.begin(), costs.begin() + kTop, 0.0);
  return out + " The three most expensive layers take " + percent(ratio(top, totals.cycles), 0) + " of them.";
}

}  // namespace

Section layers_section(const ReportData& data) {
  const LayerProfile& profile = data.profile;
  if (profile.layers.empty() && !profile.features) return {};
  const Totals totals = sum(profile);
  Markup body;
  if (is_estimated(data, "cycles")) body += el("p", {}, "Cycles are ", estimated_badge());
  const std::vector<Segment> kinds = by_kind(profile, totals.cycles);
  if (totals.timed) {
    body += el("div", {{"class", "breakdown"}}, el("h3", {}, "Cycles by kind of op"),
               stacked_bar(kinds, totals.layer_cycles), legend(kinds));
  }
  body += layer_table(profile, totals, kinds);
  return {"layers", "Cost of each layer", lead(data, totals), body};
}

}  // namespace mote::report
