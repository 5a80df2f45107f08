// The simulation computes the very integers of the int8 model.

#include "mote/train/quantized.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/train/calibrate.hpp"

namespace mote::train {
namespace {

using graph::Activation;
using graph::Builder;
using graph::PoolKind;

MemorySource noise(graph::Shape shape, std::size_t count, std::uint64_t seed) {
  std::vector<float> values(shape.elements() * count);
  std::vector<std::int32_t> labels(count);
  Rng rng(seed);
  for (float& v : values) v = static_cast<float>(rng.normal());
  for (auto& l : labels) l = static_cast<std::int32_t>(rng.below(2));
  return *MemorySource::create(std::move(shape), std::move(values), std::move(labels));
}

/// The logits' integers that the executor gives: what a final softmax reads, or the output.
std::vector<std::int8_t> executed(const graph::Graph& int8, const MemorySource& source) {
  auto executor = graph::Executor::create(int8);
  EXPECT_TRUE(executor) << executor.error().message();
  const graph::Op& last = int8.ops().back();
  const graph::TensorId logits = last.as<graph::Softmax>() != nullptr ? last.inputs[0] : last.outputs[0];
  const graph::Quantization q = int8.input().quantization;
  std::vector<float> sample(int8.input().shape.elements());
  std::vector<std::int8_t> in(sample.size());
  std::vector<std::uint8_t> out(int8.output().size_bytes());
  std::vector<std::int8_t> all;
  for (std::size_t i = 0; i < source.size(); ++i) {
    EXPECT_TRUE(source.load(i, 0, false, sample));
    for (std::size_t k = 0; k < sample.size(); ++k) {
      const float scaled = std::round(sample[k] / q.scale()) + static_cast<float>(q.zero_point());
      in[k] = static_cast<std::int8_t>(std::clamp(scaled, -128.0f, 127.0f));
    }
    EXPECT_TRUE(executor->run(bytes_of(std::span<const std::int8_t>(in)), out));
    for (const std::uint8_t v : executor->value(logits)) all.push_back(static_cast<std::int8_t>(v));
  }
  return all;
}

graph::Graph folded(const graph::Graph& g) {
  auto simplified = optimize::simplify(g);
  EXPECT_TRUE(simplified) << simplified.error().message();
  return std::move(simplified->graph);
}

void expect_exact(const graph::Graph& g, const graph::Ranges& ranges, const MemorySource& source) {
  const auto int8 = optimize::quantize(g, ranges);
  ASSERT_TRUE(int8) << int8.error().message();
  const auto simulated = predict_quantized(g, ranges, source);
  ASSERT_TRUE(simulated) << simulated.error().message();
  EXPECT_EQ(*simulated, executed(*int8, source));
}

/// A random small net of every integer operator.
graph::Graph random_net(std::uint64_t seed) {
  Rng rng(seed);
  Builder b("random", seed);
  const auto pick = [&](std::int32_t low, std::int32_t high) {
    return static_cast<std::int32_t>(rng.between(low, high));
  };
  const Activation activations[] = {Activation::none, Activation::relu, Activation::relu6};
  auto x = b.input("x", {1, pick(4, 9), pick(4, 9), pick(1, 4)});
  for (int layer = 0; layer < 5; ++layer) {
    const std::string name = "l" + std::to_string(layer);
    const std::int32_t kernel = 1 + 2 * pick(0, 1);
    const Builder::Window window{kernel, kernel, pick(1, 2), pick(1, 2), true};
    const Activation activation = activations[rng.below(3)];
    switch (rng.below(4)) {
      case 0:
        x = b.conv(name, x, pick(1, 12), window, true);
        break;
      case 1:
        x = b.depthwise(name, x, window, true);
        break;
      case 2:
        x = b.pool(name, x, rng.chance(0.5) ? PoolKind::average : PoolKind::max, {2, 2, 1, 1, true});
        break;
      default: {
        const auto y = b.conv(name + "/branch", x, b.shape(x)[3], {3, 3, 1, 1, true}, true);
        x = b.add(name, y, x);
      }
    }
    if (activation != Activation::none) x = b.activate(name + "/act", x, activation);
  }
  x = b.reshape("flat", x, {1, static_cast<std::int32_t>(b.shape(x).elements())});
  x = b.dense("logits", x, 3);
  if (rng.chance(0.5)) x = b.softmax("p", x);
  return std::move(b).finish(x);
}

/// The first filter of every operator becomes so large that its scale is cut.
void blow_up_first_channels(graph::Graph& g) {
  for (const graph::Op& op : std::vector<graph::Op>(g.ops())) {
    const bool depthwise = op.as<graph::DepthwiseConv2D>() != nullptr;
    if (!depthwise && op.as<graph::Conv2D>() == nullptr) continue;
    graph::Tensor& t = g.tensor(op.inputs[1]);
    std::vector<float> v(t.values<float>().begin(), t.values<float>().end());
    const std::size_t channels = static_cast<std::size_t>(depthwise ? t.shape.back() : t.shape[0]);
    for (std::size_t i = 0; i < v.size() / channels; ++i) v[depthwise ? i * channels : i] *= 3000.0f;
    t.data = graph::constant_data(std::span<const float>(v));
  }
}

TEST(Simulation, gives_the_executors_integers_for_random_nets) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    graph::Graph g = folded(random_net(seed));
    const graph::Shape& in = g.input().shape;
    const MemorySource source = noise({in[1], in[2], in[3]}, 8, seed);
    const auto ranges = calibrate(g, noise({in[1], in[2], in[3]}, 30, seed + 100));
    ASSERT_TRUE(ranges) << ranges.error().message();
    if (seed % 2 == 0) blow_up_first_channels(g);
    expect_exact(g, *ranges, source);
  }
}

TEST(Simulation, gives_the_executors_integers_for_the_zoo) {
  for (const std::string_view name : graph::zoo_names()) {
    SCOPED_TRACE(name);
    graph::ZooOptions options;
    options.architecture = name;
    options.input = name == "cnn1d" ? graph::Shape{1, 1, 32, 4} : graph::Shape{1, 32, 32, 3};
    const graph::Graph g = folded(*graph::make_model(options));
    const graph::Shape& in = g.input().shape;
    const MemorySource source = noise({in[1], in[2], in[3]}, 4, 1);
    const auto ranges = calibrate(g, source);
    ASSERT_TRUE(ranges) << ranges.error().message();
    expect_exact(g, *ranges, source);
  }
}

TEST(Simulation, is_exact_where_sums_exceed_what_a_float_holds) {
  Builder b("wide", 1);
  auto x = b.input("x", {1, 1, 1, 4096});
  x = b.dense("logits", x, 3);
  graph::Graph g = std::move(b).finish(x);
  std::vector<float> weights(3 * 4096);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = 1.0f - static_cast<float>(i % 7) * 0.001f;  // all near 127: sums of 60 million
  g.tensor(g.ops()[0].inputs[1]).data = graph::constant_data(std::span<const float>(weights));
  std::vector<float> values(4 * 4096);
  Rng rng(5);
  for (float& v : values) v = static_cast<float>(rng.uniform(0.5, 1.0));
  const auto source = MemorySource::create({1, 1, 4096}, values, {});
  const auto ranges = calibrate(g, *source);
  expect_exact(g, *ranges, *source);
}

/// Two classes of 6x6 images: brighter left or right half.
MemorySource halves(std::size_t count, std::uint64_t seed) {
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  Rng rng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<std::int32_t>(i % 2));
    for (int k = 0; k < 36; ++k)
      values.push_back((k % 6 < 3) == (i % 2 == 0) ? static_cast<float>(rng.uniform(0.2, 1.0))
                                                   : 0.3f * static_cast<float>(rng.normal()));
  }
  return *MemorySource::create({6, 6, 1}, std::move(values), std::move(labels));
}

graph::Graph small_net() {
  Builder b("small", 2);
  auto x = b.input("x", {1, 6, 6, 1});
  x = b.activate("r1", b.conv("c1", x, 8, {3, 3, 1, 1, true}, true));
  const auto y =
      b.conv("c2", b.activate("r2", b.depthwise("d2", x, {3, 3, 1, 1, true}, true)), 8, {1, 1, 1, 1, true}, true);
  x = b.activate("r3", b.add("sum", x, y));
  x = b.pool("pool", x, PoolKind::average, {2, 2, 2, 2, true});
  x = b.softmax("p", b.dense("logits", x, 2));
  return folded(std::move(b).finish(x));
}

TrainOptions quick() {
  TrainOptions o;
  o.epochs = 8;
  o.batch_size = 16;
  o.shard_size = 8;
  o.learning_rate = 0.02;
  o.threads = 2;
  return o;
}

TEST(QuantizedTraining, learns_and_returns_what_the_executor_computes) {
  const MemorySource data = halves(120, 1);
  const MemorySource unseen = halves(60, 2);
  const graph::Graph g = small_net();
  const auto ranges = calibrate(g, data);
  ASSERT_TRUE(ranges);
  SilentProgress progress;
  for (const double range_learning : {0.0, 0.4}) {
    const auto result = train_quantized(g, *ranges, data, &unseen, quick(), range_learning, {}, progress);
    ASSERT_TRUE(result) << result.error().message();
    const auto& curves = result->training.curves;
    EXPECT_LT(curves.back().loss, 0.7 * curves.front().loss);
    EXPECT_GT(curves.back().validation_accuracy, 0.95);
    expect_exact(result->training.graph, result->ranges, unseen);
    EXPECT_EQ(result->ranges.at("x").high == ranges->at("x").high, range_learning == 0.0);
  }
}

TEST(QuantizedTraining, gives_the_same_bits_again_and_for_any_number_of_threads) {
  const MemorySource data = halves(60, 1);
  const graph::Graph g = small_net();
  const auto ranges = calibrate(g, data);
  SilentProgress progress;
  TrainOptions options = quick();
  options.epochs = 2;
  const auto first = train_quantized(g, *ranges, data, nullptr, options, 0.5, {}, progress);
  options.threads = 1;
  const auto second = train_quantized(g, *ranges, data, nullptr, options, 0.5, {}, progress);
  EXPECT_EQ(first->training.graph, second->training.graph);
}

TEST(QuantizedTraining, repairs_a_model_that_coarse_ranges_have_spoiled) {
  const MemorySource data = halves(200, 1);
  SilentProgress progress;
  TrainOptions options = quick();
  options.epochs = 12;
  const auto trained = train(small_net(), data, nullptr, options, {}, progress);
  ASSERT_TRUE(trained);
  graph::Graph g = trained->graph;
  auto ranges = calibrate(g, data);
  for (auto& [name, range] : *ranges) range.high *= name == "x" ? 1.0f : 60.0f;  // a handful of levels is left
  const auto before = train_quantized(
      g, *ranges, data, &data,
      [] {
        TrainOptions o = quick();
        o.epochs = 1;
        o.learning_rate = 1e-9;
        return o;
      }(),
      0.0, {}, progress);
  const auto after = train_quantized(g, *ranges, data, &data, options, 0.0, {}, progress);
  EXPECT_LT(after->training.curves.back().validation_loss, before->training.curves.back().validation_loss);
}

TEST(QuantizedTraining, refuses_what_it_cannot_simulate) {
  const MemorySource data = halves(20, 1);
  SilentProgress progress;
  const graph::Graph g = small_net();
  const auto no_ranges = train_quantized(g, {}, data, nullptr, quick(), 0.0, {}, progress);
  ASSERT_FALSE(no_ranges);
  EXPECT_THAT(no_ranges.error().message(), testing::HasSubstr("'x'"));
  Builder b("bn", 1);
  auto x = b.batch_norm("bn1", b.conv("c", b.input("x", {1, 6, 6, 1}), 2, {3, 3, 1, 1, true}));
  x = b.dense("logits", x, 2);
  const graph::Graph unfolded = std::move(b).finish(x);
  const auto refused = train_quantized(unfolded, *calibrate(unfolded, data), data, nullptr, quick(), 0.0, {}, progress);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::unsupported);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("bn1"));
  EXPECT_FALSE(train_quantized(g, *calibrate(g, data), data, nullptr, quick(), 1.5, {}, progress));
}

}  // namespace
}  // namespace mote::train
