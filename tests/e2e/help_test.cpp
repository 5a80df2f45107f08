// Every command explains itself: what it does, how it is called, an example. The layout is CLI11's and differs between
// its versions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsSupersetOf;

std::vector<std::string> all_commands() {
  static const Sandbox box;
  const auto json = nlohmann::json::parse(box.mote({"completion", "bash", "--json"}).output);
  return json.at("commands").get<std::vector<std::string>>();
}

TEST(Help, exists_for_every_command_with_an_example) {
  const Sandbox box;
  for (const std::string& command : all_commands()) {
    std::vector<std::string> arguments = split_command(command);
    arguments.emplace_back("--help");
    const ProcessResult result = box.mote(arguments);
    SCOPED_TRACE(command);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.diagnostics, "");
    EXPECT_THAT(result.output, AnyOf(HasSubstr("Usage: "), HasSubstr("mote " + command + " [OPTIONS]")));
    EXPECT_THAT(result.output, HasSubstr("Example:\n  "));
  }
}

TEST(Help, knows_the_commands_of_the_contract) {
  EXPECT_THAT(all_commands(), IsSupersetOf({"new",
                                            "run",
                                            "train",
                                            "optimize",
                                            "report",
                                            "why",
                                            "data import idx",
                                            "data import audio",
                                            "data import images",
                                            "data import series",
                                            "data import strokes",
                                            "data show",
                                            "data split",
                                            "features show",
                                            "inspect",
                                            "convert",
                                            "compile",
                                            "bench",
                                            "verify",
                                            "keys new",
                                            "keys document",
                                            "keys sign",
                                            "keys time",
                                            "pack",
                                            "check",
                                            "boards",
                                            "device torture",
                                            "attack",
                                            "completion"}));
}

}  // namespace
}  // namespace mote::e2e
