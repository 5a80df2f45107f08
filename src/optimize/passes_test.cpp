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
      for (float& p : v)
        p = static_cast<float>(i == 4   ? rng.uniform(0.5, 2.0)
                               : i == 1 ? rng.uniform(0.5, 1.5)
                                        : rng.uniform(-0.2, 0.2));
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

/// int8 graphs full of what passes look for: identities, repetitions, constants, pads in front of convolutions,
/// conversions there and back.
class Redundant {
 public:
  explicit Redundant(std::uint64_t seed) : rng_(seed), g_("redundant") {}

  Graph build() {
    values_.push_back(value({1, 4, 5, 3}));
    g_.set_inputs({values_[0]});
    for (int i = 0; i < 14; ++i) step();
    g_.set_outputs({values_.back()});
    return std::move(g_);
  }

 private:
  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }
  std::string fresh() { return "t" + std::to_string(g_.tensors().size()); }
  graph::TensorId value(graph::Shape shape) {
    return g_.add_tensor(
        {fresh(), graph::DType::i8, std::move(shape), graph::Quantization::per_tensor(0.05f, -3), nullptr});
  }
  graph::TensorId constant(graph::Shape shape) {
    std::vector<std::int8_t> v(shape.elements());
    for (auto& e : v) e = static_cast<std::int8_t>(pick(-2, 2));
    return g_.add_tensor({fresh(), graph::DType::i8, std::move(shape), graph::Quantization::per_tensor(0.05f, -3),
                          graph::constant_data(std::span<const std::int8_t>(v))});
  }
  void add(graph::Attributes a, std::vector<graph::TensorId> inputs, graph::Shape shape) {
    const graph::TensorId y = value(std::move(shape));
    g_.add_op({"op" + std::to_string(g_.ops().size()), std::move(a), std::move(inputs), {y}});
    values_.push_back(y);
  }
  void step() {
    using namespace graph;
    const auto last = static_cast<std::int64_t>(values_.size()) - 1;
    const TensorId x = values_[static_cast<std::size_t>(pick(std::max<std::int64_t>(0, last - 3), last))];
    const Shape s = g_.tensor(x).shape;
    switch (pick(0, 10)) {
      case 0:
        return add(Unary{static_cast<UnaryKind>(pick(0, 2))}, {x}, s);
      case 1: {
        const bool turns = rng_.chance(0.5);
        return add(Transpose{turns ? std::vector<std::int32_t>{0, 2, 1, 3} : std::vector<std::int32_t>{0, 1, 2, 3}},
                   {x}, turns ? Shape{1, s[2], s[1], 3} : s);
      }
      case 2:
        return add(Slice{{0, 0, 0, 0}, {1, 1, 1, 1}}, {x}, s);
      case 3:
        return add(Binary{BinaryKind::mul}, {x, constant({1, 1, 1, 3})}, s);
      case 4: {
        const TensorId k = constant(s);
        add(Unary{UnaryKind::neg}, {k}, s);
        return add(Add{}, {x, values_.back()}, s);
      }
      case 5: {
        const TensorId f = g_.add_tensor({fresh(), DType::f32, s, {}, nullptr});
        g_.add_op({"float" + fresh(), Dequantize{}, {x}, {f}});
        return add(Quantize{}, {f}, s);
      }
      case 6: {
        const std::int32_t top = pick(0, 2), left = pick(0, 1);
        add(Pad{{0, top, left, 0}, {0, 1, 0, 0}, rng_.chance(0.8) ? 0.0f : 0.1f, {}}, {x},
            {1, s[1] + top + 1, s[2] + left, 3});
        const TensorId padded = values_.back(), w = constant({3, 2 + top, 2 + left, 3});
        g_.tensor(w).quantization = Quantization::per_tensor(0.02f, 0);
        return add(Conv2D{}, {padded, w}, {1, s[1], s[2] - 1, 3});
      }
      case 7:
        return add(Concat{1}, {x}, s);
      case 8:
        return add(Add{}, {x, x}, s);
      case 9:
        return add(Pad{{0, 0, 0, 0}, {0, 0, 0, 0}, 0.0f, {}}, {x}, s);
      default:
        return add(Binary{BinaryKind::maximum}, {x, x}, s);
    }
  }
  Rng rng_;
  Graph g_;
  std::vector<graph::TensorId> values_;
};

TEST(Passes, each_keeps_every_byte_of_random_graphs) {
  std::size_t changed = 0, graphs = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Graph g = Redundant(seed).build();
    if (!graph::verify(g)) continue;  // convolved to nothing
    ++graphs;
    Bytes input(graph::input_bytes(g)), expected(graph::output_bytes(g));
    Rng rng(seed);
    for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
    ASSERT_TRUE(std::move(*graph::Executor::create(g)).run(input, expected));
    const auto check = [&](const Graph& after, std::string_view what) {
      const auto verified = graph::verify(after);
      ASSERT_TRUE(verified.has_value()) << what << ": " << verified.error().message() << "\n"
                                        << graph::print_summary(g);
      Bytes output(expected.size());
      ASSERT_TRUE(std::move(*graph::Executor::create(after)).run(input, output));
      EXPECT_EQ(output, expected) << what << " of seed " << seed << "\n"
                                  << graph::print_summary(g) << "becomes\n"
                                  << graph::print_summary(after);
    };
    for (const Pass& pass : passes()) {
      const auto after = pass.run(g);
      ASSERT_TRUE(after.has_value()) << pass.name << ": " << after.error().message();
      changed += after->ops().size() != g.ops().size() ? 1 : 0;
      check(*after, pass.name);
    }
    check(simplify(g)->graph, "all passes");
    if (HasFailure()) return;
  }
  EXPECT_GT(graphs, 200u);
  EXPECT_GT(changed, 2 * graphs);
}

TEST(Simplify, keeps_what_every_zoo_model_computes) {
  for (const std::string_view architecture : graph::zoo_names()) {
    const Graph g = trained_looking(architecture);
    const auto simple = simplify(g);
    ASSERT_TRUE(simple.has_value()) << simple.error().message();
    EXPECT_LT(simple->graph.ops().size(), g.ops().size());
    for (const graph::Op& op : simple->graph.ops()) {
      EXPECT_TRUE(op.as<graph::BatchNorm>() == nullptr && op.as<graph::Dropout>() == nullptr &&
                  op.as<graph::Activate>() == nullptr)
          << op.name;
    }
    const auto x = random_input(g, 1);
    const auto before = run(g, x);
    const auto after = run(simple->graph, x);
    for (std::size_t i = 0; i < before.size(); ++i)
      EXPECT_NEAR(after[i], before[i], 1e-4f * (1.0f + std::fabs(before[i]))) << architecture;
  }
}

TEST(Simplify, leaves_out_a_disabled_pass_and_refuses_an_unknown_one) {
  const Graph g = trained_looking("ds_cnn");
  const auto partial = simplify(g, {"fold_batch_norm"});
  ASSERT_TRUE(partial);
  EXPECT_TRUE(std::ranges::any_of(partial->graph.ops(),
                                  [](const graph::Op& op) { return op.as<graph::BatchNorm>() != nullptr; }));
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

/// A picture that a chain of convolutions and a single small one read, whose results meet.
Graph branched() {
  graph::Builder b("branches", 1);
  const auto x = b.input("input", {1, 8, 8, 8});
  const auto first = b.conv("first", x, 2, {});
  const auto wide = b.conv("wide", first, 16, {});
  const auto narrow = b.conv("narrow", wide, 2, {});
  const auto side = b.conv("side", x, 2, {});
  return std::move(b).finish(b.add("sum", narrow, side));
}

std::size_t operators_before(const Graph& g, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(g.ops(), name, &graph::Op::name) - g.ops().begin());
}

TEST(OrderForMemory, frees_a_value_with_many_readers_before_it_makes_large_ones) {
  // As written x lives through `wide`: 512 + 128 + 1024 elements. With `side` first it is gone by then.
  const Graph g = branched();
  const Graph ordered = *order_for_memory(g);
  ASSERT_TRUE(graph::verify(ordered));
  EXPECT_LT(operators_before(ordered, "side"), operators_before(ordered, "wide"));
  EXPECT_EQ(ordered.ops().size(), g.ops().size());
  const auto x = random_input(g, 3);
  EXPECT_EQ(run(ordered, x), run(g, x));
}

TEST(OrderForMemory, keeps_a_chain) {
  const Graph g = trained_looking("mobilenet_v1");
  EXPECT_EQ(*order_for_memory(g), g);
}

TEST(PackInterface, indices_lie_as_their_bits_beside_floats) {
  Graph g("pick");
  const auto x = g.add_tensor({"x", graph::DType::f32, {1, 4}, {}, nullptr});
  const auto index = g.add_tensor({"index", graph::DType::i32, {1, 1}, {}, nullptr});
  const auto y = g.add_tensor({"y", graph::DType::f32, {1, 4}, {}, nullptr});
  g.add_op({"index", graph::ArgReduce{graph::ArgKind::maximum, 1}, {x}, {index}});
  g.add_op({"y", graph::Scores{graph::ScoreKind::softmax}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({index, y});
  const auto packed = simplify(g);
  ASSERT_TRUE(packed.has_value()) << packed.error().message();
  ASSERT_EQ(packed->graph.outputs().size(), 1u);
  EXPECT_EQ(packed->graph.output().dtype, graph::DType::f32);
  const std::vector<float> values{1.0f, 2.0f, 7.0f, 3.0f};
  Bytes before(20), after(20);
  ASSERT_TRUE(graph::Executor::create(g)->run(bytes_of(std::span<const float>(values)), before));
  ASSERT_TRUE(graph::Executor::create(packed->graph)->run(bytes_of(std::span<const float>(values)), after));
  EXPECT_EQ(before, after);
  EXPECT_EQ(after[0], 2);
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
      qx[i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(
          std::clamp(std::round(x[i] / in.scale()) + static_cast<float>(in.zero_point()), -128.0f, 127.0f)));
    }
    ASSERT_TRUE(e.run(qx, qy));
    double error = 0.0, power = 0.0;
    for (std::size_t i = 0; i < real.size(); ++i) {
      const double v = static_cast<double>(out.scale()) * (static_cast<std::int8_t>(qy[i]) - out.zero_point());
      error += (v - real[i]) * (v - real[i]);
      power += static_cast<double>(real[i]) * real[i];
    }
    EXPECT_LT(std::sqrt(error / power), 0.12)
        << architecture;  // untrained weights: noise is not averaged away by learning
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
