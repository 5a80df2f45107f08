// The examples from data to measured model, on small data and few epochs: what `mote run` promises beyond one step's
// own tests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "example_data.hpp"
#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// An example's own mote.toml in a sandbox of its own, with data of the same form.
class Example {
 public:
  Example(const std::string& name, std::vector<std::string> settings) : name_(name) {
    box_.put(name + "/mote.toml",
             read_file(std::filesystem::path(MOTE_SOURCE_DIR) / "examples" / name / "mote.toml").value());
    for (std::string& s : settings) arguments_.insert(arguments_.end(), {"--set", std::move(s)});
  }

  [[nodiscard]] const Sandbox& box() const { return box_; }
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"run", name_, "--json", "--quiet"};
    all.insert(all.end(), arguments_.begin(), arguments_.end());
    for (std::string& m : more) all.insert(all.end(), {"--set", std::move(m)});
    return all;
  }
  /// @param more  settings beyond those of the constructor
  [[nodiscard]] json run(const std::vector<std::string>& more = {}, int exit_code = 0) const {
    const ProcessResult result = box_.mote(command(more));
    EXPECT_EQ(result.exit_code, exit_code) << result.diagnostics << result.output.substr(0, 2000);
    return json::parse(result.output, nullptr, false);
  }

 private:
  std::string name_;
  Sandbox box_;
  std::vector<std::string> arguments_;
};

/// Names of the steps that ran, not taken from an earlier run.
std::vector<std::string> steps_that_ran(const json& answer) {
  std::vector<std::string> names;
  for (const json& step : answer.at("steps")) {
    if (!step.at("cached").get<bool>()) names.push_back(step.at("name"));
  }
  return names;
}

void expect_measured(const json& answer, const Sandbox& box) {
  ASSERT_TRUE(answer.contains("result")) << answer.dump(1);
  const json& result = answer.at("result");
  EXPECT_GT(result.at("board_n"), 10);
  EXPECT_EQ(result.at("board_equal"), result.at("board_n"));
  EXPECT_EQ(result.at("qemu_equal"), result.at("qemu_n"));
  EXPECT_GE(result.at("int8"), 0.0);
  for (const json& budget : answer.at("budgets")) EXPECT_TRUE(budget.at("ok")) << budget.dump();
  for (const auto& [name, file] : answer.at("artifacts").items())
    EXPECT_GT(box.get(file.get<std::string>()).size(), name == "input" ? 10u : 100u) << name;
  const Bytes page = box.get(answer.at("artifacts").at("report"));
  const std::string html(page.begin(), page.end());
  EXPECT_THAT(html, AllOf(HasSubstr("<svg"), Not(HasSubstr("src=\"http")), Not(HasSubstr("href=\"http"))));
}

double latency_of(const json& answer) {
  for (const json& budget : answer.at("budgets")) {
    if (budget.at("name") == "latency") return budget.at("value");
  }
  return 0.0;
}

/// Also under QEMU where it is installed.
std::string qemu_setting() {
  return find_program("qemu-system-arm").empty() ? "evaluate.qemu=false" : "evaluate.qemu=true";
}

TEST(Examples, fashion_on_a_part_of_its_images) {
  const std::filesystem::path data = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const Example example("fashion", {"data.images=../images.idx", "data.labels=../labels.idx",
                                    "data.test_images=../test-images.idx", "data.test_labels=../test-labels.idx",
                                    "train.epochs=2", "evaluate.board_samples=50", qemu_setting()});
  const auto take = [&](const char* from, const char* to, std::size_t count) {
    const auto unpacked = run_process({"gzip", "-dc", (data / from).string()});
    ASSERT_TRUE(unpacked && unpacked->exit_code == 0);
    example.box().put(to, first_of_idx(as_bytes(unpacked->output), count));
  };
  take("train-images-idx3-ubyte.gz", "images.idx", 3000);
  take("train-labels-idx1-ubyte.gz", "labels.idx", 3000);
  take("t10k-images-idx3-ubyte.gz", "test-images.idx", 500);
  take("t10k-labels-idx1-ubyte.gz", "test-labels.idx", 500);
  const json answer = example.run();
  expect_measured(answer, example.box());
  EXPECT_GT(answer.at("result").at("int8"), 0.5);
}

TEST(Examples, spoken_digits_on_made_up_sounds) {
  const Example example("spoken-digits",
                        {"data.path=../digits", "train.epochs=2", "evaluate.board_samples=20", qemu_setting()});
  for (const auto& [file, bytes] : made_up_digits()) example.box().put("digits/" + file, bytes);
  expect_measured(example.run(), example.box());
  // No speaker on both sides: leaving one out is a matter of one setting.
  expect_measured(example.run({"split.rule=leave_one_group_out", "split.fold=1"}), example.box());
}

class GesturesExample : public Example {
 public:
  GesturesExample() : Example("gestures", {"data.path=../strokes", "train.epochs=4", qemu_setting()}) {
    for (const auto& [file, text] : made_up_strokes()) box().put("strokes/" + file, text);
  }
};

class Gestures : public testing::Test {
 protected:
  GesturesExample example;
};

TEST_F(Gestures, measured_and_a_rerun_does_nothing) {
  const json first = example.run();
  expect_measured(first, example.box());
  EXPECT_THAT(steps_that_ran(first),
              testing::ElementsAre("import", "train", "quantize", "compile", "evaluate", "report"));
  const json again = example.run();
  EXPECT_THAT(steps_that_ran(again), testing::IsEmpty());
  EXPECT_EQ(again.at("result"), first.at("result"));
}

TEST_F(Gestures, a_changed_line_reruns_what_depends_on_it) {
  (void)example.run();
  EXPECT_THAT(steps_that_ran(example.run({"quantize.calibration=min_max"})),
              testing::ElementsAre("quantize", "compile", "evaluate", "report"));
  EXPECT_THAT(steps_that_ran(example.run({"train.epochs=5"})),
              testing::ElementsAre("train", "quantize", "compile", "evaluate", "report"));
}

TEST_F(Gestures, a_broken_budget_fails_and_says_by_how_much_and_through_what) {
  (void)example.run();
  const json answer = example.run({"target.flash=4 KiB"}, 1);
  const json& budget = answer.at("budgets").at(0);
  EXPECT_EQ(budget.at("name"), "flash");
  EXPECT_FALSE(budget.at("ok").get<bool>());
  EXPECT_GT(budget.at("contributors").at(0).at("value"), 0);
  std::vector<std::string> command = example.command({"target.flash=4 KiB"});
  std::erase(command, "--json");
  const ProcessResult told = example.box().mote(command);
  EXPECT_EQ(told.exit_code, 1);
  EXPECT_THAT(told.output, AllOf(HasSubstr("BROKEN     flash"), HasSubstr("too much"), HasSubstr("largest")));
}

TEST_F(Gestures, going_back_to_earlier_settings_goes_back_in_report_and_lineage) {
  const json first = example.run();
  (void)example.run({"train.seed=7"});
  const json again = example.run();
  EXPECT_THAT(steps_that_ran(again), testing::IsEmpty());
  EXPECT_EQ(example.box().mote({"report", "gestures", "--out", "again.html"}).exit_code, 0);
  EXPECT_EQ(example.box().get("again.html"), example.box().get("gestures/out/report.html"));
  const ProcessResult why = example.box().mote({"why", "train.model", "--project", "gestures"});
  EXPECT_THAT(why.output, Not(HasSubstr("train.seed=7")));
}

TEST_F(Gestures, a_last_layer_that_learns_on_is_a_small_delta) {
  const Sandbox& box = example.box();
  (void)example.run();
  std::filesystem::copy(box.folder() / "gestures/out", box.folder() / "v1", std::filesystem::copy_options::recursive);
  const std::vector<std::string> head{"train.head_only=../v1", "split.fold=1", "train.seed=3"};
  const json answer = example.run(head);
  expect_measured(answer, box);
  EXPECT_THAT(steps_that_ran(answer), testing::ElementsAre("train", "quantize", "compile", "evaluate", "report"));
  EXPECT_THAT(steps_that_ran(example.run(head)), testing::IsEmpty());
  EXPECT_NE(box.get("gestures/out/module.bin"), box.get("v1/module.bin"));
  EXPECT_EQ(box.get("gestures/out/input.json"), box.get("v1/input.json"));

  ASSERT_EQ(box.mote({"keys", "new", "release"}).exit_code, 0);
  const ProcessResult packed =
      box.mote({"pack", "gestures/out/module.bin", "--delta-from", "v1/module.bin", "--out", "v2.parcel", "--sequence",
                "2", "--vendor", "example.com", "--class", "wand", "--sign", "release.pem", "--json", "--quiet"});
  ASSERT_EQ(packed.exit_code, 0) << packed.diagnostics;
  const json parcel = json::parse(packed.output);
  EXPECT_LE(10 * parcel.at("payload_bytes").get<std::size_t>(), parcel.at("module_bytes").get<std::size_t>())
      << parcel.dump();

  const json missing = example.run({"train.head_only=../nowhere"}, 2);
  EXPECT_THAT(missing.at("error").at("message").get<std::string>(), HasSubstr("has no int8.mote"));
}

TEST_F(Gestures, the_same_data_elsewhere_is_the_same_dataset) {
  (void)example.run();
  std::filesystem::copy(example.box().folder() / "strokes", example.box().folder() / "copied",
                        std::filesystem::copy_options::recursive);
  EXPECT_THAT(steps_that_ran(example.run({"data.path=../copied"})), testing::Not(testing::Contains("train")));
}

TEST_F(Gestures, another_file_of_the_same_board_measures_again) {
  const auto board = [&](int clock_mhz) {
    std::string text =
        read_text(std::filesystem::path(MOTE_SOURCE_DIR) / "src/board/catalogue/nucleo-l4r5zi.toml").value();
    const std::size_t at = text.find("clock_hz");
    text.replace(at, text.find('\n', at) - at, "clock_hz = " + std::to_string(clock_mhz) + "_000_000");
    example.box().put("gestures/own.toml", text);
  };
  board(120);
  const double fast = latency_of(example.run({"target.board=own.toml"}));
  board(60);
  EXPECT_NEAR(latency_of(example.run({"target.board=own.toml"})) / fast, 2.0, 1e-6);
}

TEST_F(Gestures, what_cannot_become_a_measured_classifier_is_refused_before_training) {
  const Bytes file = example.box().get("gestures/mote.toml");
  std::string text(file.begin(), file.end());
  const std::size_t model = text.find("[model]");
  text.replace(model, text.find("[augment]") - model, "[model]\narchitecture = \"autoencoder\"\n\n");
  example.box().put("gestures/mote.toml", text);
  const json autoencoder = example.run({}, 1);
  EXPECT_THAT(autoencoder.at("error").at("message").get<std::string>(), HasSubstr("'mote run' trains classifiers"));
  const json energy = example.run({"target.board=mps2-an386", "target.energy=1 uJ"}, 2);
  EXPECT_THAT(energy.at("error").at("message").get<std::string>(),
              HasSubstr("the current of board mps2-an386 is not known"));
}

TEST_F(Gestures, one_unreadable_file_is_listed_and_the_others_are_used) {
  std::filesystem::create_symlink("nowhere", example.box().folder() / "strokes" / "broken.json");
  expect_measured(example.run(), example.box());
}

TEST_F(Gestures, why_leads_from_the_module_back_to_the_data) {
  (void)example.run();
  const ProcessResult why = example.box().mote({"why", "compile.module", "--project", "gestures"});
  EXPECT_EQ(why.exit_code, 0) << why.diagnostics;
  for (const char* step : {"compile", "quantize", "train", "import"}) EXPECT_THAT(why.output, HasSubstr(step));
}

TEST_F(Gestures, killed_again_and_again_it_goes_on_to_the_same_bytes) {
  const json expected = example.run();
  const GesturesExample other;
  int killed = 0;
  ProcessResult result;
  for (int tenths = 1; tenths < 600; tenths += 1 + tenths / 4) {
    result = other.box().mote(other.command(), {"timeout", "--signal=KILL", std::to_string(0.1 * tenths)});
    if (result.exit_code == 0) break;
    ++killed;
  }
  EXPECT_GT(killed, 1);
  ASSERT_EQ(result.exit_code, 0) << result.diagnostics;
  EXPECT_EQ(json::parse(result.output).at("result"), expected.at("result"));
  for (const char* file : {"module.bin", "model.tflite", "evaluation.json"}) {
    EXPECT_EQ(other.box().get(std::string("gestures/out/") + file),
              example.box().get(std::string("gestures/out/") + file))
        << file;
  }
}

}  // namespace
}  // namespace mote::e2e
