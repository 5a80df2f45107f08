#pragma once
// The commands of `mote data`, one a file.

#include "command.hpp"

namespace mote::app {

[[nodiscard]] Command data_import_command();
[[nodiscard]] Command data_show_command();
[[nodiscard]] Command data_split_command();

}  // namespace mote::app
