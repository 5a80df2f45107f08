// Runs every session of transcripts/ and compares each byte. MOTE_UPDATE=1 in the environment writes what was printed
// into the files instead, for review with git diff.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "sandbox.hpp"
#include "transcript.hpp"

namespace mote::e2e {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> transcripts() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(MOTE_TRANSCRIPTS)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Exchange performed(const Exchange& expected, const Sandbox& sandbox) {
  std::vector<std::string> words = split_command(expected.command);
  if (!words.empty() && words[0] == "mote") words[0] = MOTE_BINARY;
  const ProcessResult result = sandbox.run(words);
  Exchange actual = expected;
  actual.output = normalised(result.output, sandbox.folder());
  actual.diagnostics = normalised(result.diagnostics, sandbox.folder());
  actual.exit_code = result.exit_code;
  return actual;
}

class TranscriptOf : public testing::TestWithParam<std::string> {};

TEST_P(TranscriptOf, prints_what_it_printed_before) {
  const fs::path file = fs::path(MOTE_TRANSCRIPTS) / (GetParam() + ".txt");
  const auto text = read_text(file);
  ASSERT_TRUE(text);
  auto transcript = parse_transcript(*text);
  ASSERT_TRUE(transcript) << transcript.error().message();
  const Sandbox sandbox;
  const bool update = std::getenv("MOTE_UPDATE") != nullptr;
  for (Exchange& expected : transcript->exchanges) {
    const Exchange actual = performed(expected, sandbox);
    if (update) {
      expected = actual;
      continue;
    }
    SCOPED_TRACE(file.filename().string() + ":" + std::to_string(expected.line) + ": " + expected.command);
    EXPECT_EQ(actual.output, expected.output);
    EXPECT_EQ(actual.diagnostics, expected.diagnostics);
    EXPECT_EQ(actual.exit_code, expected.exit_code);
  }
  if (update) {
    ASSERT_TRUE(write_file(file, print_transcript(*transcript)));
  }
}

INSTANTIATE_TEST_SUITE_P(E2e, TranscriptOf, testing::ValuesIn(transcripts()), [](const auto& test) {
  std::string name = test.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Transcript, reads_back_what_it_prints) {
  const std::string text = "# one\n$ mote boards\n| a\n|\n| b\n! c\n= 2\n\n# two\n$ mote --version\n\n# end\n";
  const auto transcript = parse_transcript(text);
  ASSERT_TRUE(transcript);
  ASSERT_EQ(transcript->exchanges.size(), 2u);
  EXPECT_EQ(transcript->exchanges[0].output, "a\n\nb\n");
  EXPECT_EQ(transcript->exchanges[0].exit_code, 2);
  EXPECT_EQ(print_transcript(*transcript), text);
}

TEST(Transcript, refuses_output_without_a_command) { EXPECT_FALSE(parse_transcript("| lost\n")); }

TEST(Transcript, splits_commands_like_a_shell) {
  EXPECT_EQ(split_command("mote  data 'a b' --x=\"c d\" ''"),
            (std::vector<std::string>{"mote", "data", "a b", "--x=c d", ""}));
}

}  // namespace
}  // namespace mote::e2e
