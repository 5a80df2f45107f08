// TensorFlow Lite itself judges: what mote reads computes the same here as there, and what mote writes runs there.
//
// Two interpreters stand behind the oracle. XNNPACK and, for convolutions and dense layers, also the built-in kernels
// round once from the 64-bit product; the built-in depthwise, add and softmax round twice, as all reference kernels of
// TensorFlow Lite Micro do. One layer may therefore differ by one step; over several layers such steps add up, so whole
// models are compared by what is left of them.

#include "oracle/tflite_oracle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

#include "mote/base/file.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using graph::Graph;
using oracle::Kernels;

struct Difference {
  std::size_t bytes = 0;
  std::size_t of = 0;
  int largest = 0;

  void add(ByteSpan a, ByteSpan b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const int step = std::abs(static_cast<std::int8_t>(a[i]) - static_cast<std::int8_t>(b[i]));
      bytes += step != 0 ? 1 : 0;
      largest = std::max(largest, step);
    }
    of += a.size();
  }
};

/// Says in the test's log (and in `--gtest_output`) what was measured.
void report(const std::string& what, const Difference& d) {
  const std::string text = std::to_string(d.bytes) + " of " + std::to_string(d.of) + " bytes differ, at most by " +
                           std::to_string(d.largest);
  testing::Test::RecordProperty(what, text);
  std::printf("    %-24s %s\n", what.c_str(), text.c_str());
}

class TfliteAgrees : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = oracle::TfliteOracle::open();
    if (!opened) GTEST_SKIP() << opened.error().message();
    oracle_.emplace(std::move(*opened));
  }

  Bytes there(ByteSpan file, ByteSpan inputs, Kernels kernels) {
    auto result = oracle_->run(file, inputs, kernels);
    if (!result) {
      ADD_FAILURE() << result.error().message();
      return {};
    }
    if (kernels == Kernels::builtin) {
      EXPECT_FALSE(result->used_xnnpack);
    }
    return std::move(result->outputs);
  }

  std::optional<oracle::TfliteOracle> oracle_;
};

// ---- models of the field
// --------------------------------------------------------------------------------------------------------

struct FieldModel {
  const char* path;
  int samples;
  /// What was measured with the built-in kernels; a change for the worse fails.
  std::size_t bytes_differ;
  int largest;
};

class FieldModels : public TfliteAgrees, public testing::WithParamInterface<FieldModel> {};

TEST_P(FieldModels, give_what_tensorflow_lite_gives) {
  const std::string path = std::string(MOTE_SHARED_DATA) + "/models/" + GetParam().path;
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no development data at " << path;
  const Bytes file = *read_file(path);
  const auto model = read_tflite(file, path);
  ASSERT_TRUE(model) << model.error().message();
  const Bytes inputs = test::random_inputs(*model, static_cast<std::size_t>(GetParam().samples), 7);
  const auto here = test::run(*model, inputs);
  ASSERT_TRUE(here) << here.error().message();
  Difference builtin;
  builtin.add(*here, there(file, inputs, Kernels::builtin));
  report("builtin", builtin);
  Difference fast;
  fast.add(*here, there(file, inputs, Kernels::fast));
  report("XNNPACK", fast);
  EXPECT_LE(builtin.bytes, GetParam().bytes_differ);
  EXPECT_LE(builtin.largest, GetParam().largest);
  // A file that mote wrote of the model is the same model.
  EXPECT_EQ(there(*write_tflite(*model), inputs, Kernels::builtin), there(file, inputs, Kernels::builtin));
}

INSTANTIATE_TEST_SUITE_P(Models, FieldModels,
                         testing::Values(FieldModel{"mlperf_tiny/kws_ref_model.tflite", 50, 32, 9},
                                         FieldModel{"mlperf_tiny/vww_96_int8.tflite", 10, 0, 0},
                                         FieldModel{"mlperf_tiny/pretrainedResnet_quant.tflite", 10, 20, 29},
                                         FieldModel{"mlperf_tiny/ad01_int8.tflite", 50, 9088, 3},
                                         FieldModel{"mlperf_tiny/str_ww_ref_model.tflite", 50, 4, 1},
                                         FieldModel{"tflm/hello_world_int8.tflite", 256, 21, 3},
                                         FieldModel{"tflm/micro_speech_quantized.tflite", 50, 0, 0}));

/// Outputs of TensorFlow Lite for 200 labelled inputs, recorded elsewhere: they judge the oracle before the oracle
/// judges us.
TEST_F(TfliteAgrees, the_oracle_reproduces_recorded_outputs) {
  const std::string folder = std::string(MOTE_SHARED_DATA) + "/models/mlperf_kws/";
  const auto table = read_text(folder + "golden_tflite_int8_first200.csv");
  if (!table) GTEST_SKIP() << table.error().message();
  std::istringstream lines(*table);
  std::string line;
  std::getline(lines, line);
  Bytes inputs;
  Bytes recorded;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    std::getline(cells, cell, ',');
    const auto input = read_file(folder + "kws01_first200/" + cell);
    ASSERT_TRUE(input) << input.error().message();
    inputs.insert(inputs.end(), input->begin(), input->end());
    for (int skipped = 0; skipped < 2; ++skipped) std::getline(cells, cell, ',');
    while (std::getline(cells, cell, ',')) recorded.push_back(static_cast<std::uint8_t>(std::stoi(cell)));
  }
  const Bytes file = *read_file(folder + "kws_ref_model.tflite");
  EXPECT_EQ(there(file, inputs, Kernels::fast), recorded);
  const auto model = read_tflite(file, "kws");
  ASSERT_TRUE(model) << model.error().message();
  Difference d;
  d.add(*test::run(*model, inputs), recorded);
  report("executor, recorded", d);
}

// ---- models that mote writes
// ----------------------------------------------------------------------------------------------------

double relative_error(ByteSpan a, ByteSpan b) {
  EXPECT_EQ(a.size(), b.size());
  const std::span<const float> x(reinterpret_cast<const float*>(a.data()), a.size() / 4);
  const std::span<const float> y(reinterpret_cast<const float*>(b.data()), b.size() / 4);
  double difference = 0.0;
  double magnitude = 1e-30;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    magnitude = std::max(magnitude, std::fabs(static_cast<double>(y[i])));
  }
  return difference / magnitude;
}

TEST_F(TfliteAgrees, float_models_compute_the_same_within_one_in_hundred_thousand) {
  std::vector<Graph> models = test::small_zoo();
  models.push_back(test::every_operator());
  for (const Graph& model : models) {
    const Bytes inputs = test::random_inputs(model, 4, 5);
    const auto here = test::run(model, inputs);
    ASSERT_TRUE(here) << here.error().message();
    const Bytes file = *write_tflite(model);
    for (const Kernels kernels : {Kernels::builtin, Kernels::fast}) {
      const double error = relative_error(*here, there(file, inputs, kernels));
      std::printf("    %-16s %.1e\n", model.name().c_str(), error);
      EXPECT_LE(error, 1e-5) << model.name();
    }
  }
}

/// One operator of a graph as a model of its own. The input is its first, unless it adds two values: then both.
Graph single_operator(const Graph& model, const graph::Op& op) {
  Graph alone(op.name);
  for (const graph::Tensor& tensor : model.tensors()) alone.add_tensor(tensor);
  std::vector<graph::TensorId> inputs;
  for (const graph::TensorId id : op.inputs) {
    if (id != graph::kNoTensor && !model.tensor(id).is_constant()) inputs.push_back(id);
  }
  alone.add_op(op);
  alone.set_inputs(inputs);
  alone.set_outputs(op.outputs);
  alone.remove_unused_tensors();
  return alone;
}

TEST_F(TfliteAgrees, int8_operators_agree_to_one_step_each) {
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Bytes> expected;
  std::vector<std::string> kinds;
  std::vector<Graph> models = test::small_zoo();
  models.push_back(test::every_operator());
  for (const Graph& source : models) {
    const Graph model = test::quantized(source, 3);
    auto executor = graph::Executor::create(model);
    ASSERT_TRUE(executor) << executor.error().message();
    Bytes output(model.output().size_bytes());
    ASSERT_TRUE(executor->run(test::random_inputs(model, 1, 9), output).has_value());
    const auto bytes_of_value = [&](graph::TensorId id) {
      const ByteSpan value = executor->value(id);
      return Bytes(value.begin(), value.end());
    };
    for (const graph::Op& op : model.ops()) {
      oracle::TfliteJob job{*write_tflite(single_operator(model, op)), {}};
      for (const graph::TensorId id : op.inputs) {
        if (id == graph::kNoTensor || model.tensor(id).is_constant()) continue;
        const Bytes value = bytes_of_value(id);
        job.inputs.insert(job.inputs.end(), value.begin(), value.end());
      }
      jobs.push_back(std::move(job));
      expected.push_back(bytes_of_value(op.outputs[0]));
      kinds.emplace_back(graph::op_name(op.attributes));
    }
  }
  const auto runs = oracle_->run_all(jobs, Kernels::builtin);
  ASSERT_TRUE(runs) << runs.error().message();
  std::map<std::string, Difference> by_operator;
  for (std::size_t i = 0; i < jobs.size(); ++i) by_operator[kinds[i]].add(expected[i], (*runs)[i].outputs);
  for (const auto& [kind, difference] : by_operator) {
    report(kind, difference);
    EXPECT_LE(difference.largest, 1) << kind;
  }
}

TEST_F(TfliteAgrees, int8_models_that_mote_writes_run_there) {
  for (const Graph& source : test::small_zoo()) {
    const Graph model = test::quantized(source, 3);
    const Bytes inputs = test::random_inputs(model, 8, 5);
    const auto here = test::run(model, inputs);
    ASSERT_TRUE(here) << here.error().message();
    for (const Kernels kernels : {Kernels::builtin, Kernels::fast}) {
      Difference d;
      d.add(*here, there(*write_tflite(model), inputs, kernels));
      report(model.name() + (kernels == Kernels::fast ? ", XNNPACK" : ", builtin"), d);
      // One step a layer may be lost to rounding; anything systematic grows far beyond.
      EXPECT_LE(d.largest, 3) << model.name();
    }
  }
}

}  // namespace
}  // namespace mote::formats
