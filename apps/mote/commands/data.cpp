#include "data_commands.hpp"

namespace mote::app {

std::vector<Command> data_commands() { return {data_import_command(), data_show_command(), data_split_command()}; }

}  // namespace mote::app
