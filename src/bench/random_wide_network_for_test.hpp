#pragma once
// For tests: networks of random layers with int16 activations.

#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

/// Layers one behind the other, of every odd geometry, whose sums land inside int16.
class RandomWideNetwork {
 public:
  explicit RandomWideNetwork(std::uint64_t seed) : rng_(seed), g_("random wide") {}

  Graph build() {
    TensorId x = value({1, pick(2, 9), pick(2, 12), pick(1, 9)});
    g_.set_inputs({x});
    const int layers = pick(3, 6);
    for (int i = 0; i < layers; ++i) {
      if (rng_.chance(0.2)) {
        x = add(x, conv(x, false, true));
      } else if (rng_.chance(0.15)) {
        const TensorId y = value(g_.tensor(x).shape);
        x = op(Unary{UnaryKind::leaky_relu, 0.3f}, {x}, y);
      } else {
        x = conv(x, rng_.chance(0.25), false);
      }
    }
    if (rng_.chance(0.5)) x = dense(x);
    g_.set_outputs({x});
    return std::move(g_);
  }

 private:
  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }
  std::string fresh(const char* what) { return what + std::to_string(g_.tensors().size()); }
  TensorId value(Shape shape) {
    return g_.add_tensor({fresh("t"), DType::i16, std::move(shape),
                          Quantization::per_tensor(static_cast<float>(rng_.uniform(0.0001, 0.0005)), 0), nullptr});
  }
  TensorId op(Attributes attributes, std::vector<TensorId> inputs, TensorId y) {
    g_.add_op({fresh("op"), std::move(attributes), std::move(inputs), {y}});
    return y;
  }
  TensorId weights(const Shape& shape, std::int32_t axis, TensorId x, TensorId y) {
    std::vector<std::int8_t> w(shape.elements());
    const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    const std::size_t inner = axis == 0 ? w.size() / channels : 1;
    std::vector<bool> dead(channels);
    for (std::size_t c = 0; c < channels; ++c) dead[c] = rng_.chance(0.05);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = static_cast<std::int8_t>(dead[i / inner % channels] ? 0 : pick(-128, 127));
    Quantization q;
    q.axis = axis;
    const double fan_in = static_cast<double>(w.size()) / static_cast<double>(channels);
    const auto in = static_cast<double>(g_.tensor(x).quantization.scales[0]),
               out = static_cast<double>(g_.tensor(y).quantization.scales[0]);
    for (std::size_t c = 0; c < channels; ++c) {
      // Typical sums are 19000 * 74 * sqrt(fan_in).
      const double scale = rng_.uniform(0.3, 2.0) * 12000.0 * out / (in * 19000.0 * 74.0 * std::sqrt(fan_in));
      q.scales.push_back(static_cast<float>(dead[c] && rng_.chance(0.5) ? 0.3 : scale));
      q.zero_points.push_back(0);
    }
    if (channels == 1) q.axis = 0;
    return g_.add_tensor({fresh("w"), DType::i8, shape, q, constant_data(std::span<const std::int8_t>(w))});
  }
  /// Now and then biases beyond 32 bits.
  TensorId bias(std::int32_t channels) {
    const std::int64_t most = rng_.chance(0.1) ? std::int64_t{1} << 33 : 4'000'000;
    std::vector<std::int64_t> b(static_cast<std::size_t>(channels));
    for (auto& v : b) v = rng_.between(-most, most);
    return g_.add_tensor({fresh("b"), DType::i64, {channels}, {}, constant_data(std::span<const std::int64_t>(b))});
  }
  Activation activation() {
    return rng_.chance(0.5) ? Activation::none : rng_.chance(0.7) ? Activation::relu : Activation::relu6;
  }

  TensorId conv(TensorId x, bool depthwise, bool same_shape) {
    const Shape in = g_.tensor(x).shape;
    const std::int32_t kh = same_shape ? 1 : std::min(pick(1, 4), in[1]),
                       kw = same_shape ? 1 : std::min(pick(1, 7), in[2]);
    const std::int32_t sh = same_shape || in[1] < 5 ? 1 : pick(1, 2), sw = same_shape || in[2] < 5 ? 1 : pick(1, 3);
    const auto dilation = [&](std::int32_t kernel, std::int32_t size, std::int32_t stride) {
      return stride == 1 && (kernel - 1) * 2 < size && rng_.chance(0.15) ? 2 : 1;
    };
    const std::int32_t dh = dilation(kh, in[1], sh), dw = dilation(kw, in[2], sw);
    Pads pads;
    if (rng_.chance(0.5)) {
      const auto [t, b] = same_padding(in[1], kh, sh, dh);
      const auto [l, r] = same_padding(in[2], kw, sw, dw);
      pads = {t, b, l, r};
    }
    const std::int32_t co = depthwise || same_shape ? in[3] : pick(1, 13);
    const TensorId y = value({1, window_output(in[1], kh, sh, dh, pads.top, pads.bottom),
                              window_output(in[2], kw, sw, dw, pads.left, pads.right), co});
    const TensorId w = weights(depthwise ? Shape{1, kh, kw, co} : Shape{co, kh, kw, in[3]}, depthwise ? 3 : 0, x, y);
    const TensorId b = rng_.chance(0.8) ? bias(co) : kNoTensor;
    if (depthwise) return op(DepthwiseConv2D{sh, sw, dh, dw, 1, pads, activation()}, {x, w, b}, y);
    return op(Conv2D{sh, sw, dh, dw, pads, activation()}, {x, w, b}, y);
  }
  TensorId add(TensorId a, TensorId b) {
    return op(Add{rng_.chance(0.5) ? Activation::relu : Activation::none}, {a, b}, value(g_.tensor(a).shape));
  }
  TensorId dense(TensorId x) {
    const std::int32_t outputs = pick(1, 19);
    const TensorId y = value({1, outputs});
    const TensorId w = weights({outputs, static_cast<std::int32_t>(g_.tensor(x).shape.elements())}, 0, x, y);
    return op(Dense{activation()}, {x, w, bias(outputs)}, y);
  }

  Rng rng_;
  Graph g_;
};

}  // namespace mote::graph
