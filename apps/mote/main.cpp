// Parses the command line, runs one command, prints its outcome. Exit codes: 0 done, 1 what was asked does not hold or
// failed, 2 wrong usage.

#include <cstdio>
#include <iostream>

#include "command.hpp"
#include "terminal_progress.hpp"

namespace mote::app {
namespace {

struct Chosen {
  Action action;
};

/// Finds or makes the parser of "data" for "data import".
CLI::App* group_of(CLI::App& app, const std::string& name) {
  const std::size_t space = name.find(' ');
  if (space == std::string::npos) return &app;
  const std::string group = name.substr(0, space);
  for (CLI::App* existing : app.get_subcommands([](CLI::App*) { return true; })) {
    if (existing->get_name() == group) return existing;
  }
  CLI::App* made = app.add_subcommand(group, "commands on " + group);
  made->require_subcommand(1);
  made->fallthrough();
  return made;
}

void add(CLI::App& app, const Command& command, Chosen& chosen) {
  CLI::App* group = group_of(app, command.name);
  const std::string own =
      command.name.substr(command.name.find(' ') == std::string::npos ? 0 : command.name.find(' ') + 1);
  CLI::App* parser = group->add_subcommand(own, command.summary);
  parser->fallthrough();
  parser->footer("Example:\n  " + command.example);
  parser->callback([&chosen, action = command.setup(*parser)] { chosen.action = action; });
}

int report_failure(const Error& error, bool json) {
  const bool usage = error.code() == Code::invalid_argument;
  if (json) {
    std::cout << Json{{"error", {{"code", name(error.code())}, {"message", error.message()}}}}.dump(
                     -1, ' ', false, Json::error_handler_t::replace)
              << "\n";
  }
  std::cerr << "mote: " << error.message() << "\n";
  return usage ? 2 : 1;
}

/// CLI11 says that a command is missing where one is misspelt; the word itself is what helps.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().front();
  const bool wants_command = !deepest->get_subcommands([](const CLI::App*) { return true; }).empty();
  const std::vector<std::string> rest = app.remaining(true);
  std::string place = "mote";
  for (const CLI::App* a = &app; a != deepest;) place += " " + (a = a->get_subcommands().front())->get_name();
  const std::string hint = "; '" + place + " --help' lists what is possible";
  if (wants_command && !rest.empty() && !rest.front().starts_with("-"))
    return "'" + rest.front() + "' is no command of '" + place + "'" + hint;
  return error.what() + hint;
}

int run(int argc, char** argv) {
  CLI::App app{"mote: machine learning for microcontrollers, from data to a measured, updatable model", "mote"};
  app.require_subcommand(1);
  app.set_version_flag("--version", MOTE_VERSION);
  bool json = false;
  bool quiet = false;
  app.add_flag("--json", json, "print one JSON object on stdout and nothing else there");
  app.add_flag("--quiet", quiet, "no progress on stderr");
  app.footer("Every command explains itself: mote COMMAND --help");
  Chosen chosen;
  for (const Command& command : all_commands()) add(app, command, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    std::cerr << "mote: " << usage_sentence(app, e) << "\n";
    return 2;
  }
  TerminalProgress progress(quiet);
  const auto outcome = chosen.action(progress);
  progress.finish();
  if (!outcome) return report_failure(outcome.error(), json);
  if (json) {
    std::cout << outcome->json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    std::cout << outcome->text;
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "mote: the output could not be written\n";
    return 1;
  }
  return outcome->holds ? 0 : 1;
}

}  // namespace
}  // namespace mote::app

int main(int argc, char** argv) {
  try {
    return mote::app::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mote: unexpected: %s; please report this\n", e.what());
    return 1;
  }
}
