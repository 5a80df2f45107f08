// What the model was made from: classes and splits, groups, a look at samples, and files that were refused.

#include <algorithm>
#include <map>

#include "bars.hpp"
#include "figures.hpp"
#include "picture.hpp"
#include "sections.hpp"
#include "table.hpp"

namespace mote::report {
namespace {

constexpr std::size_t kThumbnailLimit = 120;  // keeps a typical page under 400 KB

std::uint64_t class_total(const DataSummary& data, std::size_t label) {
  std::uint64_t sum = 0;
  for (const Split& split : data.splits) sum += split.class_counts[label];
  return sum;
}

std::vector<std::uint64_t> class_totals(const ReportData& data) {
  std::vector<std::uint64_t> totals;
  for (std::size_t i = 0; i < data.classes.size(); ++i) totals.push_back(class_total(data.data, i));
  return totals;
}

std::uint64_t split_total(const Split& split) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : split.class_counts) sum += count;
  return sum;
}

std::string balance(const std::vector<std::uint64_t>& totals) {
  const auto [least, most] = std::minmax_element(totals.begin(), totals.end());
  if (*least == *most) return grouped(*most) + " of each";
  return grouped(*least) + " to " + grouped(*most) + " of each";
}

std::string lead(const ReportData& data) {
  if (data.data.splits.empty() || data.classes.empty()) return data.data.form;
  const std::vector<std::uint64_t> totals = class_totals(data);
  std::uint64_t all = 0;
  for (const std::uint64_t total : totals) all += total;
  std::string out = plural(all, "sample", "samples");
  if (!data.data.form.empty()) out += " (" + data.data.form + ")";
  return out + " in " + plural(totals.size(), "class", "classes") + (totals.size() > 1 ? ", " + balance(totals) : "") +
         ".";
}

Markup facts(const DataSummary& data) {
  std::vector<Markup> items;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) items.push_back(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  };
  add("Data set", data.name);
  add("Source", data.source);
  add("Licence", data.licence);
  return items.empty() ? Markup() : el("dl", {{"class", "facts"}}, items);
}

Markup class_table(const ReportData& data) {
  const auto& splits = data.data.splits;
  if (splits.empty() || data.classes.empty()) return {};
  std::vector<Column> columns = {{"Class", Column::Form::name}, {"", Column::Form::bar}};
  std::vector<Segment> key;
  for (std::size_t s = 0; s < splits.size(); ++s) {
    columns.push_back({splits[s].name, Column::Form::number});
    key.push_back({splits[s].name, 0, grouped(split_total(splits[s])), colour_class(s)});
  }
  Table table("Samples of each class and split", columns,
              splits.size() > 3 ? Table::Narrow::cards : Table::Narrow::keep);
  const std::vector<std::uint64_t> totals = class_totals(data);
  const auto most = static_cast<double>(*std::max_element(totals.begin(), totals.end()));
  for (std::size_t label = 0; label < data.classes.size(); ++label) {
    std::vector<Segment> segments;
    std::vector<Markup> numbers;
    for (std::size_t s = 0; s < splits.size(); ++s) {
      const std::uint64_t count = splits[s].class_counts[label];
      segments.push_back({splits[s].name, static_cast<double>(count), grouped(count), colour_class(s)});
      numbers.push_back(text(grouped(count)));
    }
    std::vector<Markup> cells = {text(data.classes[label]), stacked_bar(segments, most)};
    cells.insert(cells.end(), numbers.begin(), numbers.end());
    table.row(std::move(cells));
  }
  return join({legend(key), table.build(30)});
}

// The first group that two splits share, as a sentence; empty when there is none.
std::string leak(const std::vector<Split>& splits) {
  std::map<std::string, std::string> home;
  for (const Split& split : splits) {
    for (const Group& group : split.groups) {
      const auto [at, is_new] = home.emplace(group.name, split.name);
      if (!is_new)
        return group.name + " is in " + at->second + " and in " + split.name +
               ": the result is better than it will be for others.";
    }
  }
  return {};
}

Markup groups(const DataSummary& data) {
  std::vector<Markup> rows;
  for (const Split& split : data.splits) {
    std::vector<Markup> chips;
    for (const Group& group : split.groups)
      chips.push_back(el("li", {}, group.name, " ", el("b", {}, grouped(group.samples))));
    if (!chips.empty()) rows.push_back(el("div", {}, el("h4", {}, split.name), el("ul", {{"class", "chips"}}, chips)));
  }
  if (rows.empty()) return {};
  const std::string by = data.group_by.empty() ? "group" : data.group_by;
  const std::string shared = leak(data.splits);
  const Markup verdict = shared.empty() ? el("p", {{"class", "hint"}}, "No " + by + " is in two splits.")
                                        : el("p", {{"class", "bad"}}, shared);
  return el("div", {{"class", "groups"}}, el("h3", {}, shared.empty() ? "Split by " + by : "Groups"), verdict, rows);
}

// The first samples of each class, taking turns, until the page has enough.
std::vector<std::vector<const Sample*>> chosen_samples(const ReportData& data) {
  std::vector<std::vector<const Sample*>> all(data.classes.size());
  for (const Sample& sample : data.data.samples) all[sample.label].push_back(&sample);
  std::size_t room = kThumbnailLimit;
  std::vector<std::vector<const Sample*>> chosen(all.size());
  for (std::size_t turn = 0; room > 0; ++turn) {
    bool any = false;
    for (std::size_t label = 0; label < all.size() && room > 0; ++label) {
      if (turn >= all[label].size()) continue;
      chosen[label].push_back(all[label][turn]);
      --room;
      any = true;
    }
    if (!any) break;
  }
  return chosen;
}

Markup gallery(const ReportData& data) {
  const auto chosen = chosen_samples(data);
  std::vector<Markup> rows;
  for (std::size_t label = 0; label < chosen.size(); ++label) {
    if (chosen[label].empty()) continue;
    std::vector<Markup> pictures;
    for (const Sample* sample : chosen[label]) {
      const std::string name = data.classes[label] + (sample->name.empty() ? "" : ", " + sample->name);
      pictures.push_back(el("li", {{"title", name}}, thumbnail(sample->picture, name)));
    }
    rows.push_back(el("div", {}, el("h4", {}, data.classes[label]), el("ul", {}, pictures)));
  }
  if (rows.empty()) return {};
  return el("div", {{"class", "gallery"}}, el("h3", {}, "A few samples of each class"),
            el("div", {{"class", "rows"}}, rows));
}

Markup refused(const std::vector<RefusedFile>& files) {
  if (files.empty()) return {};
  Table table("Files that were refused", {{"File", Column::Form::name}, {"Reason", Column::Form::name}},
              Table::Narrow::cards);
  for (const RefusedFile& file : files) table.row({el("code", {}, file.path), text(file.reason)});
  return el("details", {{"class", "refused"}},
            el("summary", {}, plural(files.size(), "file was refused", "files were refused")), table.build(100));
}

}  // namespace

Section data_section(const ReportData& data) {
  const Markup about = facts(data.data);
  const Markup counts = class_table(data);
  const Markup pictures = gallery(data);
  const Markup body = join({about, counts, groups(data.data), pictures, refused(data.data.refused)});
  return {"data", "Data", lead(data), body};
}

}  // namespace mote::report
