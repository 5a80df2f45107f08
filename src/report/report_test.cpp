#include "mote/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "report_fixture.hpp"

namespace mote::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// A report of `n` classes in which class i is taken for class i + 1 once in ten times.
ReportData with_classes(std::size_t n) {
  ReportData data;
  data.project = "many";
  data.evaluation.confusion_int8.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    data.classes.push_back("class " + std::to_string(i));
    data.evaluation.confusion_int8[i * n + i] = 9;
    data.evaluation.confusion_int8[i * n + (i + 1) % n] += 1;
  }
  data.data.splits = {{"train", std::vector<std::uint64_t>(n, 10), {}}};
  return data;
}

TEST(Report, has_all_sections_for_a_typical_project_and_is_small) {
  const std::string html = render_html(fixture::realistic());
  for (const char* id : {"data", "training", "evaluation", "arena", "layers", "footprint", "provenance"}) {
    EXPECT_THAT(html, HasSubstr(std::string("<section id=\"") + id + "\""));
  }
  EXPECT_LT(html.size(), 400u * 1024);
  EXPECT_TRUE(problems(fixture::realistic()).empty());
}

TEST(Report, gives_the_same_bytes_for_the_same_data) {
  EXPECT_EQ(render_html(fixture::realistic()), render_html(fixture::realistic()));
}

TEST(Report, loads_nothing_from_elsewhere) {
  const std::string html = render_html(fixture::realistic());
  EXPECT_THAT(html, Not(HasSubstr("http://")));
  EXPECT_THAT(html, Not(HasSubstr("https://")));
  EXPECT_THAT(html, Not(HasSubstr("@import")));
  EXPECT_THAT(html, Not(HasSubstr("url(")));
  EXPECT_THAT(html, HasSubstr("default-src &#39;none&#39;"));
}

TEST(Report, lets_empty_sections_vanish) {
  const std::string html = render_html({});
  EXPECT_EQ(count_of(html, "<section"), 0u);
  EXPECT_EQ(count_of(html, "<nav"), 0u);
  EXPECT_THAT(html, HasSubstr("Untitled project"));
  EXPECT_THAT(html, Not(HasSubstr("class=\"notice\"")));
}

TEST(Report, shows_a_section_that_stands_alone) {
  ReportData data;
  data.footprint.flash = {{"code", "main", 10}};
  const std::string html = render_html(data);
  EXPECT_EQ(count_of(html, "<section"), 1u);
  EXPECT_THAT(html, HasSubstr("id=\"footprint\""));
}

TEST(Report, escapes_hostile_text_wherever_it_comes_from) {
  const std::string evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
  ReportData data = fixture::realistic();
  data.project = data.description = data.board.name = data.board.description = data.headline.metric = evil;
  for (Budget& b : data.budgets) b.name = evil;
  for (LineageStep& s : data.lineage) s = {evil, evil, evil};
  for (std::string& name : data.classes) name = evil;
  data.data.name = data.data.form = data.data.source = data.data.licence = data.data.group_by = evil;
  for (Split& s : data.data.splits) s.name = evil, s.groups = {{evil, 1}};
  for (Sample& s : data.data.samples) s.name = evil;
  data.data.refused = {{evil, evil}};
  for (TrainingPhase& p : data.training) p.name = evil;
  data.evaluation.split = evil;
  for (Misclassified& m : data.evaluation.worst) m.name = evil;
  for (std::string& op : data.arena.ops) op = evil;
  for (ArenaTensor& t : data.arena.tensors) t.name = t.type = evil;
  for (LayerCost& l : data.profile.layers) l.name = l.op = evil;
  for (MemoryPart& p : data.footprint.flash) p.name = p.group = evil;
  data.provenance = {{{evil, evil, evil}}, {{evil, evil}}, {{evil, evil}}, {evil}, {{evil, evil}}};
  const std::string html = render_html(data);
  EXPECT_EQ(count_of(html, "<script"), 1u);  // our own
  EXPECT_THAT(html, Not(HasSubstr("<img src=x")));
  EXPECT_THAT(html, Not(HasSubstr(evil)));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)"));
}

TEST(Report, survives_a_single_class) {
  const std::string html = render_html(with_classes(1));
  EXPECT_THAT(html, HasSubstr("10 of 10 samples right"));
  EXPECT_THAT(html, Not(HasSubstr("Confused most")));
}

TEST(Report, draws_two_hundred_classes_in_little_space) {
  const std::string html = render_html(with_classes(200));
  EXPECT_LT(html.size(), 400u * 1024);
  EXPECT_THAT(html, HasSubstr("Confusion matrix of 200 classes"));
  EXPECT_THAT(html, HasSubstr("175 more rows"));
}

TEST(Report, draws_two_hundred_classes_that_are_all_confused_within_bounds) {
  ReportData data = with_classes(200);
  data.evaluation.confusion_int8.assign(40000, 1);
  EXPECT_LT(render_html(data).size(), 2u * 1024 * 1024);
}

TEST(Report, shows_numbers_that_are_not_finite_as_not_measured) {
  ReportData data = fixture::realistic();
  data.headline.latency_ms = kNan;
  data.budgets[1].value = kNan;
  data.training[0].epochs[3] = {kNan, kNan, kNan, kNan, kNan};
  data.profile.layers[2].cycles = std::numeric_limits<double>::infinity();
  data.evaluation.worst[0].confidence = kNan;
  data.data.samples[0].picture = Waveform{{{0, kNan, 1}, {kNan}, {}}};
  data.data.samples[1].picture = Strokes{{{{kNan, 0}, {1, kNan}}, {}}};
  const std::string html = render_html(data);
  EXPECT_THAT(html, HasSubstr("not measured"));
  EXPECT_THAT(html, HasSubstr("n/a"));
  for (const char* bad : {">nan", ">inf", " nan", "nan%", "nanpx", "\"nan", "-nan"})
    EXPECT_THAT(html, Not(HasSubstr(bad)));
}

TEST(Report, counts_a_budget_without_a_value_as_not_met) {
  EXPECT_FALSE(is_met({"Latency", Unit::milliseconds, Bound::at_most, 50, {}, false}));
  EXPECT_FALSE(is_met({"Latency", Unit::milliseconds, Bound::at_most, 50, kNan, false}));
  EXPECT_FALSE(is_met({"Latency", Unit::milliseconds, Bound::at_most, kNan, 1.0, false}));
}

TEST(Report, allows_the_limit_itself) {
  EXPECT_TRUE(is_met({"Flash", Unit::bytes, Bound::at_most, 65536, 65536.0, false}));
  EXPECT_FALSE(is_met({"Flash", Unit::bytes, Bound::at_most, 65536, 65537.0, false}));
  EXPECT_TRUE(is_met({"Accuracy", Unit::fraction, Bound::at_least, 0.9, 0.9, false}));
  EXPECT_FALSE(is_met({"Accuracy", Unit::fraction, Bound::at_least, 0.9, 0.899, false}));
}

TEST(Report, says_which_budget_is_broken_and_by_how_much) {
  const std::string html = render_html(fixture::realistic());
  EXPECT_THAT(html, HasSubstr("1 of 5 budgets not met"));
  EXPECT_THAT(html, HasSubstr("236\u00a0µJ over (24\u00a0%)"));
}

TEST(Report, marks_what_is_estimated) {
  ReportData data = fixture::realistic();
  const std::size_t before = count_of(render_html(data), ">estimated<");
  data.provenance.estimates.push_back({"latency_ms", "cycle model"});
  EXPECT_EQ(count_of(render_html(data), ">estimated<"), before + 2);  // its tile and its line under Provenance
}

TEST(Report, leaves_out_parts_that_contradict_themselves_and_says_so) {
  ReportData data = fixture::realistic();
  data.evaluation.confusion_int8.pop_back();
  data.data.splits[0].class_counts.pop_back();
  data.data.samples[0].label = 10;
  std::get<GrayImage>(data.data.samples[1].picture).pixels.pop_back();
  data.arena.tensors[0].offset_bytes = std::numeric_limits<std::uint64_t>::max();
  data.arena.tensors[1].last_op = 20;
  data.profile.layers[0].macs = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(problems(data).size(), 6u);
  const std::string html = render_html(data);
  EXPECT_THAT(html, HasSubstr("the confusion matrix of the int8 model has 99 cells for 10 classes"));
  EXPECT_THAT(html, HasSubstr("2 samples without a class"));
  EXPECT_THAT(html, Not(HasSubstr("class=\"heat\"")));
}

TEST(Report, explains_the_peak_of_the_arena) {
  ReportData data;
  data.arena = {
      100,
      {"a", "b"},
      {{"x", "int8", {60}, TensorRole::input, 0, 60, 0, 0}, {"y", "int8", {40}, TensorRole::output, 60, 40, 0, 1}}};
  EXPECT_THAT(
      render_html(data),
      HasSubstr("Most is needed at op 0 (a): 2 tensors are alive and take 100 bytes, so no plan can be smaller."));
}

TEST(Report, counts_bytes_that_an_op_writes_over_once) {
  ReportData data;
  data.arena = {
      60,
      {"add"},
      {{"x", "int8", {60}, TensorRole::input, 0, 60, 0, 0}, {"y", "int8", {60}, TensorRole::output, 0, 60, 0, 0}}};
  EXPECT_THAT(render_html(data), HasSubstr("take 60 bytes, so no plan can be smaller"));
}

TEST(Report, names_the_gaps_of_a_plan) {
  ReportData data;
  data.arena = {100, {"a"}, {{"x", "int8", {60}, TensorRole::input, 40, 60, 0, 0}}};
  EXPECT_THAT(render_html(data), HasSubstr("40 bytes more are gaps between tensors"));
}

TEST(Report, gives_the_features_and_the_rest_rows_of_their_own) {
  const std::string html = render_html(fixture::realistic());
  EXPECT_EQ(count_of(html, "class=\"features\""), 1u);
  EXPECT_THAT(html, HasSubstr("between the layers"));
  EXPECT_THAT(html, HasSubstr("5,412,331"));
}

TEST(Report, computes_precision_recall_and_f1) {
  ReportData data;
  data.classes = {"yes", "no"};
  data.evaluation.confusion_int8 = {8, 2, 1, 9};  // precision of yes 8/9, recall 8/10, F1 16/19
  const std::string html = render_html(data);
  for (const char* figure : {"88.9", "80.0", "84.2"}) EXPECT_THAT(html, HasSubstr(std::string(figure) + "\u00a0%"));
}

TEST(Report, has_a_class_without_samples_as_not_measured) {
  ReportData data;
  data.classes = {"seen", "never"};
  data.evaluation.confusion_int8 = {5, 0, 0, 0};
  EXPECT_THAT(render_html(data), HasSubstr("n/a"));
}

TEST(Report, tells_whether_a_group_is_in_two_splits) {
  ReportData data;
  data.classes = {"a"};
  data.data.group_by = "speaker";
  data.data.splits = {{"train", {2}, {{"theo", 2}}}, {"test", {1}, {{"lucas", 1}}}};
  EXPECT_THAT(render_html(data), HasSubstr("No speaker is in two splits."));
  data.data.splits[1].groups[0].name = "theo";
  EXPECT_THAT(render_html(data), HasSubstr("theo is in train and in test"));
}

TEST(Report, draws_images_waveforms_and_strokes) {
  ReportData data;
  data.classes = {"a"};
  data.data.samples = {{GrayImage{2, 2, {0, 1, 2, 3}}, 0, "i"},
                       {Waveform{{std::vector<double>(5000, 0.5), {0, 1}}}, 0, "w"},
                       {Strokes{{{{0, 0}, {1, 1}}}}, 0, "s"}};
  const std::string html = render_html(data);
  EXPECT_EQ(count_of(html, "data:image/png;base64,"), 1u);
  EXPECT_EQ(count_of(html, "<svg class=\"thumb\""), 2u);
}

TEST(Report, limits_the_number_of_thumbnails_fairly) {
  ReportData data;
  for (int i = 0; i < 50; ++i) data.classes.push_back("c" + std::to_string(i));
  for (std::uint32_t i = 0; i < 5000; ++i) data.data.samples.push_back({GrayImage{1, 1, {0}}, i / 100, ""});
  const std::string html = render_html(data);
  EXPECT_EQ(count_of(html, "<img "), 120u);
  EXPECT_THAT(html, HasSubstr("alt=\"c49\""));
}

}  // namespace
}  // namespace mote::report
