// Dead channels leave, bytes stay: random int8 networks with many all-zero filters, constants that borders cut, and
// channels that nobody reads.

#include <gtest/gtest.h>

#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using namespace graph;

class Network {
 public:
  explicit Network(std::uint64_t seed) : rng_(seed), g_("random") {}

  Graph build() {
    TensorId x = value({1, pick(2, 7), pick(2, 7), pick(1, 6)}, false);
    g_.set_inputs({x});
    for (int i = pick(2, 6); i > 0; --i) {
      const int kind = pick(0, 9);
      if (kind < 5)
        x = conv(x, false, pick(1, 14));
      else if (kind < 8)
        x = conv(x, true, 0);
      else if (kind == 8)
        x = add(x);
      else
        x = pool(x);
    }
    if (rng_.chance(0.5)) x = dense(x);
    g_.set_outputs({x});
    return std::move(g_);
  }

 private:
  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }
  std::string fresh(const char* what) { return what + std::to_string(g_.tensors().size()); }
  TensorId value(Shape shape, bool relu) {
    return g_.add_tensor(
        {fresh("t"), DType::i8, std::move(shape),
         Quantization::per_tensor(static_cast<float>(rng_.uniform(0.01, 0.05)), relu ? -128 : pick(-100, 100)),
         nullptr});
  }
  TensorId weights(Shape shape, std::int32_t axis, TensorId x, TensorId y) {
    std::vector<std::int8_t> w(shape.elements());
    const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    const auto in_c = static_cast<std::size_t>(g_.tensor(x).shape.back());
    const std::size_t inner = axis == 0 ? w.size() / channels : 1;
    std::vector<bool> dead(channels), unread(axis == 0 ? in_c : channels);
    for (std::size_t c = 0; c < channels; ++c) dead[c] = rng_.chance(0.4);
    for (std::size_t c = 0; c < unread.size(); ++c) unread[c] = axis == 0 && rng_.chance(0.15);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const bool zero = dead[i / inner % channels] || (axis == 0 && unread[i % in_c]);
      w[i] = static_cast<std::int8_t>(zero ? 0 : pick(-127, 127));
    }
    Quantization q;
    q.axis = channels == 1 ? 0 : axis;
    const double fan_in = static_cast<double>(w.size() / channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const double spread = 74.0 * 74.0 * std::sqrt(fan_in) * static_cast<double>(g_.tensor(x).quantization.scale());
      q.scales.push_back(static_cast<float>(60.0 * static_cast<double>(g_.tensor(y).quantization.scale()) *
                                            rng_.uniform(0.4, 1.6) / spread));
      q.zero_points.push_back(0);
    }
    return g_.add_tensor({fresh("w"), DType::i8, std::move(shape), q, constant_data(std::span<const std::int8_t>(w))});
  }
  TensorId bias(std::int32_t n) {
    std::vector<std::int32_t> b(static_cast<std::size_t>(n));
    for (auto& v : b) v = pick(-30000, 30000);
    return g_.add_tensor({fresh("b"), DType::i32, {n}, {}, constant_data(std::span<const std::int32_t>(b))});
  }
  TensorId conv(TensorId x, bool depthwise, std::int32_t co) {
    const Shape in = g_.tensor(x).shape;
    if (depthwise) co = in[3];
    const std::int32_t k = rng_.chance(0.5) ? 1 : std::min({3, in[1], in[2]});
    Pads pads;
    if (rng_.chance(0.6)) {
      const auto [before, after] = same_padding(in[1], k, 1);
      pads = {before, after, before, after};
    }
    const bool relu = rng_.chance(0.6);
    const TensorId y = value({1, window_output(in[1], k, 1, 1, pads.top, pads.bottom),
                              window_output(in[2], k, 1, 1, pads.left, pads.right), co},
                             relu);
    const TensorId w = weights(depthwise ? Shape{1, k, k, co} : Shape{co, k, k, in[3]}, depthwise ? 3 : 0, x, y);
    const TensorId b = rng_.chance(0.9) ? bias(co) : kNoTensor;
    const Activation activation = relu ? Activation::relu : Activation::none;
    if (depthwise)
      g_.add_op({fresh("op"), DepthwiseConv2D{1, 1, 1, 1, 1, pads, activation}, {x, w, b}, {y}});
    else
      g_.add_op({fresh("op"), Conv2D{1, 1, 1, 1, pads, activation}, {x, w, b}, {y}});
    return y;
  }
  TensorId add(TensorId x) {
    const TensorId other = conv(x, true, 0);
    if (g_.tensor(other).shape != g_.tensor(x).shape) return other;
    const TensorId y = value(g_.tensor(x).shape, false);
    g_.add_op({fresh("op"), Add{Activation::none}, {x, other}, {y}});
    return y;
  }
  TensorId pool(TensorId x) {
    const Shape in = g_.tensor(x).shape;
    const bool all = rng_.chance(0.5);
    Pool2D p{rng_.chance(0.5) ? PoolKind::average : PoolKind::max,
             all ? in[1] : 2,
             all ? in[2] : 2,
             1,
             1,
             all ? Pads{} : Pads{0, 1, 0, 1},
             Activation::none};
    const Shape shape = all ? Shape{1, 1, 1, in[3]} : in;
    Tensor t{fresh("t"), DType::i8, shape, g_.tensor(x).quantization, nullptr};
    const TensorId y = g_.add_tensor(std::move(t));
    g_.add_op({fresh("op"), p, {x}, {y}});
    return y;
  }
  TensorId dense(TensorId x) {
    const std::int32_t n = pick(1, 9);
    const TensorId y = value({1, n}, false);
    const TensorId w = weights({n, static_cast<std::int32_t>(g_.tensor(x).shape.elements())}, 0, x, y);
    const TensorId b = bias(n);
    g_.add_op({fresh("op"), Dense{Activation::none}, {x, w, b}, {y}});
    return y;
  }

  Rng rng_;
  Graph g_;
};

Bytes run(const Graph& g, const Bytes& input) {
  auto executor = std::move(*Executor::create(g));
  Bytes out(g.output().size_bytes());
  EXPECT_TRUE(executor.run(input, out));
  return out;
}

TEST(DeadChannels, leave_and_every_byte_stays) {
  int smaller = 0;
  std::uint64_t before = 0, after = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const Graph model = Network(seed).build();
    ASSERT_TRUE(verify(model)) << verify(model).error().message();
    const auto live = remove_dead_channels(model);
    ASSERT_TRUE(live);
    ASSERT_TRUE(verify(*live)) << seed << ": " << verify(*live).error().message();
    smaller += macs(*live) < macs(model) ? 1 : 0;
    before += macs(model);
    after += macs(*live);
    Rng rng(seed);
    for (int i = 0; i < 4; ++i) {
      Bytes input(model.input().size_bytes());
      for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
      ASSERT_EQ(run(*live, input), run(model, input)) << "seed " << seed << "\n"
                                                      << print_summary(model) << print_summary(*live);
    }
  }
  EXPECT_GT(smaller, 250);
  EXPECT_LT(after * 10, before * 9);
}

TEST(DeadChannels, a_second_time_finds_nothing) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Graph once = *remove_dead_channels(Network(seed).build());
    EXPECT_EQ(macs(*remove_dead_channels(once)), macs(once)) << seed;
  }
}

}  // namespace
}  // namespace mote::optimize
