#include <algorithm>

#include "catalogue_texts.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/core.hpp"

namespace mote::board {
namespace {

std::vector<BoardSpec> read_catalogue() {
  std::vector<BoardSpec> boards;
  for (const CatalogueText& entry : catalogue_texts()) {
    auto board = parse_board(entry.text, entry.name);
    MOTE_CHECK(board.has_value());  // part of the library, and a test reads each
    boards.push_back(std::move(*board));
  }
  std::sort(boards.begin(), boards.end(), [](const BoardSpec& a, const BoardSpec& b) { return a.name < b.name; });
  return boards;
}

/// Levenshtein distance; a name that contains the other counts as near.
std::size_t distance(std::string_view a, std::string_view b) {
  if (!a.empty() && b.find(a) != std::string_view::npos) return 1;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string nearest_names(std::string_view name, std::size_t count) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const BoardSpec& board : catalogue()) ranked.emplace_back(distance(name, board.name), board.name);
  std::sort(ranked.begin(), ranked.end());
  std::string list;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) list += (i == 0 ? "" : ", ") + ranked[i].second;
  return list;
}

}  // namespace

bool BoardSpec::runs_here() const { return core_of(*this).has_value(); }

bool BoardSpec::emulated() const {
  const auto row = core_of(*this);
  return row && !(*row)->native();
}

bool BoardSpec::is_estimated(std::string_view field) const {
  return std::find(estimated.begin(), estimated.end(), field) != estimated.end();
}

const std::vector<BoardSpec>& catalogue() {
  static const std::vector<BoardSpec> boards = read_catalogue();
  return boards;
}

Result<BoardSpec> find_board(std::string_view name) {
  for (const BoardSpec& board : catalogue()) {
    if (board.name == name) return board;
  }
  return fail(Code::not_found, "there is no board \"" + std::string(name) + "\"; near it: " + nearest_names(name, 3) +
                                   " ('mote boards' lists all, or give the path of your own board's .toml)");
}

}  // namespace mote::board
