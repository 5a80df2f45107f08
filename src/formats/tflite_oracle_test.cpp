// TensorFlow Lite itself judges: real models and models that mote writes give the same bytes here and there.

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using oracle::Kernels;

std::string model_path(const std::string& name) { return std::string(MOTE_SHARED_DATA) + "/models/" + name; }

/// Our executor on every sample.
Result<Bytes> run_here(const graph::Graph& graph, ByteSpan inputs) {
  MOTE_TRY(auto executor, graph::Executor::create(graph));
  const std::size_t in = graph.input().size_bytes();
  const std::size_t out = graph.output().size_bytes();
  Bytes outputs(inputs.size() / in * out);
  for (std::size_t i = 0; i < inputs.size() / in; ++i) {
    MOTE_TRY_VOID(executor.run(inputs.subspan(i * in, in), std::span(outputs).subspan(i * out, out)));
  }
  return outputs;
}

struct Difference {
  std::size_t bytes = 0;
  int largest = 0;
};

Difference compare_int8(ByteSpan a, ByteSpan b) {
  Difference d;
  EXPECT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const int step = std::abs(static_cast<std::int8_t>(a[i]) - static_cast<std::int8_t>(b[i]));
    d.bytes += step != 0 ? 1 : 0;
    d.largest = std::max(d.largest, step);
  }
  return d;
}

Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

// ---- models of the field --------------------------------------------------------------------------------------------------------

struct FieldModel {
  const char* path;
  int samples;
};
class FieldModels : public testing::TestWithParam<FieldModel> {};

TEST_P(FieldModels, give_the_same_bytes_as_tensorflow_lite) {
  const auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  const std::string path = model_path(GetParam().path);
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no development data at " << path;
  const Bytes file = *read_file(path);
  const auto graph = read_tflite(file, path);
  ASSERT_TRUE(graph) << graph.error().message();
  const Bytes inputs = random_bytes(graph->input().size_bytes() * static_cast<std::size_t>(GetParam().samples), 7);
  const auto here = run_here(*graph, inputs);
  ASSERT_TRUE(here) << here.error().message();
  for (const Kernels kernels : {Kernels::builtin, Kernels::fast}) {
    const auto there = oracle->run(file, inputs, kernels);
    ASSERT_TRUE(there) << there.error().message();
    EXPECT_EQ(there->used_xnnpack, kernels == Kernels::fast);
    const Difference d = compare_int8(*here, there->outputs);
    std::cout << GetParam().path << (kernels == Kernels::fast ? " XNNPACK " : " builtin ") << d.bytes << " of " << here->size() << " bytes differ, at most by " << d.largest << std::endl;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FieldModels,
                         testing::Values(FieldModel{"mlperf_tiny/kws_ref_model.tflite", 50}, FieldModel{"mlperf_tiny/vww_96_int8.tflite", 10},
                                         FieldModel{"mlperf_tiny/pretrainedResnet_quant.tflite", 10},
                                         FieldModel{"mlperf_tiny/ad01_int8.tflite", 50},
                                         FieldModel{"mlperf_tiny/str_ww_ref_model.tflite", 50},
                                         FieldModel{"tflm/hello_world_int8.tflite", 256},
                                         FieldModel{"tflm/micro_speech_quantized.tflite", 50}));

}  // namespace
}  // namespace mote::formats
