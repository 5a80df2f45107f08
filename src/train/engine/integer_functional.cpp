#include "integer_functional.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/requantize.hpp"

namespace mote::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
using Absent = c10::optional<Tensor>;

struct WeightQuantization : Function<WeightQuantization> {
  static Tensor forward(AutogradContext* ctx, const Tensor& weights, const Tensor& scales) {
    ctx->save_for_backward({scales});
    const Tensor scaled = weights / scales;
    Tensor integers = torch::empty_like(scaled);
    const float* from = scaled.data_ptr<float>();
    float* to = integers.data_ptr<float>();
    // std::round, as optimize::quantize: ties away from zero, where torch's go to even.
    for (std::int64_t i = 0; i < scaled.numel(); ++i) to[i] = std::clamp(std::round(from[i]), -127.0f, 127.0f);
    return integers;
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {gradients[0] / ctx->get_saved_variables()[0], Tensor()};
  }
};

std::vector<std::int32_t> integer_bias(const Absent& bias, const std::vector<float>& scales) {
  std::vector<std::int32_t> integers(scales.size(), 0);
  if (!bias) return integers;
  const float* values = bias->data_ptr<float>();
  for (std::size_t c = 0; c < scales.size(); ++c) {
    const double real = std::round(static_cast<double>(values[c]) / static_cast<double>(scales[c]));
    integers[c] = static_cast<std::int32_t>(std::clamp(real, -1073741824.0, 1073741824.0));
  }
  return integers;
}

template <class T>
void widen(graph::Range& range, const Tensor& accumulators, const std::vector<std::int32_t>& bias,
           const std::vector<float>& scales, Limits limits) {
  const auto channels = static_cast<std::int64_t>(scales.size());
  const T* p = accumulators.data_ptr<T>();
  for (std::int64_t i = 0; i < accumulators.numel(); ++i) {
    const auto c = static_cast<std::size_t>(i % channels);
    const float real =
        std::clamp((static_cast<float>(p[i]) + static_cast<float>(bias[c])) * scales[c], limits.low, limits.high);
    range.low = std::min(range.low, real);
    range.high = std::max(range.high, real);
  }
}

template <class T>
Tensor integers(const Tensor& accumulators, const std::vector<std::int32_t>& bias, const Requantization& how) {
  Tensor y = torch::empty(accumulators.sizes());
  const std::int32_t zero = how.output.zero_point();
  const T* from = accumulators.data_ptr<T>();
  float* to = y.data_ptr<float>();
  for (std::int64_t row = accumulators.numel() / static_cast<std::int64_t>(bias.size()); row > 0; --row) {
    for (std::size_t c = 0; c < bias.size(); ++c) {
      const std::int32_t sum = static_cast<std::int32_t>(*from++) + bias[c];
      const std::int32_t scaled =
          device::multiply_by_quantized_multiplier(sum, how.params.multipliers[c], how.params.shifts[c]);
      *to++ = static_cast<float>(device::clamp(scaled + zero, how.limits.low, how.limits.high) - zero);
    }
  }
  return y;
}

struct Requantizer : Function<Requantizer> {
  static Tensor forward(AutogradContext* ctx, const Tensor& accumulators, const Absent& bias, const Requantization& how,
                        Limits real_limits, graph::Range* range) {
    const std::vector<std::int32_t> bias_integers = integer_bias(bias, how.accumulator_scales);
    const bool wide = accumulators.scalar_type() == torch::kDouble;
    const Tensor y =
        wide ? integers<double>(accumulators, bias_integers, how) : integers<float>(accumulators, bias_integers, how);
    if (range != nullptr) {
      (wide ? widen<double> : widen<float>)(*range, accumulators, bias_integers, how.accumulator_scales, real_limits);
    }
    const std::int32_t zero = how.output.zero_point();
    Tensor scales = torch::tensor(how.accumulator_scales);
    ctx->save_for_backward({y, scales});
    ctx->saved_data["output_scale"] = static_cast<double>(how.output.scale());
    ctx->saved_data["low"] = static_cast<std::int64_t>(how.limits.low - zero);
    ctx->saved_data["high"] = static_cast<std::int64_t>(how.limits.high - zero);
    ctx->saved_data["bias"] = bias && bias->requires_grad();
    ctx->saved_data["wide"] = wide;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& y = saved[0];
    const Tensor& scales = saved[1];
    const auto inside = (y > ctx->saved_data["low"].toInt()) & (y < ctx->saved_data["high"].toInt());
    const Tensor masked = gradients[0] * inside;
    const double output_scale = ctx->saved_data["output_scale"].toDouble();
    Tensor dbias;
    // y = (sum scale_c + bias) / output scale, in integers of the output.
    if (ctx->saved_data["bias"].toBool()) dbias = masked.reshape({-1, y.size(-1)}).sum(0) / output_scale;
    Tensor dsum = masked * (scales / output_scale);
    if (ctx->saved_data["wide"].toBool()) dsum = dsum.to(torch::kDouble);
    return {dsum, dbias, Tensor(), Tensor(), Tensor()};
  }
};

struct StraightThrough : Function<StraightThrough> {
  static Tensor forward(AutogradContext*, const Tensor&, const Tensor& exact) { return exact.clone(); }
  static variable_list backward(AutogradContext*, variable_list gradients) { return {gradients[0], Tensor()}; }
};

}  // namespace

Tensor quantize_values(const Tensor& x, const graph::Quantization& q) {
  Tensor y = torch::empty_like(x);
  const float* from = x.data_ptr<float>();
  float* to = y.data_ptr<float>();
  const auto zero = static_cast<float>(q.zero_point());
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    to[i] = std::clamp(std::round(from[i] / q.scale()) + zero, -128.0f, 127.0f) - zero;
  }
  return y;
}

Tensor quantize_weights(const Tensor& weights, const std::vector<float>& scales, bool outer) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(weights.dim()), 1);
  (outer ? sizes.front() : sizes.back()) = static_cast<std::int64_t>(scales.size());
  return WeightQuantization::apply(weights, torch::tensor(scales).view(sizes));
}

Tensor requantize(const Tensor& accumulators, const Tensor& bias, const Requantization& how, Limits real_limits,
                  graph::Range* range) {
  return Requantizer::apply(accumulators.contiguous(), bias.defined() ? Absent(bias) : Absent(), how, real_limits,
                            range);
}

Tensor straight_through(const Tensor& smooth, const Tensor& exact) { return StraightThrough::apply(smooth, exact); }

std::vector<std::int8_t> to_int8(const Tensor& centered, std::int32_t zero_point) {
  const Tensor values = centered.contiguous();
  const float* from = values.data_ptr<float>();
  std::vector<std::int8_t> integers(static_cast<std::size_t>(values.numel()));
  for (std::size_t i = 0; i < integers.size(); ++i) {
    integers[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(from[i]) + zero_point);
  }
  return integers;
}

Tensor from_int8(const std::vector<std::int8_t>& integers, std::int32_t zero_point, torch::IntArrayRef sizes) {
  Tensor centered = torch::empty(sizes);
  float* to = centered.data_ptr<float>();
  for (std::size_t i = 0; i < integers.size(); ++i) to[i] = static_cast<float>(integers[i] - zero_point);
  return centered;
}

}  // namespace mote::train
