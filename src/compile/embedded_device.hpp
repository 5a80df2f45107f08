#pragma once
// Private to the module: the files of device/, built into the library so that one binary can compile models anywhere.

#include <span>
#include <string_view>

namespace mote::compile {

struct EmbeddedFile {
  std::string_view path;  ///< relative to device/
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedFile> embedded_device_files();

}  // namespace mote::compile
