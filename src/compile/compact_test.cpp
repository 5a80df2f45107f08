// The compact kernels against the portable ones, on the host: the DSP instructions are written out in C++ there.

#include <gtest/gtest.h>

#include "kernels/add.hpp"
#include "kernels/add_dsp.hpp"
#include "kernels/conv2d.hpp"
#include "kernels/conv2d_dsp.hpp"
#include "kernels/depthwise.hpp"
#include "kernels/depthwise3x3_dsp.hpp"
#include "kernels/depthwise_dsp.hpp"
#include "kernels/depthwise_pixel.hpp"
#include "lower.hpp"
#include "random_layers.hpp"

namespace mote::compile {
namespace {

using testing::random_bytes;
using testing::random_conv;

const std::int8_t* as_int8(const Bytes& b) { return reinterpret_cast<const std::int8_t*>(b.data()); }
std::int8_t* as_int8(Bytes& b) { return reinterpret_cast<std::int8_t*>(b.data()); }

const ConstantArray* find(const LoweredOp& op, const std::string& suffix) {
  for (const ConstantArray& a : op.constants) {
    if (a.name.ends_with(suffix)) return &a;
  }
  return nullptr;
}

TEST(FastRequantize, equals_the_definition_for_all_shifts_and_signs) {
  Rng rng(4);
  for (int i = 0; i < 3'000'000; ++i) {
    const auto shift = static_cast<std::int8_t>(-rng.between(device::kFastShiftLow, device::kFastShiftHigh));
    const auto multiplier = static_cast<std::int32_t>(rng.between(1 << 30, INT32_MAX));
    const std::int32_t bias = static_cast<std::int32_t>(rng.between(-50000, 50000));
    const auto zero = static_cast<std::int32_t>(rng.between(-128, 127));
    // Small accumulators too, where ties and signs decide.
    const auto accumulator = static_cast<std::int32_t>(rng.between(-(1 << 29), 1 << 29) >> rng.below(29));
    const device::ChannelParams params{&bias, &multiplier, &shift};
    ASSERT_EQ(device::FastRequantize(params, 0, zero)(accumulator),
              device::requantize(accumulator + bias, params, 0, zero, -128, 127))
        << accumulator << " * " << multiplier << " >> " << -shift << " + " << zero;
  }
}

/// A layer's parameters as the model has them, which the portable kernel takes, and as the fast kernels get them.
struct Tables {
  graph::ChannelTables model, device;
  Tables(const graph::Graph& g, const graph::Op& op, const device::ConvGeometry& geometry)
      : model(graph::channel_tables(g, op)), device(device_tables(g, op, geometry)) {}
  static device::ChannelParams params(const graph::ChannelTables& t) {
    return {t.bias.data(), t.multiplier.data(), t.shift.data()};
  }
};

TEST(ConvDsp, equals_the_portable_kernel_on_random_layers) {
  Rng rng(21);
  int compared = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    const graph::Graph g = random_conv(rng, false);
    const graph::Op& op = g.ops()[0];
    const auto geometry = graph::conv_geometry(g, op);
    const Tables tables(g, op, geometry);
    LoweringOptions options;
    options.scratch_bytes = 1 + rng.below(600);
    const auto lowered = compact_conv(g, op, "op", options);
    if (!lowered) continue;
    const ConstantArray* panels = find(*lowered, "_panels");
    ++compared;
    std::vector<std::uint32_t> words;
    for (const auto v : panels->values) words.push_back(static_cast<std::uint32_t>(v));
    const Bytes x = random_bytes(rng, g.input().size_bytes());
    Bytes expected(g.output().size_bytes());
    Bytes got(expected.size());
    const auto pixels = geometry.out_h * geometry.out_w;
    const auto block = static_cast<std::int32_t>(rng.between(1, pixels));
    std::vector<std::uint32_t> scratch(
        static_cast<std::size_t>(device::conv2d_dsp_scratch_bytes(device::column_length(geometry), block)) / 4 + 1);
    device::conv2d(geometry, as_int8(x), g.tensor(op.inputs[1]).values<std::int8_t>().data(),
                   tables.params(tables.model), as_int8(expected));
    device::conv2d_dsp(geometry, as_int8(x), words.data(), tables.params(tables.device), as_int8(got), scratch.data(),
                       block);
    ASSERT_EQ(got, expected) << graph::print_summary(g) << "block " << block;
  }
  EXPECT_GT(compared, 1000);
}

TEST(DepthwisePixel, equals_the_portable_kernel_on_random_layers) {
  Rng rng(31);
  int compared = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    const graph::Graph g = random_conv(rng, true);
    const graph::Op& op = g.ops()[0];
    const auto geometry = graph::conv_geometry(g, op);
    const LoweredOp lowered = lower_depthwise(g, op, "op", {});
    const ConstantArray* array = find(lowered, "_words");
    if (array == nullptr) continue;
    ++compared;
    std::vector<std::uint32_t> words;
    for (const auto v : array->values) words.push_back(static_cast<std::uint32_t>(v));
    const Bytes x = random_bytes(rng, g.input().size_bytes());
    Bytes expected(g.output().size_bytes()), got(expected.size());
    const Tables tables(g, op, geometry);
    device::depthwise_conv2d(geometry, as_int8(x), g.tensor(op.inputs[1]).values<std::int8_t>().data(),
                             tables.params(tables.model), as_int8(expected));
    const device::DepthwisePixel pixel{geometry.in_c, geometry.kernel_h * geometry.kernel_w, geometry.output_zero,
                                       geometry.clamp_low, geometry.clamp_high};
    ASSERT_EQ(words.size() % static_cast<std::size_t>(device::depthwise_pixel_words(pixel.taps)), 0u);
    device::depthwise_pixel(pixel, words.data(), as_int8(x), as_int8(got));
    ASSERT_EQ(got, expected) << graph::print_summary(g);
  }
  EXPECT_GT(compared, 200);
}

TEST(ConvDsp, works_in_place_for_pointwise_layers) {
  Rng rng(22);
  for (int trial = 0; trial < 2000; ++trial) {
    const graph::Graph g = random_conv(rng, false);
    const graph::Op& op = g.ops()[0];
    const auto lowered = compact_conv(g, op, "op", {});
    if (!lowered || lowered->may_reuse_inputs.empty()) continue;
    const ConstantArray* panels = find(*lowered, "_panels");
    const auto geometry = graph::conv_geometry(g, op);
    const Tables tables(g, op, geometry);
    std::vector<std::uint32_t> words;
    for (const auto v : panels->values) words.push_back(static_cast<std::uint32_t>(v));
    Bytes buffer = random_bytes(rng, g.input().size_bytes());
    Bytes expected(g.output().size_bytes());
    const std::int32_t block = static_cast<std::int32_t>(rng.between(1, 6));
    std::vector<std::uint32_t> scratch(
        static_cast<std::size_t>(device::conv2d_dsp_scratch_bytes(device::column_length(geometry), block)) / 4 + 1);
    device::conv2d(geometry, as_int8(buffer), g.tensor(op.inputs[1]).values<std::int8_t>().data(),
                   tables.params(tables.model), as_int8(expected));
    device::conv2d_dsp(geometry, as_int8(buffer), words.data(), tables.params(tables.device), as_int8(buffer),
                       scratch.data(), block);
    buffer.resize(expected.size());
    ASSERT_EQ(buffer, expected);
  }
}

TEST(DepthwiseDsp, equals_the_portable_kernel_on_random_layers) {
  Rng rng(23);
  for (int trial = 0; trial < 1500; ++trial) {
    const graph::Graph g = random_conv(rng, true);
    const graph::Op& op = g.ops()[0];
    const auto geometry = graph::conv_geometry(g, op);
    const Tables tables(g, op, geometry);
    if (!compact_depthwise(g, op, "op", {})) continue;
    const auto* weights = g.tensor(op.inputs[1]).values<std::int8_t>().data();
    const Bytes x = random_bytes(rng, g.input().size_bytes());
    Bytes expected(g.output().size_bytes());
    Bytes got(expected.size());
    device::depthwise_conv2d(geometry, as_int8(x), weights, tables.params(tables.model), as_int8(expected));
    device::depthwise_conv2d_dsp(geometry, as_int8(x), weights, tables.params(tables.device), as_int8(got));
    ASSERT_EQ(got, expected) << graph::print_summary(g);
  }
}

TEST(Depthwise3x3, equals_the_portable_kernel_on_random_layers) {
  Rng rng(26);
  int compared = 0;
  for (int trial = 0; trial < 400; ++trial) {
    device::ConvGeometry g{};
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return static_cast<std::int32_t>(rng.between(low, high));
    };
    g.multiplier = g.dilation_h = g.dilation_w = 1;
    g.kernel_h = g.kernel_w = 3;
    g.stride_h = g.stride_w = pick(1, 2);
    g.in_h = pick(1, 12), g.in_w = pick(1, 12), g.in_c = g.out_c = 4 * pick(1, 4);
    g.pad_top = pick(0, 1), g.pad_left = pick(0, 1);
    g.out_h = (g.in_h + g.pad_top + pick(0, 1) - 3) / g.stride_h + 1;
    g.out_w = (g.in_w + g.pad_left + pick(0, 1) - 3) / g.stride_w + 1;
    if (g.in_h + g.pad_top < 3 || g.in_w + g.pad_left < 3 || g.out_h < 1 || g.out_w < 1) continue;
    ++compared;
    g.input_zero = pick(-128, 127), g.output_zero = pick(-128, 127);
    g.clamp_low = -128, g.clamp_high = 127;
    const auto channels = static_cast<std::size_t>(g.in_c);
    std::vector<std::int32_t> bias(channels), multiplier(channels);
    std::vector<std::int8_t> shift(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      bias[c] = pick(-30000, 30000);
      multiplier[c] = pick(1 << 30, INT32_MAX);
      shift[c] = static_cast<std::int8_t>(-pick(5, 13));
    }
    const device::ChannelParams params{bias.data(), multiplier.data(), shift.data()};
    const Bytes x = random_bytes(rng, static_cast<std::size_t>(g.in_h * g.in_w * g.in_c));
    const Bytes w = random_bytes(rng, 9 * channels);
    Bytes expected(static_cast<std::size_t>(g.out_h * g.out_w) * channels), got(expected.size());
    const std::int32_t rows = pick(1, g.out_h);
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(device::depthwise3x3_scratch_bytes(g, rows)) / 4);
    device::depthwise_conv2d(g, as_int8(x), as_int8(w), params, as_int8(expected));
    device::depthwise3x3_dsp(g, as_int8(x), as_int8(w), params, as_int8(got), scratch.data(), rows);
    ASSERT_EQ(got, expected) << "trial " << trial;
  }
  EXPECT_GT(compared, 250);
}

TEST(AddDsp, equals_the_portable_kernel_on_every_pair_of_bytes) {
  Rng rng(24);
  for (int trial = 0; trial < 40; ++trial) {
    graph::Graph g;
    const auto tensor = [&](const char* name) {
      return g.add_tensor(
          {name, graph::DType::i8, {1, 256, 256}, testing::random_quantization(rng, rng.chance(0.3)), nullptr});
    };
    const auto a = tensor("a"), b = tensor("b"), y = tensor("y");
    g.add_op({"add", graph::Add{rng.chance(0.5) ? graph::Activation::relu : graph::Activation::none}, {a, b}, {y}});
    const device::AddGeometry geometry = graph::add_geometry(g, g.ops()[0]);
    Bytes pa(65536), pb(65536), expected(65536), got(65536);
    for (std::size_t i = 0; i < pa.size(); ++i) {
      pa[i] = static_cast<std::uint8_t>(i >> 8);
      pb[i] = static_cast<std::uint8_t>(i);
    }
    if (!compact_add(g, g.ops()[0], "op")) continue;
    device::add(geometry, as_int8(pa), as_int8(pb), as_int8(expected));
    device::add_dsp(geometry, as_int8(pa), as_int8(pb), as_int8(got));
    ASSERT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace mote::compile
