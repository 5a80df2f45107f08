// What the portable kernels and the choice of kernels must hold. The emitted kernels are compared with the executor,
// layer by layer, in src/bench/layers_test.cpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv2d.hpp"
#include "kernels/conv2d_lean.hpp"
#include "kernels/depthwise.hpp"
#include "kernels/depthwise_lean.hpp"
#include "kernels/matmul_dsp.hpp"
#include "kernels/pool.hpp"
#include "kernels/pool_dsp.hpp"
#include "kernels/recurrent.hpp"
#include "kernels/recurrent_dsp.hpp"
#include "kernels/requantize_narrow.hpp"
#include "kernels/softmax.hpp"
#include "lower.hpp"
#include "random_layers.hpp"

namespace mote::compile {
namespace {

using testing::random_bytes;
using testing::random_conv;

std::int8_t* as_int8(Bytes& b) { return reinterpret_cast<std::int8_t*>(b.data()); }

template <std::int32_t H, std::int32_t W, std::int32_t C>
struct WholePool {
  static constexpr std::int32_t in_h = H, in_w = W, channels = C, out_h = 1, out_w = 1, kernel_h = H, kernel_w = W,
                                stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0, clamp_low = -128,
                                clamp_high = 127;
};
template <class Geometry>
void expect_equal_averages(Rng& rng) {
  for (int trial = 0; trial < 50; ++trial) {
    Bytes x = random_bytes(rng, static_cast<std::size_t>(Geometry::in_h * Geometry::in_w * Geometry::channels));
    if (trial < 2) std::ranges::fill(x, trial == 0 ? std::uint8_t{0x80} : std::uint8_t{0x7f});  // the largest sums
    Bytes expected(static_cast<std::size_t>(Geometry::channels)), got(expected.size());
    device::average_pool2d(Geometry{}, as_int8(x), as_int8(expected));
    device::average_whole_dsp(Geometry{}, as_int8(x), as_int8(got));
    ASSERT_EQ(got, expected);
  }
}

TEST(AverageWhole, equals_the_portable_kernel) {
  Rng rng(3);
  expect_equal_averages<WholePool<1, 1, 4>>(rng);
  expect_equal_averages<WholePool<25, 5, 64>>(rng);
  expect_equal_averages<WholePool<16, 16, 8>>(rng);
  expect_equal_averages<WholePool<3, 7, 13>>(rng);
  expect_equal_averages<WholePool<23, 29, 6>>(rng);
}

struct Windows {
  static constexpr std::int32_t in_h = 5, in_w = 9, channels = 7, out_h = 3, out_w = 5, kernel_h = 3, kernel_w = 3,
                                stride_h = 2, stride_w = 2, pad_top = 1, pad_left = 1, clamp_low = -90, clamp_high = 80;
};
TEST(PoolDsp, equals_the_portable_kernel_at_borders_and_with_odd_channels) {
  Rng rng(4);
  for (int trial = 0; trial < 50; ++trial) {
    const Bytes x = random_bytes(rng, 5 * 9 * 7);
    Bytes expected(3 * 5 * 7), got(expected.size());
    const auto* values = reinterpret_cast<const std::int8_t*>(x.data());
    device::average_pool2d(Windows{}, values, as_int8(expected));
    device::average_pool2d_dsp(Windows{}, values, as_int8(got));
    ASSERT_EQ(got, expected);
    device::max_pool2d(Windows{}, values, as_int8(expected));
    device::max_pool2d_dsp(Windows{}, values, as_int8(got));
    ASSERT_EQ(got, expected);
  }
}

struct Matrices {
  static constexpr std::int32_t batches = 2, rows = 3, depth = 13, columns = 7, a_zero = -128, b_zero = 127,
                                output_zero = -5, multiplier = 1500000000, shift = -9;
};
TEST(MatMulDsp, equals_the_portable_kernel) {
  Rng rng(5);
  for (int trial = 0; trial < 50; ++trial) {
    Bytes a = random_bytes(rng, 2 * 3 * 13), b = random_bytes(rng, 2 * 13 * 7);
    if (trial == 0) std::ranges::fill(a, std::uint8_t{0x7f});
    if (trial == 0) std::ranges::fill(b, std::uint8_t{0x80});
    Bytes expected(2 * 3 * 7), got(expected.size());
    device::matmul(Matrices{}, as_int8(a), as_int8(b), as_int8(expected));
    device::matmul_dsp(Matrices{}, as_int8(a), as_int8(b), as_int8(got));
    ASSERT_EQ(got, expected);
  }
}

TEST(DspSums, equal_the_plain_ones_of_any_length) {
  Rng rng(61);
  for (std::int32_t count = 0; count < 70; ++count) {
    const std::int32_t zero = static_cast<std::int32_t>(rng.between(-128, 127));
    Bytes x = random_bytes(rng, static_cast<std::size_t>(count) + 1),
          weights = random_bytes(rng, 2 * static_cast<std::size_t>(count) + 1);
    std::int32_t expected[2] = {5, -7}, got[2] = {5, -7};
    for (std::int32_t r = 0; r < 2; ++r)
      device::PlainSums::add(as_int8(x), as_int8(weights) + r * count, count, zero, &expected[r]);
    device::DspSums::add(as_int8(x), as_int8(weights), count, zero, got);
    ASSERT_EQ(got[0], expected[0]) << count;
    ASSERT_EQ(got[1], expected[1]) << count;

    std::vector<std::int16_t> a(static_cast<std::size_t>(count)), b(a.size());
    for (auto& v : a) v = static_cast<std::int16_t>(rng.chance(0.3) ? -32768 : rng.between(-32768, 32767));
    for (auto& v : b) v = static_cast<std::int16_t>(rng.chance(0.3) ? -32768 : rng.between(-32768, 32767));
    ASSERT_EQ(device::DspSums::wide(a.data(), b.data(), count, 3),
              device::PlainSums::wide(a.data(), b.data(), count, 3));
  }
}

TEST(Lean, kernels_equal_the_portable_ones_on_random_layers) {
  Rng rng(41);
  for (int trial = 0; trial < 1500; ++trial) {
    const bool depthwise = trial % 2 == 0;
    const graph::Graph g = random_conv(rng, depthwise);
    const graph::Op& op = g.ops()[0];
    const auto geometry = graph::conv_geometry(g, op);
    const graph::ChannelTables tables = graph::channel_tables(g, op);
    const device::ChannelParams params{tables.bias.data(), tables.multiplier.data(), tables.shift.data()};
    const auto* weights = g.tensor(op.inputs[1]).values<std::int8_t>().data();
    Bytes x = random_bytes(rng, g.input().size_bytes());
    Bytes expected(g.output().size_bytes()), got(expected.size());
    if (depthwise) {
      device::depthwise_conv2d(geometry, as_int8(x), weights, params, as_int8(expected));
      device::depthwise_conv2d_lean(geometry, as_int8(x), weights, params, as_int8(got));
    } else {
      device::conv2d(geometry, as_int8(x), weights, params, as_int8(expected));
      device::conv2d_lean(geometry, as_int8(x), weights, params, as_int8(got));
    }
    ASSERT_EQ(got, expected) << graph::print_summary(g);
  }
}

/// A 1x1 convolution of two pixels with these weights in every channel.
graph::Graph uniform_conv(std::int32_t inputs, std::int8_t weight) {
  graph::Graph g("uniform");
  const auto q = graph::Quantization::per_tensor(0.05f, -128);
  const auto in = g.add_tensor({"x", graph::DType::i8, {1, 1, 2, inputs}, q, nullptr});
  const auto out = g.add_tensor({"y", graph::DType::i8, {1, 1, 2, 4}, q, nullptr});
  const std::vector<std::int8_t> weights(static_cast<std::size_t>(4 * inputs), weight);
  const auto w = g.add_tensor({"w",
                               graph::DType::i8,
                               {4, 1, 1, inputs},
                               graph::Quantization::per_tensor(0.001f, 0),
                               graph::constant_data(std::span<const std::int8_t>(weights))});
  g.add_op({"op", graph::Conv2D{}, {in, w, graph::kNoTensor}, {out}});
  g.set_inputs({in});
  g.set_outputs({out});
  return g;
}

TEST(RequantizeNarrow, equals_the_definition_for_all_that_its_conditions_let_in) {
  Rng rng(43);
  constexpr std::int32_t kLimit = (1 << device::kNarrowBits) - 1;
  for (int trial = 0; trial < 200000; ++trial) {
    const auto multiplier = static_cast<std::int32_t>(trial % 7 == 0   ? INT32_MAX
                                                      : trial % 7 == 1 ? 1 << 30
                                                                       : rng.between(1, INT32_MAX));
    const auto shift = static_cast<std::int8_t>(-rng.between(device::kNarrowShiftLow, device::kNarrowShiftHigh));
    const std::int32_t bias = 0;
    const device::ChannelParams params{&bias, &multiplier, &shift};
    const auto size = static_cast<std::int32_t>(kLimit >> rng.between(0, 28));
    auto x = static_cast<std::int32_t>(rng.between(-size, size));
    if (rng.chance(0.1)) x = rng.chance(0.5) ? kLimit : -kLimit;
    if (rng.chance(0.1)) x &= ~0xffff;  // halves at their ends
    if (rng.chance(0.1)) x |= 0x8000;
    ASSERT_EQ(device::requantize_narrow(x, params, 0, -3, -128, 127), device::requantize(x, params, 0, -3, -128, 127))
        << x << " * " << multiplier << " >> " << -shift;
  }
}

TEST(LowerConv, takes_narrow_requantization_only_where_sums_and_shifts_allow_it) {
  LoweringOptions options;
  options.target = Target::portable;
  const graph::Graph fits = uniform_conv(8, 127);
  EXPECT_THAT(lower_conv(fits, fits.ops()[0], "op", options).body, ::testing::HasSubstr("conv2d_lean<true>("));
  graph::Graph left = uniform_conv(8, 127);  // a scale of more than a half: no shift to the right
  left.tensor(left.ops()[0].inputs[1]).quantization = graph::Quantization::per_tensor(1.5f, 0);
  EXPECT_THAT(lower_conv(left, left.ops()[0], "op", options).body, ::testing::HasSubstr("conv2d_lean("));
  const graph::Graph wide = uniform_conv(17000, 127);  // 17000 * 127 * 255 > 2^29
  EXPECT_THAT(lower_conv(wide, wide.ops()[0], "op", options).body, ::testing::HasSubstr("conv2d_lean("));
}

TEST(Taps, are_those_that_a_search_finds) {
  for (std::int32_t size = 1; size < 6; ++size)
    for (std::int32_t kernel = 1; kernel < 5; ++kernel)
      for (std::int32_t dilation = 1; dilation < 4; ++dilation)
        for (std::int32_t start = -12; start < 8; ++start) {
          const device::Taps taps(start, kernel, dilation, size);
          ASSERT_LE(taps.first, taps.end);
          for (std::int32_t k = 0; k < kernel; ++k) {
            const bool inside = start + k * dilation >= 0 && start + k * dilation < size;
            ASSERT_EQ(k >= taps.first && k < taps.end, inside) << size << kernel << dilation << start << k;
          }
        }
}

TEST(Softmax, of_many_equal_entries_gives_less_than_half_a_unit_to_each) {
  for (const std::int32_t depth : {256, 511, 513, 600, 4095}) {
    const device::SoftmaxGeometry g{1, depth, 1 << 30, 1, -1000};
    const std::vector<std::int8_t> x(static_cast<std::size_t>(depth), 5);
    std::vector<std::int8_t> y(x.size());
    device::softmax(g, x.data(), y.data());
    const int expected = static_cast<int>(std::lround(256.0 / depth)) - 128;
    for (const std::int8_t v : y) ASSERT_EQ(v, expected) << depth;
  }
}

TEST(LowerConv, keeps_the_fast_kernel_where_a_filter_is_dead) {
  Rng rng(27);
  int dead = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const bool depthwise = trial % 2 == 0;
    const graph::Graph g = random_conv(rng, depthwise);
    const graph::Op& op = g.ops()[0];
    const auto shifts = graph::channel_tables(g, op).shift;
    if (depthwise && g.output().shape.back() < 4) continue;  // planes are gathered four channels at a time
    if (std::ranges::none_of(shifts, [](std::int8_t s) { return s > -1 || s < -22; })) continue;
    ++dead;
    const LoweredOp lowered = depthwise ? lower_depthwise(g, op, "op", {}) : lower_conv(g, op, "op", {});
    EXPECT_THAT(lowered.kernel, ::testing::Not(::testing::HasSubstr("portable"))) << graph::print_summary(g);
  }
  EXPECT_GT(dead, 50);
}

TEST(LowerConv, falls_back_where_a_pair_of_weights_does_not_fit_a_lane) {
  // 256 * -128 - 128 does not fit, 256 * 128 - 128 does: the upper channel's weights are negated.
  const graph::Graph fits = uniform_conv(8, -127), negated = uniform_conv(8, -128);
  EXPECT_THAT(lower_conv(fits, fits.ops()[0], "op", {}).kernel, ::testing::HasSubstr("conv_columns"));
  EXPECT_THAT(lower_conv(negated, negated.ops()[0], "op", {}).kernel, ::testing::HasSubstr("conv_columns"));
  graph::Graph neither = uniform_conv(8, -128);
  std::vector<std::int8_t> weights(32, -128);
  weights[9] = 1;  // of channel 1, beside a -128
  neither.tensor(neither.ops()[0].inputs[1]).data = graph::constant_data(std::span<const std::int8_t>(weights));
  EXPECT_EQ(lower_conv(neither, neither.ops()[0], "op", {}).kernel, "conv2d portable");
}

TEST(LowerConv, falls_back_where_packed_sums_would_overflow) {
  const graph::Graph fits = uniform_conv(256, 127), not_fits = uniform_conv(800, 127);  // 800 * 127 * 128 > 2^23
  EXPECT_THAT(lower_conv(fits, fits.ops()[0], "op", {}).kernel, ::testing::HasSubstr("conv_columns"));
  EXPECT_EQ(lower_conv(not_fits, not_fits.ops()[0], "op", {}).kernel, "conv2d portable");
}

TEST(LowerConv, falls_back_where_weights_have_a_zero_point) {
  graph::Graph g = uniform_conv(8, 100);
  g.tensor(g.ops()[0].inputs[1]).quantization.zero_points = {-20};
  EXPECT_EQ(lower_conv(g, g.ops()[0], "op", {}).kernel, "conv2d portable");
  LoweringOptions compact;
  compact.compact = true;
  EXPECT_EQ(lower_conv(g, g.ops()[0], "op", compact).kernel, "conv2d portable");
}

/// A dense layer with these weights.
graph::Graph uniform_dense(std::int32_t inputs, std::int32_t outputs, std::int8_t weight) {
  graph::Graph g("uniform");
  const auto q = graph::Quantization::per_tensor(0.05f, -128);
  const auto in = g.add_tensor({"x", graph::DType::i8, {1, inputs}, q, nullptr});
  const auto out = g.add_tensor({"y", graph::DType::i8, {1, outputs}, q, nullptr});
  const std::vector<std::int8_t> weights(static_cast<std::size_t>(outputs * inputs), weight);
  const auto w = g.add_tensor({"w",
                               graph::DType::i8,
                               {outputs, inputs},
                               graph::Quantization::per_tensor(0.001f, 0),
                               graph::constant_data(std::span<const std::int8_t>(weights))});
  g.add_op({"op", graph::Dense{}, {in, w, graph::kNoTensor}, {out}});
  g.set_inputs({in});
  g.set_outputs({out});
  return g;
}

TEST(LowerDense, takes_outputs_in_pairs_where_sums_and_weights_allow_it) {
  const auto kernel = [](std::int32_t inputs, std::int32_t outputs, std::int8_t weight) {
    const graph::Graph g = uniform_dense(inputs, outputs, weight);
    return lower_conv(g, g.ops()[0], "op", {}).kernel;
  };
  EXPECT_THAT(kernel(256, 16, 127), ::testing::HasSubstr("1x8 pairs"));
  EXPECT_THAT(kernel(800, 16, 127), ::testing::HasSubstr("1x4")) << "800 * 127 * 128 > 2^23";
  EXPECT_THAT(kernel(8, 16, -128), ::testing::HasSubstr("1x4")) << "256 * -128 - 128";
  EXPECT_THAT(kernel(256, 3, 127), ::testing::HasSubstr("1x3")) << "half of two pairs would be thrown away";
  EXPECT_EQ(kernel(70'000, 4, 127), "conv2d portable") << "more than 2^30";
}

TEST(LowerDense, estimates_what_a_step_costs) {
  // 64 more inputs of 8 outputs: 16 steps of 35 cycles, 512 bytes of weights; of 4 outputs: 23 cycles, 256 bytes.
  const auto cycles = [](std::int32_t inputs, std::int32_t outputs) {
    const graph::Graph g = uniform_dense(inputs, outputs, 100);
    return static_cast<double>(lower_conv(g, g.ops()[0], "op", {}).cycles);
  };
  EXPECT_NEAR(cycles(320, 80) - cycles(256, 80), 10 * 16 * (35 + 4 * 3.95), 300);
  EXPECT_NEAR(cycles(320, 4) - cycles(256, 4), 16 * (23 + 2 * 3.95), 60);
}

TEST(AssemblyFunctions, hot_loops_fit_the_instruction_cache) {
  Rng rng(31);
  int functions = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const bool depthwise = trial % 2 == 0;
    const graph::Graph g = random_conv(rng, depthwise);
    LoweringOptions options;
    options.share = rng.chance(0.3);
    const LoweredOp lowered =
        depthwise ? lower_depthwise(g, g.ops()[0], "op", options) : lower_conv(g, g.ops()[0], "op", options);
    for (const AssemblyFunction& f : lowered.functions) {
      ++functions;
      EXPECT_LE(f.hot_bytes, f.text.find(".balign 32") == std::string::npos ? 1000u : 1024u) << f.name;
    }
  }
  for (const std::int32_t inputs : {7, 128, 640, 1100}) {
    for (const std::int32_t outputs : {3, 40, 640}) {
      const graph::Graph g = uniform_dense(inputs, outputs, 50);
      for (const AssemblyFunction& f : lower_conv(g, g.ops()[0], "op", {}).functions) {
        ++functions;
        EXPECT_LE(f.hot_bytes, f.text.find(".balign 32") == std::string::npos ? 1000u : 1024u) << f.name;
      }
    }
  }
  EXPECT_GT(functions, 200);
}

}  // namespace
}  // namespace mote::compile
