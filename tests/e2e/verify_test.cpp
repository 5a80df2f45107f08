// `mote verify`: the board against vectors of several forms, and against the host.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Verify : public testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    graph_ = *graph::parse(
        std::string(reinterpret_cast<const char*>(box_.get("small.mote").data()), box_.get("small.mote").size()));
    auto executor = std::move(*graph::Executor::create(graph_));
    input_.resize(graph::input_bytes(graph_));
    for (std::size_t i = 0; i < input_.size(); ++i) input_[i] = static_cast<std::uint8_t>(37 * i);
    output_.resize(graph::output_bytes(graph_));
    ASSERT_TRUE(executor.run(input_, output_));
  }
  std::string numbers(ByteSpan bytes) {
    std::string text;
    for (const std::uint8_t b : bytes) text += (text.empty() ? "" : ",") + std::to_string(static_cast<std::int8_t>(b));
    return text;
  }
  Sandbox box_;
  graph::Graph graph_;
  Bytes input_, output_;
};

TEST_F(Verify, against_the_host_layer_by_layer) {
  const ProcessResult result = box_.mote({"verify", "small.mote", "--samples", "4", "--layers", "--json", "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
  const json answer = json::parse(result.output);
  EXPECT_EQ(answer["vectors"], 4);
  EXPECT_EQ(answer["equal"], 4);
  EXPECT_EQ(answer["against"], "host");
  EXPECT_TRUE(answer["layers"]["first_different"].is_null());
  EXPECT_GE(answer["layers"]["compared"], 3);
}

TEST_F(Verify, against_files_and_tables) {
  box_.put("v/a.input.bin", input_);
  box_.put("v/a.output.bin", output_);
  box_.put("v/b.input.csv", numbers(input_));
  box_.put("v/b.output.csv", numbers(output_) + "\n");
  box_.put("table.csv", "file,label,outputs...\na.input.bin,3," + numbers(output_) + "\n");
  for (const char* vectors : {"v", "table.csv"}) {
    const ProcessResult result = box_.mote({"verify", "small.mote", "--vectors", vectors});
    EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
    EXPECT_THAT(result.output,
                HasSubstr(vectors == std::string("v") ? "2 of 2 vectors equal" : "1 of 1 vectors equal"));
  }
}

TEST_F(Verify, names_what_differs) {
  output_[1] ^= 1;
  box_.put("v/good.input.bin", input_);
  box_.put("v/good.output.bin", output_);
  const ProcessResult result = box_.mote({"verify", "small.mote", "--vectors", "v", "--layers"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("0 of 1 vectors equal, byte for byte; 1 bytes differ, first in good"));
  EXPECT_THAT(result.output, HasSubstr("another arithmetic"));
}

TEST_F(Verify, a_float_model_against_the_host_on_values_of_its_range) {
  const ProcessResult result = box_.mote({"verify", "float.mote", "--samples", "8"});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
  EXPECT_THAT(result.output, HasSubstr("8 of 8 vectors equal, floats within 1e-5"));
}

TEST_F(Verify, a_float_model_after_quantization) {
  Rng rng(3);
  const graph::Graph model = *graph::parse(
      std::string(reinterpret_cast<const char*>(box_.get("float.mote").data()), box_.get("float.mote").size()));
  for (int i = 0; i < 4; ++i) {
    std::vector<float> values(model.input().shape.elements());
    for (float& v : values) v = static_cast<float>(rng.uniform(-1.0, 1.0));
    box_.put("inputs/" + std::to_string(i) + ".bin", bytes_of(std::span<const float>(values)));
  }
  const ProcessResult converted = box_.mote({"convert", "float.mote", "integer.tflite", "--int8", "inputs"});
  ASSERT_EQ(converted.exit_code, 0) << converted.diagnostics;
  EXPECT_THAT(converted.output, HasSubstr("int8 by 4 calibration inputs"));
  const ProcessResult result = box_.mote({"verify", "integer.tflite", "--layers", "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics << result.output;
  box_.put("inputs/short.bin", std::string_view("abc"));
  EXPECT_THAT(box_.mote({"convert", "float.mote", "again.tflite", "--int8", "inputs"}).diagnostics,
              HasSubstr("short.bin has 3 bytes"));
  EXPECT_THAT(box_.mote({"convert", "small.mote", "again.tflite", "--int8", "inputs"}).diagnostics,
              HasSubstr("only float models are quantized"));
}

TEST_F(Verify, quantizing_refuses_to_calibrate_with_what_is_no_number) {
  std::vector<float> values(64, 0.5f);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  box_.put("inputs/bad.bin", bytes_of(std::span<const float>(values)));
  const ProcessResult result = box_.mote({"convert", "float.mote", "small8.mote", "--int8", "inputs"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.diagnostics, HasSubstr("inputs/bad.bin: value 5 is nan"));
}

TEST_F(Verify, refuses_vectors_that_do_not_fit) {
  const auto says = [&](const std::string& vectors, const std::string& sentence) {
    const ProcessResult result = box_.mote({"verify", "small.mote", "--vectors", vectors});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.diagnostics, HasSubstr(sentence)) << vectors;
    EXPECT_EQ(std::count(result.diagnostics.begin(), result.diagnostics.end(), '\n'), 1) << result.diagnostics;
  };
  says("nowhere", "no such file or folder");
  box_.put("lonely/a.input.bin", input_);
  says("lonely", "there is no a.output");
  box_.put("short/a.input.bin", ByteSpan(input_).first(3));
  box_.put("short/a.output.bin", output_);
  says("short", "has 3 bytes of input");
  box_.put("range/a.input.csv", "300" + numbers(input_).substr(1));
  box_.put("range/a.output.bin", output_);
  says("range", "is no i8");
  box_.put("missing.csv", "nothing.bin," + numbers(output_) + "\n");
  says("missing.csv", "there is no file nothing.bin");
  box_.put("empty.csv", "");
  says("empty.csv", "there is no vector");
}

}  // namespace
}  // namespace mote::e2e
