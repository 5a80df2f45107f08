// Sources the completion script in a real shell and asks it what a user would be offered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// What bash offers for the last of `words`, which may be empty.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  static const Sandbox box;
  static const std::string script = box.mote({"completion", "bash"}).output;
  box.put("mote.bash", script);
  std::string list;
  for (const std::string& word : words) list += " '" + word + "'";
  const ProcessResult result = box.run({"bash", "--norc", "-c",
                                        "set -u; . ./mote.bash; COMP_WORDS=(" + list +
                                            " ); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _mote; "
                                            "[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' \"${COMPREPLY[@]}\""});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
  EXPECT_EQ(result.diagnostics, "");
  return lines_of(result.output);
}

TEST(Completion, offers_commands) {
  EXPECT_THAT(offered({"mote", ""}), IsSupersetOf({"data", "features", "inspect", "convert", "boards", "completion"}));
  EXPECT_THAT(offered({"mote", "insp"}), ElementsAre("inspect"));
}

TEST(Completion, offers_commands_of_a_group_and_below) {
  EXPECT_THAT(offered({"mote", "data", ""}), ElementsAre("import", "show", "split"));
  EXPECT_THAT(offered({"mote", "data", "import", ""}), ElementsAre("idx", "audio", "images", "series", "strokes"));
}

TEST(Completion, offers_options_where_they_are_taken) {
  EXPECT_THAT(offered({"mote", "data", "split", "--"}),
              IsSupersetOf({"--rule", "--seed", "--out", "--json", "--quiet", "--help"}));
  EXPECT_THAT(offered({"mote", "data", "split", "--"}), Not(Contains("--pattern")));
  EXPECT_THAT(offered({"mote", "data", "import", "audio", "wav", "--pat"}), ElementsAre("--pattern"));
}

TEST(Completion, offers_the_values_of_a_choice) {
  EXPECT_THAT(offered({"mote", "data", "split", "set", "--rule", ""}),
              IsSupersetOf({"hint", "fraction", "kfold", "groups"}));
  EXPECT_THAT(offered({"mote", "features", "show", "--block", "mf"}), ElementsAre("mfe", "mfcc"));
  EXPECT_THAT(offered({"mote", "completion", ""}), ElementsAre("bash", "zsh", "fish"));
}

TEST(Completion, offers_boards_of_the_catalogue) {
  EXPECT_THAT(offered({"mote", "compile", "model.tflite", "--board", "nucleo-l4"}), ElementsAre("nucleo-l4r5zi"));
}

TEST(Completion, leaves_files_to_the_shell) {
  EXPECT_THAT(offered({"mote", "data", "split", "set", "--out", ""}), IsEmpty());
}

TEST(Completion, is_not_misled_by_the_value_of_an_option) {
  EXPECT_THAT(offered({"mote", "data", "--json", "split", "--out", "import", "--pat"}), IsEmpty());
}

TEST(Completion, knows_every_command_of_the_help) {
  const Sandbox box;
  const std::string help = box.mote({"--help"}).output;
  for (const std::string& command : offered({"mote", ""}))
    EXPECT_THAT(help, testing::HasSubstr("\n  " + command + " "));
}

/// The other shells, asked the same things; what starts with what is typed, they pick out themselves.
TEST(CompletionOfZsh, offers_commands_options_and_values) {
  if (find_program("zsh").empty()) GTEST_SKIP() << "zsh is not installed";
  const Sandbox box;
  box.put("mote.zsh", box.mote({"completion", "zsh"}).output);
  const auto offered_by_zsh = [&](const std::string& words) {
    // The functions of zsh's completion system, as far as the script uses them.
    const ProcessResult result = box.run(
        {"zsh", "-f", "-c",
         "compdef() { : }; compadd() { shift; print -l -- \"$@\" }; _files() { print FILES }; . ./mote.zsh; words=(" +
             words + "); CURRENT=${#words}; _mote"});
    EXPECT_EQ(result.diagnostics, "");
    return lines_of(result.output);
  };
  EXPECT_THAT(offered_by_zsh("mote data ''"), ElementsAre("import", "show", "split"));
  EXPECT_THAT(offered_by_zsh("mote data split set --rule ''"), IsSupersetOf({"hint", "kfold"}));
  EXPECT_THAT(offered_by_zsh("mote data import audio --"), IsSupersetOf({"--pattern", "--json"}));
  EXPECT_THAT(offered_by_zsh("mote data show ''"), ElementsAre("FILES"));
}

TEST(CompletionOfFish, offers_commands_options_and_values) {
  if (find_program("fish").empty()) GTEST_SKIP() << "fish is not installed";
  const Sandbox box;
  box.put("mote.fish", box.mote({"completion", "fish"}).output);
  const auto offered_by_fish = [&](const std::string& line) {
    const ProcessResult result =
        box.run({"fish", "--no-config", "--private", "-c",
                 "source mote.fish; complete -C '" + line + "' | string replace -r '\\t.*' ''"});
    EXPECT_EQ(result.diagnostics, "");
    return lines_of(result.output);
  };
  EXPECT_THAT(offered_by_fish("mote data "), testing::UnorderedElementsAre("import", "show", "split"));
  EXPECT_THAT(offered_by_fish("mote data split set --rule "), IsSupersetOf({"hint", "kfold"}));
  EXPECT_THAT(offered_by_fish("mote data import audio --pat"), ElementsAre("--pattern"));
}

class Syntax : public testing::TestWithParam<const char*> {};

TEST_P(Syntax, is_accepted_by_its_shell) {
  const std::string shell = GetParam();
  if (find_program(shell).empty()) GTEST_SKIP() << shell << " is not installed";
  const Sandbox box;
  box.put("script", box.mote({"completion", shell}).output);
  const ProcessResult result = box.run({shell, "-n", "script"});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
}

INSTANTIATE_TEST_SUITE_P(Completion, Syntax, testing::Values("bash", "zsh", "fish"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace mote::e2e
