// Files of TensorFlow Lite's first quantization, uint8 with one scale and one zero point for weights, too: mote holds
// them as int8, 128 less, and gives TensorFlow Lite's bytes. And int4 weights, which are int8 weights once unpacked.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "operators/one_operator.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using B = fb::BuiltinOperator;
using fb::TensorType;
using test::OneOperator;
using test::Value;

struct Case {
  std::string name;
  B code;
  int largest;  ///< difference from TensorFlow Lite in steps
  std::function<void(OneOperator&)> build;
};

const std::vector<std::int32_t> kPlane{1, 4, 6, 3};
const Value kX{kPlane, 0.05f, -3};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, B code, int largest, std::function<void(OneOperator&)> build) {
    all.push_back({std::move(name), code, largest, std::move(build)});
  };
  // Weights whose zero point is nothing, something that goes away, and something that stays. This TensorFlow Lite
  // rounds convolutions and dense layers once (docs/adr/0001).
  for (const auto& [zero, scale] : {std::pair{0, 0.01f}, {30, 0.012f}, {-100, 0.008f}, {127, 0.006f}}) {
    const std::string what = ", weights from " + std::to_string(zero);
    const std::vector<std::int32_t> biases{300, -200, 0, 900, 50, -77};
    const auto bias = [=](std::size_t n) {
      return std::vector<std::int32_t>(biases.begin(), biases.begin() + static_cast<std::ptrdiff_t>(n));
    };
    const float product = kX.scale * scale;
    add("conv_2d" + what, B::CONV_2D, 1, [=, zero = zero, scale = scale](OneOperator& o) {
      o.input(kX);
      o.operand({{5, 3, 3, 3}, scale, zero}, 4);
      o.bias(bias(5), product);
      o.output({{1, 4, 6, 5}, 0.12f, 5});
      fb::Conv2DOptionsT options;
      options.padding = fb::Padding::SAME;
      options.stride_h = options.stride_w = 1;
      o.options(options);
    });
    add("depthwise_conv_2d" + what, B::DEPTHWISE_CONV_2D, 1, [=, zero = zero, scale = scale](OneOperator& o) {
      o.input(kX);
      o.operand({{1, 3, 3, 6}, scale, zero}, 4);
      o.bias(bias(6), product);
      o.output({{1, 2, 3, 6}, 0.09f, 5});
      fb::DepthwiseConv2DOptionsT options;
      options.padding = fb::Padding::SAME;
      options.stride_h = options.stride_w = 2;
      options.depth_multiplier = 2;
      options.activation = fb::ActivationFunction::RELU6;
      o.options(options);
    });
    add("fully_connected" + what, B::FULLY_CONNECTED, 1, [=, zero = zero, scale = scale](OneOperator& o) {
      o.input({{1, 20}, 0.05f, -3});
      o.operand({{6, 20}, scale, zero}, 4);
      o.bias(bias(6), product);
      o.output({{1, 6}, 0.07f, 5});
      o.options(fb::FullyConnectedOptionsT{});
    });
  }
  // Values.
  const Value y{kPlane, 0.08f, 7}, z{kPlane, 0.11f, -9};
  const auto two = [](Value a, Value b, Value c, auto options) {
    return [=](OneOperator& o) {
      o.input(a);
      o.input(b);
      o.output(c);
      o.options(options);
    };
  };
  add("add", B::ADD, 0, two(kX, y, z, fb::AddOptionsT{}));
  add("sub", B::SUB, 0, two(kX, y, z, fb::SubOptionsT{}));
  add("mul", B::MUL, 0, two(kX, y, z, fb::MulOptionsT{}));
  const auto one = [](Value a, Value b) {
    return [=](OneOperator& o) {
      o.input(a);
      o.output(b);
    };
  };
  add("relu", B::RELU, 0, one(kX, {kPlane, 0.03f, -128}));
  add("relu6", B::RELU6, 0, one(kX, {kPlane, 0.023f, -128}));
  add("hard_swish", B::HARD_SWISH, 0, one(kX, {kPlane, 0.045f, -110}));
  // A table of rounded floats there.
  add("logistic", B::LOGISTIC, 1, one(kX, {kPlane, 1.0f / 256.0f, -128}));
  add("tanh", B::TANH, 1, one(kX, {kPlane, 1.0f / 128.0f, 0}));
  add("softmax", B::SOFTMAX, 1, [](OneOperator& o) {
    o.input({{1, 12}, 0.05f, -3});
    o.output({{1, 12}, 1.0f / 256.0f, -128});
    fb::SoftmaxOptionsT options;
    options.beta = 1.0f;
    o.options(options);
  });
  for (const B code : {B::MAX_POOL_2D, B::AVERAGE_POOL_2D}) {
    // Averages that lie in the middle: away from zero, which is elsewhere for uint8.
    add(code == B::MAX_POOL_2D ? "max_pool_2d" : "average_pool_2d", code, code == B::MAX_POOL_2D ? 0 : 1,
        [](OneOperator& o) {
          o.input(kX);
          o.output({{1, 2, 3, 3}, 0.05f, -3});
          fb::Pool2DOptionsT options;
          options.padding = fb::Padding::SAME;
          options.stride_h = options.stride_w = options.filter_h = options.filter_w = 2;
          o.options(options);
        });
  }
  add("concatenation", B::CONCATENATION, 0, [](OneOperator& o) {
    o.input(kX);
    o.input({{1, 4, 6, 2}, 0.05f, -3});
    o.output({{1, 4, 6, 5}, 0.05f, -3});
    fb::ConcatenationOptionsT options;
    options.axis = 3;
    o.options(options);
  });
  add("pad", B::PAD, 0, [](OneOperator& o) {
    o.input(kX);
    o.integers({0, 0, 1, 2, 2, 0, 0, 0}, {4, 2});
    o.output({{1, 7, 8, 3}, 0.05f, -3});
    o.options(fb::PadOptionsT{});
  });
  add("reshape", B::RESHAPE, 0, [](OneOperator& o) {
    o.input(kX);
    o.integers({1, 72});
    o.output({{1, 72}, 0.05f, -3});
    fb::ReshapeOptionsT options;
    options.new_shape = {1, 72};
    o.options(options);
  });
  add("mean", B::MEAN, 1, [](OneOperator& o) {
    o.input(kX);
    o.integers({1, 2});
    o.output({{1, 1, 1, 3}, 0.04f, 4});
    fb::ReducerOptionsT options;
    options.keep_dims = true;
    o.options(options);
  });
  // Cut off there, rounded here and for int8.
  add("resize_bilinear", B::RESIZE_BILINEAR, 1, [](OneOperator& o) {
    o.input(kX);
    o.integers({8, 12});
    o.output({{1, 8, 12, 3}, 0.05f, -3});
    o.options(fb::ResizeBilinearOptionsT{});
  });
  add("strided_slice", B::STRIDED_SLICE, 0, [](OneOperator& o) {
    o.input(kX);
    o.integers({0, 1, 0, 0});
    o.integers({1, 4, 6, 3});
    o.integers({1, 2, 3, 1});
    o.output({{1, 2, 2, 3}, 0.05f, -3});
    o.options(fb::StridedSliceOptionsT{});
  });
  return all;
}

Bytes flipped(Bytes bytes) {
  for (std::uint8_t& b : bytes) b ^= 0x80;
  return bytes;
}

TEST(TfliteUnsigned, operators_agree_with_tensorflow_lite_one_by_one) {
  const auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Bytes> here;
  const std::vector<Case> all = cases();
  for (const Case& c : all) {
    OneOperator model(c.code, TensorType::UINT8, 1);
    c.build(model);
    const Bytes file = model.file();
    const auto read = read_tflite(file, c.name);
    ASSERT_TRUE(read) << c.name << ": " << read.error().message();
    EXPECT_EQ(read->input().dtype, graph::DType::i8) << c.name;
    Rng rng(11);
    Bytes inputs(16 * graph::input_bytes(*read));
    for (std::uint8_t& b : inputs) b = static_cast<std::uint8_t>(rng.next());
    const auto outputs = test::run(*read, inputs);
    ASSERT_TRUE(outputs) << c.name << ": " << outputs.error().message();
    jobs.push_back({file, flipped(inputs)});
    here.push_back(*outputs);
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Bytes theirs = flipped((*there)[i].outputs);
    ASSERT_EQ(here[i].size(), theirs.size()) << all[i].name;
    std::size_t different = 0;
    int largest = 0;
    for (std::size_t k = 0; k < theirs.size(); ++k) {
      different += here[i][k] != theirs[k] ? 1 : 0;
      largest = std::max(largest, std::abs(static_cast<std::int8_t>(here[i][k]) - static_cast<std::int8_t>(theirs[k])));
    }
    if (different != 0)
      std::printf("    %s: %zu of %zu bytes differ, at most by %d\n", all[i].name.c_str(), different, theirs.size(),
                  largest);
    EXPECT_LE(largest, all[i].largest) << all[i].name;
  }
}

TEST(TfliteUnsigned, weights_keep_a_zero_point_that_int8_does_not_reach) {
  for (const Case& c : cases()) {
    if (c.code != B::CONV_2D) continue;
    OneOperator model(c.code, TensorType::UINT8, 1);
    c.build(model);
    const auto read = read_tflite(model.file(), c.name);
    ASSERT_TRUE(read) << read.error().message();
    const std::int32_t zero = read->tensor(read->ops()[0].inputs[1]).quantization.zero_point();
    const auto written = write_tflite(*read);
    EXPECT_EQ(zero == 0, written.has_value()) << c.name;
  }
}

/// A dense layer whose weights are packed two in a byte, and the same with a byte each.
TEST(TfliteInt4, weights_are_int8_weights_once_unpacked) {
  for (const bool odd : {false, true}) {
    const std::int32_t inputs = odd ? 7 : 8, outputs = 5;
    Rng rng(3);
    std::vector<std::int8_t> values;
    for (std::int32_t i = 0; i < inputs * outputs; ++i) values.push_back(static_cast<std::int8_t>(rng.between(-8, 7)));
    values[0] = -8;
    values[1] = 7;
    Bytes packed((values.size() + 1) / 2, 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      packed[i / 2] |= static_cast<std::uint8_t>((values[i] & 15) << (i % 2 == 0 ? 0 : 4));
    const auto model = [&](TensorType type, ByteSpan raw) {
      OneOperator o(B::FULLY_CONNECTED, TensorType::INT8, 4);
      o.input({{1, inputs}, 0.05f, -3});
      o.constant_bytes(type, {{outputs, inputs}, 0.1f, 0}, raw);
      o.output({{1, outputs}, 0.07f, 5});
      o.options(fb::FullyConnectedOptionsT{});
      return read_tflite(o.file(), "int4");
    };
    const auto narrow = model(TensorType::INT4, packed),
               wide = model(TensorType::INT8, bytes_of(std::span<const std::int8_t>(values)));
    ASSERT_TRUE(narrow) << narrow.error().message();
    ASSERT_TRUE(wide) << wide.error().message();
    EXPECT_TRUE(*narrow == *wide);
  }
}

TEST(TfliteUnsigned, never_crash_when_damaged) {
  std::size_t files = 0, readable = 0;
  for (const Case& c : cases()) {
    OneOperator model(c.code, TensorType::UINT8, 1);
    c.build(model);
    const Bytes sound = model.file();
    for (std::size_t at = 0; at + 4 <= sound.size(); at += 4) {
      for (const std::uint32_t word : {0u, 0x11u, 0x7fffffffu, 0xffffffffu}) {
        Bytes damaged = sound;
        std::memcpy(damaged.data() + at, &word, 4);
        ++files;
        const auto read = read_tflite(damaged, c.name);
        if (!read) continue;
        ++readable;
        if (graph::input_bytes(*read) + graph::output_bytes(*read) < 100'000)
          (void)test::run(*read, Bytes(graph::input_bytes(*read)));
      }
    }
  }
  std::printf("    %zu damaged files, %zu of them readable\n", files, readable);
  EXPECT_GT(files, readable);
}

}  // namespace
}  // namespace mote::formats
