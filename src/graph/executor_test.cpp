#include "mote/graph/executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "host_conv.hpp"
#include "kernels/add.hpp"
#include "kernels/conv2d.hpp"
#include "kernels/depthwise.hpp"
#include "kernels/pool.hpp"
#include "kernels/softmax.hpp"
#include "mote/base/rng.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::graph {
namespace {

// gemmlowp's own wording of the two primitives, as an independent reference.
std::int32_t gemmlowp_high_mul(std::int32_t a, std::int32_t b) {
  if (a == b && a == INT32_MIN) return INT32_MAX;
  const std::int64_t ab = static_cast<std::int64_t>(a) * b;
  const std::int64_t nudge = ab >= 0 ? (1 << 30) : (1 - (1 << 30));
  return static_cast<std::int32_t>((ab + nudge) / (std::int64_t{1} << 31));
}

TEST(Requantize, high_mul_equals_the_truncating_definition) {
  Rng rng(7);
  for (int i = 0; i < 2'000'000; ++i) {
    const auto a = static_cast<std::int32_t>(rng.next());
    auto b = static_cast<std::int32_t>(rng.next());
    if (i % 3 == 0) b = static_cast<std::int32_t>(1u << (rng.below(31)));  // provokes exact ties
    ASSERT_EQ(device::saturating_rounding_doubling_high_mul(a, b), gemmlowp_high_mul(a, b)) << a << " " << b;
  }
  EXPECT_EQ(device::saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MIN), INT32_MAX);
}

TEST(Requantize, division_rounds_ties_away_from_zero) {
  EXPECT_EQ(device::rounding_divide_by_pot(3, 1), 2);
  EXPECT_EQ(device::rounding_divide_by_pot(-3, 1), -2);
  EXPECT_EQ(device::rounding_divide_by_pot(5, 2), 1);
  EXPECT_EQ(device::rounding_divide_by_pot(-6, 2), -2);
  EXPECT_EQ(device::rounding_divide_by_pot(-5, 0), -5);
  for (int e = 1; e < 31; ++e) {
    Rng rng(static_cast<std::uint64_t>(e));
    for (int i = 0; i < 1000; ++i) {
      const auto x = static_cast<std::int32_t>(rng.next());
      ASSERT_EQ(device::rounding_divide_by_pot(x, e),
                static_cast<std::int32_t>(std::round(std::ldexp(static_cast<double>(x), -e))));
    }
  }
}

TEST(Softmax, int8_probabilities_are_within_one_step_of_the_real_ones) {
  Rng rng(3);
  for (int trial = 0; trial < 200; ++trial) {
    Graph g;
    const float scale = static_cast<float>(rng.uniform(0.01, 0.3));
    const TensorId x = g.add_tensor({"x", DType::i8, {1, 10}, Quantization::per_tensor(scale, 4), nullptr});
    const TensorId y = g.add_tensor({"y", DType::i8, {1, 10}, Quantization::per_tensor(1.0f / 256.0f, -128), nullptr});
    g.add_op({"s", Softmax{}, {x}, {y}});
    g.set_inputs({x});
    g.set_outputs({y});
    Executor e = std::move(*Executor::create(g));
    std::array<std::uint8_t, 10> in{};
    std::array<std::uint8_t, 10> out{};
    double sum = 0.0;
    for (auto& v : in) v = static_cast<std::uint8_t>(rng.next());
    for (const auto v : in) sum += std::exp(static_cast<double>(scale) * static_cast<std::int8_t>(v));
    ASSERT_TRUE(e.run(in, out));
    for (std::size_t i = 0; i < in.size(); ++i) {
      const double p = std::exp(static_cast<double>(scale) * static_cast<std::int8_t>(in[i])) / sum;
      EXPECT_NEAR(static_cast<std::int8_t>(out[i]) + 128, std::min(p * 256.0, 255.0), 1.0);
    }
  }
}

std::vector<int> log_softmax_of(const Shape& shape, const Quantization& q, const std::vector<int>& entries) {
  Graph g;
  const TensorId x = g.add_tensor({"x", DType::i8, shape, q, nullptr});
  const TensorId y = g.add_tensor({"y", DType::i8, shape, Quantization::per_tensor(16.0f / 256.0f, 127), nullptr});
  g.add_op({"s", LogSoftmax{}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  Executor e = std::move(*Executor::create(g));
  Bytes in, out(entries.size());
  for (const int v : entries) in.push_back(static_cast<std::uint8_t>(v));
  EXPECT_TRUE(e.run(in, out));
  std::vector<int> result;
  for (const std::uint8_t b : out) result.push_back(static_cast<std::int8_t>(b));
  return result;
}

/// Source: TensorFlow Lite Micro, log_softmax_test.cc: 0, -6, 2, 4 and 3, -2, 10, 1 of a range from -10 to 10.
TEST(LogSoftmax, int8_gives_the_references_bytes) {
  const Quantization q = Quantization::per_tensor(20.0f / 255.0f, 0);
  EXPECT_EQ(log_softmax_of({2, 4}, q, {0, -77, 26, 51, 38, -26, 127, 13}),
            (std::vector<int>{61, -36, 93, 125, 15, -65, 127, -16}));
  EXPECT_EQ(log_softmax_of({3, 1}, q, {0, -1, 1}), (std::vector<int>{127, 127, 127}));
}

TEST(LogSoftmax, int8_is_within_a_step_of_the_real_one) {
  Rng rng(4);
  for (int trial = 0; trial < 200; ++trial) {
    const double scale = std::exp2(rng.uniform(-12.0, 1.0));
    const auto depth = static_cast<std::int32_t>(rng.between(1, trial == 0 ? 4095 : 60));
    std::vector<int> entries;
    double sum = 0.0;
    for (std::int32_t i = 0; i < depth; ++i) entries.push_back(static_cast<int>(rng.between(-128, 127)));
    const auto real = [&](int v) { return static_cast<double>(static_cast<float>(scale)) * v; };
    for (const int v : entries) sum += std::exp(real(v - 127));
    const std::vector<int> got =
        log_softmax_of({1, depth}, Quantization::per_tensor(static_cast<float>(scale), 9), entries);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], std::max(127.0 + 16.0 * (real(entries[i] - 127) - std::log(sum)), -128.0), 1.0);
  }
}

TEST(HostConv, equals_the_portable_device_kernels) {
  Rng rng(31);
  for (int trial = 0; trial < 600; ++trial) {
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return static_cast<std::int32_t>(rng.between(low, high));
    };
    device::ConvGeometry g{};
    g.multiplier = trial % 2 == 0 ? 0 : pick(1, 3);
    g.in_h = pick(1, 8), g.in_w = pick(1, 8), g.in_c = pick(1, 40);
    g.out_c = g.multiplier > 0 ? g.in_c * g.multiplier : pick(1, 20);
    g.kernel_h = pick(1, 4), g.kernel_w = pick(1, 4);
    g.stride_h = pick(1, 2), g.stride_w = pick(1, 2), g.dilation_h = pick(1, 2), g.dilation_w = pick(1, 2);
    g.pad_top = pick(0, 2), g.pad_left = pick(0, 2);
    g.out_h = pick(1, 6), g.out_w = pick(1, 6);
    g.input_zero = pick(-128, 127), g.output_zero = pick(-128, 127), g.clamp_low = -128, g.clamp_high = 127;
    const std::size_t taps = static_cast<std::size_t>(g.kernel_h) * static_cast<std::size_t>(g.kernel_w);
    std::vector<std::int8_t> x(static_cast<std::size_t>(g.in_h * g.in_w * g.in_c));
    std::vector<std::int8_t> w(taps * static_cast<std::size_t>(g.out_c) *
                               static_cast<std::size_t>(g.multiplier > 0 ? 1 : g.in_c));
    for (auto* values : {&x, &w}) {
      for (auto& v : *values) v = static_cast<std::int8_t>(pick(-128, 127));
    }
    const auto channels = static_cast<std::size_t>(g.out_c);
    std::vector<std::int32_t> bias(channels), multiplier(channels);
    std::vector<std::int8_t> shift(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      bias[c] = pick(-5000, 5000);
      multiplier[c] = pick(1 << 30, INT32_MAX);
      shift[c] = static_cast<std::int8_t>(-pick(3, 12));
    }
    const device::ChannelParams params{bias.data(), multiplier.data(), shift.data()};
    std::vector<std::int8_t> expected(static_cast<std::size_t>(g.out_h * g.out_w * g.out_c)), got(expected.size());
    HostConvScratch scratch;
    if (g.multiplier > 0) {
      device::depthwise_conv2d(g, x.data(), w.data(), params, expected.data());
      host_depthwise(g, x.data(), w.data(), params, got.data(), scratch);
    } else {
      device::conv2d(g, x.data(), w.data(), params, expected.data());
      scratch = prepare_host_conv(g, w.data());
      host_conv2d(g, x.data(), params, got.data(), scratch);
    }
    ASSERT_EQ(got, expected) << "trial " << trial;
  }
}

TEST(Pool, average_rounds_ties_away_from_zero) {
  EXPECT_EQ(device::rounded_average(5, 2), 3);
  EXPECT_EQ(device::rounded_average(-5, 2), -3);
  EXPECT_EQ(device::rounded_average(4, 3), 1);
}

TEST(Add, is_the_nearest_integer_of_the_real_sum) {
  Rng rng(11);
  Graph g;
  const TensorId a = g.add_tensor({"a", DType::i8, {1, 256}, Quantization::per_tensor(0.05f, 3), nullptr});
  const TensorId y = g.add_tensor({"y", DType::i8, {1, 256}, Quantization::per_tensor(0.09f, -10), nullptr});
  g.add_op({"add", Add{}, {a, a}, {y}});
  g.set_inputs({a});
  g.set_outputs({y});
  Executor e = std::move(*Executor::create(g));
  Bytes in(256);
  Bytes out(256);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::uint8_t>(i);
  ASSERT_TRUE(e.run(in, out));
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double real = 2 * 0.05 * (static_cast<std::int8_t>(in[i]) - 3);
    EXPECT_NEAR(static_cast<std::int8_t>(out[i]), std::clamp(std::round(real / 0.09) - 10, -128.0, 127.0), 1.0);
  }
}

TEST(Executor, float_zoo_models_give_probabilities) {
  for (const std::string_view architecture : {"mlp", "ds_cnn", "resnet8", "mobilenet_v1"}) {
    ZooOptions o;
    o.architecture = std::string(architecture);
    Executor e = std::move(*Executor::create(*make_model(o)));
    std::vector<float> x(28 * 28, 0.5f);
    std::vector<float> y(10);
    ASSERT_TRUE(e.run(bytes_of(std::span<const float>(x)), {reinterpret_cast<std::uint8_t*>(y.data()), y.size() * 4}));
    float sum = 0.0f;
    for (const float p : y) sum += p;
    EXPECT_NEAR(sum, 1.0f, 1e-5f) << architecture;
  }
}

TEST(Executor, refuses_wrong_sizes) {
  Executor e = std::move(*Executor::create(*make_model({})));
  Bytes too_small(3);
  Bytes out(40);
  EXPECT_EQ(e.run(too_small, out).error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace mote::graph
