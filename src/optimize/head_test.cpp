// The last layer by itself: what is trained of it comes back, and everything else stays what it was.

#include "mote/optimize/head.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using namespace graph;

graph::Graph float_model(bool wide_head = false) {
  Builder b("small", 5);
  TensorId x = b.input("x", {1, 8, 8, 2});
  x = b.activate("relu1", b.conv("conv1", x, 8, {3, 3, 2, 2, true}, true));
  x = b.activate("relu2", b.conv("conv2", x, 12, {3, 3, 1, 1, true}, true));
  if (wide_head) x = b.conv("conv3", x, 5, {1, 1, 1, 1, true}, true);
  x = b.global_average_pool("mean", x);
  if (!wide_head) x = b.dense("logits", x, 5);
  x = b.softmax("softmax", x);
  return simplify(std::move(b).finish(x))->graph;
}

graph::Ranges ranges_of(const Graph& g) {
  graph::Ranges ranges;
  for (const Tensor& t : g.tensors()) {
    if (!t.is_constant()) ranges[t.name] = {-3.0f, 3.0f};
  }
  return ranges;
}

Graph int8_model(bool wide_head = false) {
  const Graph g = float_model(wide_head);
  return quantize(g, ranges_of(g)).value();
}

/// The head as a training might leave it.
Graph trained(Graph head, std::uint64_t seed) {
  Rng rng(seed);
  for (const Op& op : head.ops()) {
    for (const TensorId id : op.inputs) {
      if (id == kNoTensor || !head.tensor(id).is_constant() || head.tensor(id).dtype != DType::f32) continue;
      std::vector<float> values(head.tensor(id).shape.elements());
      for (float& v : values) v = static_cast<float>(rng.uniform(-0.5, 0.5));
      head.tensor(id).data = constant_data(std::span<const float>(values));
    }
  }
  return head;
}

Bytes run(const Graph& g, ByteSpan input) {
  Executor executor = Executor::create(g).value();
  Bytes output(output_bytes(g));
  EXPECT_TRUE(executor.run(input, output));
  return output;
}

TEST(Head, body_and_head_behind_each_other_are_the_model) {
  for (const bool wide_head : {false, true}) {
    const Graph g = int8_model(wide_head);
    const CutModel cut = cut_at_head(g).value();
    EXPECT_TRUE(verify(cut.body));
    EXPECT_TRUE(verify(cut.head));
    EXPECT_EQ(cut.body.ops().size() + cut.head.ops().size(), g.ops().size());
    Rng rng(1);
    Bytes input(input_bytes(g));
    for (auto& byte : input) byte = static_cast<std::uint8_t>(rng.below(256));
    EXPECT_EQ(run(cut.head, run(cut.body, input)), run(g, input));
  }
}

TEST(Head, a_trained_head_comes_back_and_all_else_stays) {
  for (const bool wide_head : {false, true}) {
    const Graph old = int8_model(wide_head);
    const Graph head = trained(cut_at_head(dequantize(old).value())->head, 3);
    const Graph now = quantize_head(old, head, ranges_of(head)).value();
    ASSERT_EQ(now.tensors().size(), old.tensors().size());
    EXPECT_EQ(now.ops(), old.ops());
    EXPECT_EQ(cut_at_head(now)->body, cut_at_head(old)->body);
    EXPECT_NE(now, old);
    // It is the head that was trained: int8 follows float.
    Rng rng(2);
    Bytes input(input_bytes(old));
    for (auto& byte : input) byte = static_cast<std::uint8_t>(rng.below(256));
    const Graph body = cut_at_head(old)->body;
    const Bytes features = run(body, input);
    const Quantization& q = body.output().quantization;
    std::vector<float> real(features.size());
    for (std::size_t i = 0; i < real.size(); ++i)
      real[i] = q.scale() * static_cast<float>(static_cast<std::int8_t>(features[i]) - q.zero_point());
    const Bytes wanted = run(head, bytes_of(std::span<const float>(real))), got = run(now, input);
    for (std::size_t i = 0; i < got.size(); ++i) {
      float probability = 0;
      std::memcpy(&probability, wanted.data() + 4 * i, 4);
      EXPECT_NEAR((static_cast<std::int8_t>(got[i]) + 128) / 256.0, probability, 0.03) << i;
    }
  }
}

TEST(Head, an_untrained_one_is_the_same_model) {
  const Graph old = int8_model();
  const Graph real = dequantize(old).value();
  const Graph head = cut_at_head(real)->head;
  EXPECT_EQ(with_head(real, head).value(), real);
  const Graph now = quantize_head(old, head, ranges_of(head)).value();
  for (std::size_t i = 0; i < old.tensors().size(); ++i) {
    const Tensor &a = old.tensors()[i], &b = now.tensors()[i];
    if (a.dtype != DType::i8 || !a.is_constant()) continue;
    EXPECT_EQ(*a.data, *b.data) << a.name;
  }
}

TEST(Head, what_has_none_is_refused) {
  Builder b("one", 1);
  const TensorId x = b.input("x", {1, 16});
  const TensorId y = b.dense("only", x, 4);
  const Graph one = std::move(b).finish(y);
  EXPECT_EQ(cut_at_head(one).error().code(), Code::unsupported);
  const Graph old = int8_model(), other = int8_model(true);
  EXPECT_EQ(with_head(old, cut_at_head(other)->head).error().code(), Code::invalid_argument);
  EXPECT_EQ(with_head(old, cut_at_head(dequantize(old).value())->head).error().code(), Code::invalid_argument)
      << "float behind int8";
  EXPECT_EQ(dequantize(float_model()).value(), float_model()) << "nothing to do";
}

TEST(Head, a_sum_with_what_is_in_front_of_the_body_is_refused) {
  Builder b("residual", 1);
  const TensorId x = b.input("x", {1, 4, 4, 8});
  const TensorId y = b.conv("conv1", x, 8, {3, 3, 1, 1, true}, true);
  const TensorId z = b.conv("conv2", y, 8, {3, 3, 1, 1, true}, true);
  const TensorId sum = b.add("add", z, x);
  const Graph g = std::move(b).finish(sum);
  EXPECT_EQ(cut_at_head(g).error().code(), Code::unsupported) << "what x is, the head does not know";
}

}  // namespace
}  // namespace mote::optimize
