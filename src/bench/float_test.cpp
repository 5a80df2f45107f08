// float32 models on emulated boards: what the host computes, within 1e-5, with and without an FPU.

#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {
namespace {

using namespace graph;

Bytes random_floats(Rng& rng, std::size_t n, double low, double high) {
  std::vector<float> values(n);
  for (float& v : values) v = static_cast<float>(rng.uniform(low, high));
  const ByteSpan raw = bytes_of(std::span<const float>(values));
  return {raw.begin(), raw.end()};
}

void expect_the_hosts_numbers(const Graph& graph, const char* board_name, std::uint64_t seed, int inferences = 2) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const board::BoardSpec spec = *board::find_board(board_name);
  const auto model = compile::compile(graph, spec, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  Rng rng(seed);
  for (int i = 0; i < inferences; ++i) {
    const Bytes input = random_floats(rng, input_bytes(graph) / 4, -2.0, 2.0);
    const auto difference = first_difference(*model, graph, spec, input);
    ASSERT_TRUE(difference.has_value()) << difference.error().message();
    if (*difference) {
      const StepDifference& d = **difference;
      FAIL() << graph.name() << " on " << board_name << ", " << d.step << ": " << d.different << " elements, first "
             << d.first << ": " << d.got << " instead of " << d.expected;
    }
  }
}

/// Operators on values of one shape [1,4,5,6], the one behind the other, and what changes shapes at the end.
class FloatNetwork {
 public:
  FloatNetwork() : rng_(3), graph_("floats") {
    last_ = value(kShape);
    graph_.set_inputs({last_});
  }
  void then(Attributes attributes, const Shape& shape = kShape) {
    const TensorId y = value(shape);
    add(std::move(attributes), {last_}, y);
  }
  void with(Attributes attributes, TensorId other, const Shape& shape = kShape) {
    const TensorId y = value(shape);
    add(std::move(attributes), {last_, other}, y);
  }
  void weighted(Attributes attributes, Shape weights, std::int32_t channels, const Shape& shape) {
    const TensorId w = constant(std::move(weights), -0.3, 0.3), b = constant({channels}, -1.0, 1.0), y = value(shape);
    add(std::move(attributes), {last_, w, b}, y);
  }
  TensorId constant(Shape shape, double low, double high) {
    const Bytes data = random_floats(rng_, shape.elements(), low, high);
    return graph_.add_tensor({fmt_name(), DType::f32, std::move(shape), {}, std::make_shared<const Bytes>(data)});
  }
  [[nodiscard]] TensorId last() const { return last_; }
  void quantized_and_back() {
    const TensorId q = graph_.add_tensor(
        {fmt_name(), DType::i8, graph_.tensor(last_).shape, Quantization::per_tensor(0.02f, -7), nullptr});
    const TensorId y = value(graph_.tensor(last_).shape);
    add(Quantize{}, {last_}, q);
    add(Dequantize{}, {q}, y);
  }
  Graph finish() {
    graph_.set_outputs({last_});
    return graph_;
  }

  static const Shape kShape;

 private:
  std::string fmt_name() const { return "t" + std::to_string(graph_.tensors().size()); }
  TensorId value(const Shape& shape) { return graph_.add_tensor({fmt_name(), DType::f32, shape, {}, nullptr}); }
  void add(Attributes attributes, std::vector<TensorId> inputs, TensorId y) {
    graph_.add_op({graph_.tensor(y).name, std::move(attributes), std::move(inputs), {y}});
    last_ = y;
  }

  Rng rng_;
  Graph graph_;
  TensorId last_ = kNoTensor;
};
const Shape FloatNetwork::kShape{1, 4, 5, 6};

Graph functions() {
  FloatNetwork n;
  const TensorId x = n.last();
  for (const UnaryKind kind :
       {UnaryKind::tanh, UnaryKind::elu, UnaryKind::leaky_relu, UnaryKind::gelu, UnaryKind::hard_swish,
        UnaryKind::gelu_tanh, UnaryKind::square, UnaryKind::exp, UnaryKind::log, UnaryKind::abs, UnaryKind::sqrt,
        UnaryKind::neg, UnaryKind::logistic, UnaryKind::rsqrt, UnaryKind::reciprocal, UnaryKind::sign}) {
    n.with(Add{}, x);
    if (kind == UnaryKind::square) n.then(Activate{Activation::relu_n1_to_1});
    if (kind == UnaryKind::rsqrt || kind == UnaryKind::reciprocal) n.then(Unary{UnaryKind::exp});
    if (kind == UnaryKind::log) {
      n.then(Unary{UnaryKind::square});
      n.with(Add{}, n.constant({1}, 0.5, 0.6));
    }
    n.then(Unary{kind, 0.7f});
  }
  n.with(Binary{BinaryKind::mul}, n.constant({6}, 2.0, 9.0));
  n.with(Binary{BinaryKind::sub}, x);
  n.then(Unary{UnaryKind::floor});
  n.with(Binary{BinaryKind::div}, n.constant({1, 4, 1, 1}, -3.0, -1.0));
  n.then(Unary{UnaryKind::ceil});
  n.with(Binary{BinaryKind::maximum}, n.constant({1, 1, 5, 1}, -1.0, 1.0));
  n.with(Binary{BinaryKind::squared_difference}, x);
  n.with(Binary{BinaryKind::minimum}, n.constant({1}, 4.0, 5.0));
  n.with(Binary{BinaryKind::prelu}, n.constant({6}, -1.0, 1.0));
  n.then(CumSum{3, 1, 1});
  n.then(Softmax{0.5f});
  return n.finish();
}

Graph layers() {
  FloatNetwork n;
  Conv2D conv;
  conv.pads = {1, 1, 1, 1};
  conv.activation = Activation::relu6;
  n.weighted(conv, {7, 3, 3, 6}, 7, {1, 4, 5, 7});
  DepthwiseConv2D depthwise;
  depthwise.multiplier = 2;
  depthwise.stride_w = 2;
  depthwise.pads = {1, 1, 1, 1};
  n.weighted(depthwise, {1, 3, 3, 14}, 14, {1, 4, 3, 14});
  n.quantized_and_back();
  Pool2D pool;
  pool.kernel_h = pool.kernel_w = 2;
  pool.pads = {0, 1, 0, 1};
  n.then(pool, {1, 4, 3, 14});
  pool.kind = PoolKind::max;
  n.then(pool, {1, 4, 3, 14});
  n.then(Transpose{{0, 3, 1, 2}}, {1, 14, 4, 3});
  n.then(Reduce{ReduceKind::mean, {2}}, {1, 14, 1, 3});
  n.then(Pad{{0, 0, 1, 0}, {0, 1, 0, 0}}, {1, 15, 2, 3});
  n.then(Slice{{0, 1, 0, 2}, {1, 2, 1, -1}}, {1, 7, 2, 3});
  n.with(MatMul{}, n.constant({1, 7, 3, 4}, -1.0, 1.0), {1, 7, 2, 4});
  n.then(Reduce{ReduceKind::maximum, {1}}, {1, 1, 2, 4});
  n.then(Reshape{}, {1, 8});
  n.weighted(Dense{}, {10, 8}, 10, {1, 10});
  n.then(TopK{ArgKind::maximum, 1}, {1, 5});
  n.then(Softmax{}, {1, 5});
  return n.finish();
}

TEST(FloatOnTheBoard, functions_and_pairs) { expect_the_hosts_numbers(functions(), "nucleo-l4r5zi", 5); }

TEST(FloatOnTheBoard, layers_and_moves) { expect_the_hosts_numbers(layers(), "nucleo-l4r5zi", 6); }

TEST(FloatOnTheBoard, without_an_fpu) { expect_the_hosts_numbers(layers(), "raspberry-pi-pico", 7, 1); }

/// The reference model as it comes from training, on the board, beside TensorFlow Lite's numbers by way of the host.
TEST(FloatOnTheBoard, keyword_spotting_as_trained) {
  const auto file = read_file(std::string(MOTE_SHARED_DATA) + "/models/mlperf_kws/kws_ref_model_float32.tflite");
  if (!file) GTEST_SKIP() << file.error().message();
  const Graph model = optimize::simplify(*formats::read_tflite(*file, "kws.tflite"))->graph;
  expect_the_hosts_numbers(model, "nucleo-l4r5zi", 1, 1);
}

}  // namespace
}  // namespace mote::bench
