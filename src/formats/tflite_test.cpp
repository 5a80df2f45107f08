#include "mote/formats/tflite.hpp"

#include <filesystem>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

// ---- files of the field ---------------------------------------------------------------------------------------------------------

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

INSTANTIATE_TEST_SUITE_P(Models, RealFiles,
                         testing::Values(RealFile{"mlperf_tiny/kws_ref_model.tflite", 13, ""},
                                         RealFile{"mlperf_tiny/vww_96_int8.tflite", 31, ""},
                                         RealFile{"mlperf_tiny/pretrainedResnet_quant.tflite", 16, ""},
                                         RealFile{"mlperf_tiny/ad01_int8.tflite", 10, ""},
                                         RealFile{"mlperf_tiny/str_ww_ref_model.tflite", 11, ""},
                                         RealFile{"mlperf_kws/kws_ref_model.tflite", 13, ""},
                                         RealFile{"mlperf_kws/kws_ref_model_float32.tflite", 0, "dynamic-range"},
                                         RealFile{"tflm/person_detect.tflite", 31, ""},
                                         RealFile{"tflm/hello_world_int8.tflite", 3, ""},
                                         RealFile{"tflm/hello_world_float.tflite", 3, ""},
                                         RealFile{"tflm/micro_speech_quantized.tflite", 4, ""},
                                         RealFile{"tflm/simple_add_model.tflite", 1, ""},
                                         RealFile{"tflm/audio_preprocessor_int8.tflite", 0, "SignalWindow"},
                                         RealFile{"tflm/audio_preprocessor_float.tflite", 0, "SignalWindow"},
                                         RealFile{"seanet/add/add0.tflite", 0, "int16"},
                                         RealFile{"seanet/conv/conv0.tflite", 0, "int16"},
                                         RealFile{"seanet/leaky_relu/leaky_relu0.tflite", 0, "LEAKY_RELU"}));

}  // namespace
}  // namespace mote::formats
