#pragma once
// The command line as data, read from the parser itself: what shell completion is made from.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace mote::app {

struct OptionEntry {
  std::vector<std::string> names;  ///< "--json", "-h"; empty for a positional argument
  std::string description;
  bool takes_value = false;
  std::vector<std::string> choices;  ///< the only values, when they are a fixed list
};

struct CommandEntry {
  std::string path;  ///< "data import audio"; empty for mote itself
  std::string summary;
  std::vector<std::string> subcommands;  ///< last words of the paths below
  std::vector<OptionEntry> options;      ///< those of the commands above included, where they are taken here too
};

/// All commands below `root` and itself, parents first.
[[nodiscard]] std::vector<CommandEntry> command_tree(const CLI::App& root);

}  // namespace mote::app
