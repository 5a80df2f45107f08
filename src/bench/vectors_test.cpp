// The vector forms of the Cortex-M55: random networks and the imported models, on the virtual board layer by layer and
// under QEMU, whose core has the instructions itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "qemu_count_for_test.hpp"
#include "random_network_for_test.hpp"

namespace mote::bench {
namespace {

using graph::Graph;

board::BoardSpec helium_board() { return *board::find_board("mps3-an547"); }

bool has_compiler() { return !find_program("arm-none-eabi-g++").empty(); }
bool has_qemu() { return !find_program("qemu-system-arm").empty(); }

std::vector<Bytes> random_inputs(const Graph& model, std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<Bytes> inputs(count, Bytes(model.input().size_bytes()));
  for (Bytes& input : inputs) {
    for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
  }
  return inputs;
}

/// Layer by layer on the virtual board, whole under QEMU.
void expect_equal(const compile::CompiledModel& compiled, const Graph& model, const std::vector<Bytes>& inputs) {
  const board::BoardSpec board = helium_board();
  auto executor = std::move(*graph::Executor::create(model));
  std::vector<Bytes> expected;
  for (const Bytes& input : inputs) {
    expected.emplace_back(model.output().size_bytes());
    ASSERT_TRUE(executor.run(input, expected.back()));
    const auto difference = first_difference(compiled, model, board, input);
    ASSERT_TRUE(difference.has_value()) << difference.error().message();
    EXPECT_FALSE(difference->has_value()) << (*difference)->step << " differs first\n" << print_summary(model);
  }
  if (!has_qemu()) return;
  SilentProgress silent;
  const auto on_qemu = run_on_qemu(
      compiled.firmware, board, inputs.size(), [&](std::size_t i) -> Result<Bytes> { return inputs[i]; }, silent);
  ASSERT_TRUE(on_qemu.has_value()) << on_qemu.error().message();
  EXPECT_EQ(*on_qemu, expected) << print_summary(model);
}

class VectorLayers : public ::testing::TestWithParam<int> {};

TEST_P(VectorLayers, equal_the_executor_on_the_board_and_under_qemu) {
  if (!has_compiler()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const auto seed = static_cast<std::uint64_t>(5000 + GetParam());
  Rng rng(seed);
  const Graph model =
      GetParam() % 2 == 0 ? graph::RandomNetwork(seed).build() : graph::RandomNetwork(seed).build_pictures();
  compile::CompileOptions options;
  // Less RAM than the layers need one by one: rows of groups of layers.
  if (rng.chance(0.5)) options.program.arena_budget = static_cast<std::size_t>(rng.between(1, 4000));
  const auto compiled = compile::compile(model, helium_board(), options);
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  expect_equal(*compiled, model, random_inputs(model, seed, 2));
}

INSTANTIATE_TEST_SUITE_P(Random, VectorLayers, ::testing::Range(0, 6));

class VectorDepthwise : public ::testing::TestWithParam<int> {};

TEST_P(VectorDepthwise, equals_the_executor_on_the_board_and_under_qemu) {
  if (!has_compiler()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const auto seed = static_cast<std::uint64_t>(6000 + GetParam());
  const Graph model = graph::RandomNetwork(seed).build_depthwise();
  compile::CompileOptions options;
  if (GetParam() % 3 == 2) options.flash_budget = 1;  // functions that layers share
  const auto compiled = compile::compile(model, helium_board(), options);
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  expect_equal(*compiled, model, random_inputs(model, seed, 2));
}

INSTANTIATE_TEST_SUITE_P(Random, VectorDepthwise, ::testing::Range(0, 6));

/// Instructions of an inference at most; gcc 14 may differ from gcc 12 by a percent or two.
struct Figures {
  const char* file;
  std::uint64_t instructions;
  std::size_t arena, flash;
};

class VectorModel : public ::testing::TestWithParam<Figures> {};

TEST_P(VectorModel, gives_the_files_bytes_within_its_instructions) {
  if (!has_compiler()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const std::filesystem::path file = std::filesystem::path(MOTE_SHARED_DATA) / "models/mlperf_tiny" / GetParam().file;
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << file << " is not there: development data is kept beside the project";
  const Graph model = optimize::simplify(*formats::read_tflite(*read_file(file), file.string()))->graph;
  const board::BoardSpec board = helium_board();
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  const std::vector<Bytes> inputs = random_inputs(model, 17, 2);
  expect_equal(*compiled, model, inputs);
  const auto measured = measure(*compiled, model, board, inputs[0]);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_LE(measured->counts.instructions, GetParam().instructions);
  EXPECT_LE(measured->ram.arena, GetParam().arena);
  EXPECT_LE(measured->flash.total(), GetParam().flash);
  // QEMU's log has a line an instruction.
  constexpr std::uint64_t kWorthCounting = 100'000;
  if (has_qemu() && measured->counts.instructions < kWorthCounting) {
    EXPECT_EQ(count_with_qemu(compiled->firmware, board, inputs[0]), measured->counts.instructions);
  }
}

INSTANTIATE_TEST_SUITE_P(MlperfTiny, VectorModel,
                         ::testing::Values(Figures{"kws_ref_model.tflite", 765'000, 9'984, 37'376},
                                           Figures{"vww_96_int8.tflite", 1'650'000, 40'960, 63'488},
                                           Figures{"pretrainedResnet_quant.tflite", 2'250'000, 34'816, 94'208},
                                           Figures{"ad01_int8.tflite", 46'500, 1'024, 286'720}),
                         [](const auto& chosen) { return std::filesystem::path(chosen.param.file).stem().string(); });

}  // namespace
}  // namespace mote::bench
