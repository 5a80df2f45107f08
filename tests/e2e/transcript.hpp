#pragma once
// Command-line sessions as text files:
//
//   # what it shows
//   $ mote data show shapes          a command; only `mote` and programs of the system, no shell
//   | shapes: image, 24 samples      its standard output, line by line
//   ! mote: shapes: ...              its standard error
//   = 1                              its exit code, where it is not 0
//
// Commands of a file run one after another in one Sandbox. Dates are compared as <date>.

#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/error.hpp"

namespace mote::e2e {

struct Exchange {
  std::string before;  ///< comments and blank lines above the command
  std::string command;
  std::size_t line = 0;
  std::string output;
  std::string diagnostics;
  int exit_code = 0;
};

struct Transcript {
  std::vector<Exchange> exchanges;
  std::string after;  ///< comments behind the last one
};

/// @error malformed  a line that is none of the above.
[[nodiscard]] Result<Transcript> parse_transcript(const std::string& text);
/// parse_transcript(print_transcript(t)) is t again.
[[nodiscard]] std::string print_transcript(const Transcript& transcript);

/// What does not depend on when and where it ran.
[[nodiscard]] std::string normalised(std::string text, const std::filesystem::path& folder);

}  // namespace mote::e2e
