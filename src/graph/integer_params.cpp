#include "mote/graph/integer_params.hpp"

#include <algorithm>
#include <cmath>

namespace mote::graph {
namespace {

template <class A>
void set_window(device::ConvGeometry& g, const A& a) {
  g.stride_h = a.stride_h;
  g.stride_w = a.stride_w;
  g.dilation_h = a.dilation_h;
  g.dilation_w = a.dilation_w;
  g.pad_top = a.pads.top;
  g.pad_left = a.pads.left;
}

Activation activation_of(const Op& op) {
  return std::visit(
      [](const auto& a) {
        if constexpr (requires { a.activation; }) return a.activation;
        return Activation::none;
      },
      op.attributes);
}

}  // namespace

device::ConvGeometry conv_geometry(const Graph& graph, const Op& op) {
  const Tensor& x = graph.tensor(op.inputs[0]);
  const Tensor& w = graph.tensor(op.inputs[1]);
  const Tensor& y = graph.tensor(op.outputs[0]);
  device::ConvGeometry g{};
  g.multiplier = 1;
  if (op.as<Dense>() != nullptr) {
    g.in_h = g.in_w = g.out_h = g.out_w = g.kernel_h = g.kernel_w = 1;
    g.stride_h = g.stride_w = g.dilation_h = g.dilation_w = 1;
    g.in_c = w.shape[1];
    g.out_c = w.shape[0];
  } else {
    g.in_h = x.shape[1];
    g.in_w = x.shape[2];
    g.in_c = x.shape[3];
    g.out_h = y.shape[1];
    g.out_w = y.shape[2];
    g.out_c = y.shape[3];
    g.kernel_h = w.shape[1];
    g.kernel_w = w.shape[2];
    if (const auto* conv = op.as<Conv2D>()) set_window(g, *conv);
    if (const auto* depthwise = op.as<DepthwiseConv2D>()) {
      set_window(g, *depthwise);
      g.multiplier = depthwise->multiplier;
    }
  }
  g.weight_zero = w.quantization.zero_point();
  g.input_zero = x.quantization.zero_point();
  g.output_zero = y.quantization.zero_point();
  const ClampLimits limits = clamp_limits(activation_of(op), y.quantization, y.dtype);
  g.clamp_low = limits.low;
  g.clamp_high = limits.high;
  return g;
}

device::PoolGeometry pool_geometry(const Graph& graph, const Op& op) {
  const auto& a = *op.as<Pool2D>();
  const Shape& x = graph.tensor(op.inputs[0]).shape;
  const Tensor& y = graph.tensor(op.outputs[0]);
  const ClampLimits limits = clamp_limits(a.activation, y.quantization);
  return {x[1],       x[2],       x[3],       y.shape[1],  y.shape[2], a.kernel_h, a.kernel_w,
          a.stride_h, a.stride_w, a.pads.top, a.pads.left, limits.low, limits.high};
}

device::AddGeometry add_geometry(const Graph& graph, const Op& op) {
  const Quantization& a = graph.tensor(op.inputs[0]).quantization;
  const Quantization& b = graph.tensor(op.inputs[1]).quantization;
  const Tensor& y = graph.tensor(op.outputs[0]);
  // TensorFlow Lite: both inputs to twice the larger scale, with 20 bits of headroom.
  const double twice = 2.0 * static_cast<double>(std::max(a.scale(), b.scale()));
  const FixedMultiplier ma = fixed_multiplier(static_cast<double>(a.scale()) / twice);
  const FixedMultiplier mb = fixed_multiplier(static_cast<double>(b.scale()) / twice);
  const FixedMultiplier my =
      fixed_multiplier(twice / (static_cast<double>(1 << 20) * static_cast<double>(y.quantization.scale())));
  const ClampLimits limits = clamp_limits(activation_of(op), y.quantization);
  return {static_cast<std::int32_t>(y.shape.elements()),
          a.zero_point(),
          ma.mantissa,
          ma.shift,
          b.zero_point(),
          mb.mantissa,
          mb.shift,
          y.quantization.zero_point(),
          my.mantissa,
          my.shift,
          limits.low,
          limits.high};
}

device::PairParams pair_params(const Graph& graph, const Op& op) {
  const Quantization& a = graph.tensor(op.inputs[0]).quantization;
  const Quantization& b = graph.tensor(op.inputs[1]).quantization;
  const Quantization& y = graph.tensor(op.outputs[0]).quantization;
  const DType type = graph.tensor(op.outputs[0]).dtype;
  const double scale_a = static_cast<double>(a.scale()), scale_b = static_cast<double>(b.scale()),
               scale_y = static_cast<double>(y.scale());
  const ClampLimits limits = clamp_limits(activation_of(op), y, type);
  device::PairParams p{a.zero_point(), 0, 0, b.zero_point(), 0, 0, y.zero_point(), 0, 0, limits.low, limits.high};
  const Binary* binary = op.as<Binary>();
  const auto set_output = [&](double factor) {
    const FixedMultiplier m = fixed_multiplier(factor);
    p.output_multiplier = m.mantissa;
    p.output_shift = m.shift;
  };
  if (op.as<Compare>() != nullptr) {
    // TensorFlow Lite multiplies by the scales themselves, which must be below 1; larger ones keep their ratio.
    const double largest = std::max(scale_a, scale_b), unit = largest < 1.0 ? 1.0 : 2.0 * largest;
    const FixedMultiplier ma = fixed_multiplier(scale_a / unit), mb = fixed_multiplier(scale_b / unit);
    p.a_multiplier = ma.mantissa;
    p.a_shift = ma.shift;
    p.b_multiplier = mb.mantissa;
    p.b_shift = mb.shift;
    return p;
  }
  if (binary != nullptr && (binary->kind == BinaryKind::minimum || binary->kind == BinaryKind::maximum)) return p;
  if (binary != nullptr && binary->kind == BinaryKind::mul) {
    set_output(scale_a * scale_b / scale_y);
    return p;
  }
  if (binary != nullptr && binary->kind == BinaryKind::prelu) {
    const FixedMultiplier positive = fixed_multiplier(scale_a / scale_y);
    p.a_multiplier = positive.mantissa;
    p.a_shift = positive.shift;
    set_output(scale_a * scale_b / scale_y);
    return p;
  }
  // Both on twice the larger scale, with more bits.
  const double twice = 2.0 * std::max(scale_a, scale_b);
  const FixedMultiplier ma = fixed_multiplier(scale_a / twice), mb = fixed_multiplier(scale_b / twice);
  p.a_multiplier = ma.mantissa;
  p.a_shift = ma.shift;
  p.b_multiplier = mb.mantissa;
  p.b_shift = mb.shift;
  const bool squared = binary != nullptr && binary->kind == BinaryKind::squared_difference;
  set_output(squared ? twice * twice / (static_cast<double>(1 << 14) * scale_y)
                     : twice / (static_cast<double>(type == DType::i16 ? 1 << 15 : 1 << 20) * scale_y));
  return p;
}

device::LeakyGeometry leaky_geometry(const Graph& graph, const Op& op) {
  const Tensor &x = graph.tensor(op.inputs[0]), &y = graph.tensor(op.outputs[0]);
  const auto factor = static_cast<double>(x.quantization.scale() / y.quantization.scale());  // in float, as there
  const auto slope = static_cast<double>(x.quantization.scale() * op.as<Unary>()->alpha / y.quantization.scale());
  const FixedMultiplier above = fixed_multiplier(factor), below = fixed_multiplier(std::fabs(slope));
  return {static_cast<std::int32_t>(y.shape.elements()), above.mantissa, above.shift,
          slope < 0.0 ? -below.mantissa : below.mantissa, below.shift};
}

namespace {

device::SoftmaxGeometry softmax_of_rows(const Tensor& x, float beta) {
  constexpr int kIntegerBits = 5;  // of the scaled difference
  const double factor = std::min(static_cast<double>(beta) * static_cast<double>(x.quantization.scale()) *
                                     static_cast<double>(1 << (31 - kIntegerBits)),
                                 2147483647.0);
  const FixedMultiplier m = fixed_multiplier(factor);
  // Differences beyond this radius would overflow Q5.26; their probability is 0.
  const double radius = ((1 << kIntegerBits) - 1) * std::ldexp(1.0, 31 - kIntegerBits) / std::ldexp(1.0, m.shift);
  device::SoftmaxGeometry g{};
  g.depth = x.shape.back();
  g.rows = static_cast<std::int32_t>(x.shape.elements()) / g.depth;
  g.multiplier = m.mantissa;
  g.shift = m.shift;
  g.diff_min = -static_cast<std::int32_t>(std::floor(std::min(radius, 1e9)));
  return g;
}

}  // namespace

device::SoftmaxGeometry softmax_geometry(const Graph& graph, const Op& op) {
  return softmax_of_rows(graph.tensor(op.inputs[0]), op.as<Softmax>()->beta);
}

device::LogSoftmaxGeometry log_softmax_geometry(const Graph& graph, const Op& op) {
  const device::SoftmaxGeometry g = softmax_of_rows(graph.tensor(op.inputs[0]), 1.0f);
  const FixedMultiplier reverse = fixed_multiplier(std::ldexp(1.0, 31 - g.shift) / static_cast<double>(g.multiplier));
  return {g.rows, g.depth, g.multiplier, g.shift, g.diff_min, reverse.mantissa, reverse.shift};
}

device::RequantizeGeometry requantize_geometry(const Graph& graph, const Op& op) {
  const Quantization& x = graph.tensor(op.inputs[0]).quantization;
  const Tensor& y = graph.tensor(op.outputs[0]);
  const FixedMultiplier m =
      fixed_multiplier(static_cast<double>(x.scale()) / static_cast<double>(y.quantization.scale()));
  const ClampLimits limits = clamp_limits(activation_of(op), y.quantization, y.dtype);
  return {static_cast<std::int32_t>(y.shape.elements()),
          x.zero_point(),
          m.mantissa,
          m.shift,
          y.quantization.zero_point(),
          limits.low,
          limits.high};
}

ChannelTables channel_tables(const Graph& graph, const Op& op) {
  const Tensor& w = graph.tensor(op.inputs[1]);
  const auto channels = static_cast<std::size_t>(op.as<DepthwiseConv2D>() != nullptr ? w.shape[3] : w.shape[0]);
  const RequantParams params = requant_params(graph.tensor(op.inputs[0]).quantization, w.quantization,
                                              graph.tensor(op.outputs[0]).quantization, channels);
  ChannelTables tables;
  tables.multiplier = params.multipliers;
  for (const std::int32_t s : params.shifts) tables.shift.push_back(static_cast<std::int8_t>(s));
  const bool has_bias = op.inputs.size() > 2 && op.inputs[2] != kNoTensor;
  if (graph.tensor(op.inputs[0]).dtype == DType::i16) {
    tables.wide_bias.assign(channels, 0);
    if (has_bias) std::ranges::copy(graph.tensor(op.inputs[2]).values<std::int64_t>(), tables.wide_bias.begin());
    return tables;
  }
  tables.bias.assign(channels, 0);
  if (has_bias) {
    const auto bias = graph.tensor(op.inputs[2]).values<std::int32_t>();
    tables.bias.assign(bias.begin(), bias.end());
  }
  return tables;
}

}  // namespace mote::graph
