// Properties of Section::canonical_text: it sees what a step reads, and nothing of how or where it is written.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "mote/pipeline/config.hpp"

namespace mote::pipeline {
namespace {

// RapidCheck takes its seed from the environment; a fixed one unless the caller gives another.
[[maybe_unused]] const int kSeeded = ::setenv("RC_PARAMS", "seed=21", 0);

using Values = std::map<std::string, int>;

Values any_values() {
  const auto key =
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', static_cast<char>('z' + 1))));
  return *rc::gen::container<Values>(key, rc::gen::arbitrary<int>());
}

/// TOML with the keys in the given order, spaces and comments by `style`.
std::string print(const std::vector<std::pair<std::string, int>>& entries, unsigned style) {
  std::string text = style % 2 == 0 ? "[s]\n" : "# comment\n\n[ s ]  # more\n";
  for (const auto& [key, value] : entries) {
    const std::string name = style % 3 == 0 ? "\"" + key + "\"" : key;
    text += name + (style % 5 < 2 ? " = " : "=\t") + (value >= 0 && style % 7 < 3 ? "+" : "") + std::to_string(value) +
            (style % 4 == 1 ? "   # c\r\n\n" : "\n");
  }
  return text;
}

std::string canonical_of(const std::string& text, const std::vector<std::string>& keys) {
  Config config = Config::parse(text, "mote.toml").value();
  Section section = config.section("s").value();
  for (const std::string& key : keys) static_cast<void>(section.require<int>(key).value());
  return section.canonical_text();
}

std::vector<std::string> keys_of(const Values& values) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values) keys.push_back(key);
  return keys;
}

TEST(CanonicalText, does_not_depend_on_order_or_spelling) {
  EXPECT_TRUE(rc::check("order and spelling", [] {
    const Values values = any_values();
    std::vector<std::pair<std::string, int>> entries(values.begin(), values.end());
    const std::string expected = canonical_of(print(entries, 0), keys_of(values));
    std::reverse(entries.begin(), entries.end());
    const auto style = *rc::gen::inRange(0u, 420u);
    std::vector<std::string> keys = keys_of(values);
    std::reverse(keys.begin(), keys.end());
    RC_ASSERT(canonical_of(print(entries, style), keys) == expected);
  }));
}

TEST(CanonicalText, two_files_agree_exactly_when_what_is_read_agrees) {
  EXPECT_TRUE(rc::check("injective", [] {
    const Values values = any_values();
    RC_PRE(!values.empty());
    const std::string changed = *rc::gen::elementOf(keys_of(values));
    const std::string read = *rc::gen::elementOf(keys_of(values));
    Values other = values;
    other[changed] = *rc::gen::distinctFrom(values.at(changed));
    const std::string before = canonical_of(print({values.begin(), values.end()}, 0), {read});
    const std::string after = canonical_of(print({other.begin(), other.end()}, 0), {read});
    RC_ASSERT((before == after) == (read != changed));
  }));
}

TEST(CanonicalText, texts_cannot_pose_as_further_keys) {
  EXPECT_TRUE(rc::check("one line a key", [](const std::string& value) {
    Config config = Config::parse("[s]\n", "mote.toml").value();
    Section section = config.section("s").value();
    RC_ASSERT(section.get<std::string>("key", value).value() == value);
    const std::string text = section.canonical_text();
    RC_ASSERT(std::count(text.begin(), text.end(), '\n') == 1);
  }));
}

TEST(CanonicalText, different_texts_differ) {
  EXPECT_TRUE(rc::check("injective on texts", [](const std::string& a, const std::string& b) {
    const auto canonical = [](const std::vector<std::string>& value) {
      Config config = Config::parse("[s]\n", "mote.toml").value();
      Section section = config.section("s").value();
      static_cast<void>(section.get<std::vector<std::string>>("key", value).value());
      return section.canonical_text();
    };
    RC_ASSERT((canonical({a, b}) == canonical({a + b})) == false);
    RC_ASSERT((canonical({a, b}) == canonical({b, a})) == (a == b));
  }));
}

std::string read_train(std::string_view toml, std::string_view key = "") {
  Config config = Config::parse(toml, "mote.toml").value();
  Section train = config.optional_section("train").value();
  static_cast<void>(train.get<double>("rate", 0.5).value());
  static_cast<void>(train.quantity("memory", Unit::bytes, "64 KiB").value());
  Section augment = train.section("augment").value();
  static_cast<void>(augment.get<int>("shift", 0).value());
  if (!key.empty()) static_cast<void>(train.get<int>(key, 1).value());
  return train.canonical_text();
}

TEST(CanonicalText, writing_a_default_down_changes_nothing) {
  const std::string absent = read_train("");
  EXPECT_EQ(absent, "train.augment.shift=0\ntrain.memory=65536\ntrain.rate=0.5\n");
  EXPECT_EQ(read_train("[train]\nrate = 0.50\nmemory = \"65536 B\"\naugment = {shift = 0}\n"), absent);
  EXPECT_EQ(read_train("[train]\nrate = 5e-1\n[train.augment]\nshift = 0\n"), absent);
}

TEST(CanonicalText, keys_that_a_step_does_not_read_do_not_matter) {
  EXPECT_EQ(read_train("[train]\nother = 5\n[data]\nkind = \"idx\"\n"), read_train(""));
  EXPECT_NE(read_train("", "epochs"), read_train(""));
}

TEST(CanonicalText, a_whole_number_read_as_a_number_is_the_same_number) {
  EXPECT_EQ(read_train("[train]\nrate = 2\n"), read_train("[train]\nrate = 2.0\n"));
}

TEST(CanonicalText, an_override_is_like_a_change_of_the_file) {
  Config config = Config::parse("[train]\nrate = 1\n", "mote.toml").value();
  ASSERT_TRUE(config.set("train.rate", "2"));
  Section train = config.section("train").value();
  static_cast<void>(train.get<double>("rate", 0.5).value());
  EXPECT_EQ(train.canonical_text(), "train.rate=2\n");
}

}  // namespace
}  // namespace mote::pipeline
