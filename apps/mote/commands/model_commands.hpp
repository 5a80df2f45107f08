#pragma once
// The commands on model files, one a file.

#include "command.hpp"

namespace mote::app {

[[nodiscard]] Command inspect_command();
[[nodiscard]] Command convert_command();

}  // namespace mote::app
