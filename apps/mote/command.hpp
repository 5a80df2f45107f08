#pragma once
// A command of `mote`: its options, what it does, and how its result looks for people and for programs.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "mote/base/error.hpp"
#include "mote/base/progress.hpp"

namespace mote::app {

using Json = nlohmann::ordered_json;

/// What a command found out. `text` is for people and goes to stdout; `json` is printed instead of it under --json.
struct Outcome {
  std::string text;
  Json json = Json::object();
  bool holds = true;  ///< false: what was asked does not hold (a broken budget, a failed check): exit code 1
};

using Action = std::function<Result<Outcome>(Progress&)>;

/// A command adds itself to the parser and returns what to do when it is chosen. Options bind to shared state that the
/// action captures.
struct Command {
  std::string name;     ///< "run", or "data import" for a command in a group
  std::string summary;  ///< one line
  std::string example;  ///< shell lines shown by --help
  std::function<Action(CLI::App&)> setup;
};

/// Every command, in the order of the help text.
[[nodiscard]] std::vector<Command> all_commands();

// One function a file in commands/, each returning the commands of that file.
[[nodiscard]] std::vector<Command> boards_commands();
[[nodiscard]] std::vector<Command> data_commands();
[[nodiscard]] std::vector<Command> features_commands();
[[nodiscard]] std::vector<Command> model_commands();    // inspect, convert
[[nodiscard]] std::vector<Command> project_commands();  // new, run, train, optimize, report, why
[[nodiscard]] std::vector<Command> compile_commands();  // compile, bench
[[nodiscard]] std::vector<Command> verify_commands();
[[nodiscard]] std::vector<Command> device_run_commands();
[[nodiscard]] std::vector<Command> device_plug_commands();
[[nodiscard]] std::vector<Command> keys_commands();
[[nodiscard]] std::vector<Command> package_commands();  // pack, check
[[nodiscard]] std::vector<Command> serve_commands();    // serve, device send
[[nodiscard]] std::vector<Command> courier_commands();  // courier ..., fleet reports
[[nodiscard]] std::vector<Command> attack_commands();   // attack, device torture
[[nodiscard]] std::vector<Command> completion_commands();

}  // namespace mote::app
