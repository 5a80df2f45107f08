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
