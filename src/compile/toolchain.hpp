#pragma once
// Private to the module: the cross compiler and the device sources that it needs.

#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/file.hpp"
#include "mote/board/core.hpp"

namespace mote::compile {

/// A core's compiler and binutils, and a folder with device/ laid out in it. Sources come from the binary itself:
/// nothing has to be installed beside it.
class Toolchain {
 public:
  /// @error not_found  the core's compiler is missing.   @error io
  [[nodiscard]] static Result<Toolchain> create(const board::CoreSpec& core);

  [[nodiscard]] const board::CoreSpec& core() const { return *core_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] std::filesystem::path device() const { return folder_.path() / "device"; }

  /// Runs g++ with the core's flags and these arguments, in folder().
  /// @error internal  with the first line of what it said.
  [[nodiscard]] Result<void> compile(std::vector<std::string> arguments) const;
  [[nodiscard]] Result<void> objcopy(std::vector<std::string> arguments) const;
  /// What readelf prints.
  [[nodiscard]] Result<std::string> readelf(std::vector<std::string> arguments) const;

 private:
  Toolchain(const board::CoreSpec& core, TemporaryFolder folder) : core_(&core), folder_(std::move(folder)) {}
  const board::CoreSpec* core_;
  TemporaryFolder folder_;
};

}  // namespace mote::compile
