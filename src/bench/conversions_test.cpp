// Operators between element types on the emulated board: the host's bytes.

#include <gtest/gtest.h>

#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/graph/executor.hpp"

namespace mote::bench {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;

void expect_the_hosts_bytes(const Graph& graph) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const board::BoardSpec spec = *board::find_board("nucleo-l4r5zi");
  const auto model = compile::compile(graph, spec, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  auto board = board::VirtualBoard::create(spec, model->firmware);
  ASSERT_TRUE(board.has_value()) << board.error().message();
  auto executor = std::move(*graph::Executor::create(graph));
  Rng rng(8);
  for (int i = 0; i < 3; ++i) {
    Bytes input(graph::input_bytes(graph));
    for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
    Bytes expected(graph::output_bytes(graph));
    ASSERT_TRUE(executor.run(input, expected));
    const auto got = board->infer(input);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    ASSERT_EQ(*got, expected) << "inference " << i;
  }
}

/// Operators in a row.
class Row {
 public:
  TensorId input(DType type, graph::Shape shape, Quantization q) {
    last_ = add(type, std::move(shape), std::move(q));
    graph_.set_inputs({last_});
    return last_;
  }
  Row& then(graph::Attributes attributes, DType type, Quantization q, graph::Shape shape = {}) {
    const TensorId y = add(type, shape.rank() == 0 ? graph_.tensor(last_).shape : std::move(shape), std::move(q));
    graph_.add_op({graph_.tensor(y).name, std::move(attributes), {last_}, {y}});
    last_ = y;
    return *this;
  }
  Graph finish() {
    graph_.set_outputs({last_});
    return graph_;
  }

 private:
  TensorId add(DType type, graph::Shape shape, Quantization q) {
    return graph_.add_tensor({"t" + std::to_string(graph_.tensors().size()), type, std::move(shape), std::move(q), {}});
  }
  Graph graph_{"row"};
  TensorId last_ = graph::kNoTensor;
};

TEST(ConversionsOnTheBoard, between_8_16_and_32_bits) {
  const auto q = [](float scale, std::int32_t zero) { return Quantization::per_tensor(scale, zero); };
  Row row;
  row.input(DType::i8, {1, 3, 7}, q(0.05f, 3));
  row.then(graph::Quantize{}, DType::i16, q(0.0003f, 0))
      .then(graph::Quantize{}, DType::i16, q(0.0004f, 0))
      .then(graph::Quantize{}, DType::i8, q(0.03f, -9))
      .then(graph::Quantize{}, DType::i8, q(0.04f, 30))
      .then(graph::Quantize{}, DType::i32, q(0.00002f, 0));
  expect_the_hosts_bytes(row.finish());
}

TEST(ConversionsOnTheBoard, of_numbers_and_places_in_order) {
  const Quantization numbers = Quantization::per_tensor(1.0f, 0);
  Row row;
  row.input(DType::i8, {1, 9, 5}, Quantization::per_tensor(0.05f, 3));
  row.then(graph::TopK{graph::ArgKind::minimum, 1}, DType::i8, Quantization::per_tensor(0.05f, 3), {1, 7, 5})
      .then(graph::TopK{graph::ArgKind::maximum, 2}, DType::i32, {}, {1, 7, 3})
      .then(graph::Cast{}, DType::i16, numbers)
      .then(graph::Cast{}, DType::i8, numbers)
      .then(graph::Cast{}, DType::i32, {});
  expect_the_hosts_bytes(row.finish());
}

}  // namespace
}  // namespace mote::bench
