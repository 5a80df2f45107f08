#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "mote/base/rng.hpp"
#include "mote/report/report.hpp"
#include "report_fixture.hpp"

namespace mote::report {
namespace {

using ::testing::HasSubstr;

std::string wrapped(const std::string& report) {
  return R"({"format":"mote-report","version":1,"report":)" + report + "}";
}

TEST(StoredReport, comes_back_as_it_was) {
  ReportData data = fixture::realistic();
  data.data.splits[0].groups = {{"theo", 50}, {"nicolas \"<&>\" é", 49}};
  data.data.samples[0].picture = Waveform{{{0.1, -0.25, 1e-9}, {3}}};
  data.data.samples[1].picture = Strokes{{{{0, 0.5}, {1, 2}}, {}}};
  data.arena.tensors[0].shape = {-1, 28};
  const std::string text = to_json(data);
  const auto back = from_json(text);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), text);
  EXPECT_EQ(render_html(*back), render_html(data));
}

TEST(StoredReport, of_nothing_comes_back) {
  const auto back = from_json(to_json({}));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(to_json(*back), to_json({}));
}

TEST(StoredReport, turns_numbers_that_are_not_finite_into_not_measured) {
  ReportData data;
  data.headline.latency_ms = std::numeric_limits<double>::quiet_NaN();
  data.budgets = {{"x", Unit::bytes, Bound::at_most, std::numeric_limits<double>::infinity(), 1.0, false}};
  const auto back = from_json(to_json(data));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_FALSE(back->headline.latency_ms);
  EXPECT_FALSE(is_met(back->budgets[0]));
}

TEST(StoredReport, writes_text_that_is_not_utf8) {
  ReportData data;
  data.project = "caf\xE9";
  const auto back = from_json(to_json(data));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->project, "caf\xEF\xBF\xBD");
}

TEST(StoredReport, keeps_defaults_of_absent_keys_and_ignores_unknown_ones) {
  const auto back = from_json(wrapped(R"({"project":"p","colour":"red","headline":{"latency_ms":3}})"));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->headline.metric, "accuracy");
  EXPECT_EQ(back->headline.latency_ms, 3);
}

struct Broken {
  const char* report;
  const char* complaint;
};

TEST(StoredReport, refuses_wrong_values_with_their_path) {
  const Broken cases[] = {
      {R"([])", "the report must be an object"},
      {R"({"project":3})", "project must be a text"},
      {R"({"budgets":{}})", "budgets must be a list"},
      {R"({"budgets":[{"name":"a"},{"unit":"furlongs"}]})", "budgets[1].unit must be one of count, bytes"},
      {R"({"budgets":[{"limit":"x"}]})", "budgets[0].limit must be a number or null"},
      {R"({"budgets":[{"estimated":1}]})", "budgets[0].estimated must be true or false"},
      {R"({"headline":{"test_samples":-1}})", "headline.test_samples must be a whole number from 0 to"},
      {R"({"headline":{"test_samples":1.5}})", "headline.test_samples must be a whole number"},
      {R"({"data":{"samples":[{"label":4294967296}]}})",
       "data.samples[0].label must be a whole number from 0 to 4294967295"},
      {R"({"data":{"samples":[{"picture":{"film":{}}}]}})", "data.samples[0].picture must be an object with one of"},
      {R"({"data":{"samples":[{"picture":{"image":{"pixels":"?"}}}]}})",
       "data.samples[0].picture.image.pixels must be base64"},
      {R"({"profile":{"features":7}})", "profile.features must be an object"},
      {R"({"classes":["a"],"evaluation":{"confusion_int8":[1,2]}})",
       "the confusion matrix of the int8 model has 2 cells for 1 class"},
  };
  for (const Broken& broken : cases) {
    const auto back = from_json(wrapped(broken.report));
    ASSERT_FALSE(back) << broken.report;
    EXPECT_EQ(back.error().code(), Code::malformed);
    EXPECT_THAT(back.error().message(), HasSubstr(broken.complaint));
  }
}

TEST(StoredReport, refuses_what_is_not_a_stored_report) {
  for (const char* text : {"", "{", "null", "[]", "{}", R"({"format":"other"})", R"({"format":"mote-report"})",
                           R"({"format":"mote-report","version":-1})", R"({"format":"mote-report","version":1})"}) {
    const auto back = from_json(text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code(), Code::malformed) << text;
  }
}

TEST(StoredReport, refuses_a_newer_version) {
  const auto back = from_json(R"({"format":"mote-report","version":2,"report":{}})");
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code(), Code::unsupported);
}

TEST(StoredReport, refuses_or_reads_damaged_text_but_never_crashes) {
  ReportData data = fixture::realistic();
  data.data.samples.resize(2);
  data.evaluation.worst.clear();
  const std::string text = to_json(data);
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = text;
    for (int k = 0; k < 3; ++k) damaged[rng.below(damaged.size())] = "0\"{}[],:-9e.nt"[rng.below(14)];
    if (rng.chance(0.2)) damaged.resize(rng.below(damaged.size()));
    const auto back = from_json(damaged);
    EXPECT_TRUE(!back || !render_html(*back).empty());
  }
}

}  // namespace
}  // namespace mote::report
