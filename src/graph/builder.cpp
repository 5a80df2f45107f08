#include "mote/graph/builder.hpp"

#include <cmath>

namespace mote::graph {

Builder::Builder(std::string name, std::uint64_t seed) : graph_(std::move(name)), rng_(seed) {}

TensorId Builder::input(std::string_view name, Shape shape) {
  const TensorId id = graph_.add_tensor({std::string(name), DType::f32, std::move(shape), {}, nullptr});
  graph_.set_inputs({id});
  return id;
}

TensorId Builder::constant(std::string name, Shape shape, float deviation, float mean) {
  std::vector<float> values(shape.elements(), mean);
  if (deviation > 0.0f) {
    for (float& v : values) v = mean + deviation * static_cast<float>(rng_.normal());
  }
  return graph_.add_tensor(
      {std::move(name), DType::f32, std::move(shape), {}, constant_data(std::span<const float>(values))});
}

TensorId Builder::append(std::string_view name, Attributes attributes, std::vector<TensorId> inputs, Shape shape) {
  const TensorId out = graph_.add_tensor({std::string(name), DType::f32, std::move(shape), {}, nullptr});
  graph_.add_op({std::string(name), std::move(attributes), std::move(inputs), {out}});
  return out;
}

namespace {

Pads pads_for(const Shape& x, const Builder::Window& window) {
  if (!window.same) return {};
  const auto [top, bottom] = same_padding(x[1], window.kernel_h, window.stride_h);
  const auto [left, right] = same_padding(x[2], window.kernel_w, window.stride_w);
  return {top, bottom, left, right};
}

Shape windowed(const Shape& x, const Builder::Window& window, const Pads& pads, std::int32_t channels) {
  return {1, window_output(x[1], window.kernel_h, window.stride_h, 1, pads.top, pads.bottom),
          window_output(x[2], window.kernel_w, window.stride_w, 1, pads.left, pads.right), channels};
}

float he_deviation(std::int32_t fan_in) { return std::sqrt(2.0f / static_cast<float>(fan_in)); }

}  // namespace

TensorId Builder::conv(std::string_view name, TensorId x, std::int32_t channels, Window window, bool bias) {
  const Shape in = shape(x);
  const std::string base(name);
  const Pads pads = pads_for(in, window);
  std::vector<TensorId> inputs{x, constant(base + "/weights", {channels, window.kernel_h, window.kernel_w, in[3]},
                                           he_deviation(window.kernel_h * window.kernel_w * in[3]))};
  if (bias) inputs.push_back(constant(base + "/bias", {channels}, 0.0f));
  Conv2D attributes;
  attributes.stride_h = window.stride_h;
  attributes.stride_w = window.stride_w;
  attributes.pads = pads;
  return append(name, attributes, std::move(inputs), windowed(in, window, pads, channels));
}

TensorId Builder::depthwise(std::string_view name, TensorId x, Window window, bool bias) {
  const Shape in = shape(x);
  const std::string base(name);
  const Pads pads = pads_for(in, window);
  std::vector<TensorId> inputs{x, constant(base + "/weights", {1, window.kernel_h, window.kernel_w, in[3]},
                                           he_deviation(window.kernel_h * window.kernel_w))};
  if (bias) inputs.push_back(constant(base + "/bias", {in[3]}, 0.0f));
  DepthwiseConv2D attributes;
  attributes.stride_h = window.stride_h;
  attributes.stride_w = window.stride_w;
  attributes.pads = pads;
  return append(name, attributes, std::move(inputs), windowed(in, window, pads, in[3]));
}

TensorId Builder::dense(std::string_view name, TensorId x, std::int32_t units) {
  const auto fan_in = static_cast<std::int32_t>(shape(x).elements());
  const std::string base(name);
  const TensorId weights = constant(base + "/weights", {units, fan_in}, he_deviation(fan_in) * 0.70710678f);
  const TensorId bias = constant(base + "/bias", {units}, 0.0f);
  return append(name, Dense{}, {x, weights, bias}, {1, units});
}

TensorId Builder::batch_norm(std::string_view name, TensorId x) {
  const Shape channels{shape(x).back()};
  const std::string base(name);
  const TensorId gamma = constant(base + "/gamma", channels, 0.0f, 1.0f);
  const TensorId beta = constant(base + "/beta", channels, 0.0f);
  const TensorId mean = constant(base + "/mean", channels, 0.0f);
  const TensorId variance = constant(base + "/variance", channels, 0.0f, 1.0f);
  return append(name, BatchNorm{}, {x, gamma, beta, mean, variance}, shape(x));
}

TensorId Builder::activate(std::string_view name, TensorId x, Activation activation) {
  return append(name, Activate{activation}, {x}, shape(x));
}

TensorId Builder::add(std::string_view name, TensorId a, TensorId b) { return append(name, Add{}, {a, b}, shape(a)); }

TensorId Builder::pool(std::string_view name, TensorId x, PoolKind kind, Window window) {
  const Pads pads = pads_for(shape(x), window);
  const Pool2D attributes{kind, window.kernel_h, window.kernel_w, window.stride_h, window.stride_w,
                          pads, Activation::none};
  return append(name, attributes, {x}, windowed(shape(x), window, pads, shape(x)[3]));
}

TensorId Builder::global_average_pool(std::string_view name, TensorId x) {
  const Shape& in = shape(x);
  return pool(name, x, PoolKind::average, {in[1], in[2], in[1], in[2], false});
}

TensorId Builder::dropout(std::string_view name, TensorId x, float rate) {
  return append(name, Dropout{rate}, {x}, shape(x));
}

TensorId Builder::reshape(std::string_view name, TensorId x, Shape to) {
  return append(name, Reshape{}, {x}, std::move(to));
}

TensorId Builder::softmax(std::string_view name, TensorId x) { return append(name, Softmax{}, {x}, shape(x)); }

Graph Builder::finish(TensorId output) && {
  graph_.set_outputs({output});
  const auto verified = verify(graph_);
  MOTE_CHECK(verified.has_value());
  return std::move(graph_);
}

}  // namespace mote::graph
