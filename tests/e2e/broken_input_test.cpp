// Whatever is broken, the user reads one sentence, the exit code says whose fault it is, and nothing that was there is
// lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>

#include "broken_input.hpp"
#include "mote/data/import.hpp"

namespace mote::e2e {
namespace {

std::vector<BrokenInput> all_broken() {
  std::vector<BrokenInput> all = broken_data();
  for (BrokenInput& input : broken_models()) all.push_back(std::move(input));
  for (BrokenInput& input : broken_projects()) all.push_back(std::move(input));
  return all;
}

/// What is there before: datasets, a model and a text that a failing command could destroy. Made without the program:
/// it takes a while to start.
void put_things_to_lose(const Sandbox& box) {
  SilentProgress silent;
  data::IdxSpec pictures;
  pictures.images = box.folder() / "idx/images.idx";
  pictures.labels = box.folder() / "idx/labels.idx";
  ASSERT_TRUE(data::import_idx(pictures, box.folder() / "kept", silent));
  data::AudioSpec speech;
  speech.folder = box.folder() / "wav";
  speech.naming = {data::Naming::Label::pattern, "{label}_{group}_{index}.wav", ""};
  ASSERT_TRUE(data::import_audio(speech, box.folder() / "speech", silent));
  box.put("kept.tflite", std::string_view("an older model"));
  box.put("kept.mote", std::string_view("an older graph"));
}

/// Files of `before` that are gone or changed, and those that are new, outside of `may_change`.
std::vector<std::string> differences(const Snapshot& before, const Snapshot& after, const std::string& may_change) {
  std::vector<std::string> found;
  for (const auto& [file, hash] : before) {
    const auto now = after.find(file);
    if (now == after.end() || now->second != hash) found.push_back(file + " was changed");
  }
  for (const auto& [file, hash] : after) {
    const bool is_allowed = !may_change.empty() && file.starts_with(may_change);
    if (!before.contains(file) && !is_allowed) found.push_back(file + " was left behind");
  }
  return found;
}

void expect_one_sentence(const std::string& diagnostics) {
  EXPECT_THAT(diagnostics, testing::StartsWith("mote: "));
  EXPECT_EQ(std::count(diagnostics.begin(), diagnostics.end(), '\n'), 1) << diagnostics;
  EXPECT_TRUE(diagnostics.ends_with('\n'));
  EXPECT_THAT(diagnostics, testing::Not(testing::HasSubstr("unexpected: ")));
  EXPECT_LT(diagnostics.size(), 500u) << diagnostics;
  EXPECT_GT(diagnostics.size(), 25u) << diagnostics;
}

class Broken : public testing::TestWithParam<BrokenInput> {};

TEST_P(Broken, input_gives_one_sentence_and_loses_nothing) {
  const BrokenInput& input = GetParam();
  const Sandbox box;
  put_things_to_lose(box);
  if (input.prepare) input.prepare(box);
  const Snapshot before = box.snapshot();

  std::vector<std::string> arguments = split_command(input.command);
  arguments.emplace_back("--quiet");
  const ProcessResult result = box.mote(arguments, input.wrapper);

  // For whoever reviews the sentences as a list.
  if (std::getenv("MOTE_SHOW") != nullptr) std::cout << result.exit_code << " " << result.diagnostics;
  EXPECT_EQ(result.exit_code, input.exit_code) << result.diagnostics;
  EXPECT_EQ(result.output, "");
  expect_one_sentence(result.diagnostics);
  for (const std::string& word : input.mentions) EXPECT_THAT(result.diagnostics, testing::HasSubstr(word));
  EXPECT_THAT(differences(before, box.snapshot(), input.may_change), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(E2e, Broken, testing::ValuesIn(all_broken()),
                         [](const auto& test) { return test.param.name; });

TEST(BrokenTable, has_at_least_sixty_inputs_with_names_of_their_own) {
  std::set<std::string> names;
  for (const BrokenInput& input : all_broken()) names.insert(input.name);
  EXPECT_EQ(names.size(), all_broken().size());
  EXPECT_GE(names.size(), 60u);
}

TEST(BrokenTable, notices_what_is_lost_and_what_is_left_behind) {
  EXPECT_EQ(differences({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"b", "3"}, {"c", "4"}}, "").size(), 2u);
  EXPECT_EQ(differences({{"a", "1"}}, {{"store/x", "4"}, {"a", "1"}}, "store").size(), 0u);
}

// The same failure as a program reads it: one JSON object with the same sentence.
TEST(BrokenInputAsJson, is_one_object_with_code_and_message) {
  const Sandbox box;
  const ProcessResult result = box.mote({"data", "show", "nowhere", "--json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, testing::StartsWith("{\"error\":{\"code\":\"not_found\",\"message\":\"nowhere"));
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1);
}

}  // namespace
}  // namespace mote::e2e
