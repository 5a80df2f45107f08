// The arena over time: which bytes hold which tensor while which op runs, and what is alive where most is needed.

#include <algorithm>

#include "bars.hpp"
#include "fields.hpp"
#include "figures.hpp"
#include "plot.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

const char* colour_of(TensorRole role) {
  switch (role) {
    case TensorRole::input:
      return "c3";
    case TensorRole::activation:
      return "c1";
    case TensorRole::scratch:
      return "c4";
    case TensorRole::output:
      return "c5";
  }
  return "c1";
}

std::vector<const ArenaTensor*> alive_at(const ArenaMap& arena, std::size_t op) {
  std::vector<const ArenaTensor*> out;
  for (const ArenaTensor& t : arena.tensors) {
    if (t.first_op <= op && op <= t.last_op) out.push_back(&t);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const ArenaTensor* a, const ArenaTensor* b) { return a->offset_bytes < b->offset_bytes; });
  return out;
}

// Bytes in use, once each: an op that writes over its input shares that input's bytes.
std::uint64_t bytes_in_use(const std::vector<const ArenaTensor*>& by_offset) {
  std::uint64_t sum = 0;
  std::uint64_t covered_to = 0;
  for (const ArenaTensor* t : by_offset) {
    const std::uint64_t end = t->offset_bytes + t->size_bytes;
    const std::uint64_t begin = std::max(t->offset_bytes, covered_to);
    if (end > begin) sum += end - begin;
    covered_to = std::max(covered_to, end);
  }
  return sum;
}

struct Peak {
  std::size_t op = 0;
  std::uint64_t bytes = 0;
};

Peak find_peak(const ArenaMap& arena) {
  Peak peak;
  for (std::size_t op = 0; op < arena.ops.size(); ++op) {
    const std::uint64_t bytes = bytes_in_use(alive_at(arena, op));
    if (bytes > peak.bytes) peak = {op, bytes};
  }
  return peak;
}

std::string op_text(const ArenaMap& arena, std::size_t op) {
  return "op " + std::to_string(op) + " (" + arena.ops[op] + ")";
}

std::string describe(const ArenaTensor& t, const ArenaMap& arena) {
  std::string out = t.name + "\n" + dimensions(t.shape) + (t.type.empty() ? "" : " " + t.type) + ", " +
                    grouped(t.size_bytes) + " bytes\n";
  out += "at " + grouped(t.offset_bytes) + " to " + grouped(t.offset_bytes + t.size_bytes) + "\n";
  out += t.first_op == t.last_op ? "during " + op_text(arena, t.first_op)
                                 : "from " + op_text(arena, t.first_op) + " to " + op_text(arena, t.last_op);
  return out + ", " + std::string(name_of(t.role));
}

Axis op_axis(const ArenaMap& arena) {
  const std::size_t count = arena.ops.size();
  Axis axis{0, static_cast<double>(count), false, {}};
  const std::size_t stride = (count + 29) / 30;
  const std::size_t coarse = stride * ((count / stride + 7) / 8);
  for (std::size_t op = 0; op < count; op += stride) {
    axis.ticks.push_back({axis.at(static_cast<double>(op) + 0.5), std::to_string(op), count <= 40 ? arena.ops[op] : "",
                          op % std::max<std::size_t>(coarse, 1) != 0});
  }
  return axis;
}

Markup rectangle(const ArenaTensor& t, const ArenaMap& arena, const Plot& plot, const Peak& peak) {
  const double left = plot.x.at(t.first_op) * 1000;
  const double right = plot.x.at(t.last_op + 1.0) * 1000;
  const double top = height_of(plot.y, static_cast<double>(t.offset_bytes + t.size_bytes));
  const double bottom = height_of(plot.y, static_cast<double>(t.offset_bytes));
  const bool alive = t.first_op <= peak.op && peak.op <= t.last_op;
  const std::string style_class = std::string(alive ? "tensor alive " : "tensor ") + colour_of(t.role);
  return el("rect",
            {{"class", style_class}, {"x", left}, {"y", top}, {"width", right - left}, {"height", bottom - top}},
            el("title", {}, describe(t, arena)));
}

// A name is written on a tensor that is large enough to hold a few letters; the others have the read-out and the table.
std::vector<Markup> names_on(const ArenaMap& arena, const Plot& plot) {
  std::vector<Markup> out;
  for (const ArenaTensor& t : arena.tensors) {
    const double left = plot.x.at(t.first_op);
    const double width = plot.x.at(t.last_op + 1.0) - left;
    const double top = height_of(plot.y, static_cast<double>(t.offset_bytes + t.size_bytes)) / 1000;
    const double height = 1 - height_of(plot.y, static_cast<double>(t.size_bytes)) / 1000;
    if (width < 0.06 || height < 0.08) continue;
    const auto percent_of = [](double v) { return coordinate(v * 100) + "%"; };
    const std::string box = "left:" + percent_of(left) + ";top:" + percent_of(top) + ";width:" + percent_of(width);
    out.push_back(
        el("span", {{"class", width < 0.15 ? "on-tensor small" : "on-tensor"}, {"aria-hidden", "true"}, {"style", box}},
           t.name));
  }
  return out;
}

Markup roles_key(const ArenaMap& arena) {
  std::vector<Markup> items;
  for (const TensorRole role : {TensorRole::input, TensorRole::activation, TensorRole::scratch, TensorRole::output}) {
    const bool used =
        std::any_of(arena.tensors.begin(), arena.tensors.end(), [&](const ArenaTensor& t) { return t.role == role; });
    if (used) items.push_back(el("li", {{"class", colour_of(role)}}, name_of(role)));
  }
  return el("ul", {{"class", "key"}}, items);
}

Markup map(const ArenaMap& arena, const Peak& peak) {
  const std::string about = "Bytes of the arena in use while each op runs; the peak is at " + op_text(arena, peak.op);
  Plot plot{"Memory map",
            about,
            op_axis(arena),
            byte_axis(arena.arena_bytes),
            "op, in order of execution",
            roles_key(arena),
            {},
            {},
            {},
            "arena"};
  const double left = plot.x.at(static_cast<double>(peak.op)) * 1000;
  const double width = 1000 / static_cast<double>(arena.ops.size());
  for (const ArenaTensor& t : arena.tensors) plot.shapes.push_back(rectangle(t, arena, plot, peak));
  plot.shapes.push_back(
      el("path",
         {{"class", "peak-line"}, {"d", "M" + coordinate(left) + " 0V1000M" + coordinate(left + width) + " 0V1000"}}));
  plot.labels = names_on(arena, plot);
  const double centre = (left + width / 2) / 1000;
  plot.labels.push_back(label_at(centre, 0,
                                 centre > 0.75   ? "peak late"
                                 : centre < 0.25 ? "peak early"
                                                 : "peak",
                                 "peak: " + kibibytes(static_cast<double>(peak.bytes))));
  return build(plot);
}

Table tensor_table(const std::string& caption) {
  using Form = Column::Form;
  return {caption,
          {{"Tensor", Form::name},
           {"Shape", Form::name},
           {"Role", Form::name},
           {"Bytes", Form::number},
           {"Offset", Form::number},
           {"Ops", Form::number}},
          Table::Narrow::cards};
}

void add_row(Table& table, const ArenaTensor& t) {
  const std::string ops =
      std::to_string(t.first_op) + (t.first_op == t.last_op ? "" : "\u2013" + std::to_string(t.last_op));
  table.row({text(t.name), text(dimensions(t.shape) + (t.type.empty() ? "" : " " + t.type)), text(name_of(t.role)),
             text(grouped(t.size_bytes)), text(grouped(t.offset_bytes)), text(ops)});
}

std::string lead(const ArenaMap& arena, const Peak& peak, std::size_t alive) {
  std::string out = "The arena has " + grouped(arena.arena_bytes) + " bytes. Most is needed at " +
                    op_text(arena, peak.op) + ": " + plural(alive, "tensor", "tensors") +
                    (alive == 1 ? " is" : " are") + " alive and take " + grouped(peak.bytes) + " bytes";
  if (arena.arena_bytes == peak.bytes) return out + ", so no plan can be smaller.";
  return out + "; " + grouped(arena.arena_bytes - peak.bytes) + " bytes more are gaps between tensors.";
}

}  // namespace

Section arena_section(const ReportData& data) {
  const ArenaMap& arena = data.arena;
  if (arena.tensors.empty() || arena.ops.empty()) return {};
  const Peak peak = find_peak(arena);
  const auto alive = alive_at(arena, peak.op);
  Table at_peak = tensor_table("Alive at the peak, " + op_text(arena, peak.op));
  for (const ArenaTensor* t : alive) add_row(at_peak, *t);
  Table all = tensor_table("All tensors in the arena");
  for (const ArenaTensor& t : arena.tensors) add_row(all, t);
  const Markup every =
      el("details", {}, el("summary", {}, "All " + plural(arena.tensors.size(), "tensor", "tensors") + " as a table"),
         all.build(1000));
  return {"arena", "Memory map of the arena", lead(arena, peak, alive.size()),
          join({map(arena, peak), at_peak.build(), every})};
}

}  // namespace mote::report
