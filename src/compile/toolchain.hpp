#pragma once
// Private to the module: the cross compiler and the device sources that it needs.

#include <filesystem>
#include <string>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/file.hpp"

namespace mote::compile {

/// A folder with device/ laid out in it and the compiler's flags. Sources come from the binary itself: nothing has to
/// be installed beside it.
class Toolchain {
 public:
  /// @error not_found  arm-none-eabi-g++ is missing.   @error io
  [[nodiscard]] static Result<Toolchain> create();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] std::filesystem::path device() const { return folder_.path() / "device"; }

  /// Runs arm-none-eabi-g++ with the core's flags and these arguments, in folder().
  /// @error internal  with the first line of what it said.
  [[nodiscard]] Result<void> compile(std::vector<std::string> arguments) const;
  [[nodiscard]] Result<void> objcopy(std::vector<std::string> arguments) const;

 private:
  explicit Toolchain(TemporaryFolder folder) : folder_(std::move(folder)) {}
  TemporaryFolder folder_;
};

}  // namespace mote::compile
