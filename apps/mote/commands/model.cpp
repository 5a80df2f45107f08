#include "model_commands.hpp"

namespace mote::app {

std::vector<Command> model_commands() { return {inspect_command(), convert_command()}; }

}  // namespace mote::app
