#include "command_tree.hpp"

#include <algorithm>

#include "mote/board/board_spec.hpp"

namespace mote::app {
namespace {

/// CLI11 describes a closed list of values in the type's name: "TEXT:{bash,zsh,fish}".
std::vector<std::string> choices_of(const CLI::Option& option) {
  std::vector<std::string> choices;
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (std::size_t at = open + 1; at < close;) {
    const std::size_t end = std::min(type.find(',', at), close);
    choices.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return choices;
}

OptionEntry entry_of(const CLI::Option& option) {
  OptionEntry entry;
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) entry.names.push_back("-" + name);
  entry.description = option.get_description();
  entry.takes_value = option.get_items_expected_max() > 0;
  entry.choices = choices_of(option);
  // The catalogue is not a closed list (a board may be a file), but its names are what one wants to be offered.
  if (option.get_name() == "--board") {
    for (const board::BoardSpec& board : board::catalogue()) entry.choices.push_back(board.name);
  }
  return entry;
}

bool is_only_for(const OptionEntry& option) {
  return std::any_of(option.names.begin(), option.names.end(),
                     [](const std::string& name) { return name == "--help" || name == "--version"; });
}

void walk(const CLI::App& app, const std::string& path, const std::vector<OptionEntry>& inherited,
          std::vector<CommandEntry>& all) {
  CommandEntry entry{path, app.get_description(), {}, {}};
  std::vector<OptionEntry> passed_on = inherited;
  for (const CLI::Option* option : app.get_options()) {
    entry.options.push_back(entry_of(*option));
    if (!entry.options.back().names.empty() && !is_only_for(entry.options.back()))
      passed_on.push_back(entry.options.back());
  }
  entry.options.insert(entry.options.end(), inherited.begin(), inherited.end());
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : below) entry.subcommands.push_back(sub->get_name());
  all.push_back(std::move(entry));
  for (const CLI::App* sub : below)
    walk(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), passed_on, all);
}

}  // namespace

std::vector<CommandEntry> command_tree(const CLI::App& root) {
  std::vector<CommandEntry> all;
  walk(root, "", {}, all);
  return all;
}

}  // namespace mote::app
