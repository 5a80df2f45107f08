// Every core of the table: models compiled for it give the host's bytes on the emulated board and under QEMU.

#include <gtest/gtest.h>

#include <algorithm>

#include "core_board_for_test.hpp"
#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/core.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/qemu_board.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/graph.hpp"
#include "qemu_count_for_test.hpp"
#include "quantized_zoo_for_test.hpp"
#include "random_network_for_test.hpp"

namespace mote::bench {
namespace {

constexpr int kVectors = 3;

/// Convolutions with and without padding, depthwise, dense, adds, pools, softmax; and what random networks bring.
std::vector<graph::Graph> models() {
  std::vector<graph::Graph> all;
  graph::ZooOptions o;
  o.architecture = "ds_cnn";
  o.input = {1, 9, 10, 3};
  o.stem = {7, 3, 3, 1, 1};
  o.blocks = {{10, 2}, {13}, {13}};
  o.classes = 3;
  all.push_back(quantized(o));
  o = {};
  o.architecture = "resnet8";
  o.input = {1, 8, 8, 3};
  o.stem = {8, 3, 3, 1, 1};
  all.push_back(quantized(o));
  o = {};
  o.architecture = "mlp";
  o.input = {1, 8, 8, 1};
  all.push_back(quantized(o));
  for (const std::uint64_t seed : {3u, 11u}) all.push_back(graph::RandomNetwork(seed).build());
  return all;
}

/// An AVR runs few operators: avr_test.cpp.
std::vector<std::size_t> full_cores() {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < board::cores().size(); ++i) {
    if (!board::cores()[i].avr()) all.push_back(i);
  }
  return all;
}

class Cores : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    const std::string compiler = std::string(core().tools) + "g++";
    if (find_program(compiler).empty()) GTEST_SKIP() << compiler << " is not installed";
  }
  [[nodiscard]] static const board::CoreSpec& core() { return board::cores()[GetParam()]; }
};

TEST_P(Cores, give_the_hosts_bytes) {
  const board::BoardSpec board = board_with(core());
  ASSERT_EQ(board::core_of(board).value(), &core());
  const bool qemu = !core().native() && !find_program(std::string(core().qemu.program)).empty();
  SilentProgress silent;
  for (const graph::Graph& model : models()) {
    const auto compiled = compile::compile(model, board, {});
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
    EXPECT_EQ(compiled->assembly.empty(), !core().runs_m4_kernels());
    auto executor = std::move(*graph::Executor::create(model));
    Rng rng(7);
    std::vector<Bytes> inputs, expected;
    for (int i = 0; i < kVectors; ++i) {
      inputs.emplace_back(model.input().size_bytes());
      for (auto& b : inputs.back()) b = static_cast<std::uint8_t>(rng.next());
      expected.emplace_back(model.output().size_bytes());
      ASSERT_TRUE(executor.run(inputs.back(), expected.back()));
    }
    const auto input = [&](std::size_t i) -> Result<Bytes> { return inputs[i]; };
    const auto on_board = run_on_board(compiled->firmware, board, inputs.size(), input, silent);
    ASSERT_TRUE(on_board.has_value()) << on_board.error().message();
    EXPECT_EQ(*on_board, expected) << print_summary(model);
    if (qemu) {
      const auto on_qemu = run_on_qemu(compiled->firmware, board, inputs.size(), input, silent);
      ASSERT_TRUE(on_qemu.has_value()) << on_qemu.error().message();
      EXPECT_EQ(*on_qemu, expected) << print_summary(model);
    }
    const auto measured = measure(*compiled, model, board, inputs[0]);
    ASSERT_TRUE(measured.has_value()) << measured.error().message();
    EXPECT_EQ(measured->output_sha256, sha256(expected[0]).hex());
    EXPECT_EQ(measured->counted, !core().native());
    if (core().native()) continue;
    EXPECT_GT(measured->counts.instructions, 0u);
    EXPECT_GT(measured->ram.stack, 0u);
    EXPECT_TRUE(std::ranges::count(measured->estimated, "cycles") == 1);
    const auto difference = first_difference(*compiled, model, board, inputs[0]);
    ASSERT_TRUE(difference.has_value()) << difference.error().message();
    EXPECT_FALSE(difference->has_value()) << (*difference)->step;
  }
}

TEST_P(Cores, execute_as_many_instructions_under_qemu_as_the_virtual_board_counts) {
  if (core().native()) GTEST_SKIP() << "nothing is counted on this machine";
  if (find_program(std::string(core().qemu.program)).empty())
    GTEST_SKIP() << core().qemu.program << " is not installed";
  const board::BoardSpec board = board_with(core());
  graph::ZooOptions o;
  o.architecture = "mlp";
  o.input = {1, 8, 8, 1};
  const graph::Graph model = quantized(o);
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  const Bytes input(model.input().size_bytes(), 17);
  const auto measured = measure(*compiled, model, board, input);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_EQ(measured->counts.instructions, count_with_qemu(compiled->firmware, board, input));
}

INSTANTIATE_TEST_SUITE_P(All, Cores, ::testing::ValuesIn(full_cores()), [](const auto& chosen) {
  const board::CoreSpec& core = board::cores()[chosen.param];
  std::string name = std::string(core.name) + (core.dsp ? "_dsp" : "") + (core.fpu ? "_fpu" : "");
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace mote::bench
