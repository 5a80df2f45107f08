#pragma once
// Tables that stay tables: captions, header cells, and on narrow screens one card a row instead of sideways scrolling.

#include <string>
#include <vector>

#include "markup.hpp"

namespace mote::report {

struct Column {
  std::string title;
  enum class Form { name, number, bar } form = Form::number;
};

/// Rows beyond what is shown at first are one click away, and all are printed.
class Table {
 public:
  enum class Narrow { keep, cards };

  Table(std::string caption, std::vector<Column> columns, Narrow narrow = Narrow::keep)
      : caption_(std::move(caption)), columns_(std::move(columns)), narrow_(narrow) {}

  /// @pre one cell a column. The first cell is the row's header.
  void row(std::vector<Markup> cells, const std::string& style_class = {});
  [[nodiscard]] Markup build(std::size_t rows_at_first = 40) const;

 private:
  [[nodiscard]] Markup head() const;
  [[nodiscard]] Markup part(std::size_t first, std::size_t last, const std::string& caption) const;

  std::string caption_;
  std::vector<Column> columns_;
  Narrow narrow_;
  std::vector<Markup> rows_;
};

}  // namespace mote::report
