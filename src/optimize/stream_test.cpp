#include "mote/optimize/stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Quantization;
using graph::Shape;
using graph::TensorId;

/// Random int8 networks over time, which lies along `axis` of [1,H,W,C].
class RandomNet {
 public:
  RandomNet(std::uint64_t seed, std::size_t axis, std::int32_t rows, std::int32_t other)
      : rng_(seed), axis_(axis), graph_("net " + std::to_string(seed)) {
    const std::int32_t channels = pick(1, 6);
    x_ = graph_.add_tensor({"x", DType::i8, shape(rows, other, channels), quantization(), nullptr});
    graph_.set_inputs({x_});
  }

  [[nodiscard]] std::int32_t rows() const { return graph_.tensor(x_).shape[axis_]; }

  void conv(std::int32_t kernel, std::int32_t stride, std::int32_t dilation, bool depthwise, graph::Pads pads = {}) {
    const Shape x = graph_.tensor(x_).shape;
    const std::int32_t other = x[3 - axis_], across = pick(1, std::min(3, other));
    const std::int32_t channels = depthwise ? x[3] : pick(1, 7);
    const Quantization q = graph_.tensor(x_).quantization;
    const std::int32_t kh = axis_ == 1 ? kernel : across, kw = axis_ == 1 ? across : kernel;
    const Shape w = depthwise ? Shape{1, kh, kw, channels} : Shape{channels, kh, kw, x[3]};
    const auto fan = static_cast<double>(w.elements()) / channels;
    const Quantization wq =
        Quantization::per_tensor(static_cast<float>(0.02 / (q.scale() * 100.0 * std::sqrt(fan))), 0);
    std::vector<std::int8_t> weights(w.elements());
    for (auto& v : weights) v = static_cast<std::int8_t>(rng_.between(-127, 127));
    const TensorId weight =
        graph_.add_tensor({fresh("w"), DType::i8, w, wq, graph::constant_data(std::span<const std::int8_t>(weights))});
    const auto a = [&](auto attributes) {
      attributes.stride_h = axis_ == 1 ? stride : 1;
      attributes.stride_w = axis_ == 1 ? 1 : stride;
      attributes.dilation_h = axis_ == 1 ? dilation : 1;
      attributes.dilation_w = axis_ == 1 ? 1 : dilation;
      attributes.pads = pads;
      return attributes;
    };
    const graph::Attributes attributes =
        depthwise ? graph::Attributes(a(graph::DepthwiseConv2D{})) : graph::Attributes(a(graph::Conv2D{}));
    const auto along = [&](std::size_t d, std::int32_t k, std::int32_t s, std::int32_t dil, std::int32_t before,
                           std::int32_t after) { return graph::window_output(x[d], k, s, dil, before, after); };
    const Shape y{1, along(1, kh, axis_ == 1 ? stride : 1, axis_ == 1 ? dilation : 1, pads.top, pads.bottom),
                  along(2, kw, axis_ == 1 ? 1 : stride, axis_ == 1 ? 1 : dilation, pads.left, pads.right), channels};
    append(attributes, {x_, weight, graph::kNoTensor}, y, quantization());
  }
  void pool(graph::PoolKind kind, std::int32_t kernel, std::int32_t stride) {
    graph::Pool2D a;
    a.kind = kind;
    (axis_ == 1 ? a.kernel_h : a.kernel_w) = kernel;
    (axis_ == 1 ? a.stride_h : a.stride_w) = stride;
    const Shape x = graph_.tensor(x_).shape;
    append(a, {x_}, shape(graph::window_output(rows(), kernel, stride, 1, 0, 0), x[3 - axis_], x[3]),
           graph_.tensor(x_).quantization);
  }
  void unary() { append(graph::Unary{graph::UnaryKind::tanh}, {x_}, graph_.tensor(x_).shape, quantization()); }
  /// x + f(x), where f is a convolution that eats rows of which x is cropped.
  void residual(std::int32_t kernel) {
    const TensorId before = x_;
    conv(kernel, 1, 1, true);
    const TensorId branch = x_;
    const Shape whole = graph_.tensor(before).shape, cropped = graph_.tensor(branch).shape;
    graph::Slice crop{{0, 0, 0, 0}, {1, 1, 1, 1}};
    crop.begin[axis_] = pick(0, whole[axis_] - cropped[axis_]);
    append(crop, {before}, cropped, graph_.tensor(before).quantization);
    append(graph::Add{}, {x_, branch}, cropped, quantization());
  }
  void concat_with_unary() {
    const TensorId before = x_;
    append(graph::Activate{graph::Activation::relu}, {x_}, graph_.tensor(x_).shape, graph_.tensor(x_).quantization);
    const Shape x = graph_.tensor(x_).shape;
    append(graph::Concat{3}, {before, x_}, {1, x[1], x[2], 2 * x[3]}, graph_.tensor(x_).quantization);
  }
  void reshape_there_and_back() {
    const Shape x = graph_.tensor(x_).shape;
    const Quantization q = graph_.tensor(x_).quantization;
    const Shape flat = axis_ == 1 ? Shape{1, x[1], x[2] * x[3]} : Shape{x[1], x[2], x[3]};
    append(graph::Reshape{}, {x_}, flat, q);
    append(graph::Reshape{}, {x_}, x, q);
  }
  void dense() {
    const auto inputs = static_cast<std::int32_t>(graph_.tensor(x_).shape.elements());
    std::vector<std::int8_t> weights(static_cast<std::size_t>(inputs) * 3);
    for (auto& v : weights) v = static_cast<std::int8_t>(rng_.between(-127, 127));
    const Quantization q = Quantization::per_tensor(0.01f, 0);
    const TensorId w = graph_.add_tensor(
        {fresh("w"), DType::i8, Shape{3, inputs}, q, graph::constant_data(std::span<const std::int8_t>(weights))});
    append(graph::Dense{}, {x_, w, graph::kNoTensor}, {1, 3}, quantization());
  }

  Graph finish() {
    graph_.set_outputs({x_});
    return std::move(graph_);
  }

  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }

 private:
  [[nodiscard]] Shape shape(std::int32_t rows, std::int32_t other, std::int32_t channels) const {
    return axis_ == 1 ? Shape{1, rows, other, channels} : Shape{1, other, rows, channels};
  }
  Quantization quantization() { return Quantization::per_tensor(0.02f, pick(-100, 100)); }
  std::string fresh(const std::string& name) const { return name + std::to_string(graph_.tensors().size()); }
  void append(graph::Attributes attributes, std::vector<TensorId> inputs, const Shape& shape, const Quantization& q) {
    const std::string name = fresh("t");
    x_ = graph_.add_tensor({name, DType::i8, shape, q, nullptr});
    graph_.add_op({name, std::move(attributes), std::move(inputs), {x_}});
  }

  Rng rng_;
  std::size_t axis_;
  Graph graph_;
  TensorId x_ = graph::kNoTensor;
};

/// Runs both over a random stream: from the filled window on, every inference gives the batch model's bytes.
void expect_equal(const Graph& batch, const Graph& streaming, std::int32_t window, std::int32_t hop,
                  std::int32_t to_fill, std::size_t newest_bytes) {
  auto whole = std::move(*graph::Executor::create(batch));
  auto pieces = std::move(*graph::Executor::create(streaming));
  const std::size_t piece = graph::input_bytes(streaming), row = piece / static_cast<std::size_t>(hop);
  Bytes stream, expected(graph::output_bytes(batch)), got(graph::output_bytes(streaming));
  Rng rng(3);
  for (std::int32_t n = 1; n < to_fill + 8; ++n) {
    for (std::size_t i = 0; i < piece; ++i) stream.push_back(static_cast<std::uint8_t>(rng.next()));
    ASSERT_TRUE(pieces.run(ByteSpan(stream).last(piece), got));
    if (n < to_fill) continue;
    ASSERT_TRUE(whole.run(ByteSpan(stream).last(row * static_cast<std::size_t>(window)), expected));
    ASSERT_EQ(got, Bytes(expected.end() - static_cast<std::ptrdiff_t>(newest_bytes), expected.end()))
        << batch.name() << ", inference " << n;
  }
}

TEST(Stream, random_networks_give_the_batch_models_bytes) {
  int streamed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::size_t axis = 1 + seed % 2;
    Rng rng(seed + 1000);
    // Rows lie behind one another in memory where time is the outermost dimension that is not 1.
    const std::int32_t other = axis == 1 ? static_cast<std::int32_t>(rng.between(1, 4)) : 1;
    RandomNet net(seed, axis, static_cast<std::int32_t>(rng.between(20, 50)), other);
    std::int32_t strides = 1;
    for (int layer = 0; layer < 5 && net.rows() > 6; ++layer) {
      switch (net.pick(0, 6)) {
        case 0:
          net.conv(net.pick(1, 5), 1, 1, false);
          break;
        case 1:
          net.conv(net.pick(1, 3), 1, net.pick(1, 2), true);
          break;
        case 2:
          net.conv(net.pick(1, 4), 2, 1, net.pick(0, 1) == 1);
          strides *= 2;
          break;
        case 3:
          net.pool(net.pick(0, 1) == 1 ? graph::PoolKind::max : graph::PoolKind::average, net.pick(1, 3), 1);
          break;
        case 4:
          net.residual(net.pick(2, 3));
          break;
        case 5:
          net.concat_with_unary();
          break;
        default:
          net.unary();
          net.reshape_there_and_back();
          break;
      }
    }
    net.conv(2, 1, 1, false);
    const bool ends_whole = seed % 3 != 0;
    if (ends_whole) net.dense();
    const std::int32_t window = net.rows();
    static_cast<void>(window);
    const Graph batch = net.finish();
    const std::int32_t hop = strides * static_cast<std::int32_t>(rng.between(1, 2));
    const auto made = stream(batch, hop);
    if (!made) continue;  // too short a window for this hop, or nothing saved
    ++streamed;
    ASSERT_EQ(made->window_rows, batch.input().shape[axis]);
    ASSERT_EQ(graph::parse(graph::print(made->graph)).value(), made->graph);
    expect_equal(batch, made->graph, made->window_rows, hop, made->inferences_to_fill,
                 graph::output_bytes(made->graph));
    const auto simple = simplify(made->graph);
    ASSERT_TRUE(simple.has_value()) << simple.error().message();
    expect_equal(batch, simple->graph, made->window_rows, hop, made->inferences_to_fill,
                 graph::output_bytes(made->graph));
  }
  EXPECT_GT(streamed, 200);
}

TEST(Stream, a_layer_that_pads_time_is_computed_anew_and_named) {
  RandomNet net(1, 1, 30, 1);
  net.conv(3, 1, 1, false);
  net.conv(5, 1, 1, false);
  net.conv(3, 1, 1, true, {1, 1, 0, 0});
  net.dense();
  const Graph batch = net.finish();
  const auto made = stream(batch, 2);
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_THAT(made->whole_from, ::testing::HasSubstr("depthwise_conv2d"));
  EXPECT_THAT(made->whole_from, ::testing::HasSubstr("pads the time axis"));
  expect_equal(batch, made->graph, 30, 2, 15, 3);
}

TEST(Stream, refuses_with_the_layer_that_is_in_the_way) {
  RandomNet padded(2, 1, 30, 1);
  padded.conv(3, 1, 1, false, {1, 1, 0, 0});
  padded.dense();
  const auto refused = stream(padded.finish(), 1);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("saves nothing: conv2d"));

  RandomNet strided(3, 1, 30, 1);
  strided.conv(3, 2, 1, false);
  strided.dense();
  const Graph batch = strided.finish();
  const auto odd = stream(batch, 3);
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message(), ::testing::HasSubstr("moves by 2 rows and would get 3"));
  EXPECT_TRUE(stream(batch, 2));
  EXPECT_FALSE(stream(batch, 0));
  EXPECT_FALSE(stream(batch, 30));
}

TEST(Stream, a_state_that_nothing_depends_on_leaves_with_its_operators) {
  RandomNet net(4, 1, 20, 1);
  net.conv(3, 1, 1, false);
  net.dense();
  Graph g = stream(net.finish(), 1)->graph;
  ASSERT_EQ(g.states().size(), 2u);
  const std::size_t ops = g.ops().size();
  graph::Tensor counter{"counter", DType::i8, {1, 4}, Quantization::per_tensor(1.0f, 0), nullptr};
  graph::State state{g.add_tensor(counter), graph::kNoTensor, std::make_shared<const Bytes>(4, std::uint8_t{1})};
  counter.name = "counter/next";
  state.written = g.add_tensor(counter);
  g.add_op({"count", graph::Unary{graph::UnaryKind::square}, {state.read}, {state.written}});
  g.add_state(state);
  ASSERT_TRUE(graph::verify(g)) << graph::verify(g).error().message();
  const Graph simple = remove_unread(g).value();
  EXPECT_EQ(simple.states().size(), 2u);
  EXPECT_EQ(simple.ops().size(), ops);
}

}  // namespace
}  // namespace mote::optimize
