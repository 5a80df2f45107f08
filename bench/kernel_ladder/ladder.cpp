#include "ladder.hpp"

#include <fmt/format.h>

#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"

namespace mote::ladder {
namespace {

using compile::Form;
using compile::Target;
using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;

/// A layer between values that a rectifier gave: zero point -128 on both sides.
class LayerBuilder {
 public:
  explicit LayerBuilder(std::string name) : graph_(std::move(name)) {}

  TensorId value(const char* name, graph::Shape shape) {
    return graph_.add_tensor({name, DType::i8, std::move(shape), Quantization::per_tensor(0.05f, -128), nullptr});
  }
  /// Weights with a scale for each slice of `axis`, so large that sums use the output's range.
  TensorId weights(graph::Shape shape, std::int32_t axis, std::int32_t terms) {
    Quantization q;
    q.axis = axis;
    for (std::int32_t c = 0; c < shape[static_cast<std::size_t>(axis)]; ++c) {
      q.scales.push_back(static_cast<float>(rng_.uniform(0.5, 1.5) * 0.04 / std::sqrt(static_cast<double>(terms))));
      q.zero_points.push_back(0);
    }
    std::vector<std::int8_t> values(shape.elements());
    // As trained ones: more small than large.
    for (auto& v : values) v = static_cast<std::int8_t>(rng_.between(-63, 63) + rng_.between(-63, 63));
    return graph_.add_tensor(
        {"w", DType::i8, std::move(shape), std::move(q), graph::constant_data(std::span<const std::int8_t>(values))});
  }
  Graph layer(graph::Attributes attributes, TensorId x, TensorId w, TensorId y) && {
    graph_.add_op({"layer", std::move(attributes), {x, w}, {y}});
    graph_.set_inputs({x});
    graph_.set_outputs({y});
    return std::move(graph_);
  }

 private:
  Graph graph_;
  Rng rng_{11};
};

Graph convolution(std::int32_t size, std::int32_t kernel, std::int32_t in, std::int32_t out) {
  LayerBuilder b("convolution");
  const std::int32_t pad = kernel / 2;
  const TensorId x = b.value("x", {1, size, size, in}), y = b.value("y", {1, size, size, out}),
                 w = b.weights({out, kernel, kernel, in}, 0, kernel * kernel * in);
  return std::move(b).layer(graph::Conv2D{1, 1, 1, 1, {pad, pad, pad, pad}, graph::Activation::relu}, x, w, y);
}

Graph depthwise(std::int32_t rows, std::int32_t columns, std::int32_t channels) {
  LayerBuilder b("depthwise");
  const TensorId x = b.value("x", {1, rows, columns, channels}), y = b.value("y", {1, rows, columns, channels}),
                 w = b.weights({1, 3, 3, channels}, 3, 9);
  return std::move(b).layer(graph::DepthwiseConv2D{1, 1, 1, 1, 1, {1, 1, 1, 1}, graph::Activation::relu}, x, w, y);
}

Graph dense(std::int32_t in, std::int32_t out) {
  LayerBuilder b("dense");
  const TensorId x = b.value("x", {1, in}), y = b.value("y", {1, out}), w = b.weights({out, in}, 0, in);
  return std::move(b).layer(graph::Dense{graph::Activation::relu}, x, w, y);
}

}  // namespace

namespace {

Rung rung(std::string name, std::string why, Form form) {
  Rung r;
  r.name = std::move(name);
  r.why = std::move(why);
  r.form = form;
  return r;
}

/// What every ladder begins with.
std::vector<Rung> plain_rungs(std::string lean) {
  Rung definition = rung(
      "definition",
      "Loops as the formula has them: each tap is checked for the border, each weight and input is loaded by itself.",
      {});
  definition.kernels = Target::specification;
  Rung plain = rung("plain C++ for any core", std::move(lean), {});
  plain.kernels = Target::portable;
  return {std::move(definition), std::move(plain)};
}

Rung compact(std::string why, std::size_t scratch_bytes) {
  Rung r = rung("C++ with DSP instructions", std::move(why), {});
  r.compact = true;
  r.form.scratch_bytes = scratch_bytes;
  return r;
}

Form form(std::size_t scratch_bytes, bool share = false) {
  Form f;
  f.scratch_bytes = scratch_bytes;
  f.share = share;
  return f;
}

constexpr const char* kLeanWindows =
    "What lies in the padding is left out before the loop begins, and one pass over a window serves four channels: no "
    "tests in the loop, a quarter of the input's loads.";
constexpr const char* kPacked =
    "One SMLAD multiplies a word of two inputs by two weights, and 256 w[c] + w[c+1] in a halfword makes that four "
    "products; inputs are widened to 16 bits once for all channels.";
constexpr const char* kEmitted =
    "The loop is assembly for two pixels by four channels: all sums stay in registers, the requantization is two "
    "instructions, and no load is waited for.";
constexpr const char* kOwn =
    "Counts and strides are immediates: nothing of the geometry is loaded, and the loop is unrolled to what the "
    "instruction cache holds.";
constexpr const char* kScratch =
    "More inputs are brought to RAM at a time, so that a group's weights are copied from flash, and the loop itself "
    "fetched, fewer times.";

Ladder pointwise() {
  Ladder l{"pointwise convolution, 64 to 64 channels, 11 x 11", convolution(11, 1, 64, 64), plain_rungs(kLeanWindows)};
  l.rungs.push_back(compact(kPacked, 3072));
  l.rungs.push_back(rung("emitted, a shared function", kEmitted, form(3072, true)));
  l.rungs.push_back(rung("a function of its own", kOwn, form(3072)));
  l.rungs.push_back(rung("16 KiB of scratch", kScratch, form(16384)));
  return l;
}

Ladder convolution3x3() {
  Ladder l{"3x3 convolution, 32 to 32 channels, 16 x 16", convolution(16, 3, 32, 32), plain_rungs(kLeanWindows)};
  l.rungs.push_back(compact(kPacked, 6912));
  Form columns = form(6912, true);
  columns.other_layout = true;
  l.rungs.push_back(rung("emitted, a shared function", kEmitted, columns));
  columns.share = false;
  l.rungs.push_back(rung("a function of its own", kOwn, columns));
  l.rungs.push_back(rung("rows instead of columns",
                         "Padded input rows are widened once and the windows of neighbours overlap in them: an element "
                         "is copied once, not nine times.",
                         form(8192)));
  l.rungs.push_back(rung("16 KiB of scratch", kScratch, form(16384)));
  Form winograd = form(16384);
  winograd.winograd = true;
  l.rungs.push_back(rung("Winograd's form",
                         "A tile of 4 x 2 outputs takes 24 products instead of 72, exactly, for filters of five times "
                         "the flash and a transform on either side.",
                         winograd));
  return l;
}

Ladder depthwise3x3() {
  Ladder l{"depthwise 3x3 convolution, 64 channels, 25 x 5", depthwise(25, 5, 64),
           plain_rungs("What lies in the padding is left out before the loop begins, and four channels go at a time: "
                       "no tests in the "
                       "loop, one set of addresses for four sums.")};
  l.rungs.push_back(compact(
      "Rows of four channels become planes of 16 bits, in which neighbours are words: one SMLAD is two taps.", 3072));
  Form rows = form(1728, true);
  rows.other_layout = true;
  l.rungs.push_back(rung("emitted, a shared function",
                         "The loop is assembly: the nine weights of a channel stay in registers along a line, two "
                         "outputs share their loads, and a result is requantized in two instructions.",
                         rows));
  l.rungs.push_back(rung(
      "columns as lines",
      "The plane is walked along its longer axis, 25 outputs instead of 5: a line's set-up is shared by more of them.",
      form(1728, true)));
  l.rungs.push_back(rung("a function of its own", kOwn, form(1728)));
  l.rungs.push_back(rung("16 KiB of scratch",
                         "Planes of more channels are made at a time, so that the code that makes them and the code "
                         "that reads them drive each other out of the instruction cache less often.",
                         form(16384)));
  return l;
}

Ladder dense_layer() {
  Ladder l{"dense layer, 640 to 128", dense(640, 128), plain_rungs(kLeanWindows)};
  l.rungs.push_back(compact(kPacked, 3072));
  l.rungs.push_back(rung("emitted",
                         "Eight outputs at once read each input and each weight once; products of sums, (x0 + w1)(x1 + "
                         "w0), take one multiplication for two, and extending weights adds the inputs.",
                         form(3072)));
  Form in_ram = form(3072);
  in_ram.weights_in_ram = true;
  l.rungs.push_back(rung("weights in RAM",
                         "Each weight is used once, so the loop waits for flash; copied when the module is reset, they "
                         "arrive in a cycle each.",
                         in_ram));
  return l;
}

}  // namespace

std::vector<Ladder> ladders() {
  std::vector<Ladder> all;
  all.push_back(pointwise());
  all.push_back(convolution3x3());
  all.push_back(depthwise3x3());
  all.push_back(dense_layer());
  return all;
}

Result<Measured> measure(const graph::Graph& layer, const Rung& rung, const board::BoardSpec& board) {
  compile::CompileOptions options;
  options.kernels = rung.kernels;
  options.program.lowering.compact = rung.compact;
  options.program.forms = compile::FormChoice{{rung.form}, {}};
  MOTE_TRY(const compile::CompiledModel model, compile::compile(layer, board, options));
  Rng rng(1);
  Bytes input(graph::input_bytes(layer));
  for (auto& b : input) b = static_cast<std::uint8_t>(rng.next());
  MOTE_TRY(const bench::BenchResult result, bench::measure(model, layer, board, input));
  Measured m;
  const compile::LoweredOp& op = model.program.ops.front();
  m.kernel = op.kernel;
  m.cycles = result.steps.front().cycles;
  m.instructions = result.steps.front().instructions;
  m.fetch_stalls = result.steps.front().fetch_stalls;
  m.macs = graph::macs(layer);
  m.code_bytes = model.code_bytes;
  m.constant_bytes = compile::constant_bytes(op);
  m.scratch_bytes = op.scratch_bytes;
  m.output_sha256 = result.output_sha256;
  return m;
}

}  // namespace mote::ladder
