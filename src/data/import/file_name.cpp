#include "file_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mote::data {
namespace {

constexpr std::array<std::string_view, 5> kFields{"label", "group", "index", "partition", "*"};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool compare(auto left, std::string_view operation, auto right) {
  if (operation == "<") return left < right;
  if (operation == "<=") return left <= right;
  if (operation == ">") return left > right;
  if (operation == ">=") return left >= right;
  return (left == right) == (operation == "==");
}

std::string_view* field_of(NamePattern::Match& match, std::string_view field) {
  if (field == "label") return &match.label;
  if (field == "group") return &match.group;
  if (field == "index") return &match.index;
  if (field == "partition") return &match.partition;
  return nullptr;
}

}  // namespace

Result<NamePattern> NamePattern::parse(std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    return fail(Code::invalid_argument, "the file name pattern '" + std::string(text) + "' " + what);
  };
  NamePattern pattern;
  if (text.empty()) return refuse("is empty");
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest.front() != '{') {
      const std::size_t end = std::min(rest.find('{'), rest.size());
      pattern.pieces_.push_back({false, std::string(rest.substr(0, end))});
      rest.remove_prefix(end);
      continue;
    }
    const std::size_t close = rest.find('}');
    if (close == std::string_view::npos) return refuse("has a { without }");
    const std::string_view field = rest.substr(1, close - 1);
    if (std::find(kFields.begin(), kFields.end(), field) == kFields.end()) {
      return refuse("has the unknown field {" + std::string(field) +
                    "}; known are label, group, index, partition and *");
    }
    if (field != "*" && pattern.has(field)) return refuse("has the field {" + std::string(field) + "} twice");
    if (!pattern.pieces_.empty() && pattern.pieces_.back().is_field)
      return refuse("has two fields with no text between them");
    pattern.pieces_.push_back({true, std::string(field)});
    rest.remove_prefix(close + 1);
  }
  if (pattern.pieces_.size() > 32) return refuse("has too many parts");
  pattern.components_ = 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '/'));
  const std::size_t last_brace = text.rfind('}');
  pattern.open_extension_ =
      text.substr(last_brace == std::string_view::npos ? 0 : last_brace).find('.') == std::string_view::npos;
  return pattern;
}

bool NamePattern::has(std::string_view field) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [&](const Piece& piece) { return piece.is_field && piece.text == field; });
}

/// Backtracking, with the dead ends remembered: time is bounded by pieces x length squared.
bool NamePattern::match_from(std::size_t piece, std::string_view rest, Match& match, std::vector<bool>& failed) const {
  if (piece == pieces_.size()) return rest.empty();
  const std::size_t state = rest.size() * pieces_.size() + piece;
  if (failed[state]) return false;
  const Piece& current = pieces_[piece];
  if (!current.is_field) {
    if (rest.substr(0, current.text.size()) == current.text &&
        match_from(piece + 1, rest.substr(current.text.size()), match, failed)) {
      return true;
    }
  } else {
    const std::size_t limit = std::min(rest.find('/'), rest.size());
    for (std::size_t length = 1; length <= limit; ++length) {
      if (!match_from(piece + 1, rest.substr(length), match, failed)) continue;
      if (std::string_view* field = field_of(match, current.text)) *field = rest.substr(0, length);
      return true;
    }
  }
  failed[state] = true;
  return false;
}

std::optional<NamePattern::Match> NamePattern::match(std::string_view path) const {
  std::size_t start = path.size();
  for (std::size_t k = 0; k < components_; ++k) {
    if (start == 0) return std::nullopt;
    const std::size_t slash = path.rfind('/', start - 1);
    start = slash == std::string_view::npos ? 0 : slash;
  }
  std::string_view tail = path.substr(start);
  if (tail.starts_with('/')) tail.remove_prefix(1);
  if (open_extension_) {
    const std::size_t dot = tail.rfind('.');
    if (dot != std::string_view::npos && tail.find('/', dot) == std::string_view::npos) tail = tail.substr(0, dot);
  }
  Match match;
  std::vector<bool> failed((tail.size() + 1) * pieces_.size());
  if (!match_from(0, tail, match, failed)) return std::nullopt;
  return match;
}

Result<NamingRule::TestRule> NamingRule::parse_test(std::string_view text) {
  const auto refuse = [&] {
    return fail(Code::invalid_argument,
                "the test rule '" + std::string(text) + "' is not of the form 'index < 5' or 'group == theo'");
  };
  std::vector<std::string> words;
  for (std::size_t k = 0; k < text.size();) {
    const std::size_t end = std::min(text.find(' ', k), text.size());
    if (end > k) words.emplace_back(text.substr(k, end - k));
    k = end + 1;
  }
  constexpr std::array<std::string_view, 6> kOperations{"<", "<=", ">", ">=", "==", "!="};
  if (words.size() != 3 || std::find(kOperations.begin(), kOperations.end(), words[1]) == kOperations.end())
    return refuse();
  if (words[0] != "index" && words[0] != "group" && words[0] != "label") return refuse();
  if (words[1] != "==" && words[1] != "!=" && !number(words[2])) return refuse();
  return TestRule{words[0], words[1], words[2]};
}

Result<NamingRule> NamingRule::create(const Naming& naming) {
  NamingRule rule;
  rule.naming_ = naming;
  if (!naming.pattern.empty()) {
    MOTE_TRY(rule.pattern_, NamePattern::parse(naming.pattern));
  }
  if (naming.label == Naming::Label::pattern && (!rule.pattern_ || !rule.pattern_->has("label"))) {
    return fail(Code::invalid_argument,
                "the file name pattern '" + naming.pattern +
                    "' has no {label}, though labels are to come from it; add it, as in '{label}_{index}.wav'");
  }
  if (naming.test_when.empty()) return rule;
  MOTE_TRY(rule.test_, parse_test(naming.test_when));
  const std::string& field = rule.test_->field;
  const bool label_from_folder = field == "label" && naming.label == Naming::Label::folder;
  if (!label_from_folder && (!rule.pattern_ || !rule.pattern_->has(field))) {
    return fail(Code::invalid_argument,
                "the test rule '" + naming.test_when + "' needs {" + field + "} in the file name pattern");
  }
  return rule;
}

Result<bool> NamingRule::is_test(const FileRole& role, std::string_view index) const {
  const std::string_view text = test_->field == "label" ? role.label : test_->field == "group" ? role.group : index;
  const auto left = number(text);
  const auto right = number(test_->value);
  if (left && right) return compare(*left, test_->operation, *right);
  if (right && test_->operation != "==" && test_->operation != "!=") {
    return fail(Code::malformed, "the " + test_->field + " '" + std::string(text) +
                                     "' in its name is not a number, which the test rule '" + naming_.test_when +
                                     "' needs");
  }
  return compare(text, test_->operation, std::string_view(test_->value));
}

Result<FileRole> NamingRule::role(std::string_view path) const {
  FileRole role;
  NamePattern::Match match;
  if (pattern_) {
    const auto found = pattern_->match(path);
    if (!found) return fail(Code::malformed, "its name does not match the pattern '" + naming_.pattern + "'");
    match = *found;
    role.group = match.group;
  }
  if (naming_.label == Naming::Label::pattern) role.label = match.label;
  if (naming_.label == Naming::Label::folder) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) {
      return fail(Code::malformed,
                  "lies in no label folder; move it into one, or use a file name pattern for the labels");
    }
    const std::size_t start = slash == 0 ? std::string_view::npos : path.rfind('/', slash - 1);
    role.label = path.substr(start == std::string_view::npos ? 0 : start + 1,
                             slash - (start == std::string_view::npos ? 0 : start + 1));
  }
  if (match.partition == "train") role.partition = Partition::train;
  if (match.partition == "test") role.partition = Partition::test;
  if (!match.partition.empty() && role.partition == Partition::none) {
    return fail(Code::malformed,
                "the partition '" + std::string(match.partition) + "' in its path is neither train nor test");
  }
  if (test_) {
    MOTE_TRY(const bool is_test_file, is_test(role, match.index));
    role.partition = is_test_file ? Partition::test : Partition::train;
  }
  return role;
}

}  // namespace mote::data
