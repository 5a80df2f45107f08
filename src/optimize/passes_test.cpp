#include "mote/optimize/passes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;

std::vector<float> run(const Graph& g, std::span<const float> x) {
  auto e = std::move(*graph::Executor::create(g));
  std::vector<float> y(g.output().shape.elements());
  EXPECT_TRUE(e.run(bytes_of(x), {reinterpret_cast<std::uint8_t*>(y.data()), y.size() * 4}));
  return y;
}

std::vector<float> random_input(const Graph& g, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(g.input().shape.elements());
  for (float& v : x) v = static_cast<float>(rng.uniform());
  return x;
}

/// A zoo model whose batch norms are not the identity.
Graph trained_looking(std::string_view architecture) {
  graph::ZooOptions o;
  o.architecture = std::string(architecture);
  o.input = architecture == "cnn1d" ? graph::Shape{1, 1, 64, 4} : graph::Shape{1, 16, 16, 1};
  o.softmax = false;
  o.dropout = architecture == "ds_cnn" ? 0.2 : 0.0;
  Graph g = *graph::make_model(o);
  Rng rng(5);
  for (const graph::Op& op : std::vector<graph::Op>(g.ops())) {
    if (op.as<graph::BatchNorm>() == nullptr) continue;
    for (std::size_t i = 1; i < 5; ++i) {
      graph::Tensor& t = g.tensor(op.inputs[i]);
      std::vector<float> v(t.shape.elements());
      for (float& p : v) p = static_cast<float>(i == 4 ? rng.uniform(0.5, 2.0) : i == 1 ? rng.uniform(0.5, 1.5) : rng.uniform(-0.2, 0.2));
      t.data = graph::constant_data(std::span<const float>(v));
    }
  }
  return g;
}

graph::Ranges observed_ranges(const Graph& g, int samples) {
  graph::Ranges ranges;
  auto e = std::move(*graph::Executor::create(g));
  for (int s = 0; s < samples; ++s) {
    const auto x = random_input(g, 100u + static_cast<std::uint64_t>(s));
    std::vector<float> y(g.output().shape.elements());
    EXPECT_TRUE(e.run(bytes_of(std::span<const float>(x)), {reinterpret_cast<std::uint8_t*>(y.data()), y.size() * 4}));
    for (graph::TensorId id = 0; id < static_cast<graph::TensorId>(g.tensors().size()); ++id) {
      const graph::Tensor& t = g.tensor(id);
      if (t.is_constant()) continue;
      const auto* v = reinterpret_cast<const float*>(e.value(id).data());
      for (std::size_t i = 0; i < t.shape.elements(); ++i) {
        auto& r = ranges[t.name];
        r.low = std::min(r.low, v[i]);
        r.high = std::max(r.high, v[i]);
      }
    }
  }
  return ranges;
}

TEST(Simplify, keeps_what_every_zoo_model_computes) {
  for (const std::string_view architecture : graph::zoo_names()) {
    const Graph g = trained_looking(architecture);
    const auto simple = simplify(g);
    ASSERT_TRUE(simple.has_value()) << simple.error().message();
    EXPECT_LT(simple->graph.ops().size(), g.ops().size());
    for (const graph::Op& op : simple->graph.ops()) {
      EXPECT_TRUE(op.as<graph::BatchNorm>() == nullptr && op.as<graph::Dropout>() == nullptr && op.as<graph::Activate>() == nullptr) << op.name;
    }
    const auto x = random_input(g, 1);
    const auto before = run(g, x);
    const auto after = run(simple->graph, x);
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i], 1e-4f * (1.0f + std::fabs(before[i]))) << architecture;
  }
}

TEST(Simplify, leaves_out_a_disabled_pass_and_refuses_an_unknown_one) {
  const Graph g = trained_looking("ds_cnn");
  const auto partial = simplify(g, {"fold_batch_norm"});
  ASSERT_TRUE(partial);
  EXPECT_TRUE(std::ranges::any_of(partial->graph.ops(), [](const graph::Op& op) { return op.as<graph::BatchNorm>() != nullptr; }));
  EXPECT_FALSE(simplify(g, {"fold_everything"}));
}

TEST(FoldBatchNorm, keeps_a_norm_whose_input_has_a_second_reader) {
  graph::Builder b("two readers", 1);
  auto x = b.input("input", {1, 4, 4, 2});
  const auto c = b.conv("conv", x, 2, {});
  const auto n = b.batch_norm("bn", c);
  const Graph g = std::move(b).finish(b.add("add", n, c));
  EXPECT_EQ(fold_batch_norm(g)->ops().size(), g.ops().size());
}

TEST(FuseActivation, keeps_a_clamp_whose_input_has_a_second_reader) {
  graph::Builder b("two readers", 1);
  auto x = b.input("input", {1, 4, 4, 2});
  const auto c = b.conv("conv", x, 2, {});
  const auto r = b.activate("relu", c);
  const Graph g = std::move(b).finish(b.add("add", r, c));
  EXPECT_EQ(fuse_activation(g)->ops().size(), g.ops().size());
}

TEST(RemoveReshape, keeps_one_that_the_model_gives_out) {
  graph::Builder b("out", 1);
  auto x = b.input("input", {1, 4, 4, 2});
  const Graph g = std::move(b).finish(b.reshape("r", x, {1, 32}));
  EXPECT_EQ(remove_reshape(g)->ops().size(), 1u);
}

TEST(Quantize, int8_stays_close_to_float_on_every_zoo_model) {
  for (const std::string_view architecture : graph::zoo_names()) {
    const Graph g = simplify(trained_looking(architecture))->graph;
    const auto q = quantize(g, observed_ranges(g, 16));
    ASSERT_TRUE(q.has_value()) << architecture << ": " << q.error().message();
    auto e = std::move(*graph::Executor::create(*q));
    const auto x = random_input(g, 100);
    const auto real = run(g, x);
    const auto& in = q->input().quantization;
    const auto& out = q->output().quantization;
    Bytes qx(x.size());
    Bytes qy(real.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      qx[i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(std::round(x[i] / in.scale()) + static_cast<float>(in.zero_point()), -128.0f, 127.0f)));
    }
    ASSERT_TRUE(e.run(qx, qy));
    double error = 0.0, power = 0.0;
    for (std::size_t i = 0; i < real.size(); ++i) {
      const double v = static_cast<double>(out.scale()) * (static_cast<std::int8_t>(qy[i]) - out.zero_point());
      error += (v - real[i]) * (v - real[i]);
      power += static_cast<double>(real[i]) * real[i];
    }
    EXPECT_LT(std::sqrt(error / power), 0.12) << architecture;  // untrained weights: noise is not averaged away by learning
  }
}

TEST(Quantize, cuts_the_scale_of_a_filter_that_would_saturate_at_one_step_of_its_input) {
  Graph g = simplify(trained_looking("ds_cnn"))->graph;
  const graph::Ranges ranges = observed_ranges(g, 4);
  int blown_up = 0;
  for (const graph::Op& op : std::vector<graph::Op>(g.ops())) {
    if (op.as<graph::DepthwiseConv2D>() == nullptr) continue;
    graph::Tensor& t = g.tensor(op.inputs[1]);
    std::vector<float> v(t.values<float>().begin(), t.values<float>().end());
    const auto channels = static_cast<std::size_t>(t.shape.back());
    for (std::size_t i = 0; i < v.size(); i += channels) v[i] *= 5000.0f;
    t.data = graph::constant_data(std::span<const float>(v));
    ++blown_up;
  }
  ASSERT_GT(blown_up, 0);
  const auto int8 = quantize(g, ranges);
  ASSERT_TRUE(int8) << int8.error().message();
  for (const graph::Op& op : int8->ops()) {
    if (op.as<graph::DepthwiseConv2D>() == nullptr) continue;
    const graph::ChannelTables tables = graph::channel_tables(*int8, op);
    EXPECT_EQ(tables.shift[0], -1) << op.name;  // just under one half
    EXPECT_LT(tables.shift[1], -1) << op.name;
  }
}

TEST(Quantize, names_a_value_without_range) {
  const Graph g = simplify(trained_looking("mlp"))->graph;
  const auto q = quantize(g, {{"input", {0.0f, 1.0f}}});
  ASSERT_FALSE(q);
  EXPECT_NE(q.error().message().find("dense1"), std::string::npos);
}

TEST(Quantize, refuses_a_model_with_batch_norm) {
  const Graph g = trained_looking("ds_cnn");
  EXPECT_NE(quantize(g, observed_ranges(g, 1)).error().message().find("simplify"), std::string::npos);
}

}  // namespace
}  // namespace mote::optimize
