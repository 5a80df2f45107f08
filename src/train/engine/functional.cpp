#include "functional.hpp"

#include <algorithm>
#include <cmath>

namespace mote::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

ConvGeometry geometry_of(const Tensor& x, std::int64_t kh, std::int64_t kw, std::int64_t co, const auto& attributes) {
  ConvGeometry g;
  g.n = x.size(0);
  g.h = x.size(1);
  g.w = x.size(2);
  g.ci = x.size(3);
  g.co = co;
  g.kh = kh;
  g.kw = kw;
  g.stride_h = attributes.stride_h;
  g.stride_w = attributes.stride_w;
  g.dilation_h = attributes.dilation_h;
  g.dilation_w = attributes.dilation_w;
  g.pad_top = attributes.pads.top;
  g.pad_left = attributes.pads.left;
  const auto output = [](std::ptrdiff_t in, std::ptrdiff_t kernel, std::int32_t stride, std::int32_t dilation,
                         std::int32_t before, std::int32_t after) {
    return (in + before + after - ((kernel - 1) * dilation + 1)) / stride + 1;
  };
  g.ho = output(g.h, kh, attributes.stride_h, attributes.dilation_h, attributes.pads.top, attributes.pads.bottom);
  g.wo = output(g.w, kw, attributes.stride_w, attributes.dilation_w, attributes.pads.left, attributes.pads.right);
  return g;
}

std::vector<std::int64_t> packed(const ConvGeometry& g) {
  return {g.n,  g.h,        g.w,        g.ci,         g.ho,         g.wo,      g.co,      g.kh,
          g.kw, g.stride_h, g.stride_w, g.dilation_h, g.dilation_w, g.pad_top, g.pad_left};
}

ConvGeometry unpacked(const std::vector<std::int64_t>& v) {
  return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14]};
}

/// torch looks into every Tensor that enters a Function, so one that may be missing travels as an optional.
using Absent = c10::optional<Tensor>;
Absent absent_if_undefined(const Tensor& t) { return t.defined() ? Absent(t) : Absent(); }

const float* data_or_null(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }
const float* data_or_null(const Absent& t) { return t ? t->data_ptr<float>() : nullptr; }

Tensor bias_gradient(const Tensor& dy, std::int64_t channels) {
  Tensor sums = torch::empty({channels});
  kernels().column_sums(dy.data_ptr<float>(), dy.numel() / channels, channels, sums.data_ptr<float>());
  return sums;
}

/// The two kinds of convolution differ in their kernels alone.
template <ConvKernels Kernels::*kKind>
struct Convolution : Function<Convolution<kKind>> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weights, const Absent& bias,
                        const ConvGeometry& g) {
    Tensor y = torch::empty({g.n, g.ho, g.wo, g.co});
    Tensor scratch = torch::empty({(kernels().*kKind).scratch(g)});
    (kernels().*kKind)
        .forward(g, x.data_ptr<float>(), weights.data_ptr<float>(), data_or_null(bias), y.data_ptr<float>(),
                 scratch.data_ptr<float>());
    ctx->save_for_backward({x, weights});
    ctx->saved_data["geometry"] = packed(g);
    ctx->saved_data["needs"] =
        std::vector<std::int64_t>{x.requires_grad(), weights.requires_grad(), bias && bias->requires_grad()};
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const ConvGeometry g = unpacked(ctx->saved_data["geometry"].toIntVector());
    const auto needs = ctx->saved_data["needs"].toIntVector();
    const Tensor dy = gradients[0].contiguous();
    const float* slope = dy.data_ptr<float>();
    Tensor scratch = torch::empty({(kernels().*kKind).scratch(g)});
    Tensor dx, dweights, dbias;
    if (needs[0]) {
      dx = torch::empty_like(saved[0]);
      (kernels().*kKind)
          .backward_data(g, slope, saved[1].data_ptr<float>(), dx.data_ptr<float>(), scratch.data_ptr<float>());
    }
    if (needs[1]) {
      dweights = torch::empty_like(saved[1]);
      (kernels().*kKind)
          .backward_weights(g, saved[0].data_ptr<float>(), slope, dweights.data_ptr<float>(),
                            scratch.data_ptr<float>());
    }
    if (needs[2]) dbias = bias_gradient(dy, g.co);
    return {dx, dweights, dbias, Tensor()};
  }
};

/// Scale and shift that turn x into gamma * (x - mean) / sqrt(variance + epsilon) + beta.
struct Affine {
  std::vector<float> scale, shift, inverse_deviation;
  Affine(std::int64_t channels, const float* mean, const float* variance, const float* gamma, const float* beta,
         float epsilon) {
    for (std::int64_t c = 0; c < channels; ++c) {
      inverse_deviation.push_back(1.0f / std::sqrt(variance[c] + epsilon));
      scale.push_back(gamma[c] * inverse_deviation.back());
      shift.push_back(beta[c] - mean[c] * scale.back());
    }
  }
};

struct BatchNormalization : Function<BatchNormalization> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Absent& residual, const Tensor& gamma,
                        const Tensor& beta, double epsilon, Limits limits, float* batch_moments) {
    const std::int64_t channels = x.size(-1);
    const std::int64_t rows = x.numel() / channels;
    kernels().moments(x.data_ptr<float>(), rows, channels, batch_moments, batch_moments + channels);
    const Affine affine(channels, batch_moments, batch_moments + channels, gamma.data_ptr<float>(),
                        beta.data_ptr<float>(), static_cast<float>(epsilon));
    Tensor y = torch::empty_like(x);
    kernels().scale_shift(x.data_ptr<float>(), data_or_null(residual), rows, channels, affine.scale.data(),
                          affine.shift.data(), limits.low, limits.high, y.data_ptr<float>());
    Tensor statistics = torch::empty({2, channels});
    std::copy_n(batch_moments, channels, statistics.data_ptr<float>());
    std::copy_n(affine.inverse_deviation.data(), channels, statistics.data_ptr<float>() + channels);
    ctx->save_for_backward({x, y, gamma, statistics});
    ctx->saved_data["low"] = static_cast<double>(limits.low);
    ctx->saved_data["high"] = static_cast<double>(limits.high);
    ctx->saved_data["residual"] = residual.has_value();
    return y;
  }

  // With g the gradient behind the clamp, n rows, xc = x - mean, s = 1 / deviation:
  // dx = gamma s (g - mean(g) - xc s^2 mean(g xc)), which is g * a + x * b + d with one coefficient a channel.
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const std::int64_t channels = x.size(-1);
    const std::int64_t rows = x.numel() / channels;
    const float* mean = saved[3].data_ptr<float>();
    const float* inverse = mean + channels;
    const Tensor dy = gradients[0].contiguous();
    Tensor g = torch::empty_like(x);
    Tensor dgamma = torch::empty({channels});
    Tensor dbeta = torch::empty({channels});
    float* sum_gx = dgamma.data_ptr<float>();
    const float* sum_g = dbeta.data_ptr<float>();
    kernels().masked_sums(dy.data_ptr<float>(), saved[1].data_ptr<float>(), x.data_ptr<float>(), rows, channels, mean,
                          static_cast<float>(ctx->saved_data["low"].toDouble()),
                          static_cast<float>(ctx->saved_data["high"].toDouble()), g.data_ptr<float>(),
                          dbeta.data_ptr<float>(), sum_gx);
    std::vector<float> a, b, d;
    const float* gamma = saved[2].data_ptr<float>();
    for (std::int64_t c = 0; c < channels; ++c) {
      const float scale = gamma[c] * inverse[c];
      const float per_row = scale / static_cast<float>(rows);
      const float slope = -per_row * inverse[c] * inverse[c] * sum_gx[c];
      a.push_back(scale);
      b.push_back(slope);
      d.push_back(-per_row * sum_g[c] - slope * mean[c]);
      sum_gx[c] *= inverse[c];
    }
    const bool residual = ctx->saved_data["residual"].toBool();
    Tensor dx = residual ? torch::empty_like(x) : g;
    kernels().combine(g.data_ptr<float>(), x.data_ptr<float>(), rows, channels, a.data(), b.data(), d.data(),
                      dx.data_ptr<float>());
    return {dx, residual ? g : Tensor(), dgamma, dbeta, Tensor(), Tensor(), Tensor()};
  }
};

/// [N,H,W,C] seen as torch's [N,C,H,W] in channels_last memory, and back: no copy.
Tensor to_channels_first(const Tensor& x) { return x.permute({0, 3, 1, 2}); }
Tensor to_channels_last(const Tensor& x) { return x.permute({0, 2, 3, 1}).contiguous(); }

Tensor padded(const Tensor& nchw, const graph::Pads& pads, float value) {
  if (pads == graph::Pads{}) return nchw;
  return torch::constant_pad_nd(nchw, {pads.left, pads.right, pads.top, pads.bottom}, value);
}

Tensor average_pool(const Tensor& x, const graph::Pool2D& pool) {
  const Tensor nchw = padded(to_channels_first(x), pool.pads, 0.0f);
  if (pool.pads == graph::Pads{}) {
    return to_channels_last(torch::avg_pool2d(nchw, {pool.kernel_h, pool.kernel_w}, {pool.stride_h, pool.stride_w}));
  }
  // Only elements inside the input count: divide the window's sum by the sum of a plane of ones.
  const Tensor ones = padded(torch::ones({1, 1, x.size(1), x.size(2)}), pool.pads, 0.0f);
  const Tensor counts = torch::avg_pool2d(ones, {pool.kernel_h, pool.kernel_w}, {pool.stride_h, pool.stride_w});
  return to_channels_last(torch::avg_pool2d(nchw, {pool.kernel_h, pool.kernel_w}, {pool.stride_h, pool.stride_w}) /
                          counts);
}

}  // namespace

Limits limits_of(graph::Activation activation) {
  switch (activation) {
    case graph::Activation::none:
      return {};
    case graph::Activation::relu:
      return {0.0f, std::numeric_limits<float>::infinity()};
    case graph::Activation::relu6:
      return {0.0f, 6.0f};
    case graph::Activation::relu_n1_to_1:
      return {-1.0f, 1.0f};
  }
  return {};
}

Tensor conv2d(const Tensor& x, const Tensor& weights, const Tensor& bias, const graph::Conv2D& attributes) {
  return Convolution<&Kernels::conv>::apply(
      x.contiguous(), weights, absent_if_undefined(bias),
      geometry_of(x, weights.size(1), weights.size(2), weights.size(0), attributes));
}

Tensor depthwise_conv2d(const Tensor& x, const Tensor& weights, const Tensor& bias,
                        const graph::DepthwiseConv2D& attributes) {
  if (attributes.multiplier == 1) {
    return Convolution<&Kernels::depthwise>::apply(
        x.contiguous(), weights, absent_if_undefined(bias),
        geometry_of(x, weights.size(1), weights.size(2), weights.size(3), attributes));
  }
  const Tensor nchw = padded(to_channels_first(x), attributes.pads, 0.0f);
  const Absent optional_bias = absent_if_undefined(bias);
  return to_channels_last(torch::conv2d(nchw, weights.permute({3, 0, 1, 2}), optional_bias,
                                        {attributes.stride_h, attributes.stride_w}, torch::IntArrayRef{0, 0},
                                        {attributes.dilation_h, attributes.dilation_w}, x.size(3)));
}

Tensor dense(const Tensor& x, const Tensor& weights, const Tensor& bias) {
  const Tensor rows = x.reshape({x.size(0), 1, 1, -1});
  const Tensor y = conv2d(rows, weights.view({weights.size(0), 1, 1, weights.size(1)}), bias, graph::Conv2D{});
  return y.view({x.size(0), weights.size(0)});
}

Tensor pool2d(const Tensor& x, const graph::Pool2D& pool) {
  const bool global = pool.kernel_h == x.size(1) && pool.kernel_w == x.size(2) && pool.pads == graph::Pads{};
  if (pool.kind == graph::PoolKind::average) return global ? x.mean({1, 2}, true) : average_pool(x, pool);
  const Tensor nchw = padded(to_channels_first(x), pool.pads, -std::numeric_limits<float>::infinity());
  return to_channels_last(torch::max_pool2d(nchw, {pool.kernel_h, pool.kernel_w}, {pool.stride_h, pool.stride_w}));
}

Tensor clamp(const Tensor& x, Limits limits) {
  if (!limits.clamps()) return x;
  if (std::isinf(limits.high)) return torch::relu(x);
  return torch::clamp(x, limits.low, limits.high);
}

Tensor batch_norm(const Tensor& x, const Tensor& residual, const Normalization& norm, float* batch_moments) {
  if (batch_moments != nullptr) {
    return BatchNormalization::apply(x, absent_if_undefined(residual), norm.gamma, norm.beta,
                                     static_cast<double>(norm.epsilon), norm.limits, batch_moments);
  }
  const std::int64_t channels = x.size(-1);
  const Affine affine(channels, norm.mean.data_ptr<float>(), norm.variance.data_ptr<float>(),
                      norm.gamma.data_ptr<float>(), norm.beta.data_ptr<float>(), norm.epsilon);
  Tensor y = torch::empty_like(x);
  kernels().scale_shift(x.data_ptr<float>(), data_or_null(residual), x.numel() / channels, channels,
                        affine.scale.data(), affine.shift.data(), norm.limits.low, norm.limits.high,
                        y.data_ptr<float>());
  return y;
}

}  // namespace mote::train
