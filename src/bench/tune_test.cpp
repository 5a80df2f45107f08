#include "mote/bench/tune.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/graph/executor.hpp"

namespace mote::bench {
namespace {

/// A convolution of 3x3, small enough to have few forms.
graph::Graph one_layer() {
  using namespace graph;
  constexpr std::int32_t kChannels = 8;
  Graph g("one layer");
  Rng rng(11);
  const TensorId x = g.add_tensor({"x", DType::i8, {1, 4, 8, kChannels}, Quantization::per_tensor(0.05f, -3), {}});
  std::vector<std::int8_t> w(kChannels * 9 * kChannels);
  for (auto& v : w) v = static_cast<std::int8_t>(rng.between(-127, 127));
  const TensorId weights = g.add_tensor({"w",
                                         DType::i8,
                                         {kChannels, 3, 3, kChannels},
                                         Quantization::per_tensor(0.01f, 0),
                                         constant_data(std::span<const std::int8_t>(w))});
  const std::vector<std::int32_t> b(kChannels, 100);
  const TensorId bias =
      g.add_tensor({"b", DType::i32, {kChannels}, {}, constant_data(std::span<const std::int32_t>(b))});
  const TensorId y = g.add_tensor({"y", DType::i8, {1, 4, 8, kChannels}, Quantization::per_tensor(0.4f, -128), {}});
  g.add_op({"conv", Conv2D{1, 1, 1, 1, Pads{1, 1, 1, 1}, Activation::none}, {x, weights, bias}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

constexpr std::size_t kRam = 4608;

class Tune : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    auto folder = TemporaryFolder::create("mote-tune");
    ASSERT_TRUE(folder.has_value());
    folder_.emplace(std::move(*folder));
    Rng rng(3);
    input_.resize(graph::input_bytes(model_));
    for (auto& b : input_) b = static_cast<std::uint8_t>(rng.next());
  }

  Result<Tuned> tuned(TuneOptions options) {
    options.cache = folder_->path();
    options.compile.program.arena_budget = kRam;
    return tune(model_, board_, options, input_, silent_);
  }
  /// The board computes the host's bytes.
  void expect_exact(const Tuned& t) {
    auto executor = graph::Executor::create(model_);
    ASSERT_TRUE(executor.has_value());
    Bytes expected(graph::output_bytes(model_));
    ASSERT_TRUE(executor->run(input_, expected).has_value());
    const auto outputs = run_on_board(
        t.model.firmware, board_, 1, [&](std::size_t) -> Result<Bytes> { return input_; }, silent_);
    ASSERT_TRUE(outputs.has_value()) << outputs.error().message();
    EXPECT_EQ((*outputs)[0], expected);
  }

  graph::Graph model_ = one_layer();
  board::BoardSpec board_ = *board::find_board("nucleo-l4r5zi");
  std::optional<TemporaryFolder> folder_;
  SilentProgress silent_;
  Bytes input_;
};

bool has_winograd(const Tuned& t) {
  return std::ranges::any_of(t.model.program.ops, [](const auto& op) { return op.kernel.starts_with("winograd"); });
}

TEST_F(Tune, measures_once_and_keeps_every_budget) {
  const auto usual = tuned({});
  ASSERT_TRUE(usual.has_value()) << usual.error().message();
  EXPECT_GT(usual->measured, 10u);
  compile::CompileOptions untuned;
  untuned.program.arena_budget = kRam;
  const auto compiled = compile::compile(model_, board_, untuned);
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  const auto price = [](std::uint64_t cycles, const compile::CompiledModel& m) {
    return cycles + 24 * m.module.size();
  };
  EXPECT_LE(price(usual->cycles, usual->model), price(usual->untuned, *compiled));
  EXPECT_TRUE(usual->within);
  EXPECT_FALSE(has_winograd(*usual)) << "nobody gave flash for it";
  expect_exact(*usual);

  // One damaged entry is measured again.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_->path())) {
    if (!entry.is_regular_file()) continue;
    ASSERT_TRUE(write_file(entry.path(), "mote measured cycles 1\n"));
    break;
  }
  const auto again = tuned({});
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again->measured, 1u);
  EXPECT_EQ(again->modules, 1u);
  EXPECT_EQ(again->cycles, usual->cycles);
  EXPECT_EQ(again->model.module, usual->model.module);

  // Flash is given: Winograd's form comes in.
  TuneOptions wide;
  wide.compile.flash_budget = usual->model.module.size() + 65536;
  const auto with_flash = tuned(wide);
  ASSERT_TRUE(with_flash.has_value()) << with_flash.error().message();
  EXPECT_LT(with_flash->cycles, usual->cycles);
  EXPECT_TRUE(has_winograd(*with_flash));
  EXPECT_LE(with_flash->model.module.size(), wide.compile.flash_budget);
  expect_exact(*with_flash);

  // A latency that needs no more flash than before takes no more, though there is some.
  TuneOptions timed = wide;
  timed.latency_ms = static_cast<double>(usual->cycles) * 1.01 / board_.clock_hz * 1000;
  const auto in_time = tuned(timed);
  ASSERT_TRUE(in_time.has_value()) << in_time.error().message();
  EXPECT_TRUE(in_time->within);
  EXPECT_LE(static_cast<double>(in_time->cycles) / board_.clock_hz * 1000, timed.latency_ms);
  EXPECT_LE(in_time->model.module.size(), usual->model.module.size());
  EXPECT_LT(usual->model.module.size(), with_flash->model.module.size());
  EXPECT_EQ(in_time->measured, 0u);

  timed.latency_ms = 0.001;
  const auto too_late = tuned(timed);
  ASSERT_TRUE(too_late.has_value()) << too_late.error().message();
  EXPECT_FALSE(too_late->within);
}

TEST_F(Tune, refuses_a_board_on_which_nothing_is_counted) {
  const auto board = board::find_board("host");
  ASSERT_TRUE(board.has_value());
  const auto refused = tune(model_, *board, {}, input_, silent_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::unsupported);
}

}  // namespace
}  // namespace mote::bench
