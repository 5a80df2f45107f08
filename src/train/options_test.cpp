#include "mote/train/options.hpp"

#include <gmock/gmock.h>

namespace mote::train {
namespace {

using testing::HasSubstr;

TEST(Schedules, one_cycle_rises_linearly_then_falls_by_a_cosine) {
  TrainOptions o;
  o.learning_rate = 1.0;
  o.warmup_fraction = 0.2;
  o.final_fraction = 0.1;
  EXPECT_NEAR(learning_rate(o, 0, 101, 10), 0.04, 1e-12);
  EXPECT_NEAR(learning_rate(o, 10, 101, 10), 0.52, 1e-12);
  EXPECT_NEAR(learning_rate(o, 20, 101, 10), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate(o, 60, 101, 10), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(o, 100, 101, 10), 0.1, 1e-12);
}

TEST(Schedules, cosine_begins_at_the_rate_and_ends_at_its_final_part) {
  TrainOptions o;
  o.schedule = Schedule::cosine;
  o.learning_rate = 2.0;
  o.final_fraction = 0.25;
  EXPECT_NEAR(learning_rate(o, 0, 11, 1), 2.0, 1e-12);
  EXPECT_NEAR(learning_rate(o, 5, 11, 1), 1.25, 1e-12);
  EXPECT_NEAR(learning_rate(o, 10, 11, 1), 0.5, 1e-12);
}

TEST(Schedules, step_drops_by_its_factor_every_so_many_epochs) {
  TrainOptions o;
  o.schedule = Schedule::step;
  o.learning_rate = 1.0;
  o.step_factor = 0.5;
  o.step_epochs = 2;
  EXPECT_NEAR(learning_rate(o, 19, 100, 10), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate(o, 20, 100, 10), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(o, 40, 100, 10), 0.25, 1e-12);
}

TEST(Schedules, constant_stays) {
  TrainOptions o;
  o.schedule = Schedule::constant;
  o.learning_rate = 0.7;
  EXPECT_EQ(learning_rate(o, 0, 10, 1), 0.7);
  EXPECT_EQ(learning_rate(o, 9, 10, 1), 0.7);
}

TEST(Schedules, a_single_step_has_a_rate) {
  TrainOptions o;
  EXPECT_GE(learning_rate(o, 0, 1, 1), 0.0);
}

struct BadOption {
  const char* name;
  void (*set)(TrainOptions&);
};

class BadOptions : public testing::TestWithParam<BadOption> {};

TEST_P(BadOptions, are_refused_in_one_sentence_that_names_them) {
  TrainOptions options;
  GetParam().set(options);
  const Result<void> result = validate(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::invalid_argument);
  EXPECT_THAT(result.error().message(), HasSubstr(GetParam().name));
  EXPECT_THAT(result.error().message(), testing::Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadOptions,
    testing::Values(BadOption{"epochs = 0", [](TrainOptions& o) { o.epochs = 0; }},
                    BadOption{"batch_size = -3", [](TrainOptions& o) { o.batch_size = -3; }},
                    BadOption{"shard_size = 0", [](TrainOptions& o) { o.shard_size = 0; }},
                    BadOption{"threads = -1", [](TrainOptions& o) { o.threads = -1; }},
                    BadOption{"learning_rate = 0", [](TrainOptions& o) { o.learning_rate = 0.0; }},
                    BadOption{"learning_rate = nan", [](TrainOptions& o) { o.learning_rate = std::nan(""); }},
                    BadOption{"momentum = 1", [](TrainOptions& o) { o.momentum = 1.0; }},
                    BadOption{"weight_decay = -1", [](TrainOptions& o) { o.weight_decay = -1.0; }},
                    BadOption{"warmup_fraction = 1.5", [](TrainOptions& o) { o.warmup_fraction = 1.5; }},
                    BadOption{"label_smoothing = 1", [](TrainOptions& o) { o.label_smoothing = 1.0; }},
                    BadOption{"mixup_alpha = -0.5", [](TrainOptions& o) { o.mixup_alpha = -0.5; }},
                    BadOption{"ema_decay = 1", [](TrainOptions& o) { o.ema_decay = 1.0; }},
                    BadOption{"early_stopping = -2", [](TrainOptions& o) { o.early_stopping = -2; }},
                    BadOption{"distillation.temperature = 0",
                              [](TrainOptions& o) { o.distillation.temperature = 0.0; }},
                    BadOption{"class_weights", [](TrainOptions& o) {
                                o.loss = Loss::reconstruction;
                                o.class_weights = ClassWeights::balanced;
                              }}));

TEST(Options, fingerprint_sees_what_changes_weights_and_ignores_what_does_not) {
  const TrainOptions base;
  TrainOptions other = base;
  other.threads = 7;
  other.checkpoint_interval = std::chrono::milliseconds(5);
  EXPECT_EQ(fingerprint(base), fingerprint(other));
  other.label_smoothing = 0.051;
  EXPECT_NE(fingerprint(base), fingerprint(other));
}

}  // namespace
}  // namespace mote::train
