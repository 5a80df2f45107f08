#include "mote/registry/artifact.hpp"

#include <gtest/gtest.h>

#include "mote/base/rng.hpp"
#include "mote/registry/record.hpp"

namespace mote::registry {
namespace {

ManifestEntry entry(std::string path, std::string_view content) {
  return {std::move(path), sha256(content), content.size()};
}

TEST(Manifest, text_does_not_depend_on_the_order_of_the_files) {
  Manifest one{{entry("b.wav", "2"), entry("a/c.wav", "1"), entry("a.wav", "3")}};
  Manifest other{{entry("a.wav", "3"), entry("b.wav", "2"), entry("a/c.wav", "1")}};
  EXPECT_EQ(one.text(), other.text());
}

TEST(Manifest, parses_what_it_prints_for_any_path) {
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    Manifest manifest;
    for (std::uint64_t i = 0; i < rng.below(6); ++i) {
      std::string path = std::to_string(i) + "-";
      for (std::uint64_t n = rng.below(12); n > 0; --n) {
        const auto c = static_cast<char>(rng.between(1, 255));
        path += c == '/' ? '_' : c;
      }
      manifest.entries.push_back(entry(path, path));
    }
    const std::string text = manifest.text();
    const auto parsed = Manifest::parse(text);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(parsed->entries, manifest.entries);
  }
}

TEST(Manifest, refuses_paths_that_leave_the_folder) {
  for (const char* path : {"../x", "/etc/passwd", "a/../../x", "a//b", ".", "a/.", "", "a/", "%2e%2e/x", "%00"}) {
    const std::string text = "mote folder 1\n" + sha256("x").hex() + " 1 " + path + "\n";
    const auto parsed = Manifest::parse(text);
    ASSERT_FALSE(parsed) << path;
    EXPECT_EQ(parsed.error().code(), Code::malformed);
    EXPECT_NE(parsed.error().message().find("byte 14"), std::string::npos) << parsed.error().message();
  }
}

TEST(Manifest, refuses_text_that_is_not_a_manifest) {
  const std::string id = sha256("x").hex();
  for (const std::string& text :
       {std::string(), std::string("mote folder 2\n"), "mote folder 1\n" + id + " 1 a",
        "mote folder 1\n" + id + " -1 a\n", "mote folder 1\n" + id.substr(1) + " 1 a\n",
        "mote folder 1\n" + id + " 1 b\n" + id + " 1 a\n", "mote folder 1\n" + id + " 1 a\n" + id + " 1 a\n",
        "mote folder 1\n" + id + " 1 a%4\n"}) {
    EXPECT_FALSE(Manifest::parse(text)) << text;
  }
}

StepRecord sample_record() {
  StepRecord record;
  record.key = sha256("key");
  record.step = "train";
  record.version = "3";
  record.params = "epochs=2\nlabel=\"a\\nb\"\n";
  record.seconds = 1.25;
  record.inputs = {{"images", {sha256("i"), Kind::folder, 77}, "data/images"},
                   {"split", {sha256("s"), Kind::file, 5}, ""}};
  record.outputs = {{"weights", {sha256("w"), Kind::file, 9}, "weights.bin"}};
  return record;
}

TEST(StepRecord, survives_json) {
  const auto parsed = record_from_json(to_json(sample_record()));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(*parsed, sample_record());
}

TEST(StepRecord, json_of_version_1_is_read_forever) {
  const std::string line =
      R"({"key":"2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","step":"split","version":"1",)"
      R"("params":"seed=1\n","seconds":0.5,"inputs":[{"name":"images","id":)"
      R"("2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","kind":"file","bytes":3,"source":"a.gz"}],)"
      R"("outputs":[]})";
  const auto parsed = record_from_json(line);
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->inputs.front().source, "a.gz");
}

TEST(StepRecord, is_one_line_of_json_even_when_names_are_not_utf8) {
  StepRecord record = sample_record();
  record.inputs[0].source = "caf\xe9\n";
  const std::string json = to_json(record);
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_TRUE(record_from_json(json));
}

TEST(StepRecord, refuses_cut_json_at_every_byte) {
  const std::string json = to_json(sample_record());
  for (std::size_t size = 0; size < json.size(); ++size) EXPECT_FALSE(record_from_json(json.substr(0, size))) << size;
}

}  // namespace
}  // namespace mote::registry
