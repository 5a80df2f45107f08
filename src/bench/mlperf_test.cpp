// The runner's protocol: the firmware on the virtual UART answers as the benchmark's device does.

#include "mote/bench/mlperf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/virtual_board.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {
namespace {

using ::testing::HasSubstr;

struct Reference {
  const char* file;
  const char* model;
};

class Mlperf : public ::testing::TestWithParam<Reference> {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    const std::filesystem::path file = std::filesystem::path(MOTE_SHARED_DATA) / "models/mlperf_tiny" / GetParam().file;
    if (!std::filesystem::exists(file))
      GTEST_SKIP() << file << " is not there: development data is kept beside the project";
    graph_ = *formats::read_tflite(*read_file(file), file.string());
    simple_ = optimize::simplify(graph_)->graph;
    auto compiled = compile::compile(simple_, spec_, {});
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
    model_ = std::move(*compiled);
  }
  const MlperfModel& benchmark() {
    for (const MlperfModel& m : mlperf_models()) {
      if (m.name == GetParam().model) return m;
    }
    return mlperf_models()[0];
  }
  board::BoardSpec spec_ = *board::find_board("nucleo-l4r5zi");
  graph::Graph graph_, simple_;
  compile::CompiledModel model_;
};

TEST_P(Mlperf, the_script_takes_as_long_as_the_bench_says) {
  const auto run = measure_mlperf(model_, simple_, spec_, benchmark(), 2, 1);
  ASSERT_TRUE(run.has_value()) << run.error().message();
  EXPECT_EQ(run->name, "mote");
  EXPECT_EQ(run->model, GetParam().model);
  EXPECT_EQ(run->inferences, 2);
  Bytes input(simple_.input().size_bytes(), 0);
  const auto measured = measure(model_, simple_, spec_, input);
  ASSERT_TRUE(measured.has_value());
  // Loading the input from the buffer belongs to the runner's inference; the caches are warm.
  const double one = run->microseconds / 2000.0;
  EXPECT_NEAR(one, measured->latency_ms, 0.08 * measured->latency_ms + 0.7);
}

INSTANTIATE_TEST_SUITE_P(Models, Mlperf,
                         ::testing::Values(Reference{"kws_ref_model.tflite", "kws01"},
                                           Reference{"ad01_int8.tflite", "ad01"},
                                           Reference{"vww_96_int8.tflite", "vww01"}),
                         [](const auto& chosen) { return std::string(chosen.param.model); });

/// The keyword model alone: what is said, byte for byte.
class Protocol : public Mlperf {};

TEST_P(Protocol, is_spoken_as_the_runner_expects) {
  compile::MlperfFirmware options;
  options.model = "kws01";
  options.input_quantization = simple_.input().quantization;
  options.output_quantization = simple_.output().quantization;
  const auto firmware = compile::make_mlperf_firmware(model_.module, spec_, options);
  ASSERT_TRUE(firmware.has_value()) << firmware.error().message();
  auto board = std::move(*board::VirtualBoard::create(spec_, *firmware));
  const auto say = [&](const std::string& text) {
    const auto answer = board.exchange(as_bytes(text));
    return answer ? std::string(answer->begin(), answer->end()) : answer.error().message();
  };
  EXPECT_EQ(say("name%"), "m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\nm-name-dut-[mote]\r\nm-ready\r\n");
  EXPECT_EQ(say("profile%"), "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[kws01]\r\nm-ready\r\n");
  EXPECT_THAT(say("timestamp%"), ::testing::MatchesRegex("m-lap-us-[0-9]+\r\nm-ready\r\n"));
  EXPECT_EQ(say("infer 1 0%"), "e-[The input is not loaded]\r\nm-ready\r\n");
  EXPECT_EQ(say("db load 490%"), "m-[Expecting 490 bytes]\r\nm-ready\r\n");
  Bytes input(490);
  std::string digits;
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<std::uint8_t>(7 * i);
    char two[3];
    std::snprintf(two, sizeof two, "%02x", input[i]);
    digits += two;
  }
  for (std::size_t at = 0; at < digits.size(); at += 52) {
    EXPECT_EQ(say("db " + digits.substr(at, 52) + "%"),
              at + 52 >= digits.size() ? "m-load-done\r\nm-ready\r\n" : "m-ready\r\n");
  }
  EXPECT_THAT(say("db print%"), HasSubstr("m-buffer-00-07-0E-15-1C-23-2A-31\r\nm-buffer-38-"));
  EXPECT_EQ(say("db 00%"), "e-[More bytes than expected]\r\nm-ready\r\n");
  EXPECT_EQ(say("db 0g%"), "e-[Bad hexadecimal digits: 0g]\r\nm-ready\r\n");
  EXPECT_EQ(say("db load 99999%"), "e-[Bad size of the buffer]\r\nm-ready\r\n");
  EXPECT_EQ(say("nonsense%"), "e-[Unknown command: nonsense]\r\nm-ready\r\n");
  EXPECT_EQ(say(std::string(200, 'x') + "%").substr(0, 4), "e-[U");
  Bytes output(12);
  ASSERT_TRUE(std::move(*graph::Executor::create(graph_)).run(input, output));
  std::string expected = "m-results-[";
  for (std::size_t i = 0; i < 12; ++i) {
    char value[16];
    std::snprintf(value, sizeof value, "%s%.3f", i > 0 ? "," : "", (static_cast<std::int8_t>(output[i]) + 128) / 256.0);
    expected += value;
  }
  // The buffer was given up by the failed load: again.
  EXPECT_EQ(say("db load 490%"), "m-[Expecting 490 bytes]\r\nm-ready\r\n");
  for (std::size_t at = 0; at < digits.size(); at += 52) say("db " + digits.substr(at, 52) + "%");
  const std::string answer = say("infer 2 1%");
  EXPECT_THAT(answer, HasSubstr("m-warmup-start-1\r\nm-warmup-done\r\nm-infer-start-2\r\nm-lap-us-"));
  EXPECT_THAT(answer, HasSubstr("m-infer-done\r\n" + expected + "]\r\nm-ready\r\n"));
}

INSTANTIATE_TEST_SUITE_P(Keyword, Protocol, ::testing::Values(Reference{"kws_ref_model.tflite", "kws01"}),
                         [](const auto&) { return "kws01"; });

}  // namespace
}  // namespace mote::bench
