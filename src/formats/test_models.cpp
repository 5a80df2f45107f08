#include "test_models.hpp"

#include <algorithm>
#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::formats::test {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Quantization;
using graph::Tensor;
using graph::TensorId;

Graph without_training_ops(const Graph& source) {
  Graph result(source.name());
  std::vector<TensorId> stands_for(source.tensors().size());
  for (std::size_t i = 0; i < stands_for.size(); ++i) stands_for[i] = static_cast<TensorId>(i);
  for (const Tensor& tensor : source.tensors()) result.add_tensor(tensor);
  const auto resolve = [&](std::vector<TensorId> ids) {
    for (TensorId& id : ids) id = id == graph::kNoTensor ? id : stands_for[static_cast<std::size_t>(id)];
    return ids;
  };
  for (const Op& op : source.ops()) {
    if (op.as<graph::BatchNorm>() != nullptr || op.as<graph::Dropout>() != nullptr) {
      stands_for[static_cast<std::size_t>(op.outputs[0])] = stands_for[static_cast<std::size_t>(op.inputs[0])];
    } else {
      result.add_op({op.name, op.attributes, resolve(op.inputs), op.outputs});
    }
  }
  result.set_inputs(source.inputs());
  result.set_outputs(resolve(source.outputs()));
  result.remove_unused_tensors();
  return result;
}

namespace {

std::vector<graph::Range> observe(const Graph& graph, std::uint64_t seed) {
  auto executor = graph::Executor::create(graph);
  MOTE_CHECK(executor.has_value());
  std::vector<graph::Range> ranges(graph.tensors().size());
  constexpr std::size_t kSamples = 8;
  const Bytes inputs = random_inputs(graph, kSamples, seed);
  Bytes output(graph.output().size_bytes());
  for (std::size_t s = 0; s < kSamples; ++s) {
    MOTE_CHECK(
        executor->run(ByteSpan(inputs).subspan(s * graph.input().size_bytes(), graph.input().size_bytes()), output)
            .has_value());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (graph.tensors()[i].is_constant()) continue;
      const ByteSpan raw = executor->value(static_cast<TensorId>(i));
      const std::span<const float> values(reinterpret_cast<const float*>(raw.data()), raw.size() / sizeof(float));
      const auto [low, high] = std::ranges::minmax_element(values);
      ranges[i] = {std::min(ranges[i].low, *low), std::max(ranges[i].high, *high)};
    }
  }
  return ranges;
}

void quantize_weights(Tensor& weights, std::int32_t axis) {
  const Quantization q = weight_quantization(weights, axis);
  std::size_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < weights.shape.rank(); ++i)
    inner *= static_cast<std::size_t>(weights.shape[i]);
  std::vector<std::int8_t> values;
  const auto source = weights.values<float>();
  for (std::size_t i = 0; i < source.size(); ++i) {
    values.push_back(static_cast<std::int8_t>(
        std::clamp(std::round(source[i] / q.scales[i / inner % q.scales.size()]), -127.0f, 127.0f)));
  }
  weights.data = graph::constant_data(std::span<const std::int8_t>(values));
  weights.dtype = DType::i8;
  weights.quantization = q;
  if (!q.per_channel()) weights.quantization.axis = 0;
}

void quantize_bias(Tensor& bias, float input_scale, const Quantization& weights) {
  std::vector<std::int32_t> values;
  const auto source = bias.values<float>();
  Quantization q;
  for (const float scale : weights.scales) {
    q.scales.push_back(scale * input_scale);
    q.zero_points.push_back(0);
  }
  for (std::size_t i = 0; i < source.size(); ++i) {
    values.push_back(static_cast<std::int32_t>(std::round(source[i] / q.scales[q.per_channel() ? i : 0])));
  }
  bias.data = graph::constant_data(std::span<const std::int32_t>(values));
  bias.dtype = DType::i32;
  bias.quantization = q;
}

}  // namespace

Graph quantized(const Graph& source, std::uint64_t seed) {
  const std::vector<graph::Range> ranges = observe(source, seed);
  Graph result = source;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    Tensor& tensor = result.tensor(static_cast<TensorId>(i));
    if (tensor.is_constant()) continue;
    tensor.dtype = DType::i8;
    tensor.quantization = activation_quantization(ranges[i]);
  }
  for (const Op& op : result.ops()) {
    Tensor& output = result.tensor(op.outputs[0]);
    const Tensor& input = result.tensor(op.inputs[0]);
    if (op.as<graph::Softmax>() != nullptr) output.quantization = Quantization::per_tensor(1.0f / 256.0f, -128);
    if (op.as<graph::Reshape>() != nullptr || op.as<graph::Pool2D>() != nullptr)
      output.quantization = input.quantization;
    const bool depthwise = op.as<graph::DepthwiseConv2D>() != nullptr;
    if (!depthwise && op.as<graph::Conv2D>() == nullptr && op.as<graph::Dense>() == nullptr) continue;
    Tensor& weights = result.tensor(op.inputs[1]);
    quantize_weights(weights, depthwise ? 3 : 0);
    if (op.inputs.size() > 2)
      quantize_bias(result.tensor(op.inputs[2]), input.quantization.scale(), weights.quantization);
  }
  return result;
}

Graph every_operator() {
  graph::Builder b("every operator", 11);
  TensorId x = b.input("input", {1, 6, 5, 2});
  x = b.conv("conv", x, 4, {3, 3, 1, 1, true}, true);
  x = b.activate("conv/relu", x);
  const TensorId shortcut = x;
  x = b.depthwise("depthwise", x, {3, 3, 1, 1, true}, true);
  x = b.activate("depthwise/relu6", x, graph::Activation::relu6);
  x = b.add("sum", x, shortcut);
  x = b.pool("max", x, graph::PoolKind::max, {2, 2, 2, 2, true});
  x = b.pool("average", x, graph::PoolKind::average, {2, 2, 1, 1, false});
  x = b.reshape("flat", x, {1, static_cast<std::int32_t>(b.shape(x).elements())});
  x = b.dense("dense", x, 3);
  x = b.softmax("probabilities", x);
  Graph graph = std::move(b).finish(x);
  // Pads that the format has no word for: PAD has to stand in front.
  graph.ops()[0].attributes = graph::Conv2D{1, 1, 1, 1, {2, 0, 0, 2}, graph::Activation::relu6};
  return graph;
}

std::vector<Graph> small_zoo() {
  std::vector<Graph> graphs;
  for (const std::string_view name : graph::zoo_names()) {
    graph::ZooOptions options;
    options.architecture = name;
    options.input = name == "cnn1d" ? graph::Shape{1, 1, 64, 4} : graph::Shape{1, 16, 12, 3};
    if (name == "mobilenet_v1" || name == "resnet8") options.input = {1, 32, 32, 3};
    if (name == "autoencoder") options.input = {1, 64};
    options.classes = 5;
    options.dropout = 0.2;
    auto model = graph::make_model(options);
    MOTE_CHECK(model.has_value());
    graphs.push_back(without_training_ops(*model));
  }
  return graphs;
}

Bytes random_inputs(const Graph& graph, std::size_t samples, std::uint64_t seed) {
  Rng rng(seed);
  const std::size_t count = graph.input().shape.elements() * samples;
  Bytes bytes;
  if (graph.input().dtype == DType::i8) {
    for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(rng.next()));
    return bytes;
  }
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.uniform(-1.0, 1.0)));
  const ByteSpan raw = bytes_of(std::span<const float>(values));
  return {raw.begin(), raw.end()};
}

Result<Bytes> run(const Graph& graph, ByteSpan inputs) {
  MOTE_TRY(auto executor, graph::Executor::create(graph));
  const std::size_t in = graph::input_bytes(graph);
  const std::size_t out = graph::output_bytes(graph);
  Bytes outputs(inputs.size() / in * out);
  for (std::size_t i = 0; i < inputs.size() / in; ++i) {
    MOTE_TRY_VOID(executor.run(inputs.subspan(i * in, in), std::span(outputs).subspan(i * out, out)));
  }
  return outputs;
}

}  // namespace mote::formats::test
