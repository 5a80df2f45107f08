#pragma once
// Runs another program (compiler, QEMU, node) without a shell.

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/error.hpp"

namespace mote {

struct ProcessResult {
  int exit_code = 0;        ///< 128 + signal when it was killed
  std::string output;       ///< standard output
  std::string diagnostics;  ///< standard error
};

struct ProcessOptions {
  std::filesystem::path folder;  ///< working folder; empty means ours
  std::string input;             ///< what the program reads from standard input
  std::chrono::milliseconds timeout{600'000};
};

/// Runs `arguments[0]` (looked up in PATH) to its end and collects what it prints.
/// A non-zero exit code is not an error here.
/// @error not_found  no such program.   @error io  it could not be started, or ran past the timeout and was killed.
[[nodiscard]] Result<ProcessResult> run_process(const std::vector<std::string>& arguments,
                                                const ProcessOptions& options = {});

/// Full path of a program in PATH, or an empty path.
[[nodiscard]] std::filesystem::path find_program(const std::string& name);

}  // namespace mote
