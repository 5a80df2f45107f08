#include "transcript.hpp"

#include <regex>
#include <sstream>

namespace mote::e2e {
namespace {

void append_lines(std::string& out, char mark, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    out += std::string(1, mark) + (line.empty() ? "" : " ") + line + "\n";
}

/// The rest of a line behind its mark and the blank.
std::string behind_mark(const std::string& line) { return line.size() > 2 ? line.substr(2) : std::string(); }

}  // namespace

Result<Transcript> parse_transcript(const std::string& text) {
  Transcript transcript;
  std::string pending;
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line[0] == '#') {
      pending += line + "\n";
      continue;
    }
    if (line.starts_with("$ ")) {
      transcript.exchanges.push_back({std::move(pending), line.substr(2), number, {}, {}, 0});
      pending.clear();
      continue;
    }
    if (transcript.exchanges.empty() || !pending.empty())
      return fail(Code::malformed, "line " + std::to_string(number) + ": belongs to no command");
    Exchange& last = transcript.exchanges.back();
    switch (line[0]) {
      case '|':
        last.output += behind_mark(line) + "\n";
        break;
      case '!':
        last.diagnostics += behind_mark(line) + "\n";
        break;
      case '=':
        last.exit_code = std::stoi(line.substr(1));
        break;
      default:
        return fail(Code::malformed, "line " + std::to_string(number) + ": starts with none of # $ | ! =");
    }
  }
  transcript.after = std::move(pending);
  return transcript;
}

std::string print_transcript(const Transcript& transcript) {
  std::string out;
  for (const Exchange& exchange : transcript.exchanges) {
    out += exchange.before + "$ " + exchange.command + "\n";
    append_lines(out, '|', exchange.output);
    append_lines(out, '!', exchange.diagnostics);
    if (exchange.exit_code != 0) out += "= " + std::to_string(exchange.exit_code) + "\n";
  }
  return out + transcript.after;
}

std::string normalised(std::string text, const std::filesystem::path& folder) {
  for (std::size_t at = 0; (at = text.find(folder.string(), at)) != std::string::npos;)
    text.replace(at, folder.string().size(), "<folder>");
  static const std::regex kDate(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)");
  return std::regex_replace(text, kDate, "<date>");
}

}  // namespace mote::e2e
