// y = (conv(x) + b - mean) * gamma / sqrt(variance + epsilon) + beta is a convolution with scaled weights and a shifted
// bias.

#include <cmath>

#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Op;
using graph::Tensor;

/// Scale and shift per channel.
struct Affine {
  std::vector<double> scale, shift;
};

Affine affine_of(const Graph& graph, const Op& norm) {
  const auto values = [&](std::size_t i) { return graph.tensor(norm.inputs[i]).values<float>(); };
  const auto gamma = values(1), beta = values(2), mean = values(3), variance = values(4);
  const auto epsilon = static_cast<double>(norm.as<graph::BatchNorm>()->epsilon);
  Affine affine;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    affine.scale.push_back(scale);
    affine.shift.push_back(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * scale);
  }
  return affine;
}

bool takes_weights(const Op& op) {
  return op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
         op.as<graph::Dense>() != nullptr;
}

bool has_activation(const Op& op) {
  return std::visit(
      [](const auto& a) {
        if constexpr (requires { a.activation; }) return a.activation != graph::Activation::none;
        return false;
      },
      op.attributes);
}

void fold(Graph& graph, Op& layer, const Op& norm) {
  const Affine affine = affine_of(graph, norm);
  const std::size_t channels = affine.scale.size();
  const Tensor weights = graph.tensor(layer.inputs[1]);
  const auto old = weights.values<float>();
  std::vector<float> scaled(old.begin(), old.end());
  // Output channels are the innermost axis of depthwise weights and the outermost of the others.
  const bool innermost = layer.as<graph::DepthwiseConv2D>() != nullptr;
  const std::size_t inner = innermost ? 1 : scaled.size() / channels;
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    scaled[i] = static_cast<float>(static_cast<double>(scaled[i]) * affine.scale[i / inner % channels]);
  }
  std::vector<float> bias(channels, 0.0f);
  const bool had_bias = layer.inputs.size() > 2 && layer.inputs[2] != graph::kNoTensor;
  if (had_bias) {
    const auto b = graph.tensor(layer.inputs[2]).values<float>();
    bias.assign(b.begin(), b.end());
  }
  for (std::size_t c = 0; c < channels; ++c) {
    bias[c] = static_cast<float>(static_cast<double>(bias[c]) * affine.scale[c] + affine.shift[c]);
  }
  Tensor folded = weights;
  folded.quantization = {};
  folded.name += "/folded";
  folded.data = graph::constant_data(std::span<const float>(scaled));
  layer.inputs[1] = graph.add_tensor(std::move(folded));
  const graph::TensorId bias_id = graph.add_tensor({layer.name + "/bias/folded",
                                                    graph::DType::f32,
                                                    {static_cast<std::int32_t>(channels)},
                                                    {},
                                                    graph::constant_data(std::span<const float>(bias))});
  layer.inputs.resize(3, graph::kNoTensor);
  layer.inputs[2] = bias_id;
  layer.outputs = norm.outputs;
}

}  // namespace

Result<graph::Graph> fold_batch_norm(const graph::Graph& original) {
  Graph graph = original;
  std::vector<bool> dropped(graph.ops().size(), false);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const Op norm = graph.ops()[i];
    if (norm.as<graph::BatchNorm>() == nullptr) continue;
    const std::int32_t producer = graph.producer(norm.inputs[0]);
    if (producer < 0) continue;
    Op& layer = graph.ops()[static_cast<std::size_t>(producer)];
    const bool foldable = takes_weights(layer) && !has_activation(layer) &&
                          graph.tensor(layer.inputs[1]).is_constant() &&
                          only_consumer(graph, norm.inputs[0]) == static_cast<std::int32_t>(i);
    if (!foldable) continue;
    fold(graph, layer, norm);
    dropped[i] = true;
  }
  drop(graph, dropped);
  return graph;
}

}  // namespace mote::optimize
