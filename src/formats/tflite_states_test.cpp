// Models with state as .tflite files: variables that TensorFlow Lite itself keeps from one inference to the next give
// what mote gives along a stream.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/optimize/stream.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;

/// A window with first values of its own, and a value that is taken over as it is from one inference to the next.
Graph windows(bool integer) {
  Graph g(integer ? "int8 windows" : "float windows");
  Rng rng(4);
  const Quantization q = integer ? Quantization::per_tensor(0.05f, 3) : Quantization{};
  const auto value = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, integer ? DType::i8 : DType::f32, std::move(shape), q, nullptr});
  };
  const auto first = [&](std::size_t elements) {
    Bytes bytes;
    for (std::size_t i = 0; i < elements; ++i) {
      const auto v = static_cast<std::int8_t>(rng.between(-90, 90));
      const float real = 0.05f * static_cast<float>(v);
      const ByteSpan raw = integer ? bytes_of(std::span<const std::int8_t>(&v, 1)) : bytes_of(std::span(&real, 1));
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
    return std::make_shared<const Bytes>(std::move(bytes));
  };
  const TensorId x = value("x", {1, 2, 3, 2}), window = value("window", {1, 5, 3, 2}),
                 moved = value("window'", {1, 5, 3, 2}), last = value("last", {1, 2, 3, 2}),
                 next = value("last'", {1, 2, 3, 2}), most = value("most", {1, 1, 1, 2}), y = value("y", {1, 2, 3, 2});
  g.add_op({"move", graph::Shift{1}, {window, x}, {moved}});
  g.add_op({"most", graph::Reduce{graph::ReduceKind::maximum, {1, 2}}, {moved}, {most}});
  g.add_op({"keep", graph::Activate{graph::Activation::relu}, {x}, {next}});
  g.add_op({"sum", graph::Binary{graph::BinaryKind::maximum}, {most, last}, {y}});
  g.add_state({window, moved, first(30)});
  g.add_state({last, next, first(12)});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

std::vector<Graph> models() {
  std::vector<Graph> all{windows(false), windows(true)};
  const std::string path = std::string(MOTE_SHARED_DATA) + "/models/mlperf_tiny/str_ww_ref_model.tflite";
  if (const auto file = read_file(path)) {
    const Graph batch = optimize::simplify(*read_tflite(*file, path))->graph;
    all.push_back(optimize::simplify(optimize::stream(batch, 1)->graph)->graph);
  }
  return all;
}

TEST(TfliteStates, come_back_and_go_on_as_they_did) {
  for (const Graph& model : models()) {
    SCOPED_TRACE(model.name());
    const auto file = write_tflite(model);
    ASSERT_TRUE(file) << file.error().message();
    const auto back = read_tflite(*file, "back.tflite");
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(back->states().size(), model.states().size());
    const Bytes inputs = test::random_inputs(model, 40, 3);
    EXPECT_EQ(*test::run(*back, inputs), *test::run(model, inputs));
  }
}

TEST(TfliteStates, are_kept_by_tensorflow_lite) {
  const auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  for (const Graph& model : models()) {
    SCOPED_TRACE(model.name());
    const Bytes inputs = test::random_inputs(model, 40, 3);
    const auto there = oracle->run(*write_tflite(model), inputs, oracle::Kernels::builtin);
    ASSERT_TRUE(there) << there.error().message();
    const Bytes here = *test::run(model, inputs);
    ASSERT_EQ(here.size(), there->outputs.size());
    int largest = 0;
    for (std::size_t i = 0; i < here.size(); ++i)
      largest =
          std::max(largest, std::abs(static_cast<std::int8_t>(here[i]) - static_cast<std::int8_t>(there->outputs[i])));
    // The wake word's convolutions round once there (tflite_oracle_test.cpp).
    EXPECT_LE(largest, model.name().ends_with("windows") ? 0 : 2);
  }
}

}  // namespace
}  // namespace mote::formats
