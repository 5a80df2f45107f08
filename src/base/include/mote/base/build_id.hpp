#pragma once

#include <string>

namespace mote {

/// Identifies this very program: the linker's hash of its contents (GNU build id), in hex; empty if it was linked
/// without one.
[[nodiscard]] std::string build_id();

}  // namespace mote
