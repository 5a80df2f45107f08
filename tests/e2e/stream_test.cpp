// MLPerf Tiny's streaming wake word from the file to the board: samples in, decision out, within the budgets that
// docs/streaming.md states.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kFeatures = R"([sensor]
rate_hz = 16000
window = 1024
hop = 512

[features]
block = "mfe"
frame_length = 0.064
frame_stride = 0.032
frames = 1
fft_length = 1024
window = "hamming"
pre_cof = 0.96875
noise_floor_db = -70.72
num_filters = 40
gain = 0.015625
)";

class Stream : public testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    if (!std::filesystem::exists(model_)) GTEST_SKIP() << model_ << " is not there";
    const ProcessResult made = box_.mote({"convert", model_, "stream.mote", "--stream", "1", "--json", "--quiet"});
    ASSERT_EQ(made.exit_code, 0) << made.diagnostics;
    converted_ = json::parse(made.output);
    box_.put("features.toml", kFeatures);
  }
  std::string model_ = std::string(MOTE_SHARED_DATA) + "/models/mlperf_tiny/str_ww_ref_model.tflite";
  Sandbox box_;
  json converted_;
};

TEST_F(Stream, the_wake_word_with_its_features_keeps_the_budgets_of_a_frame) {
  EXPECT_EQ(converted_["stream"]["window_rows"], 30);
  EXPECT_EQ(converted_["stream"]["inferences_to_fill"], 30);
  EXPECT_EQ(converted_["stream"]["state_bytes"], 3960);
  const ProcessResult result = box_.mote({"bench", "stream.mote", "--features", "features.toml", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.diagnostics;
  const json answer = json::parse(result.output);
  EXPECT_LE(answer["cycles"], 245'000);
  EXPECT_LE(answer["ram"]["total"], 12 * 1024);
  EXPECT_LE(answer["flash"]["total"], 80 * 1024);
}

TEST_F(Stream, vectors_of_a_model_with_state_are_one_stream) {
  const ProcessResult result = box_.mote({"verify", "stream.mote", "--samples", "40", "--layers"});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
  EXPECT_THAT(result.output, HasSubstr("40 of 40 vectors equal"));
  EXPECT_THAT(result.output, HasSubstr("layers equal the host's"));
}

TEST_F(Stream, says_what_is_wrong_in_one_sentence) {
  EXPECT_THAT(box_.mote({"convert", model_, "no.mote", "--stream", "30"}).diagnostics,
              HasSubstr("moves on by 1 to 29, not by 30"));
  EXPECT_THAT(box_.mote({"convert", model_, "no.onnx", "--stream", "1"}).diagnostics,
              HasSubstr("which an ONNX file cannot; write .tflite or graph text (.mote)"));
  box_.put("wide.toml", std::string(kFeatures).replace(std::string(kFeatures).find("= 40"), 4, "= 20"));
  EXPECT_THAT(box_.mote({"bench", "stream.mote", "--features", "wide.toml"}).diagnostics,
              HasSubstr("the features are 20 values, the model takes i8 [1,1,1,40]"));
}

}  // namespace
}  // namespace mote::e2e
