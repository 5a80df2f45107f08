#pragma once
// mote compile with several models: one arena for all of them.

#include <cstdint>
#include <string>
#include <vector>

#include "command.hpp"
#include "mote/graph/graph.hpp"

namespace mote::app {

struct SetArguments {
  std::vector<std::string> files;
  std::vector<std::string> features;  ///< "MODEL=FILE", MODEL being a file's name without folder and suffix
  std::string board, out;
  bool per_op = false;
  std::uint64_t flash = 0, ram = 0;  ///< of all together; 0: no budget
};

/// Modules, one firmware that holds them all, measured one by one and run in turns against the host.
[[nodiscard]] Result<Outcome> compile_set_command(const SetArguments& arguments, Progress& progress);

/// The file's name without folder and suffix.
[[nodiscard]] std::string model_name(const std::string& file);

}  // namespace mote::app
