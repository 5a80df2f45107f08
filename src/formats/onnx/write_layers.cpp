// Layers with windows and products. Their values have channels first; weights are written in ONNX's order.

#include <algorithm>

#include "../names.hpp"
#include "model_writer.hpp"

namespace mote::formats::onnx {
namespace {

using graph::DType;
using graph::Op;
using graph::Tensor;
using graph::TensorId;

constexpr std::size_t kBias = 2;

bool has_bias(const Op& op) { return op.inputs.size() > kBias && op.inputs[kBias] != graph::kNoTensor; }

/// A layer's bias. int32 has the scale of input times weight, which the graph need not say.
std::string bias_of(ModelWriter& writer, const Op& op) {
  if (!has_bias(op)) return {};
  Tensor bias = writer.tensor(op.inputs[kBias]);
  if (bias.dtype != DType::i32) return writer.real(op.inputs[kBias]);
  const graph::Quantization& x = writer.tensor(op.inputs[0]).quantization;
  const graph::Quantization& w = writer.tensor(op.inputs[1]).quantization;
  bias.quantization = {};
  for (const float scale : w.scales) {
    bias.quantization.scales.push_back(x.scale() * scale);
    bias.quantization.zero_points.push_back(0);
  }
  return writer.real_constant(std::move(bias));
}

/// Weights in another order; where they are computed, by nodes.
std::string weights_of(ModelWriter& writer, TensorId id, const std::vector<std::int32_t>& permutation) {
  const Tensor& w = writer.tensor(id);
  if (w.is_constant()) return writer.real_constant(permuted(w, permutation));
  return writer.node("Transpose", {writer.real(id)},
                     {integers("perm", std::vector<std::int64_t>(permutation.begin(), permutation.end()))});
}

template <class Window>
Attributes window_attributes(const Window& w) {
  return {integers("strides", {w.stride_h, w.stride_w}),
          integers("pads", {w.pads.top, w.pads.left, w.pads.bottom, w.pads.right})};
}

/// int32 biases whose layer's weights have no scale have no real numbers.
Result<void> check_bias(ModelWriter& writer, const Op& op) {
  const bool unknown = has_bias(op) && writer.tensor(op.inputs[kBias]).dtype == DType::i32 &&
                       !(writer.tensor(op.inputs[kBias]).is_constant() && writer.is_quantized(op.inputs[1]) &&
                         writer.is_quantized(op.inputs[0]));
  if (!unknown) return {};
  return writer.refuse(op, "tensor " + in_quotes(writer.tensor(op.inputs[kBias]).name) +
                               " is of 32-bit integers without a scale, which ONNX's layers do not add");
}

template <class Window>
Result<void> write_convolution(ModelWriter& writer, const Op& op, const Window& conv, std::int32_t kernel_h,
                               std::int32_t kernel_w, std::int32_t groups, std::string weights) {
  Attributes attributes = window_attributes(conv);
  attributes.push_back(integers("kernel_shape", {kernel_h, kernel_w}));
  attributes.push_back(integers("dilations", {conv.dilation_h, conv.dilation_w}));
  attributes.push_back(integer("group", groups));
  std::string x = writer.real(op.inputs[0], Layout::first);
  writer.give_real(op.outputs[0], "Conv", {std::move(x), std::move(weights), bias_of(writer, op)}, attributes,
                   Layout::first, conv.activation);
  return {};
}

}  // namespace

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::Conv2D& conv) {
  MOTE_TRY_VOID(check_bias(writer, op));
  const graph::Shape w = writer.tensor(op.inputs[1]).shape;
  return write_convolution(writer, op, conv, w[1], w[2], 1, weights_of(writer, op.inputs[1], to_first()));
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::DepthwiseConv2D& conv) {
  MOTE_TRY_VOID(check_bias(writer, op));
  const graph::Shape w = writer.tensor(op.inputs[1]).shape, x = writer.tensor(op.inputs[0]).shape;
  // [1,Kh,Kw,C] to [C,1,Kh,Kw].
  return write_convolution(writer, op, conv, w[1], w[2], x[3], weights_of(writer, op.inputs[1], {3, 0, 1, 2}));
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::Dense& dense) {
  MOTE_TRY_VOID(check_bias(writer, op));
  const graph::Shape w = writer.tensor(op.inputs[1]).shape, x = writer.tensor(op.inputs[0]).shape;
  std::string row = writer.real(op.inputs[0]);
  if (x.rank() != 2 || x[0] != 1) row = writer.node("Reshape", {row, writer.whole_numbers({1, w[1]})});
  writer.give_real(op.outputs[0], "Gemm", {std::move(row), writer.real(op.inputs[1]), bias_of(writer, op)},
                   {integer("transB", 1)}, Layout::last, dense.activation);
  return {};
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::BatchNorm& norm) {
  const Layout layout = writer.tensor(op.inputs[0]).shape.rank() == 4 ? Layout::first : Layout::last;
  std::vector<std::string> inputs{writer.real(op.inputs[0], layout)};
  for (std::size_t i = 1; i < op.inputs.size(); ++i) inputs.push_back(writer.real(op.inputs[i]));
  writer.give_real(op.outputs[0], "BatchNormalization", std::move(inputs), {real("epsilon", norm.epsilon)}, layout);
  return {};
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::Pool2D& pool) {
  const bool average = pool.kind == graph::PoolKind::average;
  Attributes attributes = window_attributes(pool);
  attributes.push_back(integers("kernel_shape", {pool.kernel_h, pool.kernel_w}));
  std::string x = writer.real(op.inputs[0], Layout::first);
  writer.give_real(op.outputs[0], average ? "AveragePool" : "MaxPool", {std::move(x)}, attributes, Layout::first,
                   pool.activation);
  return {};
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::MatMul&) {
  writer.give_real(op.outputs[0], "MatMul", {writer.real(op.inputs[0]), writer.real(op.inputs[1])});
  return {};
}

Result<void> write_layer(ModelWriter& writer, const Op& op, const graph::ResizeBilinear& resize) {
  const graph::Shape y = writer.tensor(op.outputs[0]).shape;
  const char* places = resize.mode == graph::ResizeMode::align_corners ? "align_corners"
                       : resize.mode == graph::ResizeMode::asymmetric  ? "asymmetric"
                                                                       : "half_pixel";
  std::string x = writer.real(op.inputs[0], Layout::first);
  writer.give_real(op.outputs[0], "Resize", {std::move(x), "", "", writer.whole_numbers({y[0], y[3], y[1], y[2]})},
                   {text("mode", "linear"), text("coordinate_transformation_mode", places)}, Layout::first);
  return {};
}

}  // namespace mote::formats::onnx
