// Whole trainings of tiny problems.

#include "mote/train/train.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::train {
namespace {

using testing::HasSubstr;

/// Images of 8x8 with a bright bar, upright (0) or lying (1), or a dot (2), somewhere in noise.
MemorySource shapes(std::size_t count, std::uint64_t seed, std::size_t only_each = 1) {
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  Rng rng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int32_t>(i % only_each == 0 ? i / only_each % 3 : 0);
    const auto x0 = rng.between(1, 6);
    const auto y0 = rng.between(1, 6);
    for (std::int64_t y = 0; y < 8; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        const bool on = label == 0 ? x == x0 : label == 1 ? y == y0 : std::abs(x - x0) + std::abs(y - y0) <= 1;
        values.push_back((on ? 1.0f : 0.0f) + 0.1f * static_cast<float>(rng.normal()));
      }
    }
    labels.push_back(label);
  }
  return *MemorySource::create({8, 8, 1}, std::move(values), std::move(labels));
}

graph::Graph tiny_net(float dropout = 0.0f) {
  graph::Builder b("tiny", 5);
  auto x = b.input("image", {1, 8, 8, 1});
  x = b.activate("r1", b.batch_norm("b1", b.conv("c1", x, 8, {3, 3, 1, 1, true})));
  x = b.activate("r2", b.batch_norm("b2", b.depthwise("d2", x, {3, 3, 2, 2, true})));
  x = b.activate("r3", b.batch_norm("b3", b.conv("c3", x, 16, {1, 1, 1, 1, true})));
  x = b.global_average_pool("gap", x);
  if (dropout > 0.0f) x = b.dropout("drop", x, dropout);
  x = b.softmax("p", b.dense("logits", x, 3));
  return std::move(b).finish(x);
}

TrainOptions quick(std::int32_t epochs = 6) {
  TrainOptions o;
  o.epochs = epochs;
  o.batch_size = 32;
  o.shard_size = 16;
  o.learning_rate = 0.1;
  o.threads = 2;
  return o;
}

TrainResult must_train(const graph::Graph& g, const BatchSource& data, const TrainOptions& options,
                       const BatchSource* validation = nullptr, const std::filesystem::path& folder = {}) {
  SilentProgress progress;
  auto result = train(g, data, validation, options, folder, progress);
  EXPECT_TRUE(result) << result.error().message();
  return std::move(*result);
}

TEST(Training, learns_a_separable_problem_perfectly_with_each_optimizer) {
  const MemorySource data = shapes(300, 1);
  const MemorySource unseen = shapes(150, 2);
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adamw}) {
    TrainOptions options = quick(25);
    options.optimizer = optimizer;
    if (optimizer == Optimizer::adamw) options.learning_rate = 0.01;
    const TrainResult result = must_train(tiny_net(), data, options, &unseen);
    ASSERT_EQ(result.curves.size(), 25u);
    EXPECT_LT(result.curves.back().loss, 0.5 * result.curves.front().loss);
    EXPECT_GE(result.curves.back().validation_accuracy, 0.99);
    const auto evaluation = evaluate(result.graph, data);
    ASSERT_TRUE(evaluation);
    EXPECT_EQ(evaluation->accuracy, 1.0);
  }
}

TEST(Training, gives_the_same_bits_again_and_for_any_number_of_threads) {
  const MemorySource data = shapes(130, 1);
  TrainOptions options = quick(3);
  options.mixup_alpha = 0.3;
  options.ema_decay = 0.9;
  const graph::Graph g = tiny_net(0.2f);
  const TrainResult first = must_train(g, data, options);
  EXPECT_EQ(must_train(g, data, options).graph, first.graph);
  for (const std::int32_t threads : {1, 3, 4}) {
    options.threads = threads;
    EXPECT_EQ(must_train(g, data, options).graph, first.graph) << threads << " threads";
  }
  options.seed = 2;
  EXPECT_NE(must_train(g, data, options).graph, first.graph);
}

TEST(Training, returns_running_statistics_that_make_evaluation_agree_with_training) {
  const MemorySource data = shapes(300, 1);
  const TrainResult result = must_train(tiny_net(), data, quick(20));
  const auto evaluation = evaluate(result.graph, data);
  EXPECT_GT(evaluation->accuracy, 0.99);
  for (const graph::Tensor& t : result.graph.tensors()) {
    if (!t.name.ends_with("/variance")) continue;
    EXPECT_NE(t.values<float>()[0], 1.0f) << t.name;
  }
}

TEST(Training, returns_averaged_weights_when_asked) {
  const MemorySource data = shapes(100, 1);
  TrainOptions options = quick(2);
  const TrainResult last = must_train(tiny_net(), data, options);
  options.ema_decay = 0.5;
  EXPECT_NE(must_train(tiny_net(), data, options).graph, last.graph);
}

TEST(Training, balanced_class_weights_serve_a_rare_class) {
  const MemorySource skewed = shapes(240, 3, 12);  // 13 of 14 samples are class 0
  const MemorySource even = shapes(150, 4);
  TrainOptions options = quick(6);
  options.label_smoothing = 0.0;
  const auto plain = evaluate(must_train(tiny_net(), skewed, options).graph, even);
  options.class_weights = ClassWeights::balanced;
  const auto balanced = evaluate(must_train(tiny_net(), skewed, options).graph, even);
  EXPECT_GT(balanced->accuracy, plain->accuracy);
}

TEST(Training, stops_early_and_returns_the_best_epoch_of_the_validation_set) {
  const MemorySource data = shapes(60, 1);
  // Labels that have nothing to do with the images: validation can only get worse.
  std::vector<float> noise(64 * 60);
  std::vector<std::int32_t> labels(60);
  Rng rng(1);
  for (float& v : noise) v = static_cast<float>(rng.normal());
  for (auto& l : labels) l = static_cast<std::int32_t>(rng.below(3));
  const auto validation = MemorySource::create({8, 8, 1}, noise, labels);
  TrainOptions options = quick(60);
  options.early_stopping = 3;
  const TrainResult result = must_train(tiny_net(), data, options, &*validation);
  EXPECT_TRUE(result.stopped_early);
  ASSERT_LT(result.curves.size(), 60u);
  const auto best = std::ranges::min_element(result.curves, {}, &Epoch::validation_loss);
  EXPECT_EQ(result.curves.end() - best, 4);
  EXPECT_NEAR(evaluate(result.graph, *validation)->loss, best->validation_loss, 1e-5);
}

TEST(Training, a_student_learns_from_its_teacher_alone) {
  const MemorySource data = shapes(300, 1);
  const auto teacher = std::make_shared<const graph::Graph>(must_train(tiny_net(), data, quick(20)).graph);
  std::vector<float> values(300 * 64);
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(data.load(i, 0, false, {values.data() + i * 64, 64}));
  }
  const auto wrong_labels = MemorySource::create({8, 8, 1}, values, std::vector<std::int32_t>(300, 0));
  TrainOptions options = quick(20);
  options.distillation = {teacher, 2.0, 1.0};
  EXPECT_GT(evaluate(must_train(tiny_net(), *wrong_labels, options).graph, data)->accuracy, 0.95);
}

TEST(Training, an_autoencoder_reduces_its_reconstruction_error) {
  graph::ZooOptions zoo;
  zoo.architecture = "autoencoder";
  zoo.input = {1, 8, 8, 1};
  zoo.hidden = {16, 4, 16};
  const auto g = graph::make_model(zoo);
  ASSERT_TRUE(g) << g.error().message();
  std::vector<float> values(64 * 200);
  Rng rng(3);
  for (std::size_t i = 0; i < 200; ++i) {
    const double phase = rng.uniform(0.0, 6.28);
    for (std::size_t k = 0; k < 64; ++k)
      values[i * 64 + k] = static_cast<float>(std::sin(phase + 0.2 * static_cast<double>(k)));
  }
  const auto data = MemorySource::create({8, 8, 1}, values, {});
  TrainOptions options = quick(20);
  options.loss = Loss::reconstruction;
  options.optimizer = Optimizer::adamw;
  options.learning_rate = 0.01;
  const auto before = evaluate(*g, *data, Loss::reconstruction);
  const TrainResult result = must_train(*g, *data, options, &*data);
  const auto after = evaluate(result.graph, *data, Loss::reconstruction);
  EXPECT_LT(after->loss, 0.3 * before->loss);
  EXPECT_NEAR(after->loss, result.curves.back().validation_loss, 1e-6);
}

// ---- interruption
// --------------------------------------------------------------------------------------------------------------------

/// Kills the process at the n-th look at cancelled(), which comes once a step.
class KillingProgress final : public Progress {
 public:
  explicit KillingProgress(int steps) : left_(steps) {}
  void note(std::string_view) override {}
  void step(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
  [[nodiscard]] bool cancelled() const override {
    if (--left_ == 0) static_cast<void>(raise(SIGKILL));
    return false;
  }

 private:
  mutable int left_;
};

struct Interrupted {
  MemorySource data = shapes(160, 1);
  MemorySource validation = shapes(40, 2);
  graph::Graph g = tiny_net(0.2f);
  TrainOptions options = quick(5);
  Interrupted() {
    options.ema_decay = 0.8;
    options.optimizer = Optimizer::adamw;
    options.learning_rate = 0.01;
    options.checkpoint_interval = std::chrono::milliseconds(1);
  }
};

/// What the next test starts as a program of its own, since torch does not train in a forked one: dies by its own hand,
/// or ends the training.
TEST(Checkpoints, DISABLED_part_of_a_training) {
  const char* const folder = std::getenv("MOTE_TEST_FOLDER");
  const char* const deaths = std::getenv("MOTE_TEST_DEATHS");
  ASSERT_TRUE(folder != nullptr && deaths != nullptr);
  Interrupted run;
  run.options.threads = 1 + std::atoi(deaths) % 2;
  KillingProgress progress(4 + std::atoi(deaths));
  const auto result = train(run.g, run.data, &run.validation, run.options, folder, progress);
  EXPECT_TRUE(result) << result.error().message();
}

TEST(Checkpoints, training_that_is_killed_again_and_again_ends_with_the_same_weights) {
  const auto [data, validation, g, options] = Interrupted();
  const TrainResult whole = must_train(g, data, options, &validation);
  const auto folder = TemporaryFolder::create();
  ASSERT_TRUE(folder);
  ::setenv("MOTE_TEST_FOLDER", folder->path().c_str(), 1);
  int deaths = 0;
  while (true) {
    ::setenv("MOTE_TEST_DEATHS", std::to_string(deaths).c_str(), 1);
    const auto child =
        run_process({std::filesystem::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                     "--gtest_filter=Checkpoints.DISABLED_part_of_a_training"});
    ASSERT_TRUE(child) << child.error().message();
    if (child->exit_code == 0) break;
    ASSERT_EQ(child->exit_code, 128 + SIGKILL) << child->output;
    ASSERT_LT(++deaths, 20);
  }
  EXPECT_GE(deaths, 2);
  const TrainResult resumed = must_train(g, data, options, &validation, folder->path());
  EXPECT_TRUE(resumed.resumed);
  EXPECT_EQ(resumed.graph, whole.graph);
  ASSERT_EQ(resumed.curves.size(), whole.curves.size());
  for (std::size_t i = 0; i < whole.curves.size(); ++i) {
    EXPECT_EQ(resumed.curves[i].loss, whole.curves[i].loss);
    EXPECT_EQ(resumed.curves[i].validation_loss, whole.curves[i].validation_loss);
  }
}

class CancelAfter final : public Progress {
 public:
  explicit CancelAfter(int steps) : left_(steps) {}
  void note(std::string_view) override {}
  void step(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
  [[nodiscard]] bool cancelled() const override { return --left_ < 0; }

 private:
  mutable int left_;
};

TEST(Checkpoints, cancelling_saves_the_state_and_says_so) {
  const MemorySource data = shapes(160, 1);
  const auto folder = TemporaryFolder::create();
  CancelAfter progress(7);
  const auto stopped = train(tiny_net(), data, nullptr, quick(3), folder->path(), progress);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), Code::cancelled);
  const TrainResult resumed = must_train(tiny_net(), data, quick(3), nullptr, folder->path());
  EXPECT_TRUE(resumed.resumed);
  EXPECT_EQ(resumed.graph, must_train(tiny_net(), data, quick(3)).graph);
}

TEST(Checkpoints, of_other_options_or_damaged_are_ignored_with_a_note) {
  const MemorySource data = shapes(64, 1);
  const auto folder = TemporaryFolder::create();
  static_cast<void>(must_train(tiny_net(), data, quick(1), nullptr, folder->path()));
  const TrainResult other = must_train(tiny_net(), data, quick(2), nullptr, folder->path());
  EXPECT_FALSE(other.resumed);
  EXPECT_THAT(other.warnings, testing::Contains(HasSubstr("another model, other options or other data")));
  const auto path = folder->path() / "checkpoint.bin";
  auto bytes = read_file(path);
  (*bytes)[bytes->size() / 2] ^= 1;
  ASSERT_TRUE(write_file(path, *bytes));
  const TrainResult damaged = must_train(tiny_net(), data, quick(2), nullptr, folder->path());
  EXPECT_FALSE(damaged.resumed);
  EXPECT_THAT(damaged.warnings, testing::Contains(HasSubstr("damaged")));
  ASSERT_TRUE(write_file(path, std::string_view("nonsense")));
  EXPECT_FALSE(must_train(tiny_net(), data, quick(2), nullptr, folder->path()).resumed);
}

TEST(Checkpoints, that_cannot_be_written_end_the_training_with_the_reason) {
  const MemorySource data = shapes(64, 1);
  const auto folder = TemporaryFolder::create();
  ASSERT_TRUE(write_file(folder->path() / "file", std::string_view("x")));
  SilentProgress progress;
  const auto result = train(tiny_net(), data, nullptr, quick(1), folder->path() / "file" / "sub", progress);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::io);
}

// ---- refusals
// ------------------------------------------------------------------------------------------------------------------------

std::string refusal(const BatchSource& data, const TrainOptions& options = quick(),
                    const BatchSource* validation = nullptr) {
  SilentProgress progress;
  const auto result = train(tiny_net(), data, validation, options, {}, progress);
  return result ? "trained" : result.error().message();
}

TEST(Refusals, name_what_does_not_fit) {
  EXPECT_THAT(refusal(*MemorySource::create({4, 4, 1}, std::vector<float>(32), {0, 1})), HasSubstr("shape [4,4,1]"));
  EXPECT_THAT(refusal(*MemorySource::create({8, 8, 1}, {}, {})), HasSubstr("empty"));
  EXPECT_THAT(refusal(*MemorySource::create({8, 8, 1}, std::vector<float>(128), {0, 3})),
              HasSubstr("sample 1 of the training data has label 3"));
  EXPECT_THAT(refusal(*MemorySource::create({8, 8, 1}, std::vector<float>(128), {})), HasSubstr("label -1"));
  TrainOptions options = quick();
  options.early_stopping = 2;
  EXPECT_THAT(refusal(shapes(10, 1), options), HasSubstr("validation data"));
  options = quick();
  options.loss = Loss::reconstruction;
  EXPECT_THAT(refusal(shapes(10, 1), options), HasSubstr("as many outputs as inputs"));
  options = quick();
  graph::ZooOptions zoo;
  options.distillation.teacher = std::make_shared<const graph::Graph>(*graph::make_model(zoo));
  EXPECT_THAT(refusal(shapes(10, 1), options), HasSubstr("teacher"));
  EXPECT_FALSE(MemorySource::create({2, 2}, std::vector<float>(7), {}));
  EXPECT_FALSE(MemorySource::create({2, 2}, std::vector<float>(8), {1}));
}

class FailingSource final : public BatchSource {
 public:
  [[nodiscard]] std::size_t size() const override { return 100; }
  [[nodiscard]] graph::Shape sample_shape() const override { return {8, 8, 1}; }
  [[nodiscard]] std::int32_t label(std::size_t) const override { return 0; }
  [[nodiscard]] Result<void> load(std::size_t index, std::uint64_t, bool, std::span<float> out) const override {
    if (index == 57) return fail(Code::io, "disk gone");
    std::ranges::fill(out, 0.0f);
    return {};
  }
};

TEST(Refusals, of_a_source_reach_the_caller_with_the_sample) {
  EXPECT_EQ(refusal(FailingSource()), "training sample 57: disk gone");
}

TEST(Training, works_for_fewer_samples_than_a_batch_and_for_a_single_one) {
  EXPECT_EQ(must_train(tiny_net(), shapes(5, 1), quick(2)).curves.size(), 2u);
  EXPECT_EQ(must_train(tiny_net(), shapes(1, 1), quick(1)).curves.size(), 1u);
}

TEST(Training, warns_of_channels_that_waste_vector_lanes) {
  graph::Builder b("odd", 1);
  auto x = b.conv("c7", b.input("image", {1, 8, 8, 1}), 7, {3, 3, 2, 2, true}, true);
  x = b.dense("logits", b.global_average_pool("gap", x), 3);
  const graph::Graph g = std::move(b).finish(x);
  EXPECT_THAT(must_train(g, shapes(20, 1), quick(1)).warnings, testing::Contains(HasSubstr("'c7' (7)")));
}

TEST(Predicting, gives_probabilities_in_the_order_of_the_source) {
  const MemorySource data = shapes(150, 1);
  const TrainResult result = must_train(tiny_net(), data, quick(15));
  const auto one = predict(result.graph, data, 1);
  const auto two = predict(result.graph, data, 2);
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, *two);
  ASSERT_EQ(one->size(), 450u);
  std::size_t correct = 0;
  for (std::size_t i = 0; i < 150; ++i) {
    const float* row = one->data() + 3 * i;
    EXPECT_NEAR(row[0] + row[1] + row[2], 1.0f, 1e-5f);
    correct += std::max_element(row, row + 3) - row == data.label(i) ? 1u : 0u;
  }
  const auto evaluation = evaluate(result.graph, data);
  EXPECT_NEAR(evaluation->accuracy, static_cast<double>(correct) / 150.0, 1e-12);
  std::uint32_t counted = 0;
  for (const std::uint32_t c : evaluation->confusion) counted += c;
  EXPECT_EQ(counted, 150u);
}

}  // namespace
}  // namespace mote::train
