#include "record_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "mote/base/file.hpp"

namespace mote::registry {
namespace {

constexpr std::size_t kCheckDigits = 16;
constexpr std::uint64_t kMaxLogBytes = std::uint64_t{1} << 31;

std::string check_of(std::string_view rest) { return sha256(rest).hex().substr(0, kCheckDigits); }

/// Shape first, because it is cheap; the check sum last.
bool is_good_line(std::string_view line) {
  if (line.size() < kCheckDigits + 4 || line[kCheckDigits] != ' ' || line[kCheckDigits + 2] != ' ') return false;
  const char event = line[kCheckDigits + 1];
  if (event != static_cast<char>(Event::step) && event != static_cast<char>(Event::alias)) return false;
  const std::size_t id_end = line.find(' ', kCheckDigits + 3);
  if (id_end == std::string_view::npos || line.find(' ', id_end + 1) == std::string_view::npos) return false;
  return check_of(line.substr(kCheckDigits + 1)) == line.substr(0, kCheckDigits);
}

std::string index_key(Event event, std::string_view text) { return static_cast<char>(event) + std::string(text); }

}  // namespace

Result<RecordLog> RecordLog::open(const std::filesystem::path& path, bool writable) {
  RecordLog log;
  log.path_ = path;
  auto text = read_text(path, kMaxLogBytes);
  if (!text && text.error().code() != Code::not_found) return fail(std::move(text).error());
  if (text) log.text_ = std::move(*text);
  const std::size_t size_before = log.text_.size();
  log.load();
  if (!writable) return log;
  if (log.damaged_lines_ > 0) {
    MOTE_TRY_VOID(write_file(path, log.text_of_good_lines()));
    const std::size_t damaged = log.damaged_lines_;
    MOTE_TRY(RecordLog clean, open(path, true));
    clean.damaged_lines_ = damaged;
    return clean;
  }
  if (log.text_.size() < size_before && ::truncate(path.c_str(), static_cast<off_t>(log.text_.size())) != 0) {
    return disk::system_failure(path);
  }
  return log;
}

void RecordLog::load() {
  std::size_t offset = 0;
  while (true) {
    const std::size_t end = text_.find('\n', offset);
    if (end == std::string::npos) break;
    if (is_good_line(std::string_view(text_).substr(offset, end - offset))) {
      lines_.push_back({offset, end - offset});
    } else {
      ++damaged_lines_;
    }
    offset = end + 1;
  }
  text_.resize(offset);  // what follows the last newline was never committed
  for (std::size_t line = 0; line < lines_.size(); ++line) index(line);
}

void RecordLog::index(std::size_t line) {
  const Entry parts = entry(line);
  by_id_[index_key(parts.event, parts.id)] = line;
  by_subject_[index_key(parts.event, parts.subject)] = line;
}

std::string RecordLog::text_of_good_lines() const {
  std::string good;
  for (const Line& line : lines_) good += text_.substr(line.offset, line.size + 1);
  return good;
}

Result<void> RecordLog::append(Event event, std::string_view id, std::string_view subject, std::string_view json) {
  std::string rest;
  rest += static_cast<char>(event);
  for (const std::string_view part : {id, subject, json}) rest.append(" ").append(part);
  const std::string line = check_of(rest) + ' ' + rest;
  MOTE_TRY(const disk::Descriptor file, disk::open_file(path_, O_WRONLY | O_CREAT | O_APPEND));
  auto written = disk::write_all(file, as_bytes(line + '\n'), path_);
  if (written && ::fsync(file.get()) != 0) written = disk::system_failure(path_);
  if (!written) {
    // A full disk may have taken half the line; the next opening would cut it off as well.
    static_cast<void>(::ftruncate(file.get(), static_cast<off_t>(text_.size())) == 0);
    return fail(std::move(written).error());
  }
  lines_.push_back({text_.size(), line.size()});
  text_ += line + '\n';
  index(lines_.size() - 1);
  return {};
}

RecordLog::Entry RecordLog::entry(std::size_t index) const {
  std::string_view rest = std::string_view(text_).substr(lines_[index].offset, lines_[index].size);
  rest.remove_prefix(kCheckDigits + 1);
  Entry parts;
  parts.event = static_cast<Event>(rest[0]);
  rest.remove_prefix(2);
  for (std::string_view* field : {&parts.id, &parts.subject}) {
    const std::size_t space = rest.find(' ');
    *field = rest.substr(0, space);
    rest.remove_prefix(space + 1);
  }
  parts.json = rest;
  return parts;
}

std::size_t RecordLog::latest_by_id(Event event, std::string_view id) const {
  const auto found = by_id_.find(index_key(event, id));
  return found == by_id_.end() ? size() : found->second;
}

std::size_t RecordLog::latest_by_subject(Event event, std::string_view subject) const {
  const auto found = by_subject_.find(index_key(event, subject));
  return found == by_subject_.end() ? size() : found->second;
}

}  // namespace mote::registry
