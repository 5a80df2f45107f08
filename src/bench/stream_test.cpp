// Models with state on the emulated board and in QEMU: along a stream they give the host's bytes, and once the window
// is filled those of the batch model.

#include <gtest/gtest.h>

#include <algorithm>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/qemu_board.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/optimize/stream.hpp"

namespace mote::bench {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;

Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

class StreamBoard : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  }

  /// Every inference of a random stream, on the host and on the board, from the reset on.
  void expect_the_hosts_bytes(const Graph& graph, const compile::CompiledModel& model, int inferences) {
    auto executor = std::move(*graph::Executor::create(graph));
    auto board = board::VirtualBoard::create(board_, model.firmware);
    ASSERT_TRUE(board.has_value()) << board.error().message();
    std::optional<board::QemuBoard> qemu;
    if (!find_program("qemu-system-arm").empty())
      qemu = std::move(*board::QemuBoard::create(board_, compile::qemu_firmware(model.firmware, board_).value()));
    Rng rng(8);
    for (int i = 0; i < inferences; ++i) {
      const Bytes input = random_bytes(rng, graph::input_bytes(graph));
      Bytes expected(graph::output_bytes(graph));
      ASSERT_TRUE(executor.run(input, expected));
      const auto got = board->infer(input);
      ASSERT_TRUE(got.has_value()) << got.error().message();
      ASSERT_EQ(*got, expected) << graph.name() << ", inference " << i;
      if (!qemu) continue;
      ASSERT_EQ(qemu->infer(input).value(), expected) << graph.name() << " in QEMU, inference " << i;
    }
    // Power-on makes the states initial again.
    executor.reset();
    ASSERT_TRUE(board->reset());
    const Bytes input = random_bytes(rng, graph::input_bytes(graph));
    Bytes expected(graph::output_bytes(graph));
    ASSERT_TRUE(executor.run(input, expected));
    EXPECT_EQ(board->infer(input).value(), expected);
  }

  board::BoardSpec board_ = *board::find_board("nucleo-l4r5zi");
};

TEST_F(StreamBoard, wake_word_takes_a_row_at_a_time) {
  const auto file = read_file(std::string(MOTE_SHARED_DATA) + "/models/mlperf_tiny/str_ww_ref_model.tflite");
  if (!file) GTEST_SKIP() << file.error().message();
  const Graph batch = *formats::read_tflite(*file, "str_ww_ref_model.tflite");
  const auto streamed = optimize::stream(optimize::simplify(batch)->graph, 1);
  ASSERT_TRUE(streamed.has_value()) << streamed.error().message();
  EXPECT_EQ(streamed->window_rows, 30);
  EXPECT_EQ(streamed->inferences_to_fill, 30);
  const Graph graph = optimize::simplify(streamed->graph)->graph;
  EXPECT_EQ(graph::state_bytes(graph), 3u * 40 + 5 * 128 + 10 * 128 + 15 * 128);
  const auto model = compile::compile(graph, board_, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  EXPECT_TRUE(model->program.renewals.empty()) << "every window moves on in place";
  expect_the_hosts_bytes(graph, *model, 40);

  auto whole = std::move(*graph::Executor::create(batch));
  auto board = std::move(*board::VirtualBoard::create(board_, model->firmware));
  Rng rng(2);
  Bytes stream, expected(graph::output_bytes(batch));
  for (int i = 1; i <= 45; ++i) {
    const Bytes row = random_bytes(rng, 40);
    stream.insert(stream.end(), row.begin(), row.end());
    const Bytes got = board.infer(row).value();
    if (i < 30) continue;
    ASSERT_TRUE(whole.run(ByteSpan(stream).last(30 * 40), expected));
    ASSERT_EQ(got, expected) << "inference " << i;
  }

  const auto measured = measure(*model, graph, board_, random_bytes(rng, 40));
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_LE(measured->cycles, 145'000u);
  EXPECT_LE(measured->ram.total(), 6'000u);
}

/// A state of each kind: moved on in place, rewritten in place, copied, read after it is renewed, handed out.
Graph kinds_of_state() {
  Graph g("kinds");
  const Quantization q = Quantization::per_tensor(0.05f, 3);
  const auto tensor = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const auto initial = [](std::initializer_list<std::uint8_t> bytes) {
    return std::make_shared<const Bytes>(Bytes(bytes));
  };
  const TensorId x = tensor("x", {1, 1, 2, 2}), sum = tensor("sum", {1, 1, 2, 2}),
                 sum_next = tensor("sum'", {1, 1, 2, 2}), last = tensor("last", {1, 1, 2, 2}),
                 wide = tensor("wide", {1, 2, 3, 2}), column = tensor("column", {1, 2, 1, 2}),
                 wide_next = tensor("wide'", {1, 2, 3, 2}), mean = tensor("mean", {1, 1, 1, 2}),
                 out = tensor("out", {1, 1, 2, 2}), last_next = tensor("last'", {1, 1, 2, 2});
  g.add_op({"sum", graph::Add{}, {sum, x}, {sum_next}});
  g.add_op({"column", graph::Reshape{}, {x}, {column}});
  // Along an inner axis: each row of the window moves on by itself.
  g.add_op({"wide", graph::Shift{2}, {wide, column}, {wide_next}});
  g.add_op({"mean", graph::Reduce{graph::ReduceKind::mean, {1, 2}}, {wide_next}, {mean}});
  g.add_op({"keep", graph::Activate{graph::Activation::relu}, {x}, {last_next}});
  g.add_op({"join", graph::Add{}, {mean, sum_next}, {tensor("joined", {1, 1, 2, 2})}});
  g.add_op({"out", graph::Add{}, {g.ops().back().outputs[0], last}, {out}});
  g.add_state({sum, sum_next, initial({1, 2, 3, 4})});
  g.add_state({last, last_next, initial({9, 9, 9, 9})});
  g.add_state({wide, wide_next, std::make_shared<const Bytes>(12, std::uint8_t{3})});
  g.set_inputs({x});
  g.set_outputs({out});
  return g;
}

TEST_F(StreamBoard, states_live_on_whatever_becomes_of_them) {
  const Graph graph = kinds_of_state();
  ASSERT_TRUE(graph::verify(graph)) << graph::verify(graph).error().message();
  const auto model = compile::compile(graph, board_, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  EXPECT_EQ(model->program.states.size(), 3u);
  EXPECT_EQ(model->program.renewals.size(), 1u) << "'last' is read after its next value is known";
  expect_the_hosts_bytes(graph, *model, 20);
  const auto measured = measure(*model, graph, board_, Bytes(4, 1));
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
}

/// States that take over the input and each other, as variables of .tflite files may.
Graph handed_on() {
  Graph g("handed on");
  const Quantization q = Quantization::per_tensor(0.05f, 3);
  const auto tensor = [&](const char* name) { return g.add_tensor({name, DType::i8, {1, 1, 2, 2}, q, nullptr}); };
  const auto initial = [](std::initializer_list<std::uint8_t> bytes) {
    return std::make_shared<const Bytes>(Bytes(bytes));
  };
  const TensorId x = tensor("x"), a = tensor("a"), b = tensor("b"), c = tensor("c"), d = tensor("d"),
                 a_next = tensor("a'"), b_next = tensor("b'"), c_next = tensor("c'"), d_next = tensor("d'"),
                 first = tensor("first"), second = tensor("second"), y = tensor("y");
  g.add_op({"first", graph::Add{}, {x, b}, {first}});
  g.add_op({"second", graph::Add{}, {first, c}, {second}});
  g.add_op({"y", graph::Add{}, {second, d}, {y}});
  g.add_op({"a", graph::Reshape{}, {x}, {a_next}});
  g.add_op({"b", graph::Broadcast{}, {a}, {b_next}});
  g.add_op({"c", graph::Broadcast{}, {d}, {c_next}});
  g.add_op({"d", graph::Broadcast{}, {c}, {d_next}});
  g.add_state({a, a_next, initial({1, 2, 3, 4})});
  g.add_state({b, b_next, initial({9, 9, 9, 9})});
  g.add_state({c, c_next, initial({4, 3, 2, 1})});
  g.add_state({d, d_next, initial({0, 7, 7, 0})});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

TEST_F(StreamBoard, states_take_over_the_input_and_each_other) {
  const auto simple = optimize::simplify(handed_on());
  ASSERT_TRUE(simple.has_value()) << simple.error().message();
  ASSERT_EQ(simple->graph.states().size(), 4u);
  const auto model = compile::compile(simple->graph, board_, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  expect_the_hosts_bytes(handed_on(), *model, 12);
}

/// An int8 graph of a recurrent layer whose states live in 8 and 16 bits.
Graph recurrent(bool lstm) {
  Graph g(lstm ? "lstm" : "svdf");
  Rng rng(lstm ? 5 : 6);
  const auto value = [&](const char* name, DType type, graph::Shape shape, float scale, std::int32_t zero) {
    return g.add_tensor({name, type, std::move(shape), Quantization::per_tensor(scale, zero), nullptr});
  };
  const auto weights = [&](graph::Shape shape, float scale) {
    std::vector<std::int8_t> v(shape.elements());
    for (auto& w : v) w = static_cast<std::int8_t>(rng.between(-127, 127));
    return g.add_tensor({"w" + std::to_string(g.tensors().size()), DType::i8, shape, Quantization::per_tensor(scale, 0),
                         graph::constant_data(std::span<const std::int8_t>(v))});
  };
  const auto bias = [&](std::int32_t n) {
    std::vector<std::int32_t> v(static_cast<std::size_t>(n));
    for (auto& b : v) b = static_cast<std::int32_t>(rng.between(-3000, 3000));
    return g.add_tensor({"b" + std::to_string(g.tensors().size()),
                         DType::i32,
                         {n},
                         {},
                         graph::constant_data(std::span<const std::int32_t>(v))});
  };
  const TensorId x = value("x", DType::i8, {1, 7}, 0.02f, 4);
  g.set_inputs({x});
  if (!lstm) {
    const TensorId features = value("features", DType::i16, {1, 6}, 0.0004f, 0),
                   column = value("column", DType::i16, {1, 6, 1}, 0.0004f, 0),
                   before = value("before", DType::i16, {1, 6, 5}, 0.0004f, 0),
                   after = value("after", DType::i16, {1, 6, 5}, 0.0004f, 0),
                   y = value("y", DType::i8, {1, 3}, 0.05f, 9);
    std::vector<std::int16_t> time(30);
    for (auto& w : time) w = static_cast<std::int16_t>(rng.between(-12000, 12000));
    const TensorId filter = g.add_tensor({"time",
                                          DType::i16,
                                          {6, 5},
                                          Quantization::per_tensor(1e-5f, 0),
                                          graph::constant_data(std::span<const std::int16_t>(time))});
    g.add_op({"features", graph::DenseWide{}, {x, weights({6, 7}, 0.01f)}, {features}});
    g.add_op({"column", graph::Reshape{}, {features}, {column}});
    g.add_op({"shift", graph::Shift{2}, {before, column}, {after}});
    g.add_op({"time", graph::TimeFilter{}, {after, filter, bias(3)}, {y}});
    g.add_state({before, after, std::make_shared<const Bytes>(60, std::uint8_t{0})});
    g.set_outputs({y});
    return g;
  }
  const float hidden_scale = 1.0f / 128, gate_scale = 1.0f / 32768, cell_scale = 1.0f / 2048;
  const TensorId h = value("h", DType::i8, {1, 5}, hidden_scale, -2), c = value("c", DType::i16, {1, 5}, cell_scale, 0),
                 next_c = value("c'", DType::i16, {1, 5}, cell_scale, 0),
                 next_h = value("h'", DType::i8, {1, 5}, hidden_scale, -2);
  std::vector<TensorId> gates;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "gate" + std::to_string(i);
    gates.push_back(value(name.c_str(), DType::i16, {1, 5}, gate_scale, 0));
    g.add_op({name,
              graph::LstmGate{i == 2 ? graph::UnaryKind::tanh : graph::UnaryKind::logistic},
              {x, h, weights({5, 7}, 0.02f), weights({5, 5}, 0.02f), bias(5)},
              {gates.back()}});
  }
  g.add_op({"cell", graph::LstmCell{1.5f}, {gates[0], c, gates[1], gates[2]}, {next_c}});
  g.add_op({"hidden", graph::LstmHidden{}, {gates[3], next_c}, {next_h}});
  g.add_state({h, next_h, std::make_shared<const Bytes>(5, static_cast<std::uint8_t>(-2))});
  g.add_state({c, next_c, std::make_shared<const Bytes>(10, std::uint8_t{0})});
  g.set_outputs({next_h});
  return g;
}

TEST_F(StreamBoard, recurrent_layers_give_the_hosts_bytes) {
  for (const bool lstm : {false, true}) {
    const Graph graph = recurrent(lstm);
    ASSERT_TRUE(graph::verify(graph)) << graph::verify(graph).error().message();
    const auto model = compile::compile(graph, board_, {});
    ASSERT_TRUE(model.has_value()) << model.error().message();
    expect_the_hosts_bytes(graph, *model, 25);
  }
}

/// The features' window: what they keep lies in front of what is new.
TEST_F(StreamBoard, features_see_what_came_before) {
  Graph g("sum of the window");
  const Quantization q = Quantization::per_tensor(1.0f, 0);
  const TensorId x = g.add_tensor({"x", DType::i8, {1, 6}, q, nullptr}),
                 y = g.add_tensor({"y", DType::i8, {1, 6}, q, nullptr});
  g.add_op({"relu", graph::Activate{graph::Activation::relu}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  compile::CompileOptions options;
  compile::FeatureStage stage;
  stage.source =
      "static void window(const unsigned char* input, std::int8_t* output, void*) {\n"
      "  for (int i = 0; i < 6; ++i) output[i] = static_cast<std::int8_t>(input[i]);\n}\n";
  stage.function = "window";
  stage.input_bytes = 2;
  stage.history_bytes = 4;
  options.program.features = stage;
  const auto model = compile::compile(g, board_, options);
  ASSERT_TRUE(model.has_value()) << model.error().message();
  auto board = std::move(*board::VirtualBoard::create(board_, model->firmware));
  EXPECT_EQ(board.infer(Bytes{1, 2}).value(), (Bytes{0, 0, 0, 0, 1, 2}));
  EXPECT_EQ(board.infer(Bytes{3, 4}).value(), (Bytes{0, 0, 1, 2, 3, 4}));
  EXPECT_EQ(board.infer(Bytes{5, 6}).value(), (Bytes{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(board.infer(Bytes{7, 8}).value(), (Bytes{3, 4, 5, 6, 7, 8}));
}

}  // namespace
}  // namespace mote::bench
