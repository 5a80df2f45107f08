// How the model learned: loss, accuracy and learning rate over the epochs of all phases, one after the other.

#include <algorithm>
#include <cmath>

#include "bars.hpp"
#include "figures.hpp"
#include "plot.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

struct Curve {
  std::string name;
  std::vector<Figure> values;
  std::string colour;
  bool dashed = false;
};

struct Step {
  std::size_t phase;
  std::size_t epoch;
  const Epoch* figures;
};

std::vector<Step> all_epochs(const std::vector<TrainingPhase>& phases) {
  std::vector<Step> steps;
  for (std::size_t p = 0; p < phases.size(); ++p) {
    for (std::size_t e = 0; e < phases[p].epochs.size(); ++e) steps.push_back({p, e, &phases[p].epochs[e]});
  }
  return steps;
}

Curve curve(const std::vector<Step>& steps, const char* name, Figure Epoch::*field, double scale, const char* colour,
            bool dashed) {
  Curve out{name, {}, colour, dashed};
  for (const Step& step : steps) {
    const Figure& figure = step.figures->*field;
    out.values.push_back(is_known(figure) ? Figure(*figure * scale) : Figure());
  }
  return out;
}

bool has_values(const Curve& c) { return std::any_of(c.values.begin(), c.values.end(), is_known); }

struct Extent {
  double low = 0;
  double high = 0;
};

Extent extent(const std::vector<Curve>& curves) {
  bool first = true;
  Extent out;
  for (const Curve& c : curves) {
    for (const Figure& value : c.values) {
      if (!is_known(value)) continue;
      out.low = first ? *value : std::min(out.low, *value);
      out.high = first ? *value : std::max(out.high, *value);
      first = false;
    }
  }
  return out;
}

Axis epoch_axis(std::size_t count) {
  Axis axis{0.5, static_cast<double>(count) + 0.5, false, {}};
  const std::size_t rough = (count + 7) / 8;
  std::size_t step = 1;
  for (const std::size_t candidate : {1u, 2u, 5u, 10u, 20u, 50u, 100u, 200u, 500u}) {
    if (step < rough) step = candidate;
  }
  step = std::max(step, count / 12);
  for (std::size_t epoch = step; epoch <= count; epoch += step) {
    axis.ticks.push_back({axis.at(static_cast<double>(epoch)), std::to_string(epoch)});
  }
  return axis;
}

Markup line(const Curve& c, const Axis& x, const Axis& y) {
  std::string path;
  std::string values;
  bool pen_down = false;
  for (std::size_t i = 0; i < c.values.size(); ++i) {
    values += (i == 0 ? "" : " ");
    if (!is_known(c.values[i])) {
      values += "-";
      pen_down = false;
      continue;
    }
    values += significant(c.values[i]);
    const double left = std::round(x.at(static_cast<double>(i + 1)) * 1e4) / 10;
    const double top = std::round(height_of(y, *c.values[i]) * 10) / 10;
    path += (pen_down ? "L" : "M") + coordinate(left) + " " + coordinate(top) + (pen_down ? "" : "h0");
    pen_down = true;
  }
  return el("path", {{"class", "line " + c.colour + (c.dashed ? " dash" : "")},
                     {"d", path},
                     {"data-name", c.name},
                     {"data-v", values}});
}

Markup key(const std::vector<Curve>& curves) {
  if (curves.size() < 2) return {};
  std::vector<Markup> items;
  for (const Curve& c : curves)
    items.push_back(el("li", {{"class", "line " + c.colour + (c.dashed ? " dash" : "")}}, c.name));
  return el("ul", {{"class", "key"}}, items);
}

// Names stand at the start of their phase, the last one at the end of its own: there they have most room.
void mark_phases(Plot& plot, const std::vector<TrainingPhase>& phases, std::size_t count) {
  std::size_t begin = 0;
  for (const TrainingPhase& phase : phases) {
    const std::size_t end = begin + phase.epochs.size();
    if (phase.epochs.empty() || phase.epochs.size() == count) continue;
    const double at = plot.x.at(static_cast<double>(begin) + 0.5);
    if (begin > 0)
      plot.shapes.push_back(el("path", {{"class", "phase"}, {"d", "M" + coordinate(at * 1000) + " 0V1000"}}));
    plot.labels.push_back(
        label_at(end == count ? 1 : at, 0, end == count ? "phase-name late" : "phase-name", phase.name));
    begin = end;
  }
}

void mark_best(Plot& plot, const Curve& accuracy) {
  std::size_t best = accuracy.values.size();
  for (std::size_t i = 0; i < accuracy.values.size(); ++i) {
    const Figure& value = accuracy.values[i];
    if (is_known(value) && (best == accuracy.values.size() || *value > *accuracy.values[best])) best = i;
  }
  if (best == accuracy.values.size()) return;
  const double x = plot.x.at(static_cast<double>(best + 1)) * 1000;
  const double y = height_of(plot.y, *accuracy.values[best]);
  plot.shapes.push_back(
      el("path", {{"class", "dot " + accuracy.colour}, {"d", "M" + coordinate(x) + " " + coordinate(y) + "h0"}}));
  const std::string label =
      "best validation " + fixed(accuracy.values[best], 2) + " %, epoch " + std::to_string(best + 1);
  plot.key += el("p", {{"class", "hint"}}, label);
}

std::string describe(const std::vector<Curve>& curves) {
  std::string out;
  for (const Curve& c : curves) {
    const auto last = std::find_if(c.values.rbegin(), c.values.rend(), is_known);
    out += (out.empty() ? "" : ", ") + c.name + " ends at " + significant(*last);
  }
  return out;
}

Plot frame(const std::string& title, std::vector<Curve>& curves, const std::vector<TrainingPhase>& phases,
           const Axis& y) {
  const std::size_t count = curves.front().values.size();
  Plot plot{title, describe(curves), epoch_axis(count), y, "epoch", key(curves), {}, {}, {{"data-n", count}}, "curve"};
  mark_phases(plot, phases, count);
  for (const Curve& c : curves) plot.shapes.push_back(line(c, plot.x, plot.y));
  return plot;
}

Markup loss_plot(const std::vector<Step>& steps, const std::vector<TrainingPhase>& phases) {
  std::vector<Curve> curves = {curve(steps, "train", &Epoch::train_loss, 1, "c1", false),
                               curve(steps, "validation", &Epoch::validation_loss, 1, "c2", true)};
  std::erase_if(curves, [](const Curve& c) { return !has_values(c); });
  if (curves.empty()) return {};
  const Extent range = extent(curves);
  return build(frame("Loss", curves, phases,
                     linear_axis(std::min(range.low, range.low > 0 ? range.low / 2 : range.low), range.high)));
}

Markup accuracy_plot(const std::vector<Step>& steps, const std::vector<TrainingPhase>& phases) {
  std::vector<Curve> curves = {curve(steps, "train", &Epoch::train_accuracy, 100, "c1", false),
                               curve(steps, "validation", &Epoch::validation_accuracy, 100, "c2", true)};
  std::erase_if(curves, [](const Curve& c) { return !has_values(c); });
  if (curves.empty()) return {};
  const Extent range = extent(curves);
  Plot plot = frame("Accuracy, %", curves, phases, linear_axis(range.low, range.high));
  if (curves.back().dashed) mark_best(plot, curves.back());
  return build(plot);
}

Markup rate_plot(const std::vector<Step>& steps, const std::vector<TrainingPhase>& phases) {
  std::vector<Curve> curves = {curve(steps, "learning rate", &Epoch::learning_rate, 1, "c3", false)};
  if (!has_values(curves.front())) return {};
  const Extent range = extent(curves);
  // A cosine down to a hundredth reads well on a linear axis, and one down to nothing has no place on a logarithmic
  // one.
  const double span = range.low > 0 ? range.high / range.low : 0;
  const bool wide = span > 1e3 && span < 1e7;
  const Axis y = wide ? logarithmic_axis(range.low, range.high) : linear_axis(std::min(0.0, range.low), range.high);
  return build(frame("Learning rate", curves, phases, y));
}

Markup epoch_table(const std::vector<Step>& steps, const std::vector<TrainingPhase>& phases) {
  using Form = Column::Form;
  Table table("Every epoch",
              {{"Epoch", Form::name},
               {"Train loss", Form::number},
               {"Validation loss", Form::number},
               {"Train accuracy", Form::number},
               {"Validation accuracy", Form::number},
               {"Learning rate", Form::number}},
              Table::Narrow::cards);
  for (const Step& step : steps) {
    const Epoch& e = *step.figures;
    const std::string name = phases[step.phase].name + " " + std::to_string(step.epoch + 1);
    table.row({text(name), text(fixed(e.train_loss, 4)), text(fixed(e.validation_loss, 4)),
               text(percent(e.train_accuracy, 2)), text(percent(e.validation_accuracy, 2)),
               text(significant(e.learning_rate))});
  }
  return el("details", {}, el("summary", {}, "Every epoch as a table"), table.build(1000));
}

std::string lead(const std::vector<TrainingPhase>& phases) {
  std::string out;
  for (const TrainingPhase& phase : phases) {
    if (phase.epochs.empty()) continue;
    out += (out.empty() ? "" : ", then ") + plural(phase.epochs.size(), "epoch", "epochs") + " of " + phase.name +
           " training";
  }
  return out + ".";
}

}  // namespace

Section training_section(const ReportData& data) {
  const std::vector<Step> steps = all_epochs(data.training);
  if (steps.empty()) return {};
  const Markup plots =
      join({loss_plot(steps, data.training), accuracy_plot(steps, data.training), rate_plot(steps, data.training)});
  if (plots.empty()) return {};
  const Markup body = join({el("div", {{"class", "plots"}}, plots), epoch_table(steps, data.training)});
  return {"training", "Learning curves", lead(data.training), body};
}

}  // namespace mote::report
