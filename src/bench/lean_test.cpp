// What the kernels for cores without DSP instructions cost: instructions of an imported model, and its bytes.

#include <gtest/gtest.h>

#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/board/core.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {
namespace {

/// Instructions of an inference at most; gcc 14 may differ from gcc 12 by a percent or two.
struct Figures {
  const char* board;
  std::uint64_t instructions;
  std::size_t flash;
};

class LeanModel : public ::testing::TestWithParam<Figures> {};

TEST_P(LeanModel, gives_the_files_bytes_within_its_instructions) {
  const std::filesystem::path file = std::filesystem::path(MOTE_SHARED_DATA) / "models/mlperf_tiny/ad01_int8.tflite";
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << file << " is not there: development data is kept beside the project";
  const board::BoardSpec board = *board::find_board(GetParam().board);
  const std::string compiler = std::string((*board::core_of(board))->tools) + "g++";
  if (find_program(compiler).empty()) GTEST_SKIP() << compiler << " is not installed";
  const graph::Graph model = optimize::simplify(*formats::read_tflite(*read_file(file), file.string()))->graph;
  const auto compiled = compile::compile(model, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  Rng rng(7);
  Bytes input(model.input().size_bytes()), expected(model.output().size_bytes());
  for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
  ASSERT_TRUE(graph::Executor::create(model)->run(input, expected));
  const auto measured = measure(*compiled, model, board, input);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_EQ(measured->output_sha256, sha256(expected).hex());
  EXPECT_LE(measured->counts.instructions, GetParam().instructions);
  EXPECT_LE(measured->flash.total(), GetParam().flash);
}

INSTANTIATE_TEST_SUITE_P(AnomalyDetection, LeanModel,
                         ::testing::Values(Figures{"raspberry-pi-pico", 1'220'000, 286'720}),
                         [](const auto&) { return "cortex_m0plus"; });

}  // namespace
}  // namespace mote::bench
