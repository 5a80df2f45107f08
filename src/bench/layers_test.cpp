// Every kernel that the compiler chooses, on the emulated board, against the host's executor, layer by layer: networks
// of random layers, and the imported models at hand.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/quantization.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {
namespace {

using namespace graph;

/// Layers one behind the other, of every odd geometry, whose sums land inside int8.
class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed) : rng_(seed), g_("random") {}

  Graph build() {
    TensorId x = value({1, pick(3, 14), pick(1, 14), pick(1, 9)}, rng_.chance(0.5));
    g_.set_inputs({x});
    const int layers = pick(5, 9);
    for (int i = 0; i < layers; ++i) {
      if (rng_.chance(0.12))
        x = add(x, conv(x, false, true));
      else if (rng_.chance(0.3))
        x = other(x);
      else
        x = conv(x, rng_.chance(0.35), false);
    }
    if (rng_.chance(0.5)) x = dense(x);
    g_.set_outputs({x});
    return std::move(g_);
  }

 private:
  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }
  Quantization quantization(bool relu) {
    return Quantization::per_tensor(static_cast<float>(rng_.uniform(0.01, 0.05)), relu ? -128 : pick(-100, 100));
  }
  std::string fresh(const char* what) { return what + std::to_string(g_.tensors().size()); }
  TensorId value(Shape shape, bool relu) {
    return g_.add_tensor({fresh("t"), DType::i8, std::move(shape), quantization(relu), nullptr});
  }

  /// Weights with a scale for each channel: outputs spread over the range of `out`. Now and then a dead channel, or one
  /// with tiny weights.
  TensorId weights(const Shape& shape, std::int32_t axis, const Quantization& in, const Quantization& out,
                   std::size_t fan_in) {
    std::vector<std::int8_t> w(shape.elements());
    const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    const std::size_t inner = axis == 0 ? w.size() / channels : 1;
    Quantization q;
    q.axis = axis;
    std::vector<int> kind(channels);
    for (auto& k : kind) k = rng_.chance(0.06) ? 0 : rng_.chance(0.06) ? 1 : 2;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t c = i / inner % channels;
      w[i] = static_cast<std::int8_t>(kind[c] == 0 ? 0 : pick(-127, 127));
    }
    for (std::size_t c = 0; c < channels; ++c) {
      const double spread = 74.0 * 74.0 * std::sqrt(static_cast<double>(fan_in)) * static_cast<double>(in.scale());
      double scale = 60.0 * static_cast<double>(out.scale()) * rng_.uniform(0.4, 1.6) / spread;
      if (kind[c] == 0) scale = rng_.chance(0.5) ? 1e-12 : 0.4;
      if (kind[c] == 1) scale *= std::pow(2.0, -pick(2, 8));
      q.scales.push_back(static_cast<float>(scale));
      q.zero_points.push_back(0);
    }
    if (channels == 1) q.axis = 0;
    return g_.add_tensor({fresh("w"), DType::i8, shape, q, constant_data(std::span<const std::int8_t>(w))});
  }
  TensorId bias(std::int32_t channels) {
    std::vector<std::int32_t> b(static_cast<std::size_t>(channels));
    for (auto& v : b) v = pick(-20000, 20000);
    return g_.add_tensor({fresh("b"), DType::i32, {channels}, {}, constant_data(std::span<const std::int32_t>(b))});
  }

  TensorId conv(TensorId x, bool depthwise, bool same_shape) {
    const Shape in = g_.tensor(x).shape;
    const std::int32_t kh = same_shape ? 1 : std::min(pick(1, 5), in[1]),
                       kw = same_shape ? 1 : std::min(rng_.chance(0.5) ? kh : pick(1, 5), in[2]);
    const std::int32_t sh = same_shape || in[1] < 5 ? 1 : pick(1, 2), sw = same_shape || in[2] < 5 ? 1
                                                                           : rng_.chance(0.7)      ? sh
                                                                                                   : pick(1, 2);
    const std::int32_t dilation = !same_shape && !depthwise && sh == 1 && sw == 1 && rng_.chance(0.1) &&
                                          (kh - 1) * 2 < in[1] && (kw - 1) * 2 < in[2]
                                      ? 2
                                      : 1;
    Pads pads;
    if (rng_.chance(0.6)) {
      const auto [t, b] = same_padding(in[1], kh, sh, dilation);
      const auto [l, r] = same_padding(in[2], kw, sw, dilation);
      pads = {t, b, l, r};
    }
    const std::int32_t co = depthwise || same_shape ? in[3] : rng_.chance(0.5) ? 4 * pick(1, 6) : pick(1, 23);
    const bool relu = rng_.chance(0.6);
    const Shape shape{1, window_output(in[1], kh, sh, dilation, pads.top, pads.bottom),
                      window_output(in[2], kw, sw, dilation, pads.left, pads.right), co};
    const TensorId y = value(shape, relu && rng_.chance(0.8));
    const Shape ws = depthwise ? Shape{1, kh, kw, co} : Shape{co, kh, kw, in[3]};
    const TensorId w = weights(ws, depthwise ? 3 : 0, g_.tensor(x).quantization, g_.tensor(y).quantization,
                               ws.elements() / static_cast<std::size_t>(co));
    const TensorId b = bias(co);
    const Activation activation = relu ? (rng_.chance(0.2) ? Activation::relu6 : Activation::relu) : Activation::none;
    if (depthwise) {
      g_.add_op({fresh("op"), DepthwiseConv2D{sh, sw, dilation, dilation, 1, pads, activation}, {x, w, b}, {y}});
    } else {
      g_.add_op({fresh("op"), Conv2D{sh, sw, dilation, dilation, pads, activation}, {x, w, b}, {y}});
    }
    return y;
  }
  TensorId add(TensorId a, TensorId b) {
    const TensorId y = value(g_.tensor(a).shape, false);
    g_.add_op({fresh("op"), Add{rng_.chance(0.5) ? Activation::relu : Activation::none}, {a, b}, {y}});
    return y;
  }
  TensorId op(Attributes attributes, std::vector<TensorId> inputs, TensorId y) {
    g_.add_op({fresh("op"), std::move(attributes), std::move(inputs), {y}});
    return y;
  }
  TensorId moved(TensorId x, Shape shape) {
    return g_.add_tensor({fresh("t"), DType::i8, std::move(shape), g_.tensor(x).quantization, nullptr});
  }
  TensorId constant(Shape shape, const Quantization& q) {
    std::vector<std::int8_t> values(shape.elements());
    for (auto& v : values) v = static_cast<std::int8_t>(pick(-128, 127));
    return g_.add_tensor(
        {fresh("k"), DType::i8, std::move(shape), q, constant_data(std::span<const std::int8_t>(values))});
  }
  /// One of the operators without weights.
  TensorId other(TensorId x) {
    const Shape in = g_.tensor(x).shape;
    std::vector<std::int32_t> dims(in.dims().begin(), in.dims().end());
    const auto axis = static_cast<std::size_t>(pick(1, 3));
    switch (pick(0, 13)) {
      case 0: {
        const auto kind = static_cast<UnaryKind>(pick(0, static_cast<std::int64_t>(kUnaryKinds) - 1));
        const TensorId y = value(in, false);
        if (kind == UnaryKind::logistic) g_.tensor(y).quantization = Quantization::per_tensor(1.0f / 256.0f, -128);
        if (kind == UnaryKind::tanh) g_.tensor(y).quantization = Quantization::per_tensor(1.0f / 128.0f, 0);
        return op(Unary{kind, 0.2f}, {x}, y);
      }
      case 1: {
        // With a number, a channel's constant, or the value itself.
        const BinaryKind kinds[] = {BinaryKind::sub, BinaryKind::mul, BinaryKind::squared_difference};
        const TensorId other =
            rng_.chance(0.3) ? x : constant(rng_.chance(0.5) ? Shape{1} : Shape{1, 1, 1, in[3]}, quantization(false));
        std::vector<TensorId> sides{x, other};
        if (rng_.chance(0.5)) std::swap(sides[0], sides[1]);
        return op(Binary{kinds[pick(0, 2)], rng_.chance(0.3) ? Activation::relu : Activation::none}, sides,
                  value(in, false));
      }
      case 2:
        return op(Binary{rng_.chance(0.5) ? BinaryKind::minimum : BinaryKind::maximum},
                  {x, constant({1, 1, in[2], 1}, g_.tensor(x).quantization)}, moved(x, in));
      case 3:
        return op(Add{}, {constant({in[1], 1, 1}, quantization(false)), x}, value(in, false));
      case 4: {
        const std::int32_t more = pick(1, 3);
        std::vector<std::int32_t> extra = dims;
        extra[axis] = more;
        dims[axis] += more + (rng_.chance(0.5) ? in[static_cast<std::size_t>(axis)] : 0);
        std::vector<TensorId> parts{x, constant(Shape(extra), g_.tensor(x).quantization)};
        if (dims[axis] > in[axis] + more) parts.insert(parts.begin() + pick(0, 2), x);
        return op(Concat{static_cast<std::int32_t>(axis)}, parts, moved(x, Shape(dims)));
      }
      case 5: {
        Slice slice{{0, 0, 0, 0}, {1, 1, 1, 1}};
        const bool back = rng_.chance(0.3);
        if (back) {
          slice.begin[axis] = in[axis] - 1;
          slice.stride[axis] = -1;
        } else {
          slice.begin[axis] = pick(0, in[axis] - 1);
          slice.stride[axis] = pick(1, 2);
          dims[axis] = pick(1, (in[axis] - 1 - slice.begin[axis]) / slice.stride[axis] + 1);
        }
        return op(slice, {x}, moved(x, Shape(dims)));
      }
      case 6: {
        std::vector<std::int32_t> p{0, 1, 2, 3};
        for (std::size_t i = 3; i > 1; --i)
          std::swap(p[i], p[static_cast<std::size_t>(pick(1, static_cast<std::int64_t>(i)))]);
        for (std::size_t i = 0; i < 4; ++i) dims[i] = in[static_cast<std::size_t>(p[i])];
        return op(Transpose{p}, {x}, moved(x, Shape(dims)));
      }
      case 7: {
        Pad pad{{0, 0, 0, 0}, {0, 0, 0, 0}, rng_.chance(0.5) ? 0.0f : 0.1f, {}};
        if (rng_.chance(0.4)) {
          pad.between = {0, pick(0, 1), pick(0, 2), 0};
          for (std::size_t d = 1; d < 3; ++d) dims[d] += (in[d] - 1) * pad.between[d];
        }
        for (std::size_t d = 1; d < 4; ++d) {
          pad.before[d] = pick(0, 2);
          pad.after[d] = pick(0, 1);
          dims[d] += pad.before[d] + pad.after[d];
        }
        return op(pad, {x}, moved(x, Shape(dims)));
      }
      case 8: {
        std::vector<std::int32_t> indices(static_cast<std::size_t>(pick(1, 6)));
        for (auto& i : indices) i = pick(0, in[axis] - 1);
        dims[axis] = static_cast<std::int32_t>(indices.size());
        const TensorId table = g_.add_tensor(
            {fresh("i"), DType::i32, {dims[axis]}, {}, constant_data(std::span<const std::int32_t>(indices))});
        return op(Gather{static_cast<std::int32_t>(axis)}, {x, table}, moved(x, Shape(dims)));
      }
      case 9: {
        Reduce reduce{static_cast<ReduceKind>(pick(0, 3)), {static_cast<std::int32_t>(axis)}};
        if (axis == 1 && rng_.chance(0.5)) reduce.axes.push_back(2);
        for (const std::int32_t a : reduce.axes) dims[static_cast<std::size_t>(a)] = 1;
        const bool extremum = reduce.kind == ReduceKind::maximum || reduce.kind == ReduceKind::minimum;
        return op(reduce, {x}, extremum ? moved(x, Shape(dims)) : value(Shape(dims), false));
      }
      case 10: {
        dims[1] = pick(1, 9);
        dims[2] = pick(1, 9);
        return op(ResizeBilinear{static_cast<ResizeMode>(pick(0, 2))}, {x}, moved(x, Shape(dims)));
      }
      case 12: {
        const std::int32_t kh = std::min(pick(1, 3), in[1]), kw = std::min(pick(1, 3), in[2]), sh = pick(1, 2),
                           sw = pick(1, 2);
        const auto [t, b] = same_padding(in[1], kh, sh);
        const auto [l, r] = same_padding(in[2], kw, sw);
        const Pads pads = rng_.chance(0.5) ? Pads{t, b, l, r} : Pads{};
        const Pool2D pool{rng_.chance(0.6) ? PoolKind::max : PoolKind::average,   kh, kw, sh, sw, pads,
                          rng_.chance(0.3) ? Activation::relu6 : Activation::none};
        return op(pool, {x},
                  moved(x, {1, window_output(in[1], kh, sh, 1, pads.top, pads.bottom),
                            window_output(in[2], kw, sw, 1, pads.left, pads.right), in[3]}));
      }
      case 11:
        return op(Binary{BinaryKind::prelu}, {x, constant({1, 1, 1, in[3]}, quantization(false))}, value(in, false));
      default: {
        std::vector<std::int32_t> one = dims;
        one[axis] = 1;
        const TensorId narrow = op(Slice{{0, 0, 0, 0}, {1, 1, 1, 1}}, {x}, moved(x, Shape(one)));
        dims[axis] = pick(1, 4);
        return op(Broadcast{}, {narrow}, moved(x, Shape(dims)));
      }
    }
  }
  TensorId dense(TensorId x) {
    const std::int32_t outputs = pick(1, 40);
    const auto inputs = static_cast<std::int32_t>(g_.tensor(x).shape.elements());
    const bool relu = rng_.chance(0.5);
    const TensorId y = value({1, outputs}, relu);
    const TensorId w = weights({outputs, inputs}, 0, g_.tensor(x).quantization, g_.tensor(y).quantization,
                               static_cast<std::size_t>(inputs));
    const TensorId b = bias(outputs);
    g_.add_op({fresh("op"), Dense{relu ? Activation::relu : Activation::none}, {x, w, b}, {y}});
    return y;
  }

  Rng rng_;
  Graph g_;
};

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

/// An imported model: what it costs at most on a nucleo-l4r5zi. Cycles and bytes are deterministic; gcc 14 may differ
/// from gcc 12 by a percent or two.
struct Imported {
  const char* file;
  std::uint64_t cycles;
  std::size_t arena, flash;
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
  const auto compiled = compile::compile(simple, board, {});
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

/// Layers of a speech separation network with int16 activations, with inputs and outputs that TensorFlow Lite recorded.
TEST(Seanet, gives_the_recorded_outputs_on_host_and_board) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const std::filesystem::path folder = std::filesystem::path(MOTE_SHARED_DATA) / "models/seanet";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << folder << " is not there: development data is kept beside the project";
  const board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  std::size_t models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".tflite") continue;
    const std::string stem = (entry.path().parent_path() / entry.path().stem()).string();
    SCOPED_TRACE(stem);
    const auto read = formats::read_tflite(*read_file(entry.path()), entry.path().string());
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
    ++models;
  }
  EXPECT_EQ(models, 18u);
}

INSTANTIATE_TEST_SUITE_P(MlperfTiny, ImportedModel,
                         ::testing::Values(Imported{"mlperf_tiny/kws_ref_model.tflite", 3'800'000, 12'288, 40'960},
                                           Imported{"mlperf_tiny/vww_96_int8.tflite", 6'000'000, 40'960, 71'680},
                                           Imported{"mlperf_tiny/pretrainedResnet_quant.tflite", 14'100'000, 45'056,
                                                    98'000},
                                           Imported{"mlperf_tiny/ad01_int8.tflite", 475'000, 2'048, 281'600},
                                           Imported{"mlperf_tiny/str_ww_ref_model.tflite", 1'300'000, 12'288, 81'920},
                                           Imported{"tflm/person_detect.tflite", 10'500'000, 45'056, 290'000},
                                           Imported{"tflm/micro_speech_quantized.tflite", 600'000, 8'192, 24'576},
                                           Imported{"tflm/hello_world_int8.tflite", 10'000, 256, 8'192}),
                         [](const auto& chosen) { return std::filesystem::path(chosen.param.file).stem().string(); });

INSTANTIATE_TEST_SUITE_P(Random, Layers, ::testing::Range(0, 8));

}  // namespace
}  // namespace mote::bench
