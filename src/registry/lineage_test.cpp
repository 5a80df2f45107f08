#include "mote/registry/lineage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mote/base/file.hpp"
#include "mote/registry/file_digests.hpp"
#include "mote/registry/store.hpp"

namespace mote::registry {
namespace {

using testing::HasSubstr;

/// images (outside) -> data.set -> train.weights -> compile.module, bench.report
class LineageTest : public testing::Test {
 protected:
  void SetUp() override {
    EXPECT_TRUE(write_file(project() / "images/a.png", std::string_view("pixels")));
    Manifest manifest;
    FileDigests digests(project() / "cache");
    images_ = digests.digest(project() / "images", &manifest).value();
    ASSERT_TRUE(store_.put_manifest(manifest));
    commit("data", "", {{"images", images_, "images"}}, {{"set", set_, "set.bin"}});
    commit("train", "epochs=2\n", {{"set", set_, ""}}, {{"weights", weights_, "w.bin"}});
    commit("compile", "", {{"weights", weights_, ""}}, {{"module", module_, "model.bin"}});
    commit("bench", "", {{"module", module_, ""}, {"set", set_, ""}}, {{"report", report_, "r.html"}});
  }
  void commit(const std::string& step, const std::string& params, std::vector<InputRecord> inputs,
              std::vector<OutputRecord> outputs) {
    StepRecord record;
    record.key = sha256(step + std::to_string(commits_++));
    record.step = step;
    record.version = "1";
    record.params = params;
    record.seconds = 61;
    record.inputs = std::move(inputs);
    record.outputs = std::move(outputs);
    ASSERT_TRUE(store_.commit(record));
  }
  Artifact stored(std::string_view text) { return store_.put_bytes(as_bytes(text)).value(); }
  [[nodiscard]] std::filesystem::path project() const { return folder_.path(); }

  TemporaryFolder folder_ = TemporaryFolder::create("mote-lineage").value();
  Store store_ = Store::open(folder_.path(), Access::write).value();
  int commits_ = 0;
  Artifact images_;
  Artifact set_ = stored("set");
  Artifact weights_ = stored("weights");
  Artifact module_ = stored("module");
  Artifact report_ = stored("report");
};

TEST_F(LineageTest, goes_up_to_the_files_from_outside) {
  const Lineage lineage = store_.why(report_.id.hex()).value();
  EXPECT_EQ(lineage.root.label, "bench.report");
  ASSERT_EQ(lineage.root.inputs.size(), 2u);
  const Ancestor& module = lineage.root.inputs[0];
  EXPECT_EQ(module.label, "compile.module");
  const Ancestor& set = module.inputs.at(0).inputs.at(0);
  EXPECT_EQ(set.label, "data.set");
  EXPECT_EQ(set.inputs.at(0).label, "images");
  EXPECT_FALSE(set.inputs.at(0).producer);
  EXPECT_TRUE(lineage.root.inputs[1].repeated) << "the data set was shown already";
  EXPECT_TRUE(lineage.descendants.empty());
}

TEST_F(LineageTest, goes_down_nearest_first) {
  const Lineage lineage = store_.why(set_.id.hex()).value();
  std::vector<std::string> labels;
  for (const Descendant& d : lineage.descendants) labels.push_back(std::to_string(d.distance) + " " + d.label);
  EXPECT_EQ(labels, (std::vector<std::string>{"1 train.weights", "1 bench.report", "2 compile.module"}));
}

TEST_F(LineageTest, finds_an_artifact_by_everything_a_person_may_say) {
  ASSERT_TRUE(store_.set_alias("champion", module_.id));
  ASSERT_TRUE(write_file(project() / "elsewhere/copy.bin", std::string_view("module")));
  for (const std::string& text :
       {module_.id.hex(), module_.id.hex().substr(0, 8), std::string("champion"), std::string("compile.module"),
        std::string("compile"), (project() / "elsewhere/copy.bin").string()}) {
    const auto lineage = store_.why(text);
    ASSERT_TRUE(lineage) << lineage.error().message();
    EXPECT_EQ(lineage->root.artifact.id, module_.id) << text;
    EXPECT_EQ(lineage->aliases, std::vector<std::string>{"champion"});
  }
}

TEST_F(LineageTest, upper_case_digits_mean_the_same) {
  std::string upper = module_.id.hex().substr(0, 12);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(store_.resolve(upper).value(), module_.id);
}

TEST_F(LineageTest, a_single_sample_finds_what_was_made_from_it) {
  const Lineage lineage = store_.why((project() / "images/a.png").string()).value();
  EXPECT_EQ(lineage.root.label, "images/a.png");
  EXPECT_EQ(store_.why(sha256("pixels").hex())->root.label, "images/a.png") << "by its id as well";
  ASSERT_FALSE(lineage.descendants.empty());
  EXPECT_EQ(lineage.descendants[0].label, "images");
  EXPECT_EQ(lineage.descendants.back().label, "compile.module");
}

TEST_F(LineageTest, a_source_folder_is_found_by_its_path) {
  EXPECT_EQ(store_.why((project() / "images").string())->descendants.size(), 4u);
}

TEST_F(LineageTest, unknown_things_are_refused_in_one_sentence) {
  ASSERT_TRUE(write_file(project() / "other.bin", std::string_view("other")));
  for (const std::string& text : {std::string("nonsense"), std::string(""), std::string(64, 'f'), std::string("abc"),
                                  (project() / "other.bin").string()}) {
    const auto lineage = store_.why(text);
    ASSERT_FALSE(lineage) << text;
    EXPECT_EQ(lineage.error().code(), Code::not_found) << lineage.error().message();
    EXPECT_EQ(lineage.error().message().find('\n'), std::string::npos);
  }
}

TEST_F(LineageTest, an_ambiguous_prefix_names_the_candidates) {
  // Among 2^16 + some artifacts two share their first four digits; make them directly.
  std::map<std::string, std::string> seen;
  for (int i = 0;; ++i) {
    const std::string text = "candidate " + std::to_string(i);
    const auto [twin, is_new] = seen.emplace(sha256(text).hex().substr(0, 4), text);
    if (is_new) continue;
    commit("one", "", {}, {{"out", stored(twin->second), "o"}});
    commit("two", "", {}, {{"out", stored(text), "o"}});
    const auto id = store_.resolve(twin->first);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code(), Code::invalid_argument);
    EXPECT_THAT(id.error().message(), HasSubstr("one.out"));
    EXPECT_THAT(id.error().message(), HasSubstr("two.out"));
    break;
  }
}

TEST_F(LineageTest, a_step_that_changes_nothing_does_not_run_in_circles) {
  commit("copy", "", {{"in", weights_, ""}}, {{"out", weights_, "o"}});
  const Lineage lineage = store_.why(weights_.id.hex()).value();
  EXPECT_EQ(lineage.root.producer->step, "copy");
  EXPECT_EQ(lineage.root.earlier_producers, 1u);
  EXPECT_TRUE(lineage.root.inputs.at(0).repeated);
  EXPECT_THAT(to_text(lineage), HasSubstr("see above"));
}

TEST_F(LineageTest, equal_contents_of_two_makers_keep_their_own_ancestors_and_descendants) {
  const Artifact curves = stored("the same in both runs");
  const Artifact first = stored("first report");
  const Artifact second = stored("second report");
  const int before = commits_;
  const auto key = [&](const char* step, int n) { return sha256(step + std::to_string(before + n)); };
  commit("tune", "seed=1\n", {{"set", set_, ""}}, {{"curves", curves, "c"}});
  commit("report", "", {{"curves", curves, "", key("tune", 0)}}, {{"data", first, "r"}});
  commit("tune", "seed=2\n", {{"set", set_, ""}}, {{"curves", curves, "c"}});
  commit("report", "", {{"curves", curves, "", key("tune", 2)}}, {{"data", second, "r"}});
  EXPECT_EQ(store_.why(first.id.hex())->root.inputs[0].producer->params, "seed=1\n");
  EXPECT_EQ(store_.why(second.id.hex())->root.inputs[0].producer->params, "seed=2\n");
  const auto below = store_.why(curves.id.hex())->descendants;  // as the latest maker made it
  ASSERT_EQ(below.size(), 1u);
  EXPECT_EQ(below[0].artifact, second);
}

TEST_F(LineageTest, text_shows_steps_parameters_and_sources) {
  const std::string text = to_text(store_.why("compile.module").value());
  EXPECT_THAT(text, HasSubstr("compile.module  " + module_.id.short_hex() + "  6 B  made by compile 1 in 61 s"));
  EXPECT_THAT(text, HasSubstr(": epochs=2\n"));
  EXPECT_THAT(text, HasSubstr("images/  " + images_.id.short_hex()));
  EXPECT_THAT(text, HasSubstr("used for\n  bench.report"));
}

TEST_F(LineageTest, json_has_both_directions) {
  const auto object = nlohmann::json::parse(to_json(store_.why("train.weights").value()));
  EXPECT_EQ(object["id"], weights_.id.hex());
  EXPECT_EQ(object["made_by"]["params"], "epochs=2\n");
  EXPECT_EQ(object["inputs"][0]["inputs"][0]["label"], "images");
  EXPECT_EQ(object["descendants"][0]["label"], "compile.module");
  EXPECT_EQ(object["descendants"][1]["distance"], 2);
}

}  // namespace
}  // namespace mote::registry
