// Host = emulated board = QEMU: the compiled module against the host's executor, byte for byte.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"
#include "quantized_zoo_for_test.hpp"

namespace mote::bench {
namespace {

using graph::Graph;

Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

struct Case {
  const char* name;
  graph::ZooOptions options;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](const char* name, const char* architecture, graph::Shape input) -> graph::ZooOptions& {
    graph::ZooOptions o;
    o.architecture = architecture;
    o.input = std::move(input);
    all.push_back({name, o});
    return all.back().options;
  };
  add("mlp", "mlp", {1, 8, 8, 1});
  auto& ds = add("ds_cnn", "ds_cnn", {1, 15, 13, 1});
  ds.stem = {12, 3, 3, 1, 1};
  ds.blocks = {{20, 2}, {20}, {28, 2}, {28}};
  auto& odd = add("odd channels", "ds_cnn", {1, 9, 10, 3});
  odd.stem = {7, 3, 3, 1, 1};
  odd.blocks = {{10, 2}, {13}, {13}};
  odd.classes = 3;
  auto& wide = add("wide stem", "ds_cnn", {1, 16, 12, 1});
  wide.stem = {16, 5, 5, 2, 2};
  wide.blocks = {{16, 1, 5}, {24, 2}};
  add("resnet8", "resnet8", {1, 12, 12, 3}).stem = {8, 3, 3, 1, 1};
  auto& series = add("cnn1d", "cnn1d", {1, 1, 40, 3});
  series.stem = {8, 1, 5, 1, 2};
  add("mobilenet", "mobilenet_v1", {1, 20, 20, 1});
  auto& encoder = add("autoencoder", "autoencoder", {1, 6, 10, 1});
  encoder.hidden = {24, 6, 24};
  return all;
}

class Board : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  }
};

TEST_P(Board, computes_the_hosts_bytes) {
  const Graph model = quantized(GetParam().options);
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  auto executor = std::move(*graph::Executor::create(model));
  Rng rng(4);
  std::vector<Bytes> inputs, expected;
  for (int i = 0; i < 20; ++i) {
    inputs.push_back(random_bytes(rng, model.input().size_bytes()));
    expected.emplace_back(model.output().size_bytes());
    ASSERT_TRUE(executor.run(inputs.back(), expected.back()));
  }
  SilentProgress silent;
  const auto input = [&](std::size_t i) -> Result<Bytes> { return inputs[i]; };
  const auto on_board = run_on_board(compiled->firmware, board, inputs.size(), input, silent);
  ASSERT_TRUE(on_board.has_value()) << on_board.error().message();
  EXPECT_EQ(*on_board, expected);
  if (!find_program("qemu-system-arm").empty()) {
    const auto on_qemu = run_on_qemu(compiled->firmware, board, inputs.size(), input, silent);
    ASSERT_TRUE(on_qemu.has_value()) << on_qemu.error().message();
    EXPECT_EQ(*on_qemu, expected);
  }
  const auto measured = measure(*compiled, model, board, inputs[0]);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_EQ(measured->arena_touched, compiled->program.arena_bytes);
  EXPECT_GT(measured->cycles, measured->counts.instructions / 2);
  std::uint64_t steps = 0;
  for (const StepCost& s : measured->steps) steps += s.cycles;
  EXPECT_LE(steps, measured->cycles);
  EXPECT_GT(steps * 100, measured->cycles * 90) << "most of the time must be attributed to operators";
}

INSTANTIATE_TEST_SUITE_P(Zoo, Board, ::testing::ValuesIn(cases()), [](const auto& chosen) {
  std::string name = chosen.param.name;
  std::ranges::replace(name, ' ', '_');
  return name;
});

}  // namespace
}  // namespace mote::bench
