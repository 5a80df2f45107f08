#include "command.hpp"

namespace mote::app {

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (const auto& part :
       {project_commands, data_commands, features_commands, model_commands, compile_commands, verify_commands,
        keys_commands, package_commands, boards_commands, device_run_commands, device_plug_commands, attack_commands,
        serve_commands, courier_commands, completion_commands}) {
    for (Command& command : part()) all.push_back(std::move(command));
  }
  return all;
}

}  // namespace mote::app
