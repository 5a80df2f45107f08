// 8-bit AVR: small networks and trees give the host's bytes under simavr.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "forest_for_test.hpp"
#include "mote/base/process.hpp"
#include "mote/bench/bench.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "quantized_zoo_for_test.hpp"

namespace mote::bench {
namespace {

const board::BoardSpec& uno() {
  static const board::BoardSpec kBoard = board::find_board("arduino-uno").value();
  return kBoard;
}

class Avr : public testing::Test {
 protected:
  void SetUp() override {
    if (find_program("avr-gcc").empty()) GTEST_SKIP() << "avr-gcc is not installed";
  }
};

graph::Graph network(std::int32_t inputs, std::vector<std::int32_t> hidden, std::int32_t classes, bool softmax,
                     std::uint64_t seed) {
  graph::ZooOptions options;
  options.architecture = "mlp";
  options.input = {1, 1, 1, inputs};
  options.hidden = std::move(hidden);
  options.classes = classes;
  options.softmax = softmax;
  options.seed = seed;
  return quantized(options);
}

void expect_the_hosts_bytes(const graph::Graph& model, const std::vector<Bytes>& inputs) {
  const auto compiled = compile::compile(model, uno(), {});
  ASSERT_TRUE(compiled) << compiled.error().message();
  auto executor = graph::Executor::create(model).value();
  std::vector<Bytes> expected;
  for (const Bytes& x : inputs) {
    expected.emplace_back(model.output().size_bytes());
    ASSERT_TRUE(executor.run(x, expected.back()));
  }
  SilentProgress silent;
  const auto got = run_on_board(
      compiled->firmware, uno(), inputs.size(), [&](std::size_t i) -> Result<Bytes> { return inputs[i]; }, silent);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, expected) << graph::print_summary(model);
}

std::vector<Bytes> random_inputs(std::size_t bytes, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Bytes> all(count, Bytes(bytes));
  for (std::size_t i = 0; i < count; ++i) {
    for (auto& b : all[i]) b = static_cast<std::uint8_t>(i == 0 ? 0x80 : i == 1 ? 0x7f : rng.below(256));
  }
  return all;
}

TEST_F(Avr, dense_networks_give_the_hosts_bytes) {
  std::uint64_t seed = 1;
  for (const auto& [inputs, hidden, classes, softmax] :
       {std::tuple{12, std::vector<std::int32_t>{16}, 4, true}, std::tuple{1, std::vector<std::int32_t>{3}, 2, false},
        std::tuple{300, std::vector<std::int32_t>{33, 7}, 5, true},
        std::tuple{256, std::vector<std::int32_t>{9}, 2, false},
        std::tuple{61, std::vector<std::int32_t>{24, 24, 13}, 11, true}}) {
    const graph::Graph model = network(inputs, hidden, classes, softmax, seed++);
    expect_the_hosts_bytes(model, random_inputs(model.input().size_bytes(), 12, seed));
  }
}

TEST_F(Avr, weights_of_minus_128_and_functions_by_table) {
  graph::Graph g("functions");
  const graph::Quantization q = graph::Quantization::per_tensor(0.05f, -7);
  const auto x = g.add_tensor({"x", graph::DType::i8, {1, 20}, q, nullptr});
  g.set_inputs({x});
  auto last = x;
  for (const graph::UnaryKind kind : {graph::UnaryKind::tanh, graph::UnaryKind::logistic}) {
    const auto y = g.add_tensor({std::string(graph::name(kind)),
                                 graph::DType::i8,
                                 {1, 20},
                                 kind == graph::UnaryKind::tanh ? graph::Quantization::per_tensor(1.0f / 128, 0)
                                                                : graph::Quantization::per_tensor(1.0f / 256, -128),
                                 nullptr});
    g.add_op({std::string(graph::name(kind)), graph::Unary{kind}, {last}, {y}});
    last = y;
  }
  g.set_outputs({last});
  expect_the_hosts_bytes(g, random_inputs(20, 8, 3));
}

TEST_F(Avr, forests_give_the_hosts_bytes) {
  const Rows data = clouds(400, 6, 3, 5);
  graph::Graph forest = ForestGrower(data, 7).grow(7, 5);
  std::vector<Bytes> inputs;
  for (std::size_t i = 0; i < 24; ++i) {
    const ByteSpan raw = bytes_of(std::span<const float>(data.row(i), data.features));
    inputs.emplace_back(raw.begin(), raw.end());
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(inputs[3].data() + 4, &nan, 4);
  const graph::Graph model = optimize::simplify(forest)->graph;
  expect_the_hosts_bytes(model, inputs);
}

TEST_F(Avr, a_dense_layer_takes_ten_cycles_a_multiply_accumulate) {
  const graph::Graph model = network(64, {64, 32}, 8, false, 4);
  const auto compiled = compile::compile(model, uno(), {}).value();
  const BenchResult r = measure(compiled, model, uno(), random_inputs(64, 3, 1)[2]).value();
  RecordProperty("cycles", std::to_string(r.cycles));
  for (const StepCost& s : r.steps)
    std::printf("%-60s %8llu cycles %6lld macs\n", s.summary.c_str(), static_cast<unsigned long long>(s.cycles),
                static_cast<long long>(s.macs));
  std::printf("%llu cycles, %llu instructions, stack %zu, flash %zu\n", static_cast<unsigned long long>(r.cycles),
              static_cast<unsigned long long>(r.counts.instructions), r.ram.stack, compiled.module.size());
  EXPECT_EQ(r.counted, true);
  EXPECT_LT(r.cycles, 145'000u);
  EXPECT_GT(r.cycles, 60'000u);
}

TEST_F(Avr, what_does_not_run_is_refused_in_one_sentence) {
  graph::Graph g("sum");
  const graph::Quantization q = graph::Quantization::per_tensor(0.05f, 3);
  const auto x = g.add_tensor({"x", graph::DType::i8, {1, 8}, q, nullptr});
  const auto y = g.add_tensor({"twice", graph::DType::i8, {1, 8}, q, nullptr});
  g.set_inputs({x});
  g.add_op({"sum", graph::Add{}, {x, x}, {y}});
  g.set_outputs({y});
  const auto refused = compile::compile(g, uno(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::unsupported);
  EXPECT_NE(refused.error().message().find("add 'sum' (output 'twice') does not run on an AVR"), std::string::npos)
      << refused.error().message();
  const auto large = compile::compile(network(400, {100}, 3, false, 4), uno(), {});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), Code::too_large) << large.error().message();
}

}  // namespace
}  // namespace mote::bench
