// Models that share one arena, in one firmware: in turns of any order each gives the bytes that it gives alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/qemu_board.hpp"
#include "mote/compile/model_set.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/optimize/stream.hpp"

namespace mote::bench {
namespace {

using graph::Graph;
using ::testing::HasSubstr;

Result<Graph> reference_model(const std::string& file) {
  MOTE_TRY(const Bytes bytes, read_file(std::string(MOTE_SHARED_DATA) + "/models/mlperf_tiny/" + file));
  MOTE_TRY(const Graph graph, formats::read_tflite(bytes, file));
  MOTE_TRY(auto simple, optimize::simplify(graph));
  return std::move(simple.graph);
}

/// The streamed wake word, keyword spotting, and the wake word a second time: two streams beside a CNN.
class ModelSetOnBoard : public ::testing::Test {
 protected:
  struct Models {
    Graph wake, words;
    std::vector<compile::SetMember> members;
    compile::ModelSet set;
  };
  static void SetUpTestSuite() {
    if (find_program("arm-none-eabi-g++").empty()) return;
    auto wake = reference_model("str_ww_ref_model.tflite"), words = reference_model("kws_ref_model.tflite");
    if (!wake || !words) return;
    models_ = std::make_unique<Models>();
    models_->wake = optimize::simplify(optimize::stream(*wake, 1)->graph)->graph;
    models_->words = std::move(*words);
    models_->members = {
        {"wake", &models_->wake, {}}, {"words", &models_->words, {}}, {"second wake", &models_->wake, {}}};
    auto set = compile::compile_set(models_->members, board(), {});
    ASSERT_TRUE(set.has_value()) << set.error().message();
    models_->set = std::move(*set);
  }
  static void TearDownTestSuite() { models_.reset(); }
  void SetUp() override {
    if (models_ == nullptr) GTEST_SKIP() << "the reference models or arm-none-eabi-g++ are not there";
  }
  static board::BoardSpec board() { return *board::find_board("nucleo-l4r5zi"); }

  static std::unique_ptr<Models> models_;
  SilentProgress silent_;
};
std::unique_ptr<ModelSetOnBoard::Models> ModelSetOnBoard::models_;

struct Turns {
  std::vector<TurnInput> inputs;
  std::vector<Bytes> expected;  ///< what the host gives for each
};

/// In an order that leaves no model alone for long.
Turns turns_of(const std::vector<compile::SetMember>& members, std::size_t count) {
  std::vector<graph::Executor> hosts;
  for (const compile::SetMember& m : members) hosts.push_back(std::move(*graph::Executor::create(*m.graph)));
  Rng rng(9);
  Turns turns;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t module = i % 7 == 3 ? 1 : (rng.next() & 1) * 2;
    const Graph& graph = *members[module].graph;
    Bytes input(graph::input_bytes(graph)), output(graph::output_bytes(graph));
    for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
    EXPECT_TRUE(hosts[module].run(input, output));
    turns.inputs.push_back({module, std::move(input)});
    turns.expected.push_back(std::move(output));
  }
  return turns;
}

TEST_F(ModelSetOnBoard, gives_each_models_bytes_in_turns_of_any_order) {
  EXPECT_EQ(models_->set.arena.neediest, 1u);
  EXPECT_LE(models_->set.arena.arena_bytes, 11'584u + 2 * 3'968) << "keyword spotting's, and two wake words' states";
  EXPECT_EQ(models_->set.arena.kept_bytes, 2u * 3'960);
  const Turns turns = turns_of(models_->members, 50);
  const Bytes& firmware = models_->set.models[0].firmware;
  const auto got = run_in_turns(firmware, board(), turns.inputs, silent_);
  ASSERT_TRUE(got.has_value()) << got.error().message();
  for (std::size_t i = 0; i < turns.expected.size(); ++i)
    ASSERT_EQ((*got)[i], turns.expected[i]) << "turn " << i << ", " << models_->members[turns.inputs[i].module].name;

  if (find_program("qemu-system-arm").empty()) return;
  auto qemu = board::QemuBoard::create(board(), compile::qemu_firmware(firmware, board()).value());
  ASSERT_TRUE(qemu.has_value()) << qemu.error().message();
  for (std::size_t i = 0; i < 12; ++i) {
    ASSERT_TRUE(qemu->select(static_cast<std::uint32_t>(turns.inputs[i].module)));
    ASSERT_EQ(qemu->infer(turns.inputs[i].input).value(), turns.expected[i]) << "turn " << i << " in QEMU";
  }
  EXPECT_THAT(qemu->select(3).error().message(), HasSubstr("fewer modules"));
}

TEST_F(ModelSetOnBoard, is_measured_model_by_model) {
  for (std::size_t i = 1; i < 3; ++i) {
    const Graph& graph = *models_->members[i].graph;
    const Bytes input(graph::input_bytes(graph), 1);
    const auto measured = measure(models_->set.models[i], graph, board(), input);
    ASSERT_TRUE(measured.has_value()) << measured.error().message();
    EXPECT_EQ(measured->arena_touched, models_->set.models[i].program.arena_bytes);
    const auto alone = compile::compile(graph, board(), {});
    ASSERT_TRUE(alone.has_value()) << alone.error().message();
    const auto usual = measure(*alone, graph, board(), input);
    EXPECT_EQ(measured->output_sha256, usual->output_sha256);
    EXPECT_LE(measured->cycles, usual->cycles + 64) << "what it is given of the others' RAM makes nothing slower";
  }
}

/// A convolution over a window that moves on.
Graph small_stream() {
  Graph g("stream");
  const graph::Quantization q = graph::Quantization::per_tensor(0.05f, 3);
  const auto value = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, graph::DType::i8, std::move(shape), q, nullptr});
  };
  const graph::TensorId x = value("x", {1, 1, 2, 2}), window = value("window", {1, 6, 2, 2}),
                        moved = value("window'", {1, 6, 2, 2}), y = value("y", {1, 1, 1, 2});
  g.add_op({"move", graph::Shift{1}, {window, x}, {moved}});
  g.add_op({"mean", graph::Reduce{graph::ReduceKind::mean, {1, 2}}, {moved}, {y}});
  g.add_state({window, moved, std::make_shared<const Bytes>(24, std::uint8_t{3})});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

/// Where states lie within the others' bytes: what this file's tests are there to notice.
TEST_F(ModelSetOnBoard, would_notice_states_that_others_write_over) {
  const Graph stream = small_stream();
  const std::vector<compile::SetMember> members(3, {"stream", &stream, {}});
  std::vector<compile::CompiledModel> models(3, compile::compile(stream, board(), {}).value());
  ASSERT_TRUE(compile::renew_firmware(models, board()));
  const Turns turns = turns_of(members, 20);
  const auto got = run_in_turns(models[0].firmware, board(), turns.inputs, silent_);
  ASSERT_TRUE(got.has_value()) << got.error().message();
  EXPECT_NE(*got, turns.expected);
  const auto set = compile::compile_set(members, board(), {});
  ASSERT_TRUE(set.has_value()) << set.error().message();
  EXPECT_EQ(run_in_turns(set->models[0].firmware, board(), turns.inputs, silent_).value(), turns.expected);
}

TEST_F(ModelSetOnBoard, is_held_against_what_the_board_has_for_all_of_them) {
  const Graph stream = small_stream();
  const std::vector<compile::SetMember> members(12, {"stream", &stream, {}});
  board::BoardSpec tiny = board();
  tiny.ram_bytes = 12 * 24;
  EXPECT_THAT(compile::compile_set(members, tiny, {}).error().message(), HasSubstr("288 kept from one inference"));
  tiny = board();
  tiny.flash_bytes = 1024;
  EXPECT_THAT(compile::compile_set(std::span(members).first(2), tiny, {}).error().message(), HasSubstr("(stream "));
}

}  // namespace
}  // namespace mote::bench
