// Forests on the boards: the host's bytes on cores with and without an FPU, at the size and speed that docs/trees.md
// says.

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "core_board_for_test.hpp"
#include "forest_for_test.hpp"
#include "mote/base/process.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/core.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {
namespace {

/// Features around those that the forest was grown on, and what no sensor should give.
std::vector<Bytes> features(const Rows& data, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> x(data.row(i % data.y.size()), data.row(i % data.y.size()) + data.features);
    for (float& v : x) {
      const std::uint64_t kind = i < 4 ? 9 : rng.below(40);
      v = kind == 0   ? std::numeric_limits<float>::quiet_NaN()
          : kind == 1 ? -std::numeric_limits<float>::infinity()
          : kind == 2 ? -0.0f
                      : v;
    }
    const ByteSpan raw = bytes_of(std::span<const float>(x));
    all.emplace_back(raw.begin(), raw.end());
  }
  return all;
}

/// The scores, through every further operator, beside each other and as the index of the largest.
graph::Graph with_scores(graph::Graph g, graph::ScoreKind kind) {
  const graph::TensorId y = g.outputs()[0];
  const auto count = g.tensor(y).shape[1];
  const auto p = g.add_tensor({"p", graph::DType::f32, {1, count}, {}, nullptr});
  g.add_op({"p", graph::Scores{kind}, {y}, {p}});
  g.set_outputs({p});
  return g;
}
graph::Graph with_label(graph::Graph g) {
  const auto label = g.add_tensor({"label", graph::DType::i32, {1, 1}, {}, nullptr});
  g.add_op({"label", graph::ArgReduce{graph::ArgKind::maximum, 1}, {g.outputs()[0]}, {label}});
  g.set_outputs({label, g.outputs()[0]});
  return optimize::simplify(g)->graph;
}

void expect_the_hosts_bytes(const graph::Graph& model, const board::BoardSpec& board, const std::vector<Bytes>& inputs,
                            bool qemu) {
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  auto executor = std::move(*graph::Executor::create(model));
  std::vector<Bytes> expected;
  for (const Bytes& x : inputs) {
    expected.emplace_back(model.output().size_bytes());
    ASSERT_TRUE(executor.run(x, expected.back()));
  }
  SilentProgress silent;
  const auto input = [&](std::size_t i) -> Result<Bytes> { return inputs[i]; };
  const auto here = run_on_board(compiled->firmware, board, inputs.size(), input, silent);
  ASSERT_TRUE(here.has_value()) << here.error().message();
  EXPECT_EQ(*here, expected) << graph::print_summary(model);
  if (!qemu) return;
  const auto there = run_on_qemu(compiled->firmware, board, inputs.size(), input, silent);
  ASSERT_TRUE(there.has_value()) << there.error().message();
  EXPECT_EQ(*there, expected) << graph::print_summary(model);
}

class Trees : public ::testing::TestWithParam<const char*> {};

TEST_P(Trees, give_the_hosts_bytes_on_this_core) {
  const auto& cores = board::cores();
  const auto core = std::find_if(cores.begin(), cores.end(), [](const auto& c) {
    return c.name == std::string_view(GetParam()) && (c.name != std::string_view("cortex-m4") || c.fpu);
  });
  ASSERT_NE(core, cores.end()) << "no core of this name";
  if (find_program(std::string(core->tools) + "g++").empty()) GTEST_SKIP() << core->tools << "g++ is not installed";
  const bool qemu = !find_program(std::string(core->qemu.program)).empty();
  const board::BoardSpec board = board_with(*core);
  const Rows data = clouds(200, 6, 3, 5);
  const std::vector<Bytes> inputs = features(data, 12, 9);
  const graph::Graph forest = ForestGrower(data, 7).grow(8, 4);
  expect_the_hosts_bytes(with_scores(forest, graph::ScoreKind::softmax), board, inputs, qemu);
  expect_the_hosts_bytes(with_scores(forest, graph::ScoreKind::logistic), board, inputs, false);
  expect_the_hosts_bytes(with_label(forest), board, inputs, qemu);
  graph::Graph average = forest;
  std::get<graph::TreeEnsemble>(average.ops()[0].attributes).aggregate = graph::TreeAggregate::average;
  expect_the_hosts_bytes(average, board, inputs, false);
  // More than 128 lists of thresholds: words of 32 bits.
  const Rows many = clouds(150, 200, 4, 6);
  expect_the_hosts_bytes(ForestGrower(many, 8).grow(60, 4), board, features(many, 6, 10), false);
}

INSTANTIATE_TEST_SUITE_P(Cores, Trees, ::testing::Values("cortex-m4f", "cortex-m0plus", "rv32imc"),
                         [](const auto& chosen) {
                           std::string name = chosen.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// docs/trees.md has this table.
TEST(TreesBench, fifty_trees_of_depth_six_are_small_and_fast) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const Rows data = clouds(600, 13, 3, 1);
  ForestGrower grower(data, 2);
  const graph::Graph forest = grower.grow(50, 6);
  const auto tables = graph::tree_tables(forest, forest.ops()[0]);
  ASSERT_TRUE(tables.has_value()) << tables.error().message();
  const std::size_t word = tables->wide ? 4 : 2;
  const std::size_t bytes = word * tables->words.size() + 4 * (tables->slots.size() + tables->thresholds.size() +
                                                               tables->roots.size() + tables->leaves.size());
  std::printf("    %zu nodes; bytes: %zu nodes, %zu thresholds, %zu leaves, %zu in all: %.2f a node\n", grower.nodes(),
              word * tables->words.size(), 4 * tables->thresholds.size(), 4 * tables->leaves.size(), bytes,
              static_cast<double>(bytes) / static_cast<double>(grower.nodes()));
  const Bytes x = features(data, 1, 3)[0];
  struct Limit {
    const char* board;
    std::uint64_t cycles;
    std::size_t flash;
  };
  EXPECT_FALSE(tables->wide);
  EXPECT_LE(bytes, 23886u);
  for (const auto& [name, cycles, flash] :
       {Limit{"nucleo-l4r5zi", 10441, 24480}, {"raspberry-pi-pico", 21524, 25344}}) {
    const board::BoardSpec board = *board::find_board(name);
    const auto compiled = compile::compile(forest, board, {});
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
    const auto measured = measure(*compiled, forest, board, x);
    ASSERT_TRUE(measured.has_value()) << measured.error().message();
    std::printf("    %s: %llu cycles, %llu instructions, %zu bytes of RAM, %zu of code, %zu of constants\n", name,
                static_cast<unsigned long long>(measured->cycles),
                static_cast<unsigned long long>(measured->counts.instructions), measured->ram.total(),
                measured->flash.code, measured->flash.constants);
    // A tenth more for other compilers.
    EXPECT_LE(measured->cycles, cycles * 11 / 10);
    EXPECT_LE(measured->flash.total(), flash * 11 / 10);
  }
}

}  // namespace
}  // namespace mote::bench
