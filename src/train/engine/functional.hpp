#pragma once
// The operators of a graph as differentiable functions of torch tensors. Activations are contiguous [N,H,W,C] (or
// [N,C]): the graph's order, so that reshapes need no transposition. Weights have the graph's shapes.

#include <torch/torch.h>

#include <optional>

#include "kernels.hpp"
#include "mote/graph/ops.hpp"

namespace mote::train {

using torch::Tensor;

/// Clamp limits of an activation; infinite where it does not clamp.
struct Limits {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  [[nodiscard]] bool clamps() const { return low != -std::numeric_limits<float>::infinity(); }
};
[[nodiscard]] Limits limits_of(graph::Activation activation);

/// @param x [N,H,W,Ci]   @param weights [Co,Kh,Kw,Ci]   @param bias [Co] or undefined   @return [N,Ho,Wo,Co]
[[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& weights, const Tensor& bias,
                            const graph::Conv2D& attributes);
/// @param weights [1,Kh,Kw,C*multiplier]
[[nodiscard]] Tensor depthwise_conv2d(const Tensor& x, const Tensor& weights, const Tensor& bias,
                                      const graph::DepthwiseConv2D& attributes);
/// @param x [N,...] with K elements a sample   @param weights [Units,K]
[[nodiscard]] Tensor dense(const Tensor& x, const Tensor& weights, const Tensor& bias);
[[nodiscard]] Tensor pool2d(const Tensor& x, const graph::Pool2D& attributes);
[[nodiscard]] Tensor clamp(const Tensor& x, Limits limits);

/// Batch norm, an optional addition and a clamp in one function: y = clamp(gamma * (x - mean) / sqrt(variance +
/// epsilon) + beta + residual).
struct Normalization {
  Tensor gamma, beta;
  Tensor mean, variance;  ///< running statistics; used when not training
  float epsilon = 1e-3f;
  Limits limits;
};
/// @param residual  undefined, or of x's shape.
/// @param batch_moments  training when not null: the batch's own statistics are used, and mean [C] followed by
/// population variance [C] written here.
[[nodiscard]] Tensor batch_norm(const Tensor& x, const Tensor& residual, const Normalization& norm,
                                float* batch_moments);

}  // namespace mote::train
