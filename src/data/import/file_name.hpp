#pragma once
// What a file's path tells: label, group, test or train part.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/data/dataset.hpp"
#include "mote/data/import.hpp"

namespace mote::data {

/// "{label}_{group}_{index}.wav" as alternating literal text and fields.
class NamePattern {
 public:
  /// @error invalid_argument  unknown or doubled field, unclosed brace, two fields without text between them.
  [[nodiscard]] static Result<NamePattern> parse(std::string_view text);

  struct Match {
    std::string_view label, group, index, partition;
  };
  /// Matches the end of `path`, by whole components. Fields take as little as they can, from the left.
  [[nodiscard]] std::optional<Match> match(std::string_view path) const;
  [[nodiscard]] bool has(std::string_view field) const;

 private:
  struct Piece {
    bool is_field;
    std::string text;  ///< literal, or the field's name
  };
  bool match_from(std::size_t piece, std::string_view rest, Match& match, std::vector<bool>& failed) const;
  std::vector<Piece> pieces_;
  std::size_t components_ = 1;
  bool open_extension_ = false;
};

/// What one path gives.
struct FileRole {
  std::string label;
  std::string group;
  Partition partition = Partition::none;
};

/// A checked Naming.
class NamingRule {
 public:
  /// @error invalid_argument  a pattern that does not parse or lacks what is asked of it; a test rule that does not
  /// parse or
  ///                          uses a field the pattern lacks.
  [[nodiscard]] static Result<NamingRule> create(const Naming& naming);
  /// @param path  relative, with '/'.
  /// @error malformed  the path does not match.
  [[nodiscard]] Result<FileRole> role(std::string_view path) const;
  [[nodiscard]] bool has_group() const { return pattern_ && pattern_->has("group"); }

 private:
  struct TestRule {
    std::string field;
    std::string operation;
    std::string value;
  };
  [[nodiscard]] static Result<TestRule> parse_test(std::string_view text);
  [[nodiscard]] Result<bool> is_test(const FileRole& role, std::string_view index) const;

  Naming naming_;
  std::optional<NamePattern> pattern_;
  std::optional<TestRule> test_;
};

}  // namespace mote::data
