// A depthwise convolution of a single input channel is a convolution: same sums, same order of outputs, and a kernel
// that reuses each input for four outputs.

#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

/// [1, Kh, Kw, Co] to [Co, Kh, Kw, 1].
graph::Tensor as_conv_weights(const graph::Tensor& old, const std::string& name) {
  const std::size_t taps = static_cast<std::size_t>(old.shape[1]) * static_cast<std::size_t>(old.shape[2]);
  const auto channels = static_cast<std::size_t>(old.shape[3]);
  const std::size_t element = graph::size_bytes(old.dtype);
  Bytes data(old.data->size());
  for (std::size_t tap = 0; tap < taps; ++tap) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t b = 0; b < element; ++b)
        data[(c * taps + tap) * element + b] = (*old.data)[(tap * channels + c) * element + b];
    }
  }
  graph::Tensor made = old;
  made.name = name;
  made.shape = graph::Shape{old.shape[3], old.shape[1], old.shape[2], 1};
  made.quantization.axis = 0;
  made.data = std::make_shared<const Bytes>(std::move(data));
  return made;
}

}  // namespace

Result<graph::Graph> depthwise_to_conv(const graph::Graph& original) {
  graph::Graph graph = original;
  bool changed = false;
  for (graph::Op& op : graph.ops()) {
    const auto* depthwise = op.as<graph::DepthwiseConv2D>();
    if (depthwise == nullptr || graph.tensor(op.inputs[0]).shape.back() != 1) continue;
    const graph::Conv2D conv{depthwise->stride_h,   depthwise->stride_w, depthwise->dilation_h,
                             depthwise->dilation_w, depthwise->pads,     depthwise->activation};
    const graph::Tensor weights = as_conv_weights(
        graph.tensor(op.inputs[1]), graph.tensor(op.inputs[1]).name + "/conv" + std::to_string(graph.tensors().size()));
    op.inputs[1] = graph.add_tensor(weights);
    op.attributes = conv;
    changed = true;
  }
  if (changed) graph.remove_unused_tensors();
  return graph;
}

}  // namespace mote::optimize
