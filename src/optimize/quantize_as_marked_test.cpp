// Models with their quantization in them become integer models that compute the same, within a step of the output.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/logic.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Quantization;
using graph::Shape;
using graph::Tensor;
using graph::TensorId;
using ::testing::HasSubstr;

/// A model that is written operator by operator.
class Marked {
 public:
  explicit Marked(Shape input) { x_ = add(DType::f32, std::move(input), {}), graph_.set_inputs({x_}); }

  [[nodiscard]] TensorId input() const { return x_; }
  TensorId op(graph::Attributes attributes, std::vector<TensorId> inputs, DType type = DType::f32,
              Quantization q = {}) {
    const TensorId y = add(type, graph_.tensor(inputs[0]).shape, std::move(q));
    Op made{graph_.tensor(y).name, std::move(attributes), std::move(inputs), {y}};
    if (made.as<graph::Reshape>() == nullptr) graph_.tensor(y).shape = *graph::infer_shape(graph_, made);
    graph_.add_op(std::move(made));
    return y;
  }
  /// Quantize and Dequantize behind one another.
  TensorId mark(TensorId x, float scale, std::int32_t zero) {
    const TensorId q = op(graph::Quantize{}, {x}, DType::i8, Quantization::per_tensor(scale, zero));
    return op(graph::Dequantize{}, {q});
  }
  /// Weights that are multiples of a scale for each slice of axis 0.
  TensorId weights(Shape shape, std::vector<float> scales, std::int32_t zero, std::int32_t low, std::int32_t high) {
    std::vector<float> values;
    const std::size_t inner = shape.elements() / static_cast<std::size_t>(shape[0]);
    for (std::size_t i = 0; i < shape.elements(); ++i)
      values.push_back(static_cast<float>(rng_.between(low, high) - zero) * scales[scales.size() > 1 ? i / inner : 0]);
    const TensorId id = add(DType::f32, std::move(shape), {});
    graph_.tensor(id).quantization = {scales, std::vector<std::int32_t>(scales.size(), zero), 0};
    graph_.tensor(id).data = graph::constant_data(std::span<const float>(values));
    return id;
  }
  Graph finish(TensorId y) {
    graph_.set_outputs({y});
    return graph_;
  }

 private:
  TensorId add(DType type, Shape shape, Quantization q) {
    return graph_.add_tensor(
        {"t" + std::to_string(graph_.tensors().size()), type, std::move(shape), std::move(q), nullptr});
  }
  Graph graph_{"marked"};
  Rng rng_{5};
  TensorId x_ = graph::kNoTensor;
};

/// Largest difference of the integer model from the float model with its marks, in steps of the output.
double steps_apart(const Graph& marked, const Graph& integer) {
  EXPECT_EQ(integer.input().dtype, DType::i8);
  EXPECT_EQ(integer.output().dtype, DType::i8);
  auto real = graph::Executor::create(marked);
  auto executor = graph::Executor::create(integer);
  EXPECT_TRUE(real.has_value() && executor.has_value());
  if (!real || !executor) return 1e9;
  const Quantization in = integer.input().quantization, out = integer.output().quantization;
  Rng rng(3);
  double worst = 0.0;
  for (int sample = 0; sample < 20; ++sample) {
    Bytes bytes;
    std::vector<float> values;
    for (std::size_t i = 0; i < integer.input().shape.elements(); ++i) {
      const auto v = static_cast<std::int8_t>(rng.between(-128, 127));
      bytes.push_back(static_cast<std::uint8_t>(v));
      values.push_back(in.scale() * static_cast<float>(v - in.zero_point()));
    }
    Bytes expected(graph::output_bytes(marked)), got(graph::output_bytes(integer));
    EXPECT_TRUE(real->run(bytes_of(std::span<const float>(values)), expected).has_value());
    EXPECT_TRUE(executor->run(bytes, got).has_value());
    for (std::size_t i = 0; i < got.size(); ++i) {
      float e;
      std::memcpy(&e, expected.data() + 4 * i, 4);
      const float g = out.scale() * static_cast<float>(static_cast<std::int8_t>(got[i]) - out.zero_point());
      worst = std::max(worst, static_cast<double>(std::fabs(e - g) / out.scale()));
    }
  }
  return worst;
}

TEST(QuantizeAsMarked, layers_keep_the_scales_that_stand_in_the_model) {
  Marked m({1, 6, 6, 3});
  const TensorId x = m.mark(m.input(), 0.02f, -12);
  const TensorId w = m.weights({4, 3, 3, 3}, {0.01f, 0.013f, 0.008f, 0.02f}, 0, -128, 127);
  TensorId y = m.op(graph::Conv2D{}, {x, w});
  y = m.mark(m.op(graph::Activate{graph::Activation::relu}, {y}), 0.15f, -128);
  const Graph marked = m.finish(y);
  ASSERT_TRUE(is_marked(marked));
  const auto integer = quantize_as_marked(marked);
  ASSERT_TRUE(integer.has_value()) << integer.error().message();
  EXPECT_FALSE(is_marked(*integer));
  ASSERT_EQ(integer->ops().size(), 1u) << graph::print_summary(*integer);
  EXPECT_EQ(integer->input().quantization, Quantization::per_tensor(0.02f, -12));
  EXPECT_EQ(integer->output().quantization, Quantization::per_tensor(0.15f, -128));
  EXPECT_EQ(integer->output().name, marked.output().name);
  const Tensor& weights = integer->tensor(integer->ops()[0].inputs[1]);
  EXPECT_EQ(weights.quantization.scales, (std::vector<float>{0.01f, 0.013f, 0.008f, 0.02f}));
  EXPECT_LE(steps_apart(marked, *integer), 1.001);
}

TEST(QuantizeAsMarked, a_zero_point_of_weights_goes_where_int8_reaches_and_stays_where_not) {
  const auto model = [](std::int32_t low) {
    Marked m({1, 4, 4, 2});
    const TensorId x = m.mark(m.input(), 0.02f, 3);
    const TensorId y = m.op(graph::Conv2D{}, {x, m.weights({3, 2, 2, 2}, {0.01f}, 20, low, 127)});
    return m.finish(m.mark(y, 0.04f, -5));
  };
  for (const std::int32_t low : {-100, -128}) {
    const auto integer = quantize_as_marked(model(low));
    ASSERT_TRUE(integer.has_value()) << integer.error().message();
    EXPECT_EQ(integer->tensor(integer->ops()[0].inputs[1]).quantization.zero_point(), low == -100 ? 0 : 20);
    EXPECT_LE(steps_apart(model(low), *integer), 1.001);
  }
}

TEST(QuantizeAsMarked, values_quantized_in_two_ways_are_rescaled) {
  Marked m({1, 4, 4, 2});
  const TensorId x = m.mark(m.input(), 0.02f, 3);
  const TensorId coarse = m.mark(x, 0.05f, -7);
  const Graph marked = m.finish(m.mark(m.op(graph::Add{}, {x, coarse}), 0.06f, 1));
  const auto integer = quantize_as_marked(marked);
  ASSERT_TRUE(integer.has_value()) << integer.error().message();
  EXPECT_EQ(integer->ops().size(), 2u);
  EXPECT_NE(integer->ops()[0].as<graph::Quantize>(), nullptr) << graph::print_summary(*integer);
  EXPECT_LE(steps_apart(marked, *integer), 1.001);
}

TEST(QuantizeAsMarked, what_pools_and_functions_give_has_the_scale_of_the_model) {
  Marked m({1, 4, 4, 2});
  TensorId y = m.mark(m.input(), 0.05f, 3);
  y = m.mark(m.op(graph::Unary{graph::UnaryKind::logistic}, {y}), 0.0047f, -120);
  y = m.mark(m.op(graph::Pool2D{graph::PoolKind::average, 2, 2, 2, 2, {}, graph::Activation::none}, {y}), 0.0045f,
             -119);
  y = m.mark(m.op(graph::Pool2D{graph::PoolKind::average, 2, 2, 1, 1, {}, graph::Activation::none}, {y}), 0.0044f,
             -119);
  y = m.mark(m.op(graph::Softmax{}, {y}), 0.005f, -128);
  const Graph marked = m.finish(y);
  const auto integer = quantize_as_marked(marked);
  ASSERT_TRUE(integer.has_value()) << integer.error().message();
  EXPECT_EQ(integer->output().quantization, Quantization::per_tensor(0.005f, -128));
  EXPECT_LE(steps_apart(marked, *integer), 2.001);
}

TEST(QuantizeAsMarked, truth_values_stay_and_become_numbers) {
  Marked m({1, 4, 4, 2});
  const TensorId x = m.mark(m.input(), 0.02f, 3);
  const TensorId above = m.op(graph::Compare{graph::CompareKind::greater}, {x, m.weights({1}, {0.02f}, 0, 10, 10)},
                              DType::i8, graph::truth_quantization());
  const TensorId small = m.op(graph::Compare{graph::CompareKind::less}, {x, m.weights({1}, {0.02f}, 0, 90, 90)},
                              DType::i8, graph::truth_quantization());
  const TensorId both =
      m.op(graph::Binary{graph::BinaryKind::minimum}, {above, small}, DType::i8, graph::truth_quantization());
  const TensorId chosen = m.mark(m.op(graph::Select{}, {both, x, m.weights({1}, {0.02f}, 0, -5, -5)}), 0.03f, 5);
  const TensorId number = m.op(graph::Dequantize{}, {both});
  const Graph marked = m.finish(m.mark(m.op(graph::Add{}, {chosen, m.mark(number, 0.01f, -100)}), 0.04f, -30));
  const auto integer = quantize_as_marked(marked);
  ASSERT_TRUE(integer.has_value()) << integer.error().message();
  EXPECT_LE(steps_apart(marked, *integer), 1.001) << graph::print_summary(*integer);
}

TEST(QuantizeAsMarked, matrices_are_multiplied) {
  Marked m({1, 4, 4, 2});
  const TensorId x = m.mark(m.input(), 0.02f, 3);
  const TensorId y = m.op(graph::MatMul{}, {x, m.op(graph::Transpose{{0, 1, 3, 2}}, {x})});
  const Graph marked = m.finish(m.mark(y, 0.06f, -5));
  const auto integer = quantize_as_marked(marked);
  ASSERT_TRUE(integer.has_value()) << integer.error().message();
  EXPECT_LE(steps_apart(marked, *integer), 1.001) << graph::print_summary(*integer);
}

TEST(QuantizeAsMarked, refuses_values_without_a_mark_and_damaged_scales) {
  Marked m({1, 4, 4, 2});
  TensorId y = m.mark(m.input(), 0.05f, 3);
  y = m.op(graph::Unary{graph::UnaryKind::exp}, {y});
  const auto open = quantize_as_marked(m.finish(m.mark(m.op(graph::Unary{graph::UnaryKind::log}, {y}), 0.05f, 3)));
  ASSERT_FALSE(open.has_value());
  EXPECT_THAT(open.error().message(), HasSubstr("is not quantized in this model"));

  Marked fine({1, 4, 4, 2});
  y = fine.mark(fine.input(), 0.05f, 3);
  const auto damaged = quantize_as_marked(fine.finish(fine.mark(fine.op(graph::Add{}, {y, y}), 1e-30f, 3)));
  ASSERT_FALSE(damaged.has_value());
  EXPECT_THAT(damaged.error().message(), HasSubstr("its quantization is damaged"));
}

}  // namespace
}  // namespace mote::optimize
