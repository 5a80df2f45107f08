#include "table.hpp"

#include "figures.hpp"
#include "mote/base/error.hpp"

namespace mote::report {
namespace {

const char* class_of(Column::Form form) {
  switch (form) {
    case Column::Form::name:
      return "t";
    case Column::Form::number:
      return "n";
    case Column::Form::bar:
      return "b";
  }
  return "t";
}

bool has_endless_word(const std::string& text) {
  constexpr std::size_t kLongestWord = 14;
  std::size_t length = 0;
  for (const char c : text) {
    length = c == ' ' ? 0 : length + 1;
    if (length > kLongestWord) return true;
  }
  return false;
}

// A table whose rows are laid out as cards loses its meaning for screen readers in some browsers; explicit roles keep
// it.
Attributes with_role(Attributes attributes, Table::Narrow narrow, const char* role) {
  if (narrow == Table::Narrow::cards) attributes.push_back({"role", role});
  return attributes;
}

}  // namespace

void Table::row(std::vector<Markup> cells, const std::string& style_class) {
  MOTE_CHECK(cells.size() == columns_.size());
  std::vector<Markup> out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Attributes attributes = {{"class", class_of(columns_[i].form)}};
    if (i == 0) {
      attributes.push_back({"scope", "row"});
      out.push_back(el("th", with_role(std::move(attributes), narrow_, "rowheader"), cells[i]));
    } else {
      if (narrow_ == Narrow::cards) attributes.push_back({"data-l", columns_[i].title});
      out.push_back(el("td", with_role(std::move(attributes), narrow_, "cell"), cells[i]));
    }
  }
  Attributes attributes;
  if (!style_class.empty()) attributes.push_back({"class", style_class});
  rows_.push_back(el("tr", with_role(std::move(attributes), narrow_, "row"), out));
}

Markup Table::head() const {
  std::vector<Markup> cells;
  for (const Column& column : columns_) {
    // Words stay whole in a header unless they are longer than any word: a name from the data.
    Attributes attributes = {
        {"class", std::string(class_of(column.form)) + (has_endless_word(column.title) ? " w" : "")}};
    if (column.title.empty()) {  // a column of bars repeats the number beside it and needs no header
      cells.push_back(el("td", with_role(std::move(attributes), narrow_, "cell")));
      continue;
    }
    attributes.push_back({"scope", "col"});
    cells.push_back(el("th", with_role(std::move(attributes), narrow_, "columnheader"), column.title));
  }
  return el("thead", with_role({}, narrow_, "rowgroup"), el("tr", with_role({}, narrow_, "row"), cells));
}

Markup Table::part(std::size_t first, std::size_t last, const std::string& caption) const {
  Markup body;
  for (std::size_t i = first; i < last; ++i) body += rows_[i];
  Attributes attributes = {{"class", narrow_ == Narrow::cards ? "cards" : "plain"}};
  return el("table", with_role(std::move(attributes), narrow_, "table"), el("caption", {}, caption), head(),
            el("tbody", with_role({}, narrow_, "rowgroup"), body));
}

Markup Table::build(std::size_t rows_at_first) const {
  constexpr std::size_t kSlack = 4;  // fewer than this are not worth a click
  const auto holder = [](const Markup& table) { return el("div", {{"class", "long"}}, table); };
  if (rows_.size() <= rows_at_first + kSlack) return holder(part(0, rows_.size(), caption_));
  const std::string more = grouped(rows_.size() - rows_at_first) + " more rows";
  const Markup rest = holder(part(rows_at_first, rows_.size(), caption_ + ", continued"));
  return join({holder(part(0, rows_at_first, caption_)), el("details", {}, el("summary", {}, more), rest)});
}

}  // namespace mote::report
