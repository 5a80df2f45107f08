#pragma once
// The table of broken inputs: what is asked, of which files, and what the one sentence on stderr must say.

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "sandbox.hpp"

namespace mote::e2e {

struct BrokenInput {
  std::string name;                             ///< a sentence in snake_case
  std::string command;                          ///< without "mote"
  int exit_code = 1;                            ///< 1: it cannot be done; 2: it was asked wrongly
  std::vector<std::string> mentions;            ///< each must be in the sentence: the file or option, and the reason
  std::function<void(const Sandbox&)> prepare;  ///< breaks something first; may be empty
  std::vector<std::string> wrapper = {};        ///< a program that starts mote
  std::string may_change = {};                  ///< a folder that a run may write to: its store
};

/// How a failing test names it.
inline void PrintTo(const BrokenInput& input, std::ostream* out) { *out << "mote " << input.command; }

// One function a file.
[[nodiscard]] std::vector<BrokenInput> broken_data();
[[nodiscard]] std::vector<BrokenInput> broken_models();
[[nodiscard]] std::vector<BrokenInput> broken_projects();

/// Runs mote where no file may grow beyond 1 KiB and a write says so instead of killing: what a full disk looks like.
[[nodiscard]] inline std::vector<std::string> full_disk() {
  return {"sh", "-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""};
}
/// Runs mote with its standard output on a device that is always full.
[[nodiscard]] inline std::vector<std::string> full_output() { return {"sh", "-c", "exec \"$0\" \"$@\" > /dev/full"}; }

}  // namespace mote::e2e
