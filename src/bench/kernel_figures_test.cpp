// What kernels that no model at hand shows cost on a nucleo-l4r5zi: a table of steps of small models, so that what is
// gained is not lost unnoticed. The same models' values are held against the host's executor.

#include <gtest/gtest.h>

#include <algorithm>

#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/graph/graph.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::bench {
namespace {

using namespace graph;

/// Builds a model whose steps have the names of the table.
class Builder {
 public:
  explicit Builder(std::uint64_t seed) : rng_(seed), g_("figures") {}
  Graph& graph() { return g_; }

  TensorId value(Shape shape, float scale = 0.02f, std::int32_t zero = -3, DType type = DType::i8) {
    return g_.add_tensor(
        {"t" + std::to_string(g_.tensors().size()), type, std::move(shape), Quantization::per_tensor(scale, zero), {}});
  }
  template <class T = std::int8_t>
  TensorId constant(Shape shape, DType type, std::int32_t low, std::int32_t high, float scale = 0.0f) {
    std::vector<T> v(shape.elements());
    for (auto& e : v) e = static_cast<T>(rng_.between(low, high));
    Quantization q;
    if (scale > 0.0f) q = Quantization::per_tensor(scale, 0);
    return g_.add_tensor(
        {"k" + std::to_string(g_.tensors().size()), type, shape, q, constant_data(std::span<const T>(v))});
  }
  TensorId op(const char* name, Attributes attributes, std::vector<TensorId> inputs, TensorId y) {
    g_.add_op({name, std::move(attributes), std::move(inputs), {y}});
    return y;
  }

 private:
  Rng rng_;
  Graph g_;
};

struct Figure {
  const char* step;
  const char* kernel;  ///< how the step's kernel begins
  std::uint64_t cycles;
};

void expect_figures(const Graph& model, std::initializer_list<Figure> figures) {
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  ASSERT_TRUE(verify(model)) << verify(model).error().message();
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  Rng rng(8);
  Bytes input(input_bytes(model));
  for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
  const auto difference = first_difference(*compiled, model, board, input);
  ASSERT_TRUE(difference.has_value()) << difference.error().message();
  EXPECT_FALSE(difference->has_value()) << (*difference)->step << " differs first";
  const auto measured = measure(*compiled, model, board, input);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  for (const Figure& figure : figures) {
    const auto step = std::ranges::find_if(measured->steps, [&](const StepCost& s) {
      return s.op_index >= 0 && model.ops()[static_cast<std::size_t>(s.op_index)].name == figure.step;
    });
    ASSERT_NE(step, measured->steps.end()) << figure.step;
    EXPECT_TRUE(step->kernel.starts_with(figure.kernel)) << figure.step << ": " << step->kernel;
    EXPECT_LE(step->cycles, figure.cycles) << figure.step;
  }
}

class KernelFigures : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  }
};

TEST_F(KernelFigures, of_int8_layers) {
  Builder b(3);
  const TensorId x = b.value({1, 20, 30, 14});
  b.graph().set_inputs({x});
  // Sums of products are about 74 * 74 * sqrt(taps).
  const TensorId wide = b.op("depthwise of 27 taps", DepthwiseConv2D{1, 1, 1, 1, 1, {1, 1, 4, 4}, Activation::none},
                             {x, b.constant({1, 3, 9, 14}, DType::i8, -127, 127, 0.0015f)}, b.value({1, 20, 30, 14}));
  const TensorId pooled = b.op("average of 9", Pool2D{PoolKind::average, 3, 3, 2, 2, {0, 1, 0, 1}, Activation::none},
                               {wide}, b.value({1, 10, 15, 14}));
  // One weight of -128 in each channel but the first.
  const TensorId weights = b.constant({16, 3, 3, 14}, DType::i8, -127, 127, 0.0004f);
  std::vector<std::int8_t> values(b.graph().tensor(weights).values<std::int8_t>().begin(),
                                  b.graph().tensor(weights).values<std::int8_t>().end());
  for (std::size_t c = 1; c < 16; ++c) values[c * 126 + 7 * c] = -128;
  b.graph().tensor(weights).data = constant_data(std::span<const std::int8_t>(values));
  const TensorId conv = b.op("conv with weights of -128", Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, Activation::relu},
                             {pooled, weights}, b.value({1, 10, 15, 16}, 0.02f, -128));
  const TensorId turned = b.op("transpose", Transpose{{0, 1, 3, 2}}, {conv}, b.value({1, 10, 16, 15}, 0.02f, -128));
  const TensorId product = b.op("matmul", MatMul{}, {conv, turned}, b.value({1, 10, 15, 15}, 0.3f));
  const TensorId half = b.op("slice", Slice{{0, 4, 0, 0}, {1, 1, 1, 1}}, {product}, b.value({1, 6, 15, 15}, 0.3f));
  const TensorId mean = b.op("mean", Reduce{ReduceKind::mean, {1, 2}}, {half}, b.value({1, 1, 1, 15}, 0.1f));
  b.graph().set_outputs({mean});
  expect_figures(b.graph(), {{"depthwise of 27 taps", "depthwise_planes", 432'000},
                             {"average of 9", "average_pool2d_dsp", 167'000},
                             {"conv with weights of -128", "conv_rows", 337'000},
                             {"transpose", "move_elements", 25'700},
                             {"matmul", "matmul_dsp", 243'000},
                             {"slice", "move_elements", 1'400},
                             {"mean", "reduce_planes_dsp", 4'500}});
}

TEST_F(KernelFigures, of_recurrent_layers) {
  Builder b(4);
  const TensorId x = b.value({1, 40});
  b.graph().set_inputs({x});
  const TensorId features = b.op("dense to int16", DenseWide{}, {x, b.constant({96, 40}, DType::i8, -127, 127, 0.01f)},
                                 b.value({1, 96}, 0.0004f, 0, DType::i16));
  const TensorId column = b.op("column", Reshape{}, {features}, b.value({1, 96, 1}, 0.0004f, 0, DType::i16));
  const TensorId before = b.value({1, 96, 10}, 0.0004f, 0, DType::i16);
  const TensorId after = b.op("window", Shift{2}, {before, column}, b.value({1, 96, 10}, 0.0004f, 0, DType::i16));
  b.graph().add_state({before, after, std::make_shared<const Bytes>(1920, std::uint8_t{0})});
  const TensorId hidden = b.op("filters along time", TimeFilter{},
                               {after, b.constant<std::int16_t>({96, 10}, DType::i16, -12000, 12000, 1e-5f),
                                b.constant<std::int32_t>({48}, DType::i32, -3000, 3000)},
                               b.value({1, 48}, 0.05f, 9));
  const TensorId gate = b.op(
      "gate", LstmGate{UnaryKind::logistic},
      {x, hidden, b.constant({32, 40}, DType::i8, -127, 127, 0.002f),
       b.constant({32, 48}, DType::i8, -127, 127, 0.002f), b.constant<std::int32_t>({32}, DType::i32, -3000, 3000)},
      b.value({1, 32}, 1.0f / 32768, 0, DType::i16));
  b.graph().set_outputs({gate});
  expect_figures(b.graph(), {{"dense to int16", "dense_wide dsp", 18'900},
                             {"filters along time", "time_filter dsp", 8'500},
                             {"gate", "lstm_gate dsp", 36'800}});
}

}  // namespace
}  // namespace mote::bench
