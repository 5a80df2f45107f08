// The operators: against torch's own, against the graph's reference executor, and their gradients against finite
// differences.

#include "network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::train {
namespace {

using graph::Activation;
using graph::Builder;
using graph::PoolKind;

Tensor random(torch::IntArrayRef sizes, std::uint64_t seed) {
  Tensor t = torch::empty(sizes);
  Rng rng(seed);
  for (std::int64_t i = 0; i < t.numel(); ++i) t.data_ptr<float>()[i] = static_cast<float>(rng.normal());
  return t;
}

struct Geometry {
  std::int64_t n, h, w, ci, co, kh, kw;
  std::int32_t stride_h, stride_w, dilation_h, dilation_w;
  graph::Pads pads;
};

class Convolutions : public testing::TestWithParam<Geometry> {};

/// torch's convolution of [N,H,W,C] with weights already in [Co,Ci/groups,Kh,Kw].
Tensor reference(const Tensor& x, const Tensor& weights, const Tensor& bias, const Geometry& g, std::int64_t groups) {
  const Tensor nchw =
      torch::constant_pad_nd(x.permute({0, 3, 1, 2}), {g.pads.left, g.pads.right, g.pads.top, g.pads.bottom}, 0.0);
  return torch::conv2d(nchw, weights, bias, {g.stride_h, g.stride_w}, torch::IntArrayRef{0, 0},
                       {g.dilation_h, g.dilation_w}, groups)
      .permute({0, 2, 3, 1});
}

template <class Attributes>
Attributes attributes_of(const Geometry& g) {
  Attributes a;
  a.stride_h = g.stride_h;
  a.stride_w = g.stride_w;
  a.dilation_h = g.dilation_h;
  a.dilation_w = g.dilation_w;
  a.pads = g.pads;
  return a;
}

void expect_same(const Tensor& a, const Tensor& b, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  const double scale = std::max(1.0, b.abs().max().item<double>());
  EXPECT_LT((a - b).abs().max().item<double>() / scale, 2e-5) << what;
}

/// Compares values and all three gradients of two ways to compute the same.
void compare(const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& ours,
             const std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>& theirs, const Tensor& x,
             const Tensor& weights, const Tensor& bias) {
  std::vector<Tensor> results[2];
  for (int k = 0; k < 2; ++k) {
    std::vector<Tensor> leaves;
    for (const Tensor& t : {x, weights, bias}) leaves.push_back(t.clone().requires_grad_(true));
    const Tensor y = (k == 0 ? ours : theirs)(leaves[0], leaves[1], leaves[2]);
    (y * random(y.sizes(), 99)).sum().backward();
    results[k] = {y.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  }
  const char* names[] = {"value", "input gradient", "weight gradient", "bias gradient"};
  for (std::size_t i = 0; i < 4; ++i) expect_same(results[0][i], results[1][i], names[i]);
}

TEST_P(Convolutions, agree_with_torch_forward_and_backward) {
  const Geometry g = GetParam();
  compare([&](const Tensor& x, const Tensor& w,
              const Tensor& b) { return conv2d(x, w, b, attributes_of<graph::Conv2D>(g)); },
          [&](const Tensor& x, const Tensor& w, const Tensor& b) {
            return reference(x, w.permute({0, 3, 1, 2}), b, g, 1);
          },
          random({g.n, g.h, g.w, g.ci}, 1), random({g.co, g.kh, g.kw, g.ci}, 2), random({g.co}, 3));
}

TEST_P(Convolutions, depthwise_agree_with_torch_forward_and_backward) {
  const Geometry g = GetParam();
  compare([&](const Tensor& x, const Tensor& w,
              const Tensor& b) { return depthwise_conv2d(x, w, b, attributes_of<graph::DepthwiseConv2D>(g)); },
          [&](const Tensor& x, const Tensor& w, const Tensor& b) {
            return reference(x, w.permute({3, 0, 1, 2}), b, g, g.ci);
          },
          random({g.n, g.h, g.w, g.ci}, 1), random({1, g.kh, g.kw, g.ci}, 2), random({g.ci}, 3));
}

INSTANTIATE_TEST_SUITE_P(
    Geometries, Convolutions,
    testing::Values(Geometry{3, 7, 5, 4, 6, 3, 3, 1, 1, 1, 1, {1, 1, 1, 1}},     // SAME
                    Geometry{2, 8, 8, 3, 17, 3, 3, 2, 2, 1, 1, {0, 1, 0, 1}},    // SAME with stride 2: asymmetric
                    Geometry{2, 9, 4, 33, 40, 1, 1, 1, 1, 1, 1, {}},             // pointwise, odd channels
                    Geometry{1, 9, 9, 5, 104, 1, 1, 2, 2, 1, 1, {}},             // pointwise with stride
                    Geometry{2, 1, 21, 6, 7, 1, 5, 1, 2, 1, 1, {0, 0, 2, 1}},    // one dimension
                    Geometry{2, 9, 8, 2, 3, 3, 3, 1, 1, 2, 2, {2, 2, 2, 2}},     // dilation
                    Geometry{2, 6, 6, 16, 8, 3, 3, 1, 1, 1, 1, {}},              // VALID
                    Geometry{1, 4, 4, 70, 130, 3, 2, 1, 1, 1, 1, {1, 1, 0, 1}},  // several panels of columns
                    Geometry{1, 2, 2, 1, 1, 3, 3, 1, 1, 1, 1, {1, 1, 1, 1}},     // window larger than the plane
                    Geometry{5, 12, 12, 24, 24, 5, 5, 2, 1, 1, 1, {2, 2, 2, 2}}));

TEST(Depthwise, with_a_multiplier_agrees_with_torch) {
  const Geometry g{2, 5, 6, 3, 6, 3, 3, 1, 1, 1, 1, {1, 1, 1, 1}};
  graph::DepthwiseConv2D attributes = attributes_of<graph::DepthwiseConv2D>(g);
  attributes.multiplier = 2;
  compare([&](const Tensor& x, const Tensor& w, const Tensor& b) { return depthwise_conv2d(x, w, b, attributes); },
          [&](const Tensor& x, const Tensor& w, const Tensor& b) {
            return reference(x, w.permute({3, 0, 1, 2}), b, g, 3);
          },
          random({2, 5, 6, 3}, 1), random({1, 3, 3, 6}, 2), random({6}, 3));
}

TEST(BatchNorm, with_addition_and_clamp_agrees_with_torch) {
  for (const std::int64_t channels : {3, 16, 40, 300}) {
    for (const bool with_residual : {false, true}) {
      const Tensor x = random({4, 5, 6, channels}, 1) * 2.0 + 5.0;
      const Tensor residual = random(x.sizes(), 2);
      const Tensor weight_of = random(x.sizes(), 3);
      std::vector<Tensor> results[2];
      std::vector<float> moments(static_cast<std::size_t>(2 * channels));
      for (int k = 0; k < 2; ++k) {
        std::vector<Tensor> leaves;
        for (const Tensor& t : {x, residual, random({channels}, 4), random({channels}, 5)})
          leaves.push_back(t.clone().requires_grad_(true));
        Tensor y;
        if (k == 0) {
          Normalization norm{leaves[2], leaves[3], {}, {}, 1e-3f, limits_of(Activation::relu6)};
          y = batch_norm(leaves[0], with_residual ? leaves[1] : Tensor(), norm, moments.data());
        } else {
          y = torch::batch_norm(leaves[0].reshape({-1, channels}), leaves[2], leaves[3], {}, {}, true, 0.1, 1e-3, false)
                  .view(x.sizes());
          y = torch::clamp(with_residual ? y + leaves[1] : y, 0.0, 6.0);
        }
        (y * weight_of).sum().backward();
        results[k] = {y.detach(), leaves[0].grad(), leaves[2].grad(), leaves[3].grad()};
        if (with_residual) results[k].push_back(leaves[1].grad());
      }
      for (std::size_t i = 0; i < results[0].size(); ++i) expect_same(results[0][i], results[1][i], "batch norm");
      const Tensor mean = x.reshape({-1, channels}).mean(0);
      EXPECT_NEAR(moments[0], mean[0].item<float>(), 1e-4f);
    }
  }
}

/// One graph that has every trainable operator.
graph::Graph all_operators() {
  Builder b("all", 3);
  auto x = b.input("image", {1, 9, 7, 2});
  x = b.activate("relu6", b.batch_norm("bn1", b.conv("conv", x, 6, {3, 3, 2, 2, true}, true)), Activation::relu6);
  auto y = b.activate("relu", b.batch_norm("bn2", b.depthwise("dw", x, {3, 3, 1, 1, true})));
  y = b.batch_norm("bn3", b.conv("pw", y, 6, {1, 1, 1, 1, true}));
  x = b.activate("out", b.add("sum", y, x));
  x = b.pool("average", x, PoolKind::average, {2, 2, 2, 2, true});
  x = b.pool("max", x, PoolKind::max, {2, 2, 1, 1, true});
  x = b.dropout("drop", x, 0.5f);
  x = b.reshape("flat", x, {1, static_cast<std::int32_t>(b.shape(x).elements())});
  x = b.dense("logits", x, 4);
  x = b.softmax("probabilities", x);
  return std::move(b).finish(x);
}

std::vector<float> executor_output(const graph::Graph& g, std::span<const float> sample) {
  auto executor = graph::Executor::create(g);
  EXPECT_TRUE(executor) << executor.error().message();
  std::vector<float> out(g.output().shape.elements());
  const auto ran =
      executor->run(bytes_of(sample), {reinterpret_cast<std::uint8_t*>(out.data()), out.size() * sizeof(float)});
  EXPECT_TRUE(ran);
  return out;
}

/// Weights and statistics that are not the initial ones, so that batch norm and biases count.
graph::Graph shaken(const graph::Graph& g, std::uint64_t seed) {
  const auto network = Network::create(g);
  Rng rng(seed);
  std::vector<float> parameters = network->initial_parameters();
  std::vector<float> statistics = network->initial_statistics();
  for (float& p : parameters) p += 0.3f * static_cast<float>(rng.normal());
  for (float& s : statistics) s = static_cast<float>(rng.uniform(0.3, 1.5));
  return network->with_values(parameters, statistics);
}

Tensor run(const Network& network, const Tensor& x, const Pass& pass = {}) {
  std::vector<float> parameters = network.initial_parameters();
  std::vector<float> statistics = network.initial_statistics();
  const torch::NoGradGuard no_gradients;
  return network.forward(x, network.bind(parameters, statistics, nullptr), pass).clone();
}

void expect_like_executor(const graph::Graph& g) {
  const auto network = Network::create(g);
  ASSERT_TRUE(network) << network.error().message();
  const auto elements = static_cast<std::int64_t>(network->input_elements());
  const Tensor x = random({3, elements}, 7);
  const Tensor y = run(*network, x);
  for (std::int64_t n = 0; n < 3; ++n) {
    const auto expected = executor_output(g, {x.data_ptr<float>() + n * elements, static_cast<std::size_t>(elements)});
    float largest = 1.0f;
    for (const float e : expected) largest = std::max(largest, std::fabs(e));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(y[n][static_cast<std::int64_t>(i)].item<float>(), expected[i], 5e-4f * largest);
    }
  }
}

TEST(Network, computes_what_the_reference_executor_computes_for_every_operator) {
  expect_like_executor(shaken(all_operators(), 1));
}

TEST(Network, computes_what_the_reference_executor_computes_for_the_zoo) {
  for (const std::string_view name : graph::zoo_names()) {
    SCOPED_TRACE(name);
    graph::ZooOptions options;
    options.architecture = name;
    options.input = name == "cnn1d" ? graph::Shape{1, 1, 32, 4} : graph::Shape{1, 32, 32, 3};
    const auto g = graph::make_model(options);
    ASSERT_TRUE(g) << g.error().message();
    expect_like_executor(shaken(*g, 2));
  }
}

TEST(Network, fusing_batch_norm_changes_nothing_in_training) {
  const graph::Graph g = shaken(all_operators(), 5);
  std::vector<Tensor> outputs;
  std::vector<std::vector<float>> gradients, moments;
  for (const bool fuse : {true, false}) {
    const auto network = Network::create(g, fuse);
    std::vector<float> parameters = network->initial_parameters();
    std::vector<float> statistics = network->initial_statistics();
    gradients.emplace_back(parameters.size(), 0.0f);
    moments.emplace_back(statistics.size(), 0.0f);
    Pass pass;
    pass.training = true;
    pass.logits = true;
    pass.seed = 11;
    pass.shard_statistics = moments.back().data();
    const Tensor y =
        network->forward(random({4, 126}, 3), network->bind(parameters, statistics, gradients.back().data()), pass);
    y.square().sum().backward();
    outputs.push_back(y.detach());
  }
  expect_same(outputs[0], outputs[1], "outputs");
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    EXPECT_NEAR(gradients[0][i], gradients[1][i], 1e-4f * std::max(1.0f, std::fabs(gradients[1][i])));
  }
  for (std::size_t i = 0; i < moments[0].size(); ++i) EXPECT_NEAR(moments[0][i], moments[1][i], 1e-5f);
}

TEST(Network, gradients_agree_with_finite_differences) {
  const graph::Graph g = shaken(all_operators(), 9);
  const auto network = Network::create(g);
  ASSERT_TRUE(network);
  const std::vector<float> start = network->initial_parameters();
  std::vector<float> statistics = network->initial_statistics();
  std::vector<float> moments(statistics.size());
  const Tensor x = random({6, 126}, 4);
  const Tensor weight_of = random({6, 4}, 5);
  std::vector<float> gradients(start.size(), 0.0f);
  const auto loss = [&](std::vector<float> parameters, float* into) {
    Pass pass;
    pass.training = true;
    pass.logits = true;
    pass.seed = 1;
    pass.shard_statistics = moments.data();
    const Tensor y = network->forward(x, network->bind(parameters, statistics, into), pass);
    const Tensor total = (torch::log_softmax(y, -1) * weight_of).sum();
    if (into != nullptr) total.backward();
    return total.item<double>();
  };
  static_cast<void>(loss(start, gradients.data()));
  Rng rng(8);
  int checked = 0;
  int wrong = 0;
  for (int k = 0; k < 60; ++k) {
    const auto i = static_cast<std::size_t>(rng.below(start.size()));
    constexpr float kStep = 2e-3f;
    std::vector<float> above = start;
    std::vector<float> below = start;
    above[i] += kStep;
    below[i] -= kStep;
    const double slope = (loss(above, nullptr) - loss(below, nullptr)) / (2.0 * kStep);
    ++checked;
    if (std::fabs(slope - gradients[i]) > 0.02 * std::max(1.0, std::fabs(slope))) ++wrong;
  }
  // A clamp or a maximum that changes sides within the step makes single differences meaningless.
  EXPECT_LE(wrong, checked / 20) << wrong << " of " << checked;
}

TEST(Network, returns_its_values_to_the_graph) {
  const graph::Graph g = all_operators();
  const auto network = Network::create(g);
  EXPECT_EQ(network->with_values(network->initial_parameters(), network->initial_statistics()), g);
}

TEST(Network, refuses_an_integer_model_by_the_name_of_its_tensor) {
  graph::Graph g("integers");
  const auto in = g.add_tensor({"in", graph::DType::i8, {1, 4}, graph::Quantization::per_tensor(1.0f, 0), nullptr});
  const auto out = g.add_tensor({"out", graph::DType::i8, {1, 4}, graph::Quantization::per_tensor(1.0f, 0), nullptr});
  g.add_op({"r", graph::Reshape{}, {in}, {out}});
  g.set_inputs({in});
  g.set_outputs({out});
  const auto network = Network::create(g);
  ASSERT_FALSE(network);
  EXPECT_EQ(network.error().code(), Code::unsupported);
  EXPECT_NE(network.error().message().find("'in'"), std::string::npos);
}

}  // namespace
}  // namespace mote::train
