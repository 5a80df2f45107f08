#include "mote/pipeline/runner.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"

namespace mote::pipeline {
namespace {

namespace fs = std::filesystem;
using registry::Access;
using registry::Store;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string read(const fs::path& path) { return read_text(path).value(); }

/// data <- file; features <- data; train <- features; test <- train, features. Each step counts its runs.
class RunnerTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(write_file(project() / "input.txt", std::string_view("samples"))); }

  [[nodiscard]] fs::path project() const { return folder_.path(); }

  /// Writes the inputs and its params, one after another; what it makes therefore changes when any of them changes.
  static Result<Outputs> concatenate(const std::vector<std::string>& inputs, const std::string& params,
                                     Context& context) {
    std::string text = params;
    for (const std::string& input : inputs) {
      MOTE_TRY(const fs::path path, context.input(input));
      MOTE_TRY(const std::string content, read_text(path));
      text += "(" + content + ")";
    }
    MOTE_TRY_VOID(write_file(context.output("out.txt"), text));
    return Outputs{{"out", context.output("out.txt")}};
  }

  void add(Graph& graph, const std::string& name, std::map<std::string, Binding> bindings,
           std::function<Result<Outputs>(Context&)> body = {}) {
    std::vector<std::string> inputs;
    for (const auto& [input, binding] : bindings) inputs.push_back(input);
    const std::string params = params_[name];
    if (!body) body = [=](Context& context) { return concatenate(inputs, params, context); };
    auto counted = [this, name, body](Context& context) {
      ran_.push_back(name);
      return body(context);
    };
    StepDescription description{name, versions_.contains(name) ? versions_[name] : "1", params, inputs, {"out"}};
    const auto added = graph.add(make_step(std::move(description), std::move(counted)), std::move(bindings));
    ASSERT_TRUE(added) << added.error().message();
  }

  Graph pipeline() {
    Graph graph;
    add(graph, "data", {{"file", Source{"input.txt"}}});
    add(graph, "features", {{"data", FromStep{"data", "out"}}}, features_body_);
    add(graph, "train", {{"features", FromStep{"features", "out"}}}, train_body_);
    add(graph, "test", {{"weights", FromStep{"train", "out"}}, {"features", FromStep{"features", "out"}}});
    return graph;
  }

  Result<RunResult> run(const RunOptions& options = {}) {
    ran_.clear();
    MOTE_TRY(Store store, Store::open(project(), Access::write));
    return Runner(store, project()).run(pipeline(), options);
  }

  RunResult run_well(const RunOptions& options = {}) {
    auto result = run(options);
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : RunResult{};
  }

  /// Runs in a child process; true when it was killed, false when it ended by itself.
  bool killed_in_child(const std::function<void()>& work, std::optional<std::chrono::microseconds> after = {}) {
    const pid_t child = ::fork();
    if (child == 0) {
      work();
      ::_exit(0);
    }
    if (after) {
      std::this_thread::sleep_for(*after);
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status);
  }

  [[nodiscard]] fs::path object(const Digest& id) const {
    return project() / ".mote/objects" / id.hex().substr(0, 2) / id.hex().substr(2);
  }
  /// Changes one byte and leaves size and time stamp, as a failing disk does.
  void rot(const Digest& id) const {
    struct stat before {};
    ASSERT_EQ(::stat(object(id).c_str(), &before), 0);
    std::string text = read(object(id));
    text[0] = static_cast<char>(text[0] ^ 1);
    fs::permissions(object(id), fs::perms::owner_all);
    std::ofstream(object(id), std::ios::binary) << text;
    const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, object(id).c_str(), times.data(), 0), 0);
  }
  static Digest output_of(const RunResult& result, std::string_view step) {
    return result.step(step)->outputs.at("out").artifact.id;
  }

  TemporaryFolder folder_ = TemporaryFolder::create("mote-runner").value();
  std::map<std::string, std::string> params_{
      {"data", "d=1\n"}, {"features", "f=1\n"}, {"train", "epochs=2\n"}, {"test", ""}};
  std::map<std::string, std::string> versions_;
  std::function<Result<Outputs>(Context&)> features_body_;
  std::function<Result<Outputs>(Context&)> train_body_;
  std::vector<std::string> ran_;
};

TEST_F(RunnerTest, runs_everything_once_and_nothing_twice) {
  const RunResult first = run_well();
  EXPECT_THAT(ran_, ElementsAre("data", "features", "train", "test"));
  EXPECT_EQ(first.cached_steps(), 0u);
  EXPECT_EQ(first.step("train")->reason, "first run");
  const RunResult second = run_well();
  EXPECT_THAT(ran_, IsEmpty());
  EXPECT_EQ(second.cached_steps(), 4u);
  EXPECT_EQ(output_of(second, "test"), output_of(first, "test"));
  EXPECT_EQ(second.step("train")->recorded_seconds, first.step("train")->recorded_seconds);
}

TEST_F(RunnerTest, changing_one_param_reruns_only_what_depends_on_it) {
  run_well();
  params_["train"] = "epochs=3\n";
  const RunResult result = run_well();
  EXPECT_THAT(ran_, ElementsAre("train", "test"));
  EXPECT_EQ(result.step("train")->reason, "epochs: 2 -> 3");
  EXPECT_EQ(result.step("test")->reason, "changed input: weights");
}

TEST_F(RunnerTest, going_back_to_an_earlier_setting_is_free) {
  const RunResult first = run_well();
  params_["train"] = "epochs=3\n";
  run_well();
  params_["train"] = "epochs=2\n";
  const RunResult back = run_well();
  EXPECT_THAT(ran_, IsEmpty());
  EXPECT_EQ(output_of(back, "test"), output_of(first, "test"));
}

TEST_F(RunnerTest, a_new_version_of_the_code_reruns_its_step) {
  run_well();
  versions_["features"] = "2";
  features_body_ = [](Context& context) -> Result<Outputs> {
    MOTE_TRY_VOID(write_file(context.output("out.txt"), std::string_view("other")));
    return Outputs{{"out", context.output("out.txt")}};
  };
  const RunResult result = run_well();
  EXPECT_THAT(ran_, ElementsAre("features", "train", "test"));
  EXPECT_EQ(result.step("features")->reason, "its code changed: version 1 -> 2");
}

TEST_F(RunnerTest, a_change_that_makes_no_difference_stops_there) {
  features_body_ = [](Context& context) -> Result<Outputs> {
    MOTE_TRY_VOID(write_file(context.output("out.txt"), std::string_view("always the same")));
    return Outputs{{"out", context.output("out.txt")}};
  };
  run_well();
  params_["features"] = "f=2\n";
  run_well();
  EXPECT_THAT(ran_, ElementsAre("features"));
}

TEST_F(RunnerTest, the_content_of_a_source_counts_and_its_times_do_not) {
  run_well();
  fs::last_write_time(project() / "input.txt", fs::file_time_type::clock::now() + std::chrono::hours(1));
  run_well();
  EXPECT_THAT(ran_, IsEmpty());
  ASSERT_TRUE(write_file(project() / "input.txt", std::string_view("samplez")));
  run_well();
  EXPECT_THAT(ran_, ElementsAre("data", "features", "train", "test"));
}

TEST_F(RunnerTest, a_failing_step_leaves_earlier_results_and_is_named) {
  train_body_ = [](Context&) -> Result<Outputs> { return fail(Code::malformed, "loss is not a number"); };
  const auto failed = run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "step 'train': loss is not a number");
  train_body_ = {};
  run_well();
  EXPECT_THAT(ran_, ElementsAre("train", "test"));
}

TEST_F(RunnerTest, an_exception_is_a_failure_of_its_step) {
  train_body_ = [](Context&) -> Result<Outputs> { throw std::runtime_error("thrown"); };
  const auto failed = run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::internal);
  EXPECT_THAT(failed.error().message(), HasSubstr("thrown"));
}

TEST_F(RunnerTest, until_and_force_choose_steps) {
  RunOptions only_features;
  only_features.until = "features";
  run_well(only_features);
  EXPECT_THAT(ran_, ElementsAre("data", "features"));
  RunOptions again;
  again.force = {"features"};
  const RunResult result = run_well(again);
  EXPECT_THAT(ran_, ElementsAre("features", "train", "test"));
  EXPECT_EQ(result.step("features")->reason, "asked to run again");
}

TEST_F(RunnerTest, refuses_outputs_that_break_the_contract) {
  const auto expect_refusal = [&](const std::function<Result<Outputs>(Context&)>& body, const std::string& phrase) {
    train_body_ = body;
    const auto failed = run();
    ASSERT_FALSE(failed) << phrase;
    EXPECT_EQ(failed.error().code(), Code::internal);
    EXPECT_THAT(failed.error().message(), HasSubstr(phrase));
  };
  expect_refusal([](Context&) { return Outputs{}; }, "made no output 'out'");
  expect_refusal([](Context& c) { return Outputs{{"out", c.output("nothing")}}; }, "was not written");
  expect_refusal([this](Context&) { return Outputs{{"out", project() / "input.txt"}}; }, "outside its output folder");
  expect_refusal([](Context& c) { return Outputs{{"out", c.output("../work")}}; }, "outside its output folder");
  expect_refusal([](Context& c) { return Outputs{{"out", c.output_folder()}}; }, "outside its output folder");
  EXPECT_EQ(read(project() / "input.txt"), "samples");
}

TEST_F(RunnerTest, a_missing_source_is_named_with_its_step_and_input) {
  fs::remove(project() / "input.txt");
  const auto failed = run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::not_found);
  EXPECT_THAT(failed.error().message(), testing::StartsWith("step 'data': input 'file': "));
}

TEST_F(RunnerTest, a_source_that_changes_under_a_step_is_not_recorded) {
  Graph graph;
  add(graph, "data", {{"file", Source{"input.txt"}}}, [this](Context& context) -> Result<Outputs> {
    MOTE_TRY_VOID(write_file(project() / "input.txt", std::string_view("changed meanwhile")));
    MOTE_TRY_VOID(write_file(context.output("out.txt"), std::string_view("x")));
    return Outputs{{"out", context.output("out.txt")}};
  });
  Store store = Store::open(project(), Access::write).value();
  const auto failed = Runner(store, project()).run(graph);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message(), HasSubstr("changed while the step was reading it"));
  EXPECT_THAT(store.records(), IsEmpty());
}

TEST_F(RunnerTest, a_stored_result_that_was_overwritten_is_made_again_with_a_note) {
  const RunResult first = run_well();
  const Digest weights = output_of(first, "train");
  fs::permissions(object(weights), fs::perms::owner_all);
  std::ofstream(object(weights)) << "garbage";
  const RunResult again = run_well();
  EXPECT_THAT(ran_, ElementsAre("train"));
  ASSERT_EQ(again.notes.size(), 1u);
  EXPECT_THAT(again.notes[0], HasSubstr("step 'train'"));
  EXPECT_EQ(output_of(again, "train"), weights);
}

TEST_F(RunnerTest, silent_rot_is_found_before_it_is_used_and_repaired) {
  const RunResult first = run_well();
  rot(output_of(first, "features"));
  run_well();
  EXPECT_THAT(ran_, IsEmpty()) << "nothing reads it, so nothing looks at it";
  params_["train"] = "epochs=3\n";
  const RunResult again = run_well();
  EXPECT_THAT(ran_, ElementsAre("features", "train", "test"));
  EXPECT_EQ(again.notes.size(), 1u);
  EXPECT_EQ(output_of(again, "features"), output_of(first, "features"));
}

TEST_F(RunnerTest, damage_in_several_places_is_repaired_in_one_run) {
  const RunResult first = run_well();
  for (const char* step : {"data", "features", "train"}) rot(output_of(first, step));
  params_["test"] = "t=1\n";
  run_well();
  params_["features"] = "f=2\n";
  const RunResult again = run_well();
  EXPECT_THAT(again.step("test")->outputs, testing::SizeIs(1));
  EXPECT_TRUE(Store::open(project(), Access::write)->check()->empty());
}

TEST_F(RunnerTest, a_deleted_store_object_is_made_again) {
  const RunResult first = run_well();
  fs::remove(object(output_of(first, "data")));
  run_well();
  EXPECT_THAT(ran_, ElementsAre("data"));
}

TEST_F(RunnerTest, a_folder_is_an_output_and_an_input) {
  Graph graph;
  add(graph, "split", {{"file", Source{"input.txt"}}}, [](Context& context) -> Result<Outputs> {
    MOTE_TRY_VOID(write_file(context.output("set") / "a/1.txt", std::string_view("one")));
    MOTE_TRY_VOID(write_file(context.output("set") / "b.txt", std::string_view("two")));
    return Outputs{{"out", context.output("set")}};
  });
  add(graph, "join", {{"set", FromStep{"split", "out"}}}, [](Context& context) -> Result<Outputs> {
    MOTE_TRY(const fs::path set, context.input("set"));
    MOTE_TRY_VOID(write_file(context.output("j"), read(set / "a/1.txt") + read(set / "b.txt")));
    return Outputs{{"out", context.output("j")}};
  });
  Store store = Store::open(project(), Access::write).value();
  const auto result = Runner(store, project()).run(graph);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(read(store.path_of(result->step("join")->outputs.at("out").artifact).value()), "onetwo");
  EXPECT_EQ(Runner(store, project()).run(graph)->cached_steps(), 2u);
}

TEST_F(RunnerTest, lineage_reaches_from_the_last_result_to_the_source_and_back) {
  const RunResult result = run_well();
  const Store store = Store::open(project(), Access::read).value();
  const auto up = store.why("test").value();
  EXPECT_EQ(up.root.producer->step, "test");
  EXPECT_THAT(registry::to_text(up), HasSubstr("input.txt"));
  const auto down = store.why((project() / "input.txt").string()).value();
  EXPECT_EQ(down.descendants.back().artifact.id, output_of(result, "test"));
  EXPECT_EQ(down.descendants.size(), 4u);
}

TEST_F(RunnerTest, the_user_can_stop_between_steps_and_go_on) {
  class StopAfterTwo final : public Progress {
   public:
    explicit StopAfterTwo(const std::vector<std::string>& ran) : ran_(ran) {}
    void note(std::string_view) override {}
    void step(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
    [[nodiscard]] bool cancelled() const override { return ran_.size() >= 2; }

   private:
    const std::vector<std::string>& ran_;
  };
  StopAfterTwo progress(ran_);
  RunOptions options;
  options.progress = &progress;
  const auto stopped = run(options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), Code::cancelled);
  run_well();
  EXPECT_THAT(ran_, ElementsAre("train", "test"));
}

TEST_F(RunnerTest, an_observer_hears_of_each_step) {
  class Listener final : public RunObserver {
   public:
    void started(const std::string& step, std::size_t index, std::size_t total, const std::string& reason) override {
      heard.push_back("start " + step + " " + std::to_string(index + 1) + "/" + std::to_string(total) + " " + reason);
    }
    void finished(const StepResult& result, std::size_t, std::size_t) override {
      heard.push_back((result.cached ? "cached " : "made ") + result.name);
    }
    std::vector<std::string> heard;
  };
  RunOptions until_features;
  until_features.until = "data";
  run_well(until_features);
  Listener listener;
  RunOptions options;
  options.observer = &listener;
  options.until = "features";
  run_well(options);
  EXPECT_THAT(listener.heard, ElementsAre("cached data", "start features 2/2 first run", "made features"));
}

/// Counts to ten, one checkpoint each; `die_at` kills the process before that count is reached.
Result<Outputs> train_with_checkpoints(Context& context, int die_at) {
  const fs::path checkpoint = context.work() / "checkpoint";
  int epoch = 0;
  if (context.is_resumed()) epoch = std::stoi(read(checkpoint));
  const int resumed_at = epoch;
  while (epoch < 10) {
    if (++epoch == die_at) ::kill(::getpid(), SIGKILL);
    MOTE_TRY_VOID(write_file(checkpoint, std::to_string(epoch)));
    MOTE_TRY_VOID(write_file(context.output("half"), std::string_view("half written")));
  }
  MOTE_TRY_VOID(write_file(context.output("w"), "weights, resumed at " + std::to_string(resumed_at)));
  return Outputs{{"out", context.output("w")}};
}

TEST_F(RunnerTest, a_killed_step_goes_on_from_its_checkpoint) {
  train_body_ = [](Context& context) { return train_with_checkpoints(context, 7); };
  ASSERT_TRUE(killed_in_child([&] { static_cast<void>(run().has_value()); }));
  train_body_ = [](Context& context) { return train_with_checkpoints(context, 100); };
  const RunResult result = run_well();
  EXPECT_THAT(ran_, ElementsAre("train", "test")) << "what was done before the kill is kept";
  EXPECT_EQ(read(object(output_of(result, "train"))), "weights, resumed at 6");
  EXPECT_THAT(fs::exists(project() / ".mote/scratch" / result.step("train")->key.hex()), false);
}

TEST_F(RunnerTest, another_setting_does_not_see_the_checkpoint_and_the_first_one_finds_it_again) {
  train_body_ = [](Context& context) { return train_with_checkpoints(context, 7); };
  ASSERT_TRUE(killed_in_child([&] { static_cast<void>(run().has_value()); }));
  train_body_ = [](Context& context) { return train_with_checkpoints(context, 100); };
  params_["train"] = "epochs=3\n";
  EXPECT_EQ(read(object(output_of(run_well(), "train"))), "weights, resumed at 0");
  params_["train"] = "epochs=2\n";
  EXPECT_EQ(read(object(output_of(run_well(), "train"))), "weights, resumed at 6");
}

TEST_F(RunnerTest, killed_at_any_moment_it_ends_with_the_same_result) {
  const RunResult expected = [&] {
    const RunResult result = run_well();
    fs::remove_all(project() / ".mote");
    return result;
  }();
  Rng rng(5);
  int kills = 0;
  for (int round = 0; round < 40; ++round) {
    if (killed_in_child([&] { static_cast<void>(run().has_value()); },
                        std::chrono::microseconds(rng.between(0, 15'000)))) {
      ++kills;
    } else {
      fs::remove_all(project() / ".mote");  // it got through: start over
    }
  }
  EXPECT_GT(kills, 5) << "the kills came too late to mean anything";
  const RunResult result = run_well();
  EXPECT_EQ(output_of(result, "test"), output_of(expected, "test"));
  Store store = Store::open(project(), Access::write).value();
  EXPECT_TRUE(store.check()->empty());
  for (const registry::StepRecord& record : store.records()) {
    for (const registry::OutputRecord& output : record.outputs)
      EXPECT_TRUE(store.intact(output.artifact)) << record.step;
  }
}

TEST_F(RunnerTest, a_second_run_at_the_same_time_is_refused) {
  const Store held = Store::open(project(), Access::write).value();
  const auto second = run();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::cancelled);
  EXPECT_THAT(second.error().message(), HasSubstr("process "));
  EXPECT_THAT(ran_, IsEmpty());
}

}  // namespace
}  // namespace mote::pipeline
