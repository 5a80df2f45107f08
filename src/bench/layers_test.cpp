// Every kernel that the compiler chooses, on the emulated board, against the host's executor, layer by layer: networks
// of random layers, and the imported models at hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/compile/forms.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/quantization.hpp"
#include "mote/optimize/passes.hpp"
#include "random_network_for_test.hpp"
#include "random_wide_network_for_test.hpp"

namespace mote::bench {
namespace {

using namespace graph;

Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

void expect_equal_layers(const Graph& model, std::uint64_t seed, const compile::CompileOptions& options = {}) {
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  const auto compiled = compile::compile(model, board, options);
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  Rng rng(seed);
  const Bytes input = random_bytes(rng, model.input().size_bytes());
  const auto difference = first_difference(*compiled, model, board, input);
  ASSERT_TRUE(difference.has_value()) << difference.error().message();
  if (*difference) {
    const StepDifference& d = **difference;
    std::string kernel;
    for (const compile::Step& s : compiled->program.steps)
      kernel = s.name == d.step ? s.summary + " | " + s.kernel : kernel;
    FAIL() << d.step << ": " << d.different << " elements, first " << d.first << ": " << d.got << " instead of "
           << d.expected << "\n"
           << kernel << "\n"
           << print_summary(model);
  }
  const auto measured = measure(*compiled, model, board, input);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
}

class Layers : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  }
};

TEST_P(Layers, on_the_board_equal_the_executor) {
  const int trials = std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : 4;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + trial);
    compile::CompileOptions options;
    Rng rng(seed);
    options.program.arena_budget = rng.chance(0.5) ? 0 : static_cast<std::size_t>(rng.between(1, 30000));
    // For flash's sake: shared functions and columns for all layers, or the compact kernels.
    if (rng.chance(0.4)) {
      options.program.lowering.cycles_a_byte = compile::kLeastFlash;
      options.program.lowering.share = true;
      options.program.lowering.compact = rng.chance(0.4);
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_equal_layers(RandomNetwork(seed).build(), seed, options);
    if (HasFatalFailure()) return;
  }
}

TEST_P(Layers, of_int16_equal_the_executor) {
  const int trials = std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : 1;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + 900 + trial);
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_equal_layers(RandomWideNetwork(seed).build(), seed);
    if (HasFatalFailure()) return;
  }
}

/// Convolutions of 3x3 and stride 1 one behind the other, of all sizes that Winograd's form takes.
Graph random_3x3(std::uint64_t seed) { return RandomNetwork(seed).build_3x3(); }

TEST_P(Layers, in_winograds_form_equal_the_executor) {
  const int trials = std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : 1;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + 500 + trial);
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph model = random_3x3(seed);
    Rng rng(seed);
    compile::CompileOptions options;
    options.program.lowering.winograd = true;
    options.program.arena_budget = rng.chance(0.5) ? 0 : static_cast<std::size_t>(rng.between(1, 60000));
    const auto program = compile::make_program(model, options.program);
    ASSERT_TRUE(program.has_value()) << program.error().message();
    EXPECT_TRUE(std::ranges::any_of(program->ops, [](const compile::LoweredOp& op) {
      return op.kernel.starts_with("winograd");
    })) << print_summary(model);
    expect_equal_layers(model, seed, options);
    if (HasFatalFailure()) return;
  }
}

TEST_P(Layers, in_any_form_equal_the_executor) {
  const int trials = std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : 1;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + 300 + trial);
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const Graph model = rng.chance(0.5) ? RandomNetwork(seed).build() : RandomNetwork(seed).build_pictures();
    compile::CompileOptions options;
    compile::FormTable table(model, options.program.lowering);
    options.program.forms.emplace();
    for (std::size_t op = 0; op < model.ops().size(); ++op) {
      const auto forms = table.different(op, 100'000);
      ASSERT_TRUE(forms.has_value()) << forms.error().message();
      options.program.forms->forms.push_back((*forms)[rng.below(forms->size())]);
    }
    expect_equal_layers(model, seed, options);
    if (HasFatalFailure()) return;
  }
}

constexpr int kDenseTrials = 2;

TEST_P(Layers, dense_equal_the_executor) {
  const int trials =
      std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : kDenseTrials;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + 900 + trial);
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Graph model = RandomNetwork(seed).build_dense();
    compile::CompileOptions options;
    options.program.lowering.weights_in_ram = seed % 3 == 0;
    expect_equal_layers(model, seed, options);
    if (HasFatalFailure()) return;
  }
}

TEST(DenseLayers, take_both_forms_with_both_ends) {
  std::set<std::string> kernels;
  for (int i = 0; i < 8 * kDenseTrials; ++i) {
    const auto seed = static_cast<std::uint64_t>(1000 * (i / kDenseTrials) + 900 + i % kDenseTrials);
    const Graph model = RandomNetwork(seed).build_dense();
    const auto program = compile::make_program(model, {});
    ASSERT_TRUE(program.has_value()) << program.error().message();
    for (const compile::LoweredOp& op : program->ops) {
      const bool pairs = op.kernel.find("pairs") != std::string::npos;
      const bool exact = op.kernel.find("exact") != std::string::npos;
      const bool uniform = op.kernel.find("uniform") != std::string::npos;
      if (op.kernel.starts_with("dense_tiles"))
        kernels.insert((pairs ? "pairs" : "singles") + std::string(exact ? " exact" : "") +
                       (uniform ? " uniform" : ""));
    }
  }
  EXPECT_EQ(kernels.size(), 8u) << ::testing::PrintToString(kernels);  // so the seeds above prove each of them
}

/// By which forms are chosen: with code that is fetched, and for layers of all sizes.
TEST(DenseLayers, take_about_the_cycles_that_are_estimated) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  for (const std::uint64_t seed : {900u, 1900u, 3900u}) {
    const Graph model = RandomNetwork(seed).build_dense();
    const auto compiled = compile::compile(model, board, {});
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
    Rng rng(seed);
    const auto measured = measure(*compiled, model, board, random_bytes(rng, model.input().size_bytes()));
    ASSERT_TRUE(measured.has_value()) << measured.error().message();
    for (const StepCost& step : measured->steps) {
      const compile::LoweredOp& op = compiled->program.ops[static_cast<std::size_t>(step.op_index)];
      const auto cycles = static_cast<double>(step.cycles);
      if (!op.kernel.starts_with("dense_tiles")) continue;
      EXPECT_NEAR(static_cast<double>(op.cycles), cycles, 0.1 * cycles + 100) << step.summary << " " << op.kernel;
    }
  }
}

/// Less RAM than the layers of a random network need one by one.
struct TightNetwork {
  Graph model;
  compile::CompileOptions options;
  std::size_t needed = 0;
};
TightNetwork tight_network(std::uint64_t seed) {
  Rng rng(seed);
  TightNetwork t{rng.chance(0.5) ? RandomNetwork(seed).build_3x3() : RandomNetwork(seed).build_pictures(), {}, 0};
  t.options.program.lowering.winograd = rng.chance(0.2);
  t.needed = compile::make_program(t.model, t.options.program)->arena_bytes;
  t.options.program.arena_budget = t.needed * static_cast<std::size_t>(rng.between(40, 80)) / 100;
  return t;
}

TEST_P(Layers, row_by_row_equal_the_executor) {
  const int trials = std::getenv("MOTE_LAYER_TRIALS") != nullptr ? std::atoi(std::getenv("MOTE_LAYER_TRIALS")) : 1;
  for (int trial = 0; trial < trials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(1000 * GetParam() + 700 + trial);
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TightNetwork t = tight_network(seed);
    expect_equal_layers(t.model, seed, t.options);
    if (HasFatalFailure()) return;
  }
}

TEST(RowGroups, are_found_where_ram_is_short_and_need_less) {
  int found = 0;
  for (std::uint64_t seed = 700; seed < 736; ++seed) {
    const TightNetwork t = tight_network(seed);
    const auto program = compile::make_program(t.model, t.options.program);
    ASSERT_TRUE(program.has_value()) << program.error().message();
    if (program->row_groups.empty()) continue;  // layers with portable kernels have no part of their rows
    ++found;
    EXPECT_LT(program->arena_bytes, t.needed) << seed;
  }
  EXPECT_GE(found, 4);
}

/// An imported model: what it costs at most on a nucleo-l4r5zi. Cycles and bytes are deterministic; gcc 14 may differ
/// from gcc 12 by a percent or two.
struct Imported {
  const char* file;
  std::uint64_t cycles;
  std::size_t arena, flash;
  const char* variant = "";
  std::size_t ram_budget = 0, flash_budget = 0;
};

class ImportedModel : public ::testing::TestWithParam<Imported> {};

TEST_P(ImportedModel, gives_the_files_bytes_layer_by_layer_within_its_figures) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const std::filesystem::path file = std::filesystem::path(MOTE_SHARED_DATA) / "models" / GetParam().file;
  if (!std::filesystem::exists(file))
    GTEST_SKIP() << file << " is not there: development data is kept beside the project";
  const Graph model = *formats::read_tflite(*read_file(file), file.string());
  const Graph simple = optimize::simplify(model)->graph;
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  compile::CompileOptions options;
  options.program.arena_budget = GetParam().ram_budget;
  options.flash_budget = GetParam().flash_budget;
  const auto compiled = compile::compile(simple, board, options);
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  auto executor = std::move(*Executor::create(model));
  Rng rng(17);
  std::vector<Bytes> inputs, expected;
  for (int i = 0; i < 3; ++i) {
    inputs.push_back(random_bytes(rng, model.input().size_bytes()));
    expected.emplace_back(model.output().size_bytes());
    ASSERT_TRUE(executor.run(inputs.back(), expected.back()));
    const auto difference = first_difference(*compiled, simple, board, inputs.back());
    ASSERT_TRUE(difference.has_value()) << difference.error().message();
    EXPECT_FALSE(difference->has_value()) << (*difference)->step << " differs first";
  }
  SilentProgress silent;
  const auto on_board = run_on_board(
      compiled->firmware, board, inputs.size(), [&](std::size_t i) -> Result<Bytes> { return inputs[i]; }, silent);
  ASSERT_TRUE(on_board.has_value()) << on_board.error().message();
  EXPECT_EQ(*on_board, expected) << "the simplified model on the board against the file's model on the host";
  const auto measured = measure(*compiled, simple, board, inputs[0]);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_LE(measured->cycles, GetParam().cycles);
  EXPECT_LE(measured->ram.arena, GetParam().arena);
  EXPECT_LE(measured->flash.total(), GetParam().flash);
}

/// Numbers of a file, separated by commas and lines.
std::vector<std::int16_t> numbers(const std::filesystem::path& file) {
  std::vector<std::int16_t> values;
  const std::string text = *read_text(file);
  for (const char* p = text.c_str(); *p != 0;) {
    char* end = nullptr;
    const long v = std::strtol(p, &end, 10);
    if (end == p) {
      ++p;
    } else {
      values.push_back(static_cast<std::int16_t>(v));
      p = end;
    }
  }
  return values;
}

/// A layer of a speech separation network with int16 activations, with inputs and outputs that TensorFlow Lite
/// recorded, and what it costs at most.
struct Recorded {
  const char* stem;
  std::uint64_t cycles;
};

class Seanet : public ::testing::TestWithParam<Recorded> {};

TEST_P(Seanet, gives_the_recorded_outputs_on_host_and_board) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const std::filesystem::path folder = std::filesystem::path(MOTE_SHARED_DATA) / "models/seanet";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << folder << " is not there: development data is kept beside the project";
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  const std::string stem = (folder / GetParam().stem).string();
  const auto read = formats::read_tflite(*read_file(stem + ".tflite"), stem);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  Bytes input;
  for (std::size_t i = 0; i < read->inputs().size(); ++i) {
    const std::vector<std::int16_t> values = numbers(stem + "_input" + std::to_string(i) + "_int16.csv");
    const ByteSpan raw = bytes_of(std::span<const std::int16_t>(values));
    input.insert(input.end(), raw.begin(), raw.end());
  }
  const std::vector<std::int16_t> golden = numbers(stem + "_golden_int16.csv");
  const ByteSpan expected = bytes_of(std::span<const std::int16_t>(golden));
  ASSERT_EQ(input.size(), input_bytes(*read));
  ASSERT_EQ(expected.size(), output_bytes(*read));
  Bytes output(expected.size());
  auto executor = Executor::create(*read);
  ASSERT_TRUE(executor.has_value()) << executor.error().message();
  ASSERT_TRUE(executor->run(input, output).has_value());
  EXPECT_TRUE(std::ranges::equal(output, expected)) << "on the host";
  const auto simple = optimize::simplify(*read);
  ASSERT_TRUE(simple.has_value()) << simple.error().message();
  const auto compiled = compile::compile(simple->graph, board, {});
  ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
  SilentProgress silent;
  const auto on_board = run_on_board(
      compiled->firmware, board, 1, [&](std::size_t) -> Result<Bytes> { return input; }, silent);
  ASSERT_TRUE(on_board.has_value()) << on_board.error().message();
  EXPECT_TRUE(std::ranges::equal((*on_board)[0], expected)) << "on the board";
  const auto measured = measure(*compiled, simple->graph, board, input);
  ASSERT_TRUE(measured.has_value()) << measured.error().message();
  EXPECT_LE(measured->cycles, GetParam().cycles);
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, Seanet,
    ::testing::Values(Recorded{"add/add0", 12'700}, Recorded{"add/add1", 80'000}, Recorded{"add/add2", 23'000},
                      Recorded{"add/add3", 25'000}, Recorded{"add/add4", 80'000}, Recorded{"add/add5", 25'000},
                      Recorded{"conv/conv0", 410'000}, Recorded{"conv/conv1", 297'000}, Recorded{"conv/conv2", 390'000},
                      Recorded{"conv/conv3", 582'000}, Recorded{"conv/conv4", 488'000}, Recorded{"conv/conv5", 543'000},
                      Recorded{"leaky_relu/leaky_relu0", 41'500}, Recorded{"leaky_relu/leaky_relu1", 47'000},
                      Recorded{"leaky_relu/leaky_relu2", 41'500}, Recorded{"leaky_relu/leaky_relu3", 45'500},
                      Recorded{"leaky_relu/leaky_relu4", 20'800}, Recorded{"leaky_relu/leaky_relu5", 22'900}),
    [](const auto& chosen) { return std::filesystem::path(chosen.param.stem).stem().string(); });

INSTANTIATE_TEST_SUITE_P(
    MlperfTiny, ImportedModel,
    ::testing::Values(
        Imported{"mlperf_tiny/kws_ref_model.tflite", 3'680'000, 12'288, 40'960},
        Imported{"mlperf_tiny/kws_ref_model.tflite", 3'530'000, 36'864, 40'960, "_36_kib", 36'864},
        Imported{"mlperf_tiny/vww_96_int8.tflite", 5'980'000, 40'960, 71'680},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 14'100'000, 45'056, 98'000},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 10'500'000, 45'056, 322'000, "_winograd", 45'056,
                 322'000},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 12'500'000, 45'056, 131'072, "_in_128_kib", 45'056,
                 131'072},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 20'000'000, 45'056, 92'000, "_least_flash", 0, 92'000},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 14'000'000, 45'056, 98'000, "_44_kib", 45'056},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 14'500'000, 33'792, 98'000, "_33_kib", 33'792},
        Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 17'400'000, 21'504, 98'500, "_21_kib", 21'504},
        Imported{"mlperf_tiny/ad01_int8.tflite", 452'000, 2'048, 281'600},
        Imported{"mlperf_tiny/ad01_int8.tflite", 320'000, 270'336, 281'600, "_weights_in_ram", 270'336},
        Imported{"mlperf_tiny/str_ww_ref_model.tflite", 1'290'000, 12'288, 81'920},
        Imported{"tflm/person_detect.tflite", 10'500'000, 45'056, 290'000},
        Imported{"tflm/micro_speech_quantized.tflite", 465'000, 8'192, 24'576},
        Imported{"tflm/hello_world_int8.tflite", 10'000, 256, 8'192}),
    [](const auto& chosen) { return std::filesystem::path(chosen.param.file).stem().string() + chosen.param.variant; });

INSTANTIATE_TEST_SUITE_P(Random, Layers, ::testing::Range(0, 8));

}  // namespace
}  // namespace mote::bench
