#include "sample_models.hpp"

#include "mote/base/rng.hpp"
#include "mote/graph/graph.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::e2e {
namespace {

using namespace graph;

constexpr std::int32_t kZeroFilter = 2;
constexpr std::size_t kDeadFilter = 1;

TensorId value(Graph& graph, std::string name, Shape shape, float scale, std::int32_t zero_point) {
  return graph.add_tensor(
      {std::move(name), DType::i8, std::move(shape), Quantization::per_tensor(scale, zero_point), nullptr});
}

/// Weights with a scale a channel along axis 0; `zero_filter` has only zeros.
TensorId weights(Graph& graph, std::string name, Shape shape, std::int32_t zero_filter, Rng& rng) {
  const std::size_t filter_size = shape.elements() / static_cast<std::size_t>(shape[0]);
  std::vector<std::int8_t> values(shape.elements());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int32_t>(i / filter_size) == zero_filter
                    ? std::int8_t{0}
                    : static_cast<std::int8_t>(rng.between(-100, 100));
  }
  Quantization quantization;
  for (std::int32_t c = 0; c < shape[0]; ++c) {
    quantization.scales.push_back(0x1p-7f * static_cast<float>(c + 1));
    quantization.zero_points.push_back(0);
  }
  return graph.add_tensor({std::move(name), DType::i8, std::move(shape), quantization,
                           constant_data(std::span<const std::int8_t>(values))});
}

constexpr std::size_t kNone = 1000;

/// Small positive values, but for `dead_filter`, which no input can bring above zero.
TensorId bias(Graph& graph, std::string name, const Quantization& weights_quantization, float input_scale,
              std::size_t dead_filter, Rng& rng) {
  Quantization quantization;
  std::vector<std::int32_t> values;
  for (const float scale : weights_quantization.scales) {
    quantization.scales.push_back(scale * input_scale);
    quantization.zero_points.push_back(0);
    const auto small = static_cast<std::int32_t>(rng.between(10, 500));
    values.push_back(values.size() == dead_filter ? -1'000'000 : small);
  }
  const auto channels = static_cast<std::int32_t>(values.size());
  return graph.add_tensor({std::move(name), DType::i32, Shape{channels}, quantization,
                           constant_data(std::span<const std::int32_t>(values))});
}

Graph small_model() {
  Rng rng(3);
  Graph graph("small");
  const TensorId input = value(graph, "input", {1, 8, 8, 1}, 0x1p-8f, -128);
  const TensorId conv_weights = weights(graph, "conv/weights", {4, 3, 3, 1}, kZeroFilter, rng);
  const TensorId conv_bias =
      bias(graph, "conv/bias", graph.tensor(conv_weights).quantization, 0x1p-8f, kDeadFilter, rng);
  const TensorId conv = value(graph, "conv/out", {1, 8, 8, 4}, 0x1p-4f, -128);
  const TensorId pool = value(graph, "pool/out", {1, 1, 1, 4}, 0x1p-4f, -128);
  const TensorId flat = value(graph, "flat", {1, 4}, 0x1p-4f, -128);
  const TensorId dense_weights = weights(graph, "dense/weights", {3, 4}, -1, rng);
  const TensorId dense_bias = bias(graph, "dense/bias", graph.tensor(dense_weights).quantization, 0x1p-4f, kNone, rng);
  const TensorId logits = value(graph, "logits", {1, 3}, 0x1p-3f, 0);
  const TensorId output = value(graph, "probabilities", {1, 3}, 0x1p-8f, -128);
  Conv2D convolution;
  convolution.pads = {1, 1, 1, 1};
  convolution.activation = Activation::relu;
  Pool2D average;
  average.kernel_h = average.kernel_w = 8;
  graph.add_op({"conv", convolution, {input, conv_weights, conv_bias}, {conv}});
  graph.add_op({"pool", average, {conv}, {pool}});
  graph.add_op({"flatten", Reshape{}, {pool}, {flat}});
  graph.add_op({"dense", Dense{}, {flat, dense_weights, dense_bias}, {logits}});
  graph.add_op({"softmax", Softmax{}, {logits}, {output}});
  graph.set_inputs({input});
  graph.set_outputs({output});
  return graph;
}

}  // namespace

std::map<std::string, std::string> sample_models() {
  ZooOptions options;
  options.architecture = "mlp";
  options.input = {1, 8, 8, 1};
  options.classes = 3;
  options.hidden = {8};
  return {{"small.mote", print(small_model())}, {"float.mote", print(make_model(options).value())}};
}

}  // namespace mote::e2e
