// LSTM, GRU and RNN against ONNX Runtime: float within 1e-5.

#include <gtest/gtest.h>

#include <cmath>

#include "mote/formats/onnx.hpp"
#include "mote/graph/executor.hpp"
#include "onnx_builder.hpp"
#include "oracle/onnx_oracle.hpp"

namespace mote::formats {
namespace {

using test::OnnxBuilder;

struct Layer {
  std::string type;
  std::int64_t gates = 1;
  bool has_cell = false, biased = true, starts = false, peepholes = false, reset_last = false, relu = false;
  std::string direction = "forward";
  std::int64_t steps = 4, batch = 1;

  [[nodiscard]] std::string name() const {
    return type + " " + direction + " " + std::to_string(steps) + "x" + std::to_string(batch) +
           (biased ? " biased" : "") + (starts ? " starts" : "") + (peepholes ? " peepholes" : "") +
           (reset_last ? " reset last" : "") + (relu ? " relu" : "");
  }
  [[nodiscard]] Bytes file() const {
    const std::int64_t inputs = 3, hidden = 5, directions = direction == "bidirectional" ? 2 : 1;
    OnnxBuilder b;
    b.value(true, "x", {steps, batch, inputs});
    b.weights("w", {directions, gates * hidden, inputs});
    b.weights("r", {directions, gates * hidden, hidden});
    std::vector<std::string> names{"x", "w", "r", "", "", "", "", ""};
    if (biased) {
      b.weights("b", {directions, 2 * gates * hidden});
      names[3] = "b";
    }
    if (starts) {
      b.weights("h0", {directions, batch, hidden});
      names[5] = "h0";
      if (has_cell) {
        b.weights("c0", {directions, batch, hidden});
        names[6] = "c0";
      }
    }
    if (peepholes) {
      b.weights("p", {directions, 3 * hidden});
      names[7] = "p";
    }
    while (names.back().empty()) names.pop_back();
    auto& node = b.node(type, names, "y");
    node.add_output("y_h");
    if (has_cell) node.add_output("y_c");
    OnnxBuilder::set_one(node, "hidden_size", hidden);
    auto& a = *node.add_attribute();
    a.set_name("direction");
    a.set_type(3);
    a.set_s(direction);
    if (reset_last) OnnxBuilder::set_one(node, "linear_before_reset", 1);
    if (relu) {
      auto& activations = *node.add_attribute();
      activations.set_name("activations");
      activations.set_type(8);
      for (std::int64_t d = 0; d < directions; ++d) activations.add_strings("Relu");
    }
    b.value(false, "y", {steps, directions, batch, hidden});
    b.value(false, "y_h", {directions, batch, hidden});
    if (has_cell) b.value(false, "y_c", {directions, batch, hidden});
    return b.bytes();
  }
};

std::vector<Layer> layers() {
  std::vector<Layer> all;
  for (const char* direction : {"forward", "reverse", "bidirectional"}) {
    for (const bool more : {false, true}) {
      Layer l;
      l.direction = direction;
      l.biased = more;
      l.starts = more;
      l.batch = more ? 1 : 2;
      l.type = "LSTM";
      l.gates = 4;
      l.has_cell = true;
      l.peepholes = more;
      all.push_back(l);
      l.type = "GRU";
      l.gates = 3;
      l.has_cell = l.peepholes = false;
      l.reset_last = more;
      all.push_back(l);
      l.type = "RNN";
      l.gates = 1;
      l.reset_last = false;
      l.relu = more;
      all.push_back(l);
    }
  }
  return all;
}

TEST(OnnxRecurrent, agrees_with_onnx_runtime) {
  auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  std::vector<oracle::Job> jobs;
  std::vector<Bytes> here;
  const std::vector<Layer> all = layers();
  for (const Layer& l : all) {
    const Bytes file = l.file();
    const auto model = read_onnx(file, l.name());
    ASSERT_TRUE(model) << l.name() << ": " << model.error().message();
    Rng rng(here.size());
    std::vector<float> x(graph::input_bytes(*model) / 4);
    for (float& v : x) v = static_cast<float>(rng.uniform(-2.0, 2.0));
    const ByteSpan raw = bytes_of(std::span<const float>(x));
    auto executor = graph::Executor::create(*model);
    ASSERT_TRUE(executor) << executor.error().message();
    Bytes outputs(graph::output_bytes(*model));
    ASSERT_TRUE(executor->run(raw, outputs));
    jobs.push_back({file, {raw.begin(), raw.end()}});
    here.push_back(std::move(outputs));
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(here[i].size(), (*there)[i].size()) << all[i].name();
    const auto *p = reinterpret_cast<const float*>(here[i].data()),
               *q = reinterpret_cast<const float*>((*there)[i].data());
    for (std::size_t k = 0; k < here[i].size() / 4; ++k)
      ASSERT_LE(std::fabs(p[k] - q[k]), 1e-5f * std::max(1.0f, std::fabs(q[k]))) << all[i].name() << " at " << k;
  }
}

}  // namespace
}  // namespace mote::formats
