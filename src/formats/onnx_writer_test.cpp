// What is written as ONNX: read back it computes the same, byte for byte where it is integer; ONNX Runtime computes it
// within a step; what ONNX cannot express is refused by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "oracle/onnx_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;
using ::testing::HasSubstr;

/// As `mote convert` reads it.
Result<Graph> read_back(ByteSpan file) {
  MOTE_TRY(Graph graph, read_onnx(file, "written.onnx"));
  if (optimize::is_marked(graph)) return optimize::quantize_as_marked(graph);
  return graph;
}

double relative_error(ByteSpan a, ByteSpan b) {
  const std::span<const float> x(reinterpret_cast<const float*>(a.data()), a.size() / 4);
  const std::span<const float> y(reinterpret_cast<const float*>(b.data()), b.size() / 4);
  double difference = 0.0, magnitude = 1e-30;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    difference = std::max(difference, std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    magnitude = std::max(magnitude, std::fabs(static_cast<double>(y[i])));
  }
  return difference / magnitude;
}

int largest_step(ByteSpan a, ByteSpan b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<std::int8_t>(a[i]) - static_cast<std::int8_t>(b[i])));
  return largest;
}

bool is_float(const Graph& graph) {
  return std::ranges::all_of(graph.outputs(), [&](TensorId id) { return graph.tensor(id).dtype == DType::f32; });
}

void expect_same(const Graph& graph, ByteSpan expected, ByteSpan got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  if (is_float(graph)) {
    EXPECT_LE(relative_error(got, expected), 1e-5) << what;
  } else {
    EXPECT_EQ(Bytes(got.begin(), got.end()), Bytes(expected.begin(), expected.end()))
        << what << ": largest step " << largest_step(expected, got);
  }
}

/// Writes, reads, compares on the host.
void expect_round_trip(const Graph& graph, int samples = 3) {
  const auto file = write_onnx(graph);
  ASSERT_TRUE(file) << graph.name() << ": " << file.error().message();
  const auto back = read_back(*file);
  ASSERT_TRUE(back) << graph.name() << ": " << back.error().message();
  ASSERT_EQ(back->inputs().size(), graph.inputs().size());
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    EXPECT_EQ(back->tensor(back->inputs()[i]).shape, graph.tensor(graph.inputs()[i]).shape) << graph.name();
    EXPECT_EQ(back->tensor(back->inputs()[i]).name, graph.tensor(graph.inputs()[i]).name);
  }
  const Bytes inputs = test::random_inputs(graph, static_cast<std::size_t>(samples), 5);
  const auto expected = test::run(graph, inputs), got = test::run(*back, inputs);
  ASSERT_TRUE(expected) << expected.error().message();
  ASSERT_TRUE(got) << graph.name() << ": " << got.error().message();
  expect_same(graph, *expected, *got, graph.name());
}

TEST(OnnxWriter, float_models_come_back_with_the_same_outputs) {
  for (const Graph& graph : test::small_zoo()) expect_round_trip(graph);
  expect_round_trip(test::every_operator());
}

TEST(OnnxWriter, int8_models_come_back_with_the_same_bytes) {
  for (const Graph& graph : test::small_zoo()) expect_round_trip(test::quantized(graph, 3));
  expect_round_trip(test::quantized(test::every_operator(), 3));
}

TEST(OnnxWriter, gives_the_same_bytes_each_time) {
  const Graph graph = test::quantized(test::small_zoo()[0], 3);
  EXPECT_EQ(*write_onnx(graph), *write_onnx(graph));
}

std::string models_folder() { return std::string(MOTE_SHARED_DATA) + "/models"; }

std::vector<std::string> field_models() {
  std::vector<std::string> paths;
  if (!std::filesystem::exists(models_folder())) return paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(models_folder())) {
    if (entry.path().extension() == ".tflite") paths.push_back(entry.path().string());
  }
  std::ranges::sort(paths);
  return paths;
}

TEST(OnnxWriter, models_of_the_field_come_back_or_are_refused_by_name) {
  const std::vector<std::string> paths = field_models();
  if (paths.empty()) GTEST_SKIP() << "no development data at " << models_folder();
  std::size_t written = 0;
  for (const std::string& path : paths) {
    const auto graph = read_tflite(*read_file(path), path);
    if (!graph) continue;  // what mote cannot read is not its to write
    SCOPED_TRACE(path);
    const auto file = write_onnx(*graph);
    if (!file) {
      std::printf("    %s: %s\n", path.c_str(), file.error().message().c_str());
      EXPECT_EQ(file.error().code(), Code::unsupported);
      EXPECT_THAT(file.error().message(), ::testing::AnyOf(HasSubstr("tensor \""), HasSubstr("keeps state in \"")));
      continue;
    }
    ++written;
    expect_round_trip(*graph, 2);
  }
  EXPECT_GE(written, 12u);
}

class OnnxRuntimeAgrees : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = oracle::OnnxOracle::open();
    if (!opened) GTEST_SKIP() << opened.error().message();
    oracle_.emplace(std::move(*opened));
  }
  /// @param steps  that int8 outputs may differ by: ONNX Runtime rounds each layer in float, ties to even
  void compare(const std::vector<Graph>& graphs, int steps) {
    std::vector<oracle::Job> jobs;
    for (const Graph& graph : graphs) jobs.push_back({*write_onnx(graph), test::random_inputs(graph, 3, 5)});
    const auto answers = oracle_->run_all(jobs);
    ASSERT_TRUE(answers) << answers.error().message();
    for (std::size_t i = 0; i < graphs.size(); ++i) {
      const auto here = test::run(graphs[i], jobs[i].inputs);
      ASSERT_TRUE(here) << here.error().message();
      ASSERT_EQ(here->size(), (*answers)[i].size()) << graphs[i].name();
      if (is_float(graphs[i])) {
        EXPECT_LE(relative_error((*answers)[i], *here), 1e-5) << graphs[i].name();
      } else {
        EXPECT_LE(largest_step((*answers)[i], *here), steps) << graphs[i].name();
      }
    }
  }
  std::optional<oracle::OnnxOracle> oracle_;
};

TEST_F(OnnxRuntimeAgrees, with_float_models) {
  std::vector<Graph> graphs = test::small_zoo();
  graphs.push_back(test::every_operator());
  compare(graphs, 0);
}

TEST_F(OnnxRuntimeAgrees, with_int8_models) {
  std::vector<Graph> graphs;
  for (const Graph& graph : test::small_zoo()) graphs.push_back(test::quantized(graph, 3));
  compare(graphs, 3);
}

TEST_F(OnnxRuntimeAgrees, with_models_of_the_field) {
  std::vector<Graph> graphs;
  for (const char* name : {"kws_ref_model", "vww_96_int8", "pretrainedResnet_quant"}) {
    const auto file = read_file(models_folder() + "/mlperf_tiny/" + name + ".tflite");
    if (!file) GTEST_SKIP() << file.error().message();
    graphs.push_back(*read_tflite(*file, name));
  }
  compare(graphs, 30);
}

}  // namespace
}  // namespace mote::formats
