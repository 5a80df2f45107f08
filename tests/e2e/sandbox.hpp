#pragma once
// A temporary folder with everything the end-to-end tests feed to `mote`, and the program itself.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"

namespace mote::e2e {

/// Relative path of each file -> hash of its content.
using Snapshot = std::map<std::string, std::string>;

class Sandbox {
 public:
  /// Fills the folder with the files of sample_files.hpp and sample_models.hpp.
  Sandbox();

  [[nodiscard]] const std::filesystem::path& folder() const { return temporary_.path(); }
  void put(const std::string& file, ByteSpan bytes) const;
  void put(const std::string& file, std::string_view text) const { put(file, as_bytes(text)); }
  [[nodiscard]] Bytes get(const std::string& file) const;

  /// Runs `mote` in the folder. @param wrapper  a program and its arguments that start mote, given behind them.
  [[nodiscard]] ProcessResult mote(const std::vector<std::string>& arguments,
                                   const std::vector<std::string>& wrapper = {}) const;
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& arguments) const;
  [[nodiscard]] Snapshot snapshot() const;

 private:
  TemporaryFolder temporary_;
};

/// Splits as a shell does, with '...' and "..." and no expansion.
[[nodiscard]] std::vector<std::string> split_command(std::string_view line);

}  // namespace mote::e2e
