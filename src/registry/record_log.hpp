#pragma once
// The lineage log: one line an event, appended and synced; the only place where "this step is done" is written.
// A line is `<first 16 digits of the SHA-256 of the rest> <type> <id> <subject> <json>`.

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "disk.hpp"

namespace mote::registry {

enum class Event : char {
  step = 'S',   ///< id = key of the step, subject = its name, json = the record
  alias = 'A',  ///< id = what the alias points at, subject = the alias, json = {}
};

class RecordLog {
 public:
  struct Entry {
    Event event{};
    std::string_view id;
    std::string_view subject;
    std::string_view json;
  };

  /// Reads the log (a missing one is empty). When `writable`, what a crash left half written is cut off and damaged
  /// lines are dropped; both for good.
  [[nodiscard]] static Result<RecordLog> open(const std::filesystem::path& path, bool writable);

  /// On success the line is on the medium; on failure the log is as before.  @error io
  [[nodiscard]] Result<void> append(Event event, std::string_view id, std::string_view subject, std::string_view json);

  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  [[nodiscard]] Entry entry(std::size_t index) const;
  /// Index of the latest entry of that kind, or size().
  [[nodiscard]] std::size_t latest_by_id(Event event, std::string_view id) const;
  [[nodiscard]] std::size_t latest_by_subject(Event event, std::string_view subject) const;
  /// Damaged lines skipped while opening.
  [[nodiscard]] std::size_t damaged_lines() const { return damaged_lines_; }

 private:
  struct Line {
    std::size_t offset = 0;
    std::size_t size = 0;  ///< without the newline
  };
  void load();
  void index(std::size_t line);
  [[nodiscard]] std::string text_of_good_lines() const;

  std::filesystem::path path_;
  std::string text_;
  std::vector<Line> lines_;
  std::unordered_map<std::string, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_subject_;
  std::size_t damaged_lines_ = 0;
};

}  // namespace mote::registry
