#include "mote/formats/tflite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/graph/zoo.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using testing::HasSubstr;
using testing::Not;

Bytes bytes_of_file(const std::string& path) {
  auto bytes = read_file(path);
  return bytes ? *bytes : Bytes{};
}

// ---- files of the field
// ---------------------------------------------------------------------------------------------------------

struct RealFile {
  const char* path;
  int operators;        // 0: refused
  const char* refusal;  // part of the sentence
};

class RealFiles : public testing::TestWithParam<RealFile> {};

TEST_P(RealFiles, is_read_or_refused_with_one_sentence) {
  const RealFile& expected = GetParam();
  const std::string path = std::string(MOTE_SHARED_DATA) + "/models/" + expected.path;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no development data at " << path;
  const auto graph = read_tflite(bytes_of_file(path), expected.path);
  if (expected.operators == 0) {
    ASSERT_FALSE(graph.has_value());
    EXPECT_THAT(graph.error().message(), HasSubstr(expected.refusal));
    EXPECT_THAT(graph.error().message(), testing::StartsWith(expected.path));
    EXPECT_THAT(graph.error().message(), Not(HasSubstr("\n")));
    return;
  }
  ASSERT_TRUE(graph.has_value()) << graph.error().message();
  EXPECT_EQ(graph->ops().size(), static_cast<std::size_t>(expected.operators)) << graph::print_summary(*graph);
  const auto written = write_tflite(*graph);
  ASSERT_TRUE(written.has_value()) << written.error().message();
  const auto again = read_tflite(*written, "another name.tflite");
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(*again, *graph);
}

INSTANTIATE_TEST_SUITE_P(
    Models, RealFiles,
    testing::Values(
        RealFile{"mlperf_tiny/kws_ref_model.tflite", 13, ""}, RealFile{"mlperf_tiny/vww_96_int8.tflite", 31, ""},
        RealFile{"mlperf_tiny/pretrainedResnet_quant.tflite", 16, ""}, RealFile{"mlperf_tiny/ad01_int8.tflite", 10, ""},
        RealFile{"mlperf_tiny/str_ww_ref_model.tflite", 11, ""}, RealFile{"mlperf_kws/kws_ref_model.tflite", 13, ""},
        RealFile{"mlperf_kws/kws_ref_model_float32.tflite", 13, ""}, RealFile{"tflm/person_detect.tflite", 31, ""},
        RealFile{"tflm/hello_world_int8.tflite", 3, ""}, RealFile{"tflm/hello_world_float.tflite", 3, ""},
        RealFile{"tflm/micro_speech_quantized.tflite", 4, ""}, RealFile{"tflm/simple_add_model.tflite", 1, ""},
        RealFile{"tflm/audio_preprocessor_int8.tflite", 0, "SignalWindow"},
        RealFile{"tflm/audio_preprocessor_float.tflite", 0, "SignalWindow"}, RealFile{"seanet/add/add0.tflite", 1, ""},
        RealFile{"seanet/conv/conv0.tflite", 1, ""}, RealFile{"seanet/leaky_relu/leaky_relu0.tflite", 1, ""}));

// ---- our own files
// --------------------------------------------------------------------------------------------------------------

void expect_round_trip(const graph::Graph& graph) {
  const auto file = write_tflite(graph);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto again = read_tflite(*file, "other.tflite");
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_TRUE(*again == graph) << graph.name() << "\n" << graph::print_summary(graph) << graph::print_summary(*again);
  EXPECT_EQ(*write_tflite(*again), *file);
}

TEST(WriteTflite, float_zoo_models_come_back_equal) {
  for (const graph::Graph& graph : test::small_zoo()) expect_round_trip(graph);
}

TEST(WriteTflite, int8_zoo_models_come_back_equal) {
  for (const graph::Graph& graph : test::small_zoo()) expect_round_trip(test::quantized(graph, 3));
}

TEST(WriteTflite, every_operator_comes_back_equal) {
  expect_round_trip(test::every_operator());
  expect_round_trip(test::quantized(test::every_operator(), 3));
}

TEST(WriteTflite, keeps_operator_names_that_are_not_their_outputs) {
  graph::Graph graph = test::every_operator();
  graph.ops()[2].name = "a name of its own";
  expect_round_trip(graph);
}

TEST(WriteTflite, puts_pad_in_front_only_where_no_word_fits) {
  const auto pads_written = [](const graph::Pads& pads) {
    graph::Graph graph = test::every_operator();
    std::get<graph::Conv2D>(graph.ops()[0].attributes).pads = pads;
    const auto file = write_tflite(graph);
    const auto summary = summarize_tflite(*file, "x");
    return std::ranges::count(summary->operators, std::string("PAD"), &TfliteSummary::Operator::name);
  };
  EXPECT_EQ(pads_written({1, 1, 1, 1}), 0);  // SAME
  EXPECT_EQ(pads_written({2, 0, 0, 2}), 1);
}

TEST(WriteTflite, is_deterministic) {
  EXPECT_EQ(*write_tflite(test::every_operator()), *write_tflite(test::every_operator()));
}

TEST(WriteTflite, refuses_the_training_form) {
  const auto model = graph::make_model({});
  ASSERT_TRUE(model.has_value());
  const auto file = write_tflite(*model);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), Code::unsupported);
  EXPECT_THAT(file.error().message(), HasSubstr("batch_norm \"stem/bn\""));
}

TEST(ReadTflite, names_the_graph_after_the_file_when_the_file_does_not) {
  graph::Graph graph = test::every_operator();
  graph.rename("main");
  EXPECT_EQ(read_tflite(*write_tflite(graph), "some/folder/stem.tflite")->name(), "stem");
}

TEST(SummarizeTflite, tells_known_operators_from_others) {
  const std::string path = std::string(MOTE_SHARED_DATA) + "/models/tflm/audio_preprocessor_int8.tflite";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no development data at " << path;
  const auto summary = summarize_tflite(bytes_of_file(path), "audio");
  ASSERT_TRUE(summary.has_value());
  const auto find = [&](const std::string& name) {
    return *std::ranges::find(summary->operators, name, &TfliteSummary::Operator::name);
  };
  EXPECT_TRUE(find("RESHAPE").supported);
  EXPECT_FALSE(find("SignalWindow").supported);
}

TEST(TfliteOperators, are_those_that_the_documentation_lists) {
  const auto text = read_text(std::string(MOTE_SOURCE_DIR) + "/docs/operators.md");
  ASSERT_TRUE(text.has_value()) << text.error().message();
  for (const std::string_view name : tflite_operators())
    EXPECT_THAT(*text, HasSubstr("| `" + std::string(name) + "` |"));
  std::size_t rows = 0;
  for (std::size_t at = text->find("\n| `"); at != std::string::npos; at = text->find("\n| `", at + 1)) ++rows;
  EXPECT_EQ(rows, tflite_operators().size());
}

}  // namespace
}  // namespace mote::formats
